package web

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/trace"

	"dossierledger/domain/event"
	"dossierledger/infra/web/problem"
	"dossierledger/infra/web/request"
)

// observe is the outermost: it gives the request its trace, its language and the
// time it may take, and tells log and metrics how it ended. It logs the route
// and never the query, the body or a header, which can be personal.
func (s *Server) observe(c *fiber.Ctx) error {
	began := s.now()
	s.protect(c)
	if s.leaving.Load() {
		c.Context().SetConnectionClose()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.config.RequestTimeout)
	defer cancel()
	ctx, span := begin(ctx, method(c.Method()), c.Path(), c.Get("Traceparent"), c.Get("Tracestate"))
	header, of := traceparent(trace.SpanContextFromContext(ctx))
	c.Set("Traceparent", header)
	c.SetUserContext(request.With(ctx, request.Info{Trace: of, Language: language(c)}))
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	if err := c.Next(); err != nil {
		if err := s.failed(c, err); err != nil {
			return err
		}
	}
	took, status, method, route := s.now().Sub(began), c.Response().StatusCode(), method(c.Method()), route(c)
	s.metrics.answered(method, route, status, took)
	who := Info(c)
	s.log.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("method", method), slog.String("route", route),
		slog.Int("status", status), slog.Duration("took", took), slog.Int("bytes", answerSize(c)),
		slog.String("role", string(who.Role)), slog.String("staff", staffID(who)))
	ended(span, method, route, status)
	return nil
}

// staffID names a member of staff in the log, so that refused requests can be
// looked into. Citizens are not named there, not even by their pseudonym.
func staffID(who request.Info) string {
	if who.Role == event.RoleCitizen {
		return ""
	}
	return who.ID
}

// answerSize is the size of an answer, -1 where it is still to be written: asking
// a stream for its body would read it to its end.
func answerSize(c *fiber.Ctx) int {
	if c.Response().IsBodyStream() {
		return -1
	}
	return len(c.Response().Body())
}

// route is the pattern that was matched: it has no codes in it, and there are
// few of them, so it is fit for logs and metrics.
func route(c *fiber.Ctx) string {
	path := c.Route().Path
	if path == "/" && c.Path() != "/" {
		return "unmatched"
	}
	return path
}

// recovered turns a panic into an internal error.
func (s *Server) recovered(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.ErrorContext(c.UserContext(), "a handler panicked", "route", route(c), "panic", r, "stack", string(debug.Stack()))
			err = problem.New(http.StatusInternalServerError, problem.CodeInternal, "the ledger made a mistake; ask the people who run it, with the trace id")
		}
	}()
	return c.Next()
}

// checked refuses what no handler should have to think of.
func (s *Server) checked(c *fiber.Ctx) error {
	target := c.Request().Header.RequestURI()
	if len(target) > s.config.PathLimit {
		return problem.New(http.StatusRequestURITooLong, problem.CodeHeaders, "path and query are longer than allowed")
	}
	if len(c.Request().Body()) > s.config.BodyLimit {
		return problem.New(http.StatusRequestEntityTooLarge, problem.CodeTooLarge, "the body is larger than allowed")
	}
	if encoding := c.Request().Header.ContentEncoding(); len(encoding) > 0 && !bytes.EqualFold(encoding, []byte("identity")) {
		// A few bytes could be made into any number of them.
		return problem.New(http.StatusUnsupportedMediaType, problem.CodeEncoding, "send the body as it is, without Content-Encoding")
	}
	if !plainPath(target) {
		if err := checkTarget(string(target)); err != nil {
			return err
		}
	}
	for _, name := range []string{fiber.HeaderAuthorization, "Idempotency-Key", fiber.HeaderIfMatch, "Occurred-At"} {
		if len(c.Request().Header.PeekAll(name)) > 1 {
			return problem.New(http.StatusBadRequest, problem.CodeRequest, "a header is there twice", "header."+name)
		}
	}
	return c.Next()
}

// plainPath reports whether a target is a path alone, of characters that stand
// for themselves: nothing can be wrong with it.
func plainPath(target []byte) bool {
	for _, b := range target {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '/', b == '-', b == '.', b == '_':
		default:
			return false
		}
	}
	return len(target) > 0 && target[0] == '/'
}

// checkTarget refuses a path or query that is not well formed, and a parameter
// that is there twice.
func checkTarget(target string) error {
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return problem.New(http.StatusBadRequest, problem.CodeRequest, "path or query is not well formed")
	}
	values, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return problem.New(http.StatusBadRequest, problem.CodeRequest, "the query is not well formed")
	}
	for name, given := range values {
		if len(given) > 1 {
			return problem.New(http.StatusBadRequest, problem.CodeRequest, "a query parameter is there twice", "query."+name)
		}
	}
	return nil
}

