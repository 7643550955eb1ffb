package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"dossierledger/infra/web/api"
	"dossierledger/infra/web/auth"
)

// Config says how the web is offered. The zero Config is usable: New fills in
// the defaults that are named here.
type Config struct {
	// Version is the program's, shown in the API's description.
	Version string
	// BodyLimit bounds a request's body, in bytes (1 MiB). HeaderLimit bounds its
	// line and headers together (16 KiB), PathLimit its path and query (4 KiB).
	BodyLimit, HeaderLimit, PathLimit int
	// ReadTimeout, WriteTimeout and IdleTimeout bound a connection (15 s, 60 s,
	// 75 s); RequestTimeout bounds the work for one request (30 s).
	ReadTimeout, WriteTimeout, IdleTimeout, RequestTimeout time.Duration
	// Rate and Burst bound the requests of one caller: an account, or an address
	// where nobody signed in (50 a second, 200 at once). A negative rate is no bound.
	Rate  float64
	Burst int
	// Streams bounds the live timelines that are open at once (1,000).
	Streams int
	// DrainDelay is for how long a server that was asked to stop still takes
	// requests, while /readyz says that it drains, so that a load balancer has
	// stopped sending any before connections are refused (none).
	DrainDelay time.Duration
	// Heartbeat is how often a live timeline shows that it is alive (15 s).
	Heartbeat time.Duration
	// Proxies are the addresses of the proxies whose X-Forwarded-For is believed.
	Proxies []string
	// Secure says that people reach the ledger by https, so that cookies are
	// for https only and browsers are told to stay with it.
	Secure bool
}

func (c Config) withDefaults() Config {
	setDefault(&c.Version, "dev")
	setDefault(&c.BodyLimit, 1<<20)
	setDefault(&c.HeaderLimit, 16<<10)
	setDefault(&c.PathLimit, 4<<10)
	setDefault(&c.ReadTimeout, 15*time.Second)
	setDefault(&c.WriteTimeout, 60*time.Second)
	setDefault(&c.IdleTimeout, 75*time.Second)
	setDefault(&c.RequestTimeout, 30*time.Second)
	setDefault(&c.Rate, 50)
	setDefault(&c.Burst, 200)
	setDefault(&c.Streams, 1000)
	setDefault(&c.Heartbeat, 15*time.Second)
	return c
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// Validate reports every setting that cannot work.
func (c Config) Validate() error {
	var errs []error
	positive := func(name string, ok bool) {
		if !ok {
			errs = append(errs, fmt.Errorf("web: %s must be greater than zero", name))
		}
	}
	positive("body limit", c.BodyLimit > 0)
	positive("header limit", c.HeaderLimit > 0)
	positive("path limit", c.PathLimit > 0)
	positive("read timeout", c.ReadTimeout > 0)
	positive("write timeout", c.WriteTimeout > 0)
	positive("idle timeout", c.IdleTimeout > 0)
	positive("request timeout", c.RequestTimeout > 0)
	positive("burst", c.Burst > 0)
	positive("streams", c.Streams > 0)
	positive("heartbeat", c.Heartbeat > 0)
	if c.DrainDelay < 0 {
		errs = append(errs, errors.New("web: drain delay must not be negative"))
	}
	return errors.Join(errs...)
}

// Part is one part of the program as /readyz shows it.
type Part struct {
	Name string `json:"name"`
	// State is a word: "running", "halted", …
	State string `json:"state"`
	// Essential parts that are not Ready make /readyz fail. Read models are not
	// essential: commands, status and timelines go on without them.
	Essential bool `json:"essential"`
	Ready     bool `json:"ready"`
	// Detail is shown as JSON. It must hold nothing personal or secret.
	Detail any `json:"detail,omitempty"`
}

// Dependencies is what the web stands on.
type Dependencies struct {
	// API is what the API stands on.
	API api.Dependencies
	// Verifier reads bearer tokens. Where it is nil, nobody can sign in.
	Verifier *auth.Verifier
	// DevIssuer, where not nil, lets anybody sign in as a made-up person. Its
	// verifier is used where Verifier is nil. For demonstrations only.
	DevIssuer *auth.DevIssuer
	// Parts lists the parts of the program with their states; nil is none.
	Parts func(ctx context.Context) []Part
	// Metrics holds what /metrics shows; the web adds its own. Nil makes one.
	Metrics *prometheus.Registry
	// Pages mounts the pages; nil offers none. It is called once, after the API
	// is mounted. What it mounts is behind every middleware.
	Pages  func(pages fiber.Router, s *Server) error
	Logger *slog.Logger
	Now    func() time.Time
}
