package bus

import (
	"dossierledger/domain/event"
	"dossierledger/infra/telemetry"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

var tracer = otel.Tracer("dossierledger/infra/bus")

// traced makes a span of the handling of each message. A page comes of many
// requests, so it is a trace of its own, linked to the spans that wrote its
// events.
func traced(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) (produced []*message.Message, err error) {
		handler := message.HandlerNameFromCtx(m.Context())
		ctx, span := tracer.Start(m.Context(), "page "+handler, trace.WithSpanKind(trace.SpanKindConsumer))
		defer func() { telemetry.End(span, err) }()
		if page, ok := PageOf(m); ok && span.IsRecording() {
			span.SetAttributes(
				attribute.String("ledger.handler", handler), attribute.Int("ledger.events", page.Len()),
				attribute.Int64("ledger.position", int64(page.Position)), attribute.Bool("ledger.caught_up", page.CaughtUp))
			for _, of := range writers(page.Events) {
				span.AddLink(trace.Link{SpanContext: of})
			}
		}
		m.SetContext(ctx)
		return next(m)
	}
}

// maxLinks is how many spans a page links to: those of its last events.
const maxLinks = 128

// writers are the spans under which events were written, each once.
func writers(events []event.Event) []trace.SpanContext {
	var found []trace.SpanContext
	known := map[string]bool{}
	for i := len(events) - 1; i >= 0 && len(found) < maxLinks; i-- {
		m := events[i].Metadata
		if m.Span == "" || known[m.Trace+m.Span] {
			continue
		}
		known[m.Trace+m.Span] = true
		of, err := trace.TraceIDFromHex(m.Trace)
		if err != nil {
			continue // another system's metadata
		}
		id, err := trace.SpanIDFromHex(m.Span)
		if err != nil {
			continue
		}
		found = append(found, trace.NewSpanContext(trace.SpanContextConfig{TraceID: of, SpanID: id, TraceFlags: trace.FlagsSampled, Remote: true}))
	}
	return found
}
