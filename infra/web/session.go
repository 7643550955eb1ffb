package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"dossierledger/infra/web/problem"
)

// The cookies of the pages.
const (
	// SessionCookie holds the token of who signed in with a browser.
	SessionCookie = "ledger_session"
	// LanguageCookie holds "vi" or "en".
	LanguageCookie = "ledger_language"
)

// language is what the reader chose, by the query (lang), the cookie, or else
// Vietnamese: pages are Vietnamese first, whatever the browser was set to.
func language(c *fiber.Ctx) string {
	for _, choice := range []string{c.Query("lang"), c.Cookies(LanguageCookie)} {
		if choice == "vi" || choice == "en" {
			return choice
		}
	}
	return "vi"
}

// mountSession registers what the pages sign in and choose their language with.
//
//	POST /sign-in   persona=…&next=/path   the development issuer only
//	POST /sign-out  next=/path
//	POST /language  lang=vi|en&next=/path
//
// GET /sign-in is a page.
func (s *Server) mountSession() {
	if s.deps.DevIssuer != nil {
		s.app.Post("/sign-in", s.signIn)
	}
	s.app.Post("/sign-out", func(c *fiber.Ctx) error {
		s.forget(c)
		return c.Redirect(localPath(c.FormValue("next")), http.StatusSeeOther)
	})
	s.app.Post("/language", func(c *fiber.Ctx) error {
		lang := c.FormValue("lang")
		if lang != "vi" && lang != "en" {
			return problem.New(http.StatusBadRequest, problem.CodeRequest, "the languages are vi and en", "lang")
		}
		c.Cookie(&fiber.Cookie{
			Name: LanguageCookie, Value: lang, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
			HTTPOnly: true, Secure: s.config.Secure, SameSite: fiber.CookieSameSiteLaxMode,
		})
		return c.Redirect(localPath(c.FormValue("next")), http.StatusSeeOther)
	})
}

func (s *Server) signIn(c *fiber.Ctx) error {
	// Another site must not sign somebody in either, as whom it likes.
	if !sameSite(c) && (c.Get("Sec-Fetch-Site") != "" || c.Get(fiber.HeaderOrigin) != "") {
		return problem.New(http.StatusForbidden, "auth.cross-site", "sign in on the ledger's own page")
	}
	token, expires, err := s.deps.DevIssuer.Issue(c.FormValue("persona"))
	if err != nil {
		return err
	}
	c.Cookie(&fiber.Cookie{
		Name: SessionCookie, Value: token, Path: "/", Expires: expires,
		HTTPOnly: true, Secure: s.config.Secure, SameSite: fiber.CookieSameSiteLaxMode,
	})
	return c.Redirect(localPath(c.FormValue("next")), http.StatusSeeOther)
}

// forget ends the browser's session.
func (s *Server) forget(c *fiber.Ctx) {
	c.Cookie(&fiber.Cookie{
		Name: SessionCookie, Path: "/", Expires: time.Unix(1, 0), MaxAge: -1,
		HTTPOnly: true, Secure: s.config.Secure, SameSite: fiber.CookieSameSiteLaxMode,
	})
}

// localPath keeps a redirect on this site; anything else leads to the start.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") ||
		u.Host != "" || u.Scheme != "" {
		return "/"
	}
	return next
}

// wantsPage reports whether a person with a browser asks for a page.
func wantsPage(c *fiber.Ctx) bool {
	path := c.Path()
	for _, prefix := range []string{"/api/", "/dev/", "/healthz", "/readyz", "/metrics"} {
		if strings.HasPrefix(path, prefix) {
			return false
		}
	}
	return strings.Contains(c.Get(fiber.HeaderAccept), "text/html")
}
