package embedded

import (
	"fmt"
	"log/slog"
)

// engineLogger passes Pebble's log on. Fatalf must not end the process: the
// rest of the ledger can still read and say what happened.
type engineLogger struct {
	log    *slog.Logger
	health *health
}

func (l engineLogger) Infof(format string, args ...any) {
	l.log.Debug("event store engine", "message", fmt.Sprintf(format, args...))
}

func (l engineLogger) Errorf(format string, args ...any) {
	l.log.Error("event store engine", "message", fmt.Sprintf(format, args...))
}

func (l engineLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.log.Error("event store engine stopped", "error", err)
	l.health.breakOff(err)
}
