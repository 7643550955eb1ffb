package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"dossierledger/domain/fault"
	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// CodeEnvironment is the refusal of an OTEL_… variable that cannot be meant.
const CodeEnvironment = "usage.telemetry"

// ServiceName is what the ledger calls itself unless OTEL_SERVICE_NAME says otherwise.
const ServiceName = "dossier-ledger"

// flushWithin bounds how long a program that ends waits for its collector.
const flushWithin = 2 * time.Second

// Start begins to send spans where the environment asks for it, in OpenTelemetry's
// own words: OTEL_TRACES_EXPORTER=otlp, or the address of a collector in
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.
// OTEL_TRACES_EXPORTER=none and OTEL_SDK_DISABLED=true keep it off. The protocol,
// headers, certificates, the sampler, limits and the resource are read by the
// SDK, from the variables of its specification.
//
// stop sends what is left, for at most two seconds, and is to be called once.
// Started is false where nothing is sent. It is for once in a process.
func Start(ctx context.Context, version string, log *slog.Logger) (stop func(), started bool, err error) {
	wanted, err := wantsTraces()
	if err != nil || !wanted {
		return func() {}, false, err
	}
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(&complaints{log: log})
	client, err := exporter()
	if err != nil {
		return func() {}, false, err
	}
	sent, err := otlptrace.New(ctx, client)
	if err != nil {
		return func() {}, false, fault.New(fault.Invalid, CodeEnvironment, "traces cannot be sent as the OTEL_… variables say: %w", err)
	}
	self, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", ServiceName), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return func() {}, false, errors.Join(fault.New(fault.Invalid, CodeEnvironment, "OTEL_RESOURCE_ATTRIBUTES: %w", err), sent.Shutdown(ctx))
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(sent), sdktrace.WithResource(self))
	otel.SetTracerProvider(provider)
	return func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
		defer cancel()
		if err := provider.Shutdown(ending); err != nil {
			log.Warn("the last spans were not sent", "error", err)
		}
	}, true, nil
}

// wantsTraces reads whether spans are to be sent.
func wantsTraces() (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch named := os.Getenv("OTEL_TRACES_EXPORTER"); named {
	case "otlp":
		return true, nil
	case "none":
		return false, nil
	case "":
		return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "", nil
	default:
		return false, fault.New(fault.Invalid, CodeEnvironment, "OTEL_TRACES_EXPORTER is %q; the ledger knows otlp and none", named)
	}
}

// exporter makes the client for the protocol that the environment names; the
// specification's default is HTTP with protocol buffers.
func exporter() (otlptrace.Client, error) {
	protocol := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch protocol {
	case "", "http/protobuf":
		return otlptracehttp.NewClient(), nil
	case "grpc":
		return otlptracegrpc.NewClient(), nil
	default:
		return nil, fault.New(fault.Invalid, CodeEnvironment, "OTEL_EXPORTER_OTLP_PROTOCOL is %q; the ledger knows http/protobuf and grpc", protocol)
	}
}

// complaintEvery bounds how often the log hears of a collector that is away.
const complaintEvery = time.Minute

// complaints puts what goes wrong with sending into the log, now and then: it
// goes wrong every few seconds while the collector is away.
type complaints struct {
	log  *slog.Logger
	last atomic.Int64 // in nanoseconds since 1970
}

// Handle implements otel.ErrorHandler.
func (c *complaints) Handle(err error) {
	now, last := time.Now().UnixNano(), c.last.Load()
	if now-last < int64(complaintEvery) || !c.last.CompareAndSwap(last, now) {
		return
	}
	c.log.Warn("spans are not sent", "error", err)
}
