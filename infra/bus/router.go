package bus

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
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
