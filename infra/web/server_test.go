package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"dossierledger/infra/web"
)

// A database of read models that is away does not make the ledger not ready.
func TestReadinessIsAboutWhatIsEssential(t *testing.T) {
	parts := []web.Part{
		{Name: "events", State: "running", Essential: true, Ready: true},
		{Name: "dossiers", State: "waiting", Detail: map[string]any{"lag": 12}},
	}
	s := open(t, func(_ *web.Config, d *web.Dependencies) {
		d.Parts = func(context.Context) []web.Part { return parts }
	})
	ready := s.get("", "/readyz").is(t, 200)
	if !strings.Contains(ready.body, `"lag":12`) {
		t.Errorf("readyz says %s", ready.body)
	}
	parts[0].Ready = false
	s.get("", "/readyz").is(t, http.StatusServiceUnavailable)
	s.get("", "/healthz").is(t, 200)
}

func TestMetricsAndLogsHoldRoutesAndNoCodes(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	code := strings.TrimPrefix(path, "/api/v1/dossiers/")
	a := s.do(call{
		as: deskOfficer, method: "GET", path: path + "?purpose=ly-do-rieng",
		header: map[string]string{"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	}).is(t, 200)
	if trace := a.header.Get("Traceparent"); !strings.HasPrefix(trace, "00-0af7651916cd43dd8448eb211c80319c-") || strings.Contains(trace, "b7ad6b7169203331") {
		t.Errorf("traceparent %q", trace)
	}
	metrics := s.get("", "/metrics").is(t, 200).body
	if !strings.Contains(metrics, `route="/api/v1/dossiers/:code"`) {
		t.Error("no metric of the route")
	}
	logs := s.logs.String()
	if !strings.Contains(logs, `"staff":"`+deskOfficer+`"`) {
		t.Error("the log does not say which member of staff asked")
	}
	if !strings.Contains(logs, "0af7651916cd43dd8448eb211c80319c") {
		t.Error("the trace is not in the log")
	}
	for _, secret := range []string{code, "ly-do-rieng", s.token(deskOfficer)[:40], "Nguyễn", citizen} {
		if strings.Contains(metrics, secret) || strings.Contains(logs, secret) {
			t.Errorf("%.20q is in the metrics or the log", secret)
		}
	}
}

func TestEveryAnswerIsProtected(t *testing.T) {
	s := open(t, func(c *web.Config, d *web.Dependencies) {
		c.Secure = true
		d.Pages = func(pages fiber.Router, _ *web.Server) error {
			pages.Get("/", func(c *fiber.Ctx) error { return c.SendString(web.Info(c).ID + "/" + web.Info(c).Language) })
			pages.Get("/panic", func(*fiber.Ctx) error { panic("a page broke") })
			return nil
		}
	})
	for _, path := range []string{"/", "/healthz", "/api/v1/nothing", "/panic"} {
		a := s.get("", path)
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Strict-Transport-Security", "Traceparent"} {
			if a.header.Get(name) == "" {
				t.Errorf("%s has no %s", path, name)
			}
		}
	}
	s.get("", "/panic").refused(t, 500, "internal")
	page := s.do(call{method: "GET", path: "/nothing", header: map[string]string{"Accept": "text/html"}}).is(t, 404)
	if !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("a person gets %s", page.header.Get("Content-Type"))
	}
}

func TestSigningInWithABrowser(t *testing.T) {
	s := open(t, func(_ *web.Config, d *web.Dependencies) {
		d.Pages = func(pages fiber.Router, _ *web.Server) error {
			pages.Get("/", func(c *fiber.Ctx) error { return c.SendString(web.Info(c).ID + "/" + web.Info(c).Language) })
			return nil
		}
	})
	form := func(path, body string, header map[string]string) answer {
		if header == nil {
			header = map[string]string{}
		}
		header["Content-Type"] = "application/x-www-form-urlencoded"
		return s.do(call{method: "POST", path: path, body: body, header: header})
	}
	in := form("/sign-in", "persona="+citizen+"&next=%2Fdossiers", nil).is(t, http.StatusSeeOther)
	cookie := in.header.Get("Set-Cookie")
	for _, need := range []string{"ledger_session=", "HttpOnly", "SameSite=Lax", "path=/"} {
		if !strings.Contains(cookie, need) {
			t.Errorf("cookie without %s: %.80s", need, cookie)
		}
	}
	if in.header.Get("Location") != "/dossiers" {
		t.Errorf("redirect to %s", in.header.Get("Location"))
	}
	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "%2F%2Fevil.example", "javascript:x"} {
		if to := form("/sign-in", "persona="+citizen+"&next="+next, nil).header.Get("Location"); to != "/" {
			t.Errorf("next=%s leads to %s", next, to)
		}
	}
	session, _, _ := strings.Cut(cookie, ";")
	with := func(header map[string]string) map[string]string {
		header["Cookie"] = session
		return header
	}
	if who := s.do(call{method: "GET", path: "/", header: with(map[string]string{})}).body; who != citizen+"/vi" {
		t.Errorf("the page sees %q", who)
	}
	if who := s.do(call{method: "GET", path: "/?lang=en", header: with(map[string]string{})}).body; who != citizen+"/en" {
		t.Errorf("the page sees %q", who)
	}
	// The cookie works for the API from the ledger's own pages, and from no other site.
	act := call{method: "POST", path: "/api/v1/dossiers", body: submission()}
	act.header = with(map[string]string{"Sec-Fetch-Site": "cross-site"})
	s.do(act).refused(t, 403, "auth.cross-site")
	act.header = with(map[string]string{"Origin": "https://evil.example"})
	s.do(act).refused(t, 403, "auth.cross-site")
	act.header = with(map[string]string{})
	s.do(act).refused(t, 403, "auth.cross-site")
	act.header = with(map[string]string{"Sec-Fetch-Site": "same-origin"})
	s.do(act).is(t, http.StatusCreated)
	form("/sign-in", "persona=nobody", nil).refused(t, 404, "dev.no-persona")
	form("/sign-in", "persona="+citizen, map[string]string{"Origin": "https://evil.example"}).refused(t, 403, "auth.cross-site")

	out := form("/sign-out", "next=/", with(map[string]string{"Sec-Fetch-Site": "same-origin"})).is(t, http.StatusSeeOther)
	if cookie := out.header.Get("Set-Cookie"); !strings.Contains(cookie, "ledger_session=;") {
		t.Errorf("after signing out: %s", cookie)
	}
	// A session that has ended is dropped, and the page is shown to anybody.
	dead := s.do(call{method: "GET", path: "/", header: map[string]string{"Cookie": "ledger_session=forged"}}).is(t, 200)
	if dead.body != "/vi" || !strings.Contains(dead.header.Get("Set-Cookie"), "ledger_session=;") {
		t.Errorf("with a forged session: %q, %q", dead.body, dead.header.Get("Set-Cookie"))
	}
}
