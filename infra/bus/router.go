package bus

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
)

// closeTimeout is how long a router waits for handlers when it stops. Their
// messages' contexts have ended by then.
const closeTimeout = 10 * time.Second

// NewRouter makes a Watermill router whose handlers are traced, and whose panics
// become errors (the page then comes again).
func NewRouter(logger *slog.Logger) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: closeTimeout}, Logger(logger))
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	router.AddMiddleware(middleware.Recoverer, traced)
	return router, nil
}

// Logger adapts slog for Watermill. What Watermill tells of its own comings and
// goings is for debugging here.
func Logger(logger *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(logger, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
}

var tracer = otel.Tracer("dossierledger/infra/bus")

// traced makes a span of the handling of each message.
func traced(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		ctx, span := tracer.Start(m.Context(), "bus.page")
		defer span.End()
		if page, ok := PageOf(m); ok {
			span.SetAttributes(
				attribute.String("bus.handler", message.HandlerNameFromCtx(ctx)),
				attribute.Int("bus.events", len(page.Recorded)),
				attribute.Int64("bus.position", int64(page.Position)))
		}
		m.SetContext(ctx)
		produced, err := next(m)
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, "the page was refused")
		}
		return produced, err
	}
}
