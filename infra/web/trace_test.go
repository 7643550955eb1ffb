package web

import (
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

var wellFormed = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

func FuzzTraceparent(f *testing.F) {
	for _, seed := range []string{
		"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "x\r\ny",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		ctx, _ := begin(t.Context(), "GET", "/", header, "vendor=state")
		span := trace.SpanContextFromContext(ctx)
		own, of := traceparent(span)
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		if own != carrier["traceparent"] || of != span.TraceID().String() {
			t.Fatalf("%q becomes %q of trace %q, which is %q", header, own, of, carrier["traceparent"])
		}
		if !wellFormed.MatchString(own) || own[3:35] == strings.Repeat("0", 32) || own[36:52] == strings.Repeat("0", 16) {
			t.Fatalf("%q becomes %q", header, own)
		}
		if strings.HasPrefix(header, own[:52]) {
			t.Fatalf("%q: its own span is the parent's", header)
		}
	})
}

func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"", "/", "/dossiers?q=1", "//evil", `/\evil`, "https://evil", "/%2F/evil", "/\t/evil", "javascript:x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n") {
			t.Fatalf("%q leads to %q", next, got)
		}
	})
}
