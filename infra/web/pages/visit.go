package pages

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"dossierledger/domain/fault"
	"dossierledger/infra/web/policy"
	"dossierledger/infra/web/problem"
	"dossierledger/infra/web/request"
)

// visit is one request for a page. All texts in it are copies, since Fiber
// takes its own back after the request.
type visit struct {
	*Pages
	words
	ctx   context.Context
	fiber *fiber.Ctx
	who   request.Info
	path  string
	query url.Values
	now   time.Time
}

// languageCookie keeps the language that somebody chose, for a year. Package web
// reads the same one.
const languageCookie = "ledger_language"

func (p *Pages) visit(c *fiber.Ctx) *visit {
	v := &visit{
		Pages: p, fiber: c, ctx: c.UserContext(), who: p.Identify(c), now: p.Now(),
		path: strings.Clone(string(c.Request().URI().PathOriginal())),
	}
	// What cannot be read of a query is as if it were not there.
	v.query, _ = url.ParseQuery(string(c.Request().URI().QueryString()))
	v.words = words(v.language())
	return v
}

// language takes what the address asks for and keeps it, else what was kept.
func (v *visit) language() string {
	if asked := v.query.Get("lang"); asked == English || asked == Vietnamese {
		v.fiber.Cookie(&fiber.Cookie{
			Name: languageCookie, Value: asked, Path: "/", MaxAge: 365 * 24 * 3600,
			HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode, Secure: v.Secure,
		})
		return asked
	}
	if v.fiber.Cookies(languageCookie) == English {
		return English
	}
	return Vietnamese
}

// handle answers with a page, whatever happens.
func (p *Pages) handle(show func(*visit) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		v := p.visit(c)
		if err := show(v); err != nil {
			return v.fail(err)
		}
		return nil
	}
}

// Error answers with the page of an error. Servers use it for addresses that
// nothing answers, where the caller is a browser.
func (p *Pages) Error(c *fiber.Ctx, err error) error { return p.visit(c).fail(err) }

// param gives a decoded part of the path.
func (v *visit) param(name string) string {
	text := strings.Clone(v.fiber.Params(name))
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text
}

func (v *visit) may(action policy.Action, r policy.Resource) error {
	return policy.May(v.who.Actor, action, r)
}

func (v *visit) can(action policy.Action, r policy.Resource) bool { return v.may(action, r) == nil }

// link gives this page's address with other parameters in its query; an empty
// value takes the parameter away.
func (v *visit) link(changes ...string) string {
	query := url.Values{}
	for name, values := range v.query {
		query[name] = values
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "" {
			query.Del(changes[i])
		} else {
			query.Set(changes[i], changes[i+1])
		}
	}
	query.Del("lang")
	if len(query) == 0 {
		return v.path
	}
	return v.path + "?" + query.Encode()
}

func (v *visit) inLanguage(lang string) string {
	here := v.link()
	if strings.Contains(here, "?") {
		return here + "&lang=" + lang
	}
	return here + "?lang=" + lang
}

// frame is what every page has around its content.
type frame struct {
	Lang, Title, Here string
	VI, EN            string // this page in each language
	Active            string // of the menu
	Who               *person
	SignIn, SignOut   string
	Worklist, Mine    bool
	Now               time.Time
	Body              any
}

type person struct{ Name, Role string }

// show writes a page.
func (v *visit) show(status int, name, active, title string, body any) error {
	f := frame{
		Lang: string(v.words), Title: title, Here: v.link(), VI: v.inLanguage(Vietnamese), EN: v.inLanguage(English),
		Active: active, SignIn: v.SignIn, SignOut: v.SignOut, Now: v.now, Body: body,
	}
	if v.who.Known() {
		name := v.who.Name
		if name == "" {
			name = v.who.ID
		}
		f.Who = &person{Name: name, Role: v.code("role", string(v.who.Role))}
		f.Worklist = v.can(policy.ReadWorklist, policy.Resource{Agency: v.who.Agency})
		f.Mine = v.who.Role == "citizen"
	}
	var out bytes.Buffer
	if err := v.views[string(v.words)].render(&out, name, f); err != nil {
		return err
	}
	c := v.fiber
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	c.Set(fiber.HeaderContentLanguage, string(v.words))
	// A page depends on who asks and in which language; a shared cache keeps none.
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	c.Set(fiber.HeaderVary, "Cookie, Authorization")
	return c.Status(status).Send(out.Bytes())
}

// problemPage is the page of an error.
type problemPage struct {
	Status           int
	Heading, Advice  string
	Detail           string
	Code, Trace      string
	Find, Statistics bool
	Return           string
}

// fail writes the page of an error. What went wrong inside is for the log.
func (v *visit) fail(err error) error {
	p := problem.From(err)
	if f, ok := errors.AsType[*fiber.Error](err); ok {
		p = problem.New(f.Code, problem.CodeNotFound, f.Message)
	}
	if p.Status >= http.StatusInternalServerError {
		v.Logger.ErrorContext(v.ctx, "a page failed", slog.String("code", p.Code), slog.Int("status", p.Status), slog.Any("error", err))
	}
	page := problemPage{Status: p.Status, Code: p.Code, Trace: v.who.Trace, Return: v.link()}
	key := "problem.other"
	switch p.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusForbidden, http.StatusUnauthorized, http.StatusServiceUnavailable:
		key = "problem." + http.StatusText(p.Status)
	case http.StatusInternalServerError:
		key = "problem.internal"
	}
	if p.Code == codeNoDossier {
		key, page.Find = "problem.no-dossier", true
	}
	page.Heading, page.Advice = v.text(key), v.text(key+".advice")
	if p.Status < http.StatusInternalServerError && key != "problem.no-dossier" && p.Status != http.StatusNotFound {
		page.Detail = p.Detail
	}
	for name, values := range p.GetHeaders() {
		// A browser would ask for a password where it sees a challenge for a token.
		if name != fiber.HeaderWWWAuthenticate {
			v.fiber.Set(name, values[0])
		}
	}
	return v.show(p.Status, "problem", "", page.Heading, page)
}

const codeNoDossier = "dossier.not-found"

// sameSite refuses a form that another site made the browser send.
func (v *visit) sameSite() error {
	site, origin := v.fiber.Get("Sec-Fetch-Site"), v.fiber.Get(fiber.HeaderOrigin)
	if site == "same-origin" || site == "none" {
		return nil
	}
	if u, err := url.Parse(origin); site == "" && err == nil && origin != "" && u.Host == string(v.fiber.Request().Host()) {
		return nil
	}
	return fault.New(fault.Forbidden, "form.other-site", "the form was not sent from this site")
}

var errNoReadModels = fault.New(fault.Unavailable, "read-models.unavailable", "the read models are away; the rest of the ledger works")
