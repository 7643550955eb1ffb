// Package web offers the ledger over HTTP: the JSON API, the sign-in, health and
// metrics, and a place for pages. Everything a request passes through on its way
// is here; what it asks for is in package api, and in pages.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"dossierledger/infra/web/api"
	"dossierledger/infra/web/auth"
	"dossierledger/infra/web/request"
)

// DrainTime is how long a server that stops waits for the requests in flight.
const DrainTime = 8 * time.Second

// Server is the web of one ledger. Wire it with New, run it with Serve.
type Server struct {
	config   Config
	deps     Dependencies
	app      *fiber.App
	api      *api.API
	verifier *auth.Verifier
	log      *slog.Logger
	now      func() time.Time
	limits   *limiter
	metrics  *metrics
	// errorPage is how pages show a problem; nil is a plain one.
	errorPage ErrorPage
	// leaving is set once the server was asked to stop.
	leaving atomic.Bool
	// live ends when the server takes no more requests; live timelines end with it.
	live  context.Context
	drain context.CancelFunc
}

// New builds the server. It listens to nothing yet.
func New(config Config, deps Dependencies) (*Server, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config, deps: deps, verifier: deps.Verifier, log: deps.Logger, now: deps.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.verifier == nil && deps.DevIssuer != nil {
		s.verifier = deps.DevIssuer.Verifier()
	}
	if deps.Metrics == nil {
		s.deps.Metrics = prometheus.NewRegistry()
	}
	var err error
	if s.metrics, err = newMetrics(s.deps.Metrics); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.limits, err = newLimiter(config.Rate, config.Burst, s.now); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s.live, s.drain = context.WithCancel(context.Background())
	s.app = fiber.New(s.fiberConfig())
	if err := s.mount(); err != nil {
		s.drain()
		return nil, err
	}
	return s, nil
}

func (s *Server) fiberConfig() fiber.Config {
	return fiber.Config{
		AppName: "dossier-ledger", DisableStartupMessage: true,
		// Strings of a request are copied, so that none can change under whoever
		// kept it; paths are matched as they were sent, so that a code may hold "%2F".
		Immutable: true, CaseSensitive: true, StrictRouting: true, UnescapePath: false,
		// A body that is a little too large is read and refused in words; one that
		// is far too large costs the connection.
		BodyLimit: 4 * s.config.BodyLimit, ReadBufferSize: s.config.HeaderLimit, WriteBufferSize: writeBytes,
		ReadTimeout: s.config.ReadTimeout, WriteTimeout: s.config.WriteTimeout, IdleTimeout: s.config.IdleTimeout,
		ErrorHandler:            s.failed,
		EnableTrustedProxyCheck: len(s.config.Proxies) > 0, TrustedProxies: s.config.Proxies,
		ProxyHeader: proxyHeader(s.config.Proxies), EnableIPValidation: len(s.config.Proxies) > 0,
	}
}

// writeBytes is how much of an answer is written at a time: a timeline, or a page of
// a list, goes in one piece with its headers. Each connection that is answered
// takes as much.
const writeBytes = 16 << 10

func proxyHeader(proxies []string) string {
	if len(proxies) > 0 {
		return fiber.HeaderXForwardedFor
	}
	return ""
}

func (s *Server) mount() error {
	s.app.Use(s.observe, s.recovered, s.checked)
	s.mountHealth() // before the limits: whoever watches the ledger is never held back
	s.app.Use(s.identified, s.limited)
	s.mountSession()
	var err error
	s.api, err = api.Mount(s.app, s.deps.API, api.Options{
		Version: s.config.Version, DevIssuer: s.deps.DevIssuer, Logger: s.log, Now: s.now,
		Streams: s.config.Streams, Heartbeat: s.config.Heartbeat, Live: s.live,
	})
	if err != nil {
		return err
	}
	if s.deps.Pages != nil {
		if err := s.deps.Pages(s.app, s); err != nil {
			return fmt.Errorf("web: pages: %w", err)
		}
	}
	s.app.Use(s.nothingHere)
	return nil
}

// App is the Fiber application, for tests.
func (s *Server) App() *fiber.App { return s.app }

// API is the mounted API.
func (s *Server) API() *api.API { return s.api }

// Now is the server's clock.
func (s *Server) Now() time.Time { return s.now() }

// Live ends when the server takes no more requests. Whatever outlives its request watches it.
func (s *Server) Live() context.Context { return s.live }

// Info says who asks, under which trace and in which language. It may be kept
// after the handler has returned.
func Info(c *fiber.Ctx) request.Info { return request.From(c.UserContext()) }

// Serve answers on a listener until ctx ends, then drains: for Config.DrainDelay
// it answers on while it says that it leaves; then it takes no new connections,
// ends live timelines, finishes what is in flight within DrainTime, and returns.
// It returns nil where it stopped because it was asked to.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(listener) }()
	select {
	case err := <-served:
		s.drain()
		return fmt.Errorf("web: %w", err)
	case <-ctx.Done():
	}
	s.Leave()
	select {
	case err := <-served:
		s.drain()
		return fmt.Errorf("web: %w", err)
	case <-time.After(s.config.DrainDelay):
	}
	err := s.Shutdown()
	return errors.Join(err, <-served)
}

// Leave makes /readyz say that the server drains, and asks each client that is
// answered to take another connection for its next request.
func (s *Server) Leave() { s.leaving.Store(true) }

// Shutdown takes no more requests and finishes those in flight.
func (s *Server) Shutdown() error {
	s.Leave()
	s.drain()
	ctx, cancel := context.WithTimeout(context.Background(), DrainTime)
	defer cancel()
	err := s.app.ShutdownWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("some requests were cut off", "after", DrainTime)
		return nil
	}
	return err
}
