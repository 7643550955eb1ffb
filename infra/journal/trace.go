package journal

import (
	"context"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/infra/telemetry"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

var tracer = otel.Tracer("dossierledger/infra/journal")

// appending traces an append. Of the stream's name only the category is told: the
// rest may name a dossier.
func appending(ctx context.Context, stream string, events int) (context.Context, func(event.Written, error)) {
	ctx, span := tracer.Start(ctx, "journal append")
	if span.IsRecording() {
		category, _, _ := strings.Cut(stream, "-")
		span.SetAttributes(attribute.String("ledger.stream.category", category), attribute.Int("ledger.events", events))
	}
	return ctx, func(w event.Written, err error) {
		if err == nil && span.IsRecording() {
			span.SetAttributes(attribute.Int64("ledger.position", int64(w.Position)), attribute.Bool("ledger.repeated", w.Repeated))
		}
		telemetry.End(span, err)
	}
}

// reading traces a read up to where its reader leaves off, with what the reader
// does meanwhile.
func reading(ctx context.Context, of string) (context.Context, func(events int, err error)) {
	ctx, span := tracer.Start(ctx, "journal read")
	if span.IsRecording() {
		category, _, _ := strings.Cut(of, "-")
		span.SetAttributes(attribute.String("ledger.stream.category", category))
	}
	return ctx, func(events int, err error) {
		if span.IsRecording() {
			span.SetAttributes(attribute.Int("ledger.events", events))
		}
		telemetry.End(span, err)
	}
}

// traced gives metadata the span under which it is written, where that is sent to
// somebody and the event belongs to no other trace.
func traced(ctx context.Context, m event.Metadata) event.Metadata {
	span := trace.SpanFromContext(ctx)
	own := span.SpanContext()
	if !span.IsRecording() || !own.IsSampled() || m.Trace != "" && m.Trace != own.TraceID().String() {
		return m
	}
	m.Trace, m.Span = own.TraceID().String(), own.SpanID().String()
	return m
}
