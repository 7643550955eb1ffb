package journal_test

import (
	"context"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// An event names the span that wrote it where that span is sent, so that a
// follower can link to it, and never a span of another trace than its own.
func TestAnEventNamesTheSpanThatWroteIt(t *testing.T) {
	j, _ := open(t)
	sampling := func(by sdktrace.Sampler) (context.Context, trace.SpanContext) {
		ctx, span := sdktrace.NewTracerProvider(sdktrace.WithSampler(by)).Tracer("test").Start(t.Context(), "writing")
		return ctx, span.SpanContext()
	}
	sent, own := sampling(sdktrace.AlwaysSample())
	unsent, unsentOwn := sampling(sdktrace.NeverSample())
	const other = "0af7651916cd43dd8448eb211c80319c"
	for name, c := range map[string]struct {
		ctx                context.Context
		trace, want, wrote string
	}{
		"no span": {ctx: t.Context(), trace: other, want: `"trace":"` + other + `"`},
		"a span that is not sent": {
			ctx: unsent, trace: unsentOwn.TraceID().String(), want: `"trace":"` + unsentOwn.TraceID().String() + `"`,
		},
		"the request's own trace": {
			ctx: sent, trace: own.TraceID().String(), wrote: `"span":"` + own.SpanID().String() + `"`, want: `"trace":"` + own.TraceID().String() + `"`,
		},
		"no trace yet":  {ctx: sent, wrote: `"span":"` + own.SpanID().String() + `"`, want: `"trace":"` + own.TraceID().String() + `"`},
		"another trace": {ctx: sent, trace: other, want: `"trace":"` + other + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			m := meta()
			m.Trace = c.trace
			p, err := j.Encode(c.ctx, event.New(uuid.New(), m, specimen{}))
			if err != nil {
				t.Fatal(err)
			}
			got := string(p.Metadata)
			if !strings.Contains(got, c.want) || !strings.Contains(got, c.wrote) || c.wrote == "" && strings.Contains(got, `"span"`) {
				t.Errorf("%s", got)
			}
		})
	}
}
