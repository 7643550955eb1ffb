package web

import (
	"context"
	"crypto/rand"
	"strconv"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

var tracer = otel.Tracer("dossierledger/infra/web")

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
		ctx, span = tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
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
	var id trace.SpanID
	_, _ = rand.Read(id[:]) // it never fails
	if parent.IsValid() {
		return parent.WithSpanID(id).WithRemote(false)
	}
	var of trace.TraceID
	_, _ = rand.Read(of[:])
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: of, SpanID: id})
}

// traceparent words the span of a context as a header.
func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
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
