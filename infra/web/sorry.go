package web

import (
	"bytes"
	"html/template"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"dossierledger/infra/web/problem"
)

// ErrorPage shows a problem to a person. Pages set their own with OnError.
type ErrorPage func(c *fiber.Ctx, p *problem.Problem) error

// OnError gives the pages the say over how a problem looks in a browser.
func (s *Server) OnError(page ErrorPage) { s.errorPage = page }

var sorryPage = template.Must(template.New("sorry").Parse(`<!doctype html>
<html lang="{{.Language}}"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Status}} {{.Title}}</title>
<h1>{{.Title}}</h1><p>{{.Detail}}</p><p><small>{{.Code}} · {{.Trace}}</small></p><p><a href="/">Trang chủ</a></p></html>`))

// sorry shows a problem as a page.
func (s *Server) sorry(c *fiber.Ctx, p *problem.Problem) error {
	c.Status(p.Status)
	if s.errorPage != nil {
		return s.errorPage(c, p)
	}
	var page bytes.Buffer
	err := sorryPage.Execute(&page, map[string]any{
		"Language": Info(c).Language, "Status": p.Status, "Title": http.StatusText(p.Status),
		"Detail": p.Detail, "Code": p.Code, "Trace": p.Trace,
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(page.Bytes())
}
