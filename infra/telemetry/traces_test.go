package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/telemetry"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// quiet clears the environment of OpenTelemetry's words.
func quiet(t *testing.T) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
}

func TestTheEnvironmentDecides(t *testing.T) {
	quiet(t)
	for name, c := range map[string]struct {
		set  map[string]string
		code string
	}{
		"nothing is said":         {},
		"none":                    {set: map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}},
		"disabled":                {set: map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}},
		"an exporter of others":   {set: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, code: telemetry.CodeEnvironment},
		"a protocol that is none": {set: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"}, code: telemetry.CodeEnvironment},
		"attributes that are none": {
			set:  map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_RESOURCE_ATTRIBUTES": "no pairs"},
			code: telemetry.CodeEnvironment,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range c.set {
				t.Setenv(variable, value)
			}
			stop, started, err := telemetry.Start(t.Context(), "test", slog.New(slog.DiscardHandler))
			stop()
			if started || fault.CodeOf(err) != c.code {
				t.Errorf("started %v, %v", started, err)
			}
		})
	}
}

// grpcReceiver is a collector of spans, by OTLP over gRPC.
type grpcReceiver struct {
	collector.UnimplementedTraceServiceServer
	mu   sync.Mutex
	said []string
}

// Export implements collector.TraceServiceServer.
func (r *grpcReceiver) Export(_ context.Context, sent *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range sent.ResourceSpans {
		for _, a := range of.Resource.Attributes {
			r.said = append(r.said, a.Key+"="+a.Value.GetStringValue())
		}
		for _, scope := range of.ScopeSpans {
			for _, span := range scope.Spans {
				r.said = append(r.said, "span "+span.Name)
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// What was begun before the end arrives: stop sends what is left.
func TestSpansAreSentByGRPCBeforeTheEnd(t *testing.T) {
	quiet(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	received, server := &grpcReceiver{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, received)
	go func() { _ = server.Serve(listener) }() // it ends with Stop
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://"+listener.Addr().String())
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=here")
	stop, started, err := telemetry.Start(t.Context(), "v7", slog.New(slog.DiscardHandler))
	if err != nil || !started {
		t.Fatal(started, err)
	}
	_, span := otel.Tracer("test").Start(t.Context(), "the last one")
	span.End()
	stop()
	received.mu.Lock()
	defer received.mu.Unlock()
	said := strings.Join(received.said, "\n")
	for _, want := range []string{"span the last one", "service.name=" + telemetry.ServiceName, "service.version=v7", "deployment.environment.name=here"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q did not arrive, but\n%s", want, said)
		}
	}
}

// The words of an error may name a dossier; only its code leaves the program.
func TestASpanTellsTheCodeOfAnErrorAndNotItsWords(t *testing.T) {
	const secret = "H15-260101-0001"
	for name, c := range map[string]struct {
		err    error
		kind   string
		failed bool
	}{
		"nothing":            {},
		"a refusal":          {err: fault.New(fault.Refused, "dossier.not-received", "dossier %s", secret), kind: "dossier.not-received"},
		"a neighbour":        {err: fmt.Errorf("%s: %w", secret, fault.New(fault.Unavailable, "x.away", secret)), kind: "x.away", failed: true},
		"a full disk":        {err: fault.New(fault.Full, "x.full", secret), kind: "x.full", failed: true},
		"somebody was first": {err: fmt.Errorf("append: %w", &event.WrongRevision{Stream: secret}), kind: "wrong-revision"},
		"the caller went":    {err: fmt.Errorf("%s: %w", secret, context.Canceled), kind: "canceled"},
		"time ran out":       {err: context.DeadlineExceeded, kind: "timeout", failed: true},
		"anything":           {err: errors.New(secret), kind: "_OTHER", failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			_, span := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test").Start(t.Context(), "work")
			telemetry.End(span, c.err)
			ended := recorder.Ended()
			if len(ended) != 1 {
				t.Fatalf("%d spans ended", len(ended))
			}
			kind := ""
			for _, a := range ended[0].Attributes() {
				kind = a.Value.String()
			}
			status := fmt.Sprint(ended[0].Status())
			if kind != c.kind || strings.Contains(status, "Error") != c.failed || strings.Contains(status+kind, secret) || len(ended[0].Events()) != 0 {
				t.Errorf("type %q, status %s, events %v", kind, status, ended[0].Events())
			}
		})
	}
}

func TestALineOfTheLogCarriesItsTrace(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(telemetry.Traced(slog.NewJSONHandler(&out, nil)))
	line := func() map[string]any {
		t.Helper()
		var told map[string]any
		if err := json.Unmarshal(out.Bytes(), &told); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		return told
	}
	log.Info("outside")
	if told := line(); told["trace_id"] != nil || told["span_id"] != nil {
		t.Errorf("%v", told)
	}
	of := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	log.With("a", 1).InfoContext(trace.ContextWithSpanContext(t.Context(), of), "not sent")
	if told := line(); told["trace_id"] != of.TraceID().String() || told["span_id"] != nil || told["a"] != 1.0 {
		t.Errorf("%v", told)
	}
	ctx, span := sdktrace.NewTracerProvider().Tracer("test").Start(t.Context(), "sent")
	log.InfoContext(ctx, "sent")
	if told := line(); told["trace_id"] != span.SpanContext().TraceID().String() || told["span_id"] != span.SpanContext().SpanID().String() {
		t.Errorf("%v", told)
	}
}
