package web

import (
	"crypto/rand"
	"encoding/hex"

	"context"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// span is the request's place in a distributed trace (W3C Trace Context).
type span struct {
	trace, id string
	flags     string
}

// header is the span as a traceparent.
func (s span) header() string { return "00-" + s.trace + "-" + s.id + "-" + s.flags }

// traced continues the caller's trace, or begins one.
func traced(c *fiber.Ctx) span { return spanOf(c.Get("Traceparent")) }

// spanOf reads a traceparent; one that is not well formed begins a new trace, as
// the specification says.
func spanOf(traceparent string) span {
	carrier := propagation.MapCarrier{"traceparent": traceparent}
	parent := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	if !parent.IsValid() {
		return span{trace: randomHex(16), id: randomHex(8), flags: "00"}
	}
	return span{trace: parent.TraceID().String(), id: randomHex(8), flags: parent.TraceFlags().String()}
}

// randomHex gives n random bytes; crypto/rand never fails.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
