package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Traced makes a handler add the trace to every line that is written in one, as
// trace_id, and as span_id where the span is sent: a line leads to its trace,
// and a trace to its lines.
func Traced(handler slog.Handler) slog.Handler { return traced{handler} }

type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (t traced) Handle(ctx context.Context, line slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		line.AddAttrs(slog.String("trace_id", span.TraceID().String()))
		if trace.SpanFromContext(ctx).IsRecording() {
			line.AddAttrs(slog.String("span_id", span.SpanID().String()))
		}
	}
	return t.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler. The trace stands in the group then: the
// handler below knows no way out of it.
func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name)} }
