package room

import (
	"fmt"
	"log/slog"
)

// Logger passes Pebble's log on. Fatalf must not end the process: the rest of the
// ledger can still read and say what happened.
type Logger struct {
	Log *slog.Logger
	// Store is how the log calls what Pebble keeps.
	Store string
	Disk  *Disk
}

// Infof implements pebble.Logger.
func (l Logger) Infof(format string, args ...any) {
	l.Log.Debug(l.Store+" engine", "message", fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l Logger) Errorf(format string, args ...any) {
	l.Log.Error(l.Store+" engine", "message", fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger.
func (l Logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.Log.Error(l.Store+" engine stopped", "error", err)
	l.Disk.BreakOff(err)
}