// identified finds out who asks: by the bearer token or else by the session
// cookie. A token that is not valid is refused also where none is needed, so
// that nobody takes an answer to anybody for one to themselves. A cookie that
// is not valid is dropped.
func (s *Server) identified(c *fiber.Ctx) error {
	info := Info(c)
	switch header, cookie := c.Get(fiber.HeaderAuthorization), c.Cookies(SessionCookie); {
	case header != "":
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" || s.verifier == nil {
			return problem.New(http.StatusUnauthorized, "auth.scheme", "send a bearer token, or no Authorization header at all")
		}
		identity, err := s.verifier.Verify(strings.TrimSpace(token))
		if err != nil {
			s.log.InfoContext(c.UserContext(), "a token was refused", "why", errors.Unwrap(err))
			return errors.Join(s.take("address "+c.IP()), err)
		}
		info.Identity = identity
	case cookie != "" && s.verifier != nil:
		identity, err := s.verifier.Verify(cookie)
		if err != nil {
			s.forget(c)
			break
		}
		identity.ByCookie = true
		if !safe(c.Method()) && !sameSite(c) {
			return problem.New(http.StatusForbidden, "auth.cross-site", "another site made your browser ask this; it was not done")
		}
		info.Identity = identity
	}
	if info.Known() {
		c.SetUserContext(request.With(c.UserContext(), info))
	}
	return c.Next()
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// sameSite reports whether a browser says that the request comes from one of
// the ledger's own pages.
func sameSite(c *fiber.Ctx) bool {
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin" || site == "none"
	}
	origin, err := url.Parse(c.Get(fiber.HeaderOrigin))
	return err == nil && origin.Host != "" && origin.Host == string(c.Request().Host())
}

// limited holds back callers who ask too often.
func (s *Server) limited(c *fiber.Ctx) error {
	var caller string
	if who := Info(c); who.Known() {
		caller = "account " + who.ID
	} else {
		caller = "address " + c.IP()
	}
	if err := s.take(caller); err != nil {
		return err
	}
	return c.Next()
}

// take counts a request of a caller; one too many is refused.
func (s *Server) take(caller string) error {
	wait, ok := s.limits.take(caller)
	if ok {
		return nil
	}
	s.metrics.limited.Inc()
	return problem.RateLimited(int(wait/time.Second) + 1)
}

// protect sets the headers that keep pages and answers to themselves.
func (s *Server) protect(c *fiber.Ctx) {
	for i := range protection {
		c.Response().Header.SetCanonical(protection[i].name, protection[i].value)
	}
	if s.config.Secure {
		c.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// protection are headers of every answer, as they are sent.
var protection = []struct{ name, value []byte }{
	{[]byte("X-Content-Type-Options"), []byte("nosniff")},
	{[]byte("X-Frame-Options"), []byte("DENY")},
	{[]byte("Referrer-Policy"), []byte("same-origin")},
	{[]byte("Permissions-Policy"), []byte("camera=(), geolocation=(), microphone=()")},
	{[]byte("Cross-Origin-Opener-Policy"), []byte("same-origin")},
	{[]byte("Cross-Origin-Resource-Policy"), []byte("same-origin")},
	{[]byte("Content-Security-Policy"), []byte(ContentPolicy)},
}

// ContentPolicy allows pages what comes from the ledger itself and nothing
// else: no inline script, no other site.
const ContentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// failed writes an error as a problem. Fiber calls it also for what never
// reached a handler: a body over the limit, headers over the limit, a slow client.
func (s *Server) failed(c *fiber.Ctx, err error) error {
	p := *problem.From(ofFiber(err))
	p.Trace = Info(c).Trace
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusServiceUnavailable {
		s.log.ErrorContext(c.UserContext(), "request failed", "route", route(c), "status", p.Status, "code", p.Code, "error", err)
	}
	for name, values := range p.GetHeaders() {
		for _, value := range values {
			c.Set(name, value)
		}
	}
	if wantsPage(c) {
		return s.sorry(c, &p)
	}
	return c.Status(p.Status).JSON(p, problem.ContentType)
}

// ofFiber gives Fiber's own errors codes of ours.
func ofFiber(err error) error {
	f, ok := errors.AsType[*fiber.Error](err)
	if !ok {
		return err
	}
	switch f.Code {
	case http.StatusNotFound:
		return problem.New(f.Code, problem.CodeNotFound, "there is nothing at this address")
	case http.StatusMethodNotAllowed:
		return problem.New(f.Code, problem.CodeMethod, "this address does not take this method")
	case http.StatusRequestEntityTooLarge:
		return problem.New(f.Code, problem.CodeTooLarge, "the body is larger than allowed")
	case http.StatusRequestHeaderFieldsTooLarge:
		return problem.New(f.Code, problem.CodeHeaders, "the headers are larger than allowed")
	case http.StatusRequestTimeout:
		return problem.New(f.Code, problem.CodeTimeout, "the request did not arrive in time")
	}
	if f.Code >= 400 && f.Code < 500 {
		return problem.New(f.Code, problem.CodeRequest, "the request is not well formed")
	}
	return err
}

// nothingHere answers what no route took: 404, or 405 where another method
// would have found something.
func (s *Server) nothingHere(c *fiber.Ctx) error {
	if allowed := s.methodsAt(c); allowed != "" {
		c.Set(fiber.HeaderAllow, allowed)
		return fiber.ErrMethodNotAllowed
	}
	return fiber.ErrNotFound
}

// methodsAt lists the methods that the address takes.
func (s *Server) methodsAt(c *fiber.Ctx) string {
	var methods []string
	for _, r := range s.app.GetRoutes(true) {
		if fiber.RoutePatternMatch(c.Path(), r.Path, s.app.Config()) && r.Method != c.Method() {
			methods = append(methods, r.Method)
		}
	}
	return strings.Join(methods, ", ")
}
