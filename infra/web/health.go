package web

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// healthWithin bounds the time in which the parts of the program say how they are.
const healthWithin = 2 * time.Second

// readiness is what /readyz answers.
type readiness struct {
	Ready    bool   `json:"ready"`
	Draining bool   `json:"draining,omitempty"`
	Parts    []Part `json:"parts"`
}

func (s *Server) mountHealth() {
	s.app.Get("/healthz", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.JSON(fiber.Map{"ok": true})
	})
	s.app.Get("/readyz", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-store")
		r := s.ready(c.UserContext())
		if !r.Ready {
			c.Status(http.StatusServiceUnavailable)
		}
		return c.JSON(r)
	})
	s.app.Get("/metrics", adaptor.HTTPHandler(promhttp.HandlerFor(s.deps.Metrics, promhttp.HandlerOpts{})))
}

// ready asks every part. Only essential ones can make the ledger not ready: it
// takes commands and shows status and timelines while read models are behind,
// halted, or without their database.
func (s *Server) ready(ctx context.Context) readiness {
	leaving := s.leaving.Load()
	r := readiness{Ready: !leaving, Draining: leaving, Parts: []Part{}}
	if s.deps.Parts == nil {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	for _, part := range s.deps.Parts(ctx) {
		r.Parts = append(r.Parts, part)
		if part.Essential && !part.Ready {
			r.Ready = false
		}
	}
	return r
}
