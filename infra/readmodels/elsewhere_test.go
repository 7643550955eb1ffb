package readmodels_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/readmodels"
)

// node is a runner of one of several processes on the same tables.
func (w *world) node() (*readmodels.Runner, *atomic.Bool) {
	w.t.Helper()
	held := &atomic.Bool{}
	config := w.config()
	config.Held = held.Load
	return w.runner(config), held
}

// Who does not keep the tables waits for who does, and says that it is elsewhere.
// Who is no longer the one to keep them writes nothing more, whatever it had begun.
func TestTheTablesAreKeptElsewhere(t *testing.T) {
	w := newWorld(t)
	here, heldHere := w.node()
	there, heldThere := w.node()
	heldHere.Store(true)
	stop := w.run(here)
	waits := func(r *readmodels.Runner, position uint64, span time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), span)
		defer cancel()
		return r.WaitFor(ctx, position)
	}
	for i := range 3 {
		written := w.act("a", "x", monday.Add(time.Duration(i)*time.Hour))
		if err := waits(there, written.Position, time.Minute); err != nil {
			t.Fatalf("waiting for another process: %v", err)
		}
		if n := w.count("SELECT count() FROM events FINAL"); n != uint64(i+1) {
			t.Errorf("%d events after waiting for the %d-th", n, i+1)
		}
	}
	w.catchUp(there)
	for _, s := range there.Status(t.Context()) {
		if s.State != readmodels.Elsewhere || s.LagEvents != 0 || s.Name == "dossiers" && s.Checkpoint == 0 {
			t.Errorf("%+v", s)
		}
	}
	heldHere.Store(false)
	last := w.act("a", "y", monday.Add(9*time.Hour))
	if err := waits(there, last.Position, 300*time.Millisecond); fault.CodeOf(err) != readmodels.CodeBehind {
		t.Errorf("nobody keeps the tables: %v", err)
	}
	if n := w.count("SELECT count() FROM events FINAL"); n != 3 {
		t.Errorf("who is no longer to write has written: %d events", n)
	}
	stop()
	heldThere.Store(true)
	w.run(there)
	if err := waits(here, last.Position, time.Minute); err != nil {
		t.Errorf("after a hand-over: %v", err)
	}
	if n := w.count("SELECT count() FROM events FINAL"); n != 4 {
		t.Errorf("%d events after a hand-over", n)
	}
}
