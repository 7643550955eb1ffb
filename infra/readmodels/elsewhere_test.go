package readmodels_test

import (
	"context"
	"errors"
	"sync"
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
		if err := waits(there, written.Position, 5*time.Minute); err != nil {
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
	if err := waits(here, last.Position, 5*time.Minute); err != nil {
		t.Errorf("after a hand-over: %v", err)
	}
	if n := w.count("SELECT count() FROM events FINAL"); n != 4 {
		t.Errorf("%d events after a hand-over", n)
	}
}

// A process that believes to keep the tables writes to those that another is just
// replacing, and its checkpoint, which is beyond the new ones, comes after theirs. It
// hides nothing: whoever goes on begins where the new tables end.
func TestACheckpointOfTablesThatWereReplacedHidesNothing(t *testing.T) {
	for _, name := range []string{"the other goes on", "the same goes on"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var late atomic.Uint64
			underWay, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
			var once sync.Once
			w.warehouse.exchanging = func(a, _ string) {
				once.Do(func() {
					late.Store(1) // the next checkpoint is on its way for long
					w.act("late", "x", monday)
					<-underWay
				})
			}
			w.warehouse.saving = func(projection string, at readmodels.Checkpoint) func() {
				if projection != "dossiers" || !late.CompareAndSwap(1, at.Position+1) {
					return func() {}
				}
				close(underWay)
				<-release
				return func() { close(done) }
			}
			here, heldHere := w.node()
			there, heldThere := w.node()
			last := w.act("first", "x", monday)
			heldHere.Store(true)
			heldThere.Store(true) // as no lease allows
			stop := w.run(here)
			w.waitFor(here, last.Position)
			rebuilt, err := there.Rebuild(t.Context(), "dossiers", readmodels.Deep, nil)
			if err != nil {
				t.Fatal(err)
			}
			if rebuilt.Position != last.Position || late.Load() <= last.Position+1 {
				t.Fatalf("the new tables end at %d, and the checkpoint of the old ones is %d", rebuilt.Position, late.Load()-1)
			}
			close(release)
			<-done
			if name == "the other goes on" {
				heldHere.Store(false)
				stop()
				w.run(there)
			}
			for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
				findings, err := there.Verify(t.Context(), readmodels.Deep)
				err = errors.Join(err, readmodels.Mismatch(findings))
				n := w.count("SELECT count() FROM events FINAL")
				if err == nil && n == 2 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d events are in the tables, and 2 in the log: %v", n, err)
				}
			}
		})
	}
}

// The log is another one, whose positions are lower, as after a copy from an
// EventStoreDB. A rebuild makes its end the checkpoint, and what comes then is seen.
func TestARebuildFromALogWithLowerPositionsIsFollowed(t *testing.T) {
	w := newWorld(t)
	r := w.runner(w.config())
	w.act("a", "x", monday)
	if err := w.warehouse.SaveCheckpoint(t.Context(), "dossiers", readmodels.Checkpoint{Position: 1 << 40}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rebuild(t.Context(), "dossiers", readmodels.Deep, nil); err != nil {
		t.Fatal(err)
	}
	w.act("b", "x", monday)
	w.catchUp(r)
	if n := w.count("SELECT count() FROM events FINAL"); n != 2 {
		t.Errorf("%d events", n)
	}
}
