package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

var tracer = otel.Tracer("dossierledger/infra/web")

var asServer = trace.WithSpanKind(trace.SpanKindServer)

// begin continues the caller's trace (W3C Trace Context), or begins one. Where no
// spans are sent the request still has a trace and a span of its own, so that
// answers, log lines and events can be told to belong together.
func begin(ctx context.Context, method, path, traceparent, tracestate string) (context.Context, trace.Span) {
	if traceparent != "" {
		carrier := propagation.MapCarrier{"traceparent": traceparent, "tracestate": tracestate}
		// One that is not well formed begins a new trace, as the specification says.
		ctx = propagation.TraceContext{}.Extract(ctx, carrier)
	}
	parent := trace.SpanContextFromContext(ctx)
	span := trace.SpanFromContext(ctx) // the caller's, of which nothing is recorded here
	if !watched[path] {
		ctx, span = tracer.Start(ctx, method, asServer)
	}
	if own := span.SpanContext(); !own.IsValid() || own.SpanID() == parent.SpanID() {
		ctx = trace.ContextWithSpanContext(ctx, ownSpan(parent))
	}
	return ctx, span
}

// watched are the paths that programs ask all the time to see how the ledger is:
// no span is made of that.
var watched = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}

// ownSpan is a span that nobody records.
func ownSpan(parent trace.SpanContext) trace.SpanContext {
	var fresh [24]byte
	_, _ = rand.Read(fresh[:]) // it never fails
	id, of := trace.SpanID(fresh[:8]), trace.TraceID(fresh[8:])
	if parent.IsValid() {
		return parent.WithSpanID(id).WithRemote(false)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: of, SpanID: id})
}

// traceparent words a span as a header (W3C Trace Context, version 00); of is the
// trace's id in it.
func traceparent(span trace.SpanContext) (header, of string) {
	traceID, id, flags := span.TraceID(), span.SpanID(), span.TraceFlags()&(trace.FlagsSampled|trace.FlagsRandom)
	var text [55]byte
	b := hex.AppendEncode(append(text[:0], "00-"...), traceID[:])
	b = hex.AppendEncode(append(b, '-'), id[:])
	b = hex.AppendEncode(append(b, '-'), []byte{byte(flags)})
	header = string(b)
	return header, header[3 : 3+2*len(traceID)]
}

// ended tells what became of a request. A route is a pattern: what stands in its
// place, in the query or in a header can name a dossier or a person.
func ended(span trace.Span, method, route string, status int) {
	if span.IsRecording() {
		span.SetName(method + " " + route)
		span.SetAttributes(
			attribute.String("http.request.method", method), attribute.String("http.route", route),
			attribute.Int("http.response.status_code", status))
		if status >= 500 {
			span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}
