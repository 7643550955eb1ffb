package readmodels_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/readmodels"
	"dossierledger/projections"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// status waits until a projection is in a state.
func (w *world) status(r *readmodels.Runner, name string, state readmodels.State) readmodels.Status {
	w.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		for _, s := range r.Status(context.Background()) {
			if s.Name == name && s.State == state {
				return s
			}
			if s.Name == name && time.Now().After(deadline) {
				w.t.Fatalf("%s is %s, not %s: %s", name, s.State, state, s.Error)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *world) waitFor(r *readmodels.Runner, position uint64, names ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := r.WaitFor(ctx, position, names...); err != nil {
		w.t.Fatal(err)
	}
}

func TestWhileClickHouseIsAwayAProjectionWaitsAndNothingIsLost(t *testing.T) {
	w := newWorld(t)
	config := w.config()
	config.PageEvents = 7
	r := w.runner(config)
	w.cases(30, 4)
	var away atomic.Bool
	var calls atomic.Int32
	w.warehouse.set(func(string, projections.Batch) error {
		// Away for good at times, and now and then in the middle of a page.
		if away.Load() || calls.Add(1)%5 == 0 {
			return errAway
		}
		return nil
	}, func(string) error {
		if calls.Add(1)%11 == 0 {
			return errAway // written, but nobody heard of it
		}
		return nil
	})
	away.Store(true)
	w.run(r)
	w.status(r, "dossiers", readmodels.Waiting)
	written := w.act("late", "x", monday)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := r.WaitFor(ctx, written.Position); fault.CodeOf(err) != readmodels.CodeBehind || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("waiting for what cannot be written: %v", err)
	}
	away.Store(false)
	w.waitFor(r, written.Position)
	w.status(r, "dossiers", readmodels.Live)
	w.warehouse.set(nil, nil)
	if n := w.count("SELECT count() FROM events FINAL"); n != 121 {
		t.Errorf("%d events, want 121", n)
	}
	findings, err := r.Verify(t.Context(), readmodels.Deep)
	if err := errors.Join(err, readmodels.Mismatch(findings)); err != nil {
		t.Error(err)
	}
}

func TestAnEventThatNobodyKnowsHaltsItsProjectionBeforeIt(t *testing.T) {
	w := newWorld(t)
	before := w.act("a", "x", monday)
	_, err := w.store.Append(t.Context(), "dossier-b", event.None, eventstore.Proposed{
		ID: uuid.New(), Type: "dossier.unheard-of.v1", Data: []byte("{}"), Metadata: []byte(`{"occurred_at":"2026-03-02T01:00:00Z","actor":{"id":"x","role":"system"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	after := w.act("c", "x", monday)
	config := w.config()
	metrics := prometheus.NewRegistry()
	config.Registerer = metrics
	r := w.runner(config)
	stop := w.run(r)
	s := w.status(r, "dossiers", readmodels.Halted)
	if s.Halt == nil || s.Halt.Stream != "dossier-b" || s.Halt.Type != "dossier.unheard-of.v1" || s.Halt.Position != before.Position+1 ||
		!strings.Contains(s.Halt.Reason, "unknown-type") || !strings.Contains(s.Halt.WayOut, "ledger rebuild dossiers") {
		t.Fatalf("%+v", s)
	}
	if !s.HasCheckpoint || s.Checkpoint != before.Position || s.LagEvents != 2 {
		t.Errorf("it stands at %d, %d behind; want %d, 2 behind", s.Checkpoint, s.LagEvents, before.Position)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
	if n := w.count("SELECT count() FROM events FINAL"); n != 1 {
		t.Errorf("%d events were written, want the one before", n)
	}
	var halt *readmodels.Halt
	if err := r.WaitFor(t.Context(), after.Position); !errors.As(err, &halt) || fault.CodeOf(err) != readmodels.CodeHalted {
		t.Errorf("waiting for a halted projection: %v", err)
	}
	w.waitFor(r, after.Position, "catalogue")
	if problems, err := testutil.GatherAndLint(metrics); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
	want := `
# HELP ledger_projection_lag_events Positions of the log that a projection is behind.
# TYPE ledger_projection_lag_events gauge
ledger_projection_lag_events{projection="catalogue"} 0
ledger_projection_lag_events{projection="dossiers"} 2
`
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(want), "ledger_projection_lag_events"); err != nil {
		t.Error(err)
	}
	// A program that knows the event goes on by itself, and skips nothing.
	stop()
	config.Registerer = nil
	config.Decode = func(e eventstore.Recorded) (event.Event, error) {
		if e.Type == "dossier.unheard-of.v1" {
			e.Type, e.Data = "legacy.action-recorded.v1", []byte(`{"source":"log","case":"b","activity":"y"}`)
		}
		return w.journal.Decode(e)
	}
	w.catchUp(w.runner(config))
	if n := w.count("SELECT count() FROM events FINAL"); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

// sour is a projection that cannot bear one dossier.
type sour struct {
	projections.Projection
	panics bool
}

func (s sour) Fresh() projections.Projection { return sour{s.Projection.Fresh(), s.panics} }

func (s sour) Apply(ctx context.Context, page []event.Event) ([]projections.Batch, error) {
	for _, e := range page {
		if e.Stream == "dossier-sour" {
			if s.panics {
				panic("sour")
			}
			return nil, errors.New("sour")
		}
	}
	return s.Projection.Apply(ctx, page)
}

func TestAnEventThatCannotBeFoldedOrWrittenHaltsItsProjectionBeforeIt(t *testing.T) {
	for name, spoil := range map[string]func(*world, *readmodels.Config){
		"fold":  func(_ *world, c *readmodels.Config) { c.Projections[0] = sour{c.Projections[0], false} },
		"panic": func(_ *world, c *readmodels.Config) { c.Projections[0] = sour{c.Projections[0], true} },
		"write": func(w *world, _ *readmodels.Config) {
			w.warehouse.set(func(table string, b projections.Batch) error {
				if table == "events" {
					for _, code := range b.Values(0).([]string) {
						if code == "sour" {
							return errors.New("sour")
						}
					}
				}
				return nil
			}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cases(20, 3)
			at := w.act("sour", "x", monday)
			w.cases2(20, 3)
			config := w.config()
			spoil(w, &config)
			r := w.runner(config)
			stop := w.run(r)
			s := w.status(r, "dossiers", readmodels.Halted)
			if s.Halt.Position != at.Position || s.Checkpoint != at.Position-1 || !strings.Contains(s.Error, "sour") {
				t.Fatalf("%+v", s)
			}
			if n := w.count("SELECT count() FROM events FINAL"); n != 60 {
				t.Errorf("%d events were written, want the 60 before", n)
			}
			if name == "write" {
				w.warehouse.set(nil, nil)
				if err := r.Resume("events"); err != nil {
					t.Fatal(err)
				}
				w.status(r, "dossiers", readmodels.Live)
			} else {
				stop()
				w.catchUp(w.runner(w.config()))
			}
			if n := w.count("SELECT count() FROM events FINAL"); n != 121 {
				t.Errorf("%d events, want 121", n)
			}
		})
	}
}

func TestAProcessThatDiedGoesOnFromItsCheckpoint(t *testing.T) {
	w := newWorld(t)
	w.cases(40, 5)
	config := w.config()
	config.PageEvents = 11
	for kill := 1; kill < 40; kill += 6 {
		// Whatever was written when it died: inserts without their checkpoint, a
		// part of a page's inserts.
		ctx, die := context.WithCancel(context.Background())
		var done atomic.Int32
		w.warehouse.set(nil, func(string) error {
			if int(done.Add(1)) == kill {
				die()
				return context.Canceled
			}
			return nil
		})
		r := w.runner(config)
		_ = r.CatchUp(ctx, nil) // it died
		die()
	}
	w.warehouse.set(nil, nil)
	w.close()
	w.open()
	config = w.config()
	r := w.runner(config)
	w.catchUp(r)
	findings, err := r.Verify(t.Context(), readmodels.Deep)
	if err := errors.Join(err, readmodels.Mismatch(findings)); err != nil {
		t.Error(err)
	}
	live := w.exportAll()
	if len(live["events"]) != 200 || len(live["dossiers"]) != 40 {
		t.Errorf("%d events, %d dossiers", len(live["events"]), len(live["dossiers"]))
	}
	if _, err := r.Rebuild(t.Context(), "events", readmodels.Deep, nil); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(live, w.exportAll()) {
		t.Error("a rebuild gives other rows than the live tables had")
	}
}
