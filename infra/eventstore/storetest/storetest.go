// Package storetest is the one contract test of eventstore.Store. Every engine
// passes it; its titles are the promises that the ledger builds on.
//
// The test takes nothing for granted about a store's content: it works in
// streams of its own and begins behind the store's head, so that it can run
// against a server that others use too.
package storetest

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// Harness is a store under test.
type Harness struct {
	Store eventstore.Store
	// Reopen stops the store as an orderly restart does, starts it again on the
	// same data and returns it. The harness closes the last one by t.Cleanup.
	Reopen func(t testing.TB) eventstore.Store
	// StreamIDsOnly says that the engine looks for ids only in the stream that
	// is written to, as EventStoreDB does; promises about ids elsewhere in the
	// ledger are then not tested.
	StreamIDsOnly bool
}

// Run tests every promise of the port on stores that open makes.
func Run(t *testing.T, open func(t testing.TB) Harness) {
	for _, part := range []struct {
		name  string
		tests []promise
	}{
		{"append", appendPromises},
		{"append together", togetherPromises},
		{"idempotence", idempotencePromises},
		{"limits", limitPromises},
		{"read stream", streamPromises},
		{"read all", allPromises},
		{"subscribe", subscribePromises},
		{"metadata", metadataPromises},
		{"concurrency", concurrencyPromises},
		{"restart", restartPromises},
		{"size", sizePromises},
	} {
		t.Run(part.name, func(t *testing.T) {
			for _, p := range part.tests {
				t.Run(p.title, func(t *testing.T) { p.test(newFixture(t, open(t))) })
			}
		})
	}
}

type promise struct {
	title string
	test  func(f *fixture)
}

// patience bounds everything that waits, so that a broken engine fails the test.
const patience = 5 * time.Minute

// fixture is one test's own corner of a store.
type fixture struct {
	*testing.T
	harness Harness
	store   eventstore.Store
	ctx     context.Context
	// prefix begins the name of every stream of this test.
	prefix string
}

func newFixture(t *testing.T, h Harness) *fixture {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return &fixture{T: t, harness: h, store: h.Store, ctx: ctx, prefix: "t" + uuid.NewString()[:13] + "-"}
}

func (f *fixture) stream(name string) string { return f.prefix + name }

func (f *fixture) filter() eventstore.Filter {
	return eventstore.Filter{StreamPrefixes: []string{f.prefix}}
}

func (f *fixture) reopen() {
	f.Helper()
	f.store = f.harness.Reopen(f.T)
}

// events makes n different events.
func events(n int) []eventstore.Proposed {
	out := make([]eventstore.Proposed, n)
	for i := range out {
		out[i] = proposed("dossier.received.v1", fmt.Sprintf(`{"n":%d}`, i))
	}
	return out
}

func proposed(kind, data string) eventstore.Proposed {
	return eventstore.Proposed{ID: uuid.New(), Type: kind, Data: []byte(data), Metadata: []byte(`{"by":"test"}`)}
}

// append must succeed and be new.
func (f *fixture) append(stream string, expected event.Expected, events ...eventstore.Proposed) event.Written {
	f.Helper()
	w, err := f.store.Append(f.ctx, stream, expected, events...)
	if err != nil {
		f.Fatalf("append to %s: %v", stream, err)
	}
	if w.Repeated {
		f.Fatalf("append to %s was answered as repeated", stream)
	}
	return w
}

func (f *fixture) readStream(stream string, read eventstore.StreamRead) []eventstore.Recorded {
	f.Helper()
	return f.collect(f.store.ReadStream(f.ctx, stream, read))
}

func (f *fixture) readAll(read eventstore.AllRead) []eventstore.Recorded {
	f.Helper()
	return f.collect(f.store.ReadAll(f.ctx, read))
}

func (f *fixture) collect(seq iter.Seq2[eventstore.Recorded, error]) []eventstore.Recorded {
	f.Helper()
	var out []eventstore.Recorded
	for e, err := range seq {
		if err != nil {
			f.Fatalf("read: %v", err)
		}
		out = append(out, e)
	}
	return out
}

// head is where the store ends, as an exclusive starting point.
func (f *fixture) head() *uint64 {
	f.Helper()
	position, ok, err := f.store.Head(f.ctx)
	if err != nil {
		f.Fatalf("head: %v", err)
	}
	if !ok {
		return nil
	}
	return &position
}

func (f *fixture) subscribe(to eventstore.SubscribeTo) eventstore.Subscription {
	f.Helper()
	sub, err := f.store.Subscribe(f.ctx, to)
	if err != nil {
		f.Fatalf("subscribe: %v", err)
	}
	f.Cleanup(func() {
		if err := sub.Close(); err != nil {
			f.Errorf("close a subscription: %v", err)
		}
	})
	return sub
}

func (f *fixture) next(sub eventstore.Subscription) eventstore.Delivery {
	f.Helper()
	d, err := sub.Next(f.ctx)
	if err != nil {
		f.Fatalf("next: %v", err)
	}
	return d
}

// nextEvent skips what is not an event.
func (f *fixture) nextEvent(sub eventstore.Subscription) eventstore.Recorded {
	f.Helper()
	for {
		if d := f.next(sub); d.Event != nil {
			return *d.Event
		}
	}
}

// untilCaughtUp returns the events before the next CaughtUp.
func (f *fixture) untilCaughtUp(sub eventstore.Subscription) []eventstore.Recorded {
	f.Helper()
	var out []eventstore.Recorded
	for {
		switch d := f.next(sub); {
		case d.Event != nil:
			out = append(out, *d.Event)
		case d.CaughtUp:
			return out
		}
	}
}

// same holds recorded events against what was proposed.
func (f *fixture) same(got []eventstore.Recorded, stream string, first uint64, want []eventstore.Proposed) {
	f.Helper()
	if len(got) != len(want) {
		f.Fatalf("stream %s: %d events, want %d", stream, len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.ID != w.ID || g.Type != w.Type || string(g.Data) != string(w.Data) || string(g.Metadata) != string(w.Metadata) {
			f.Fatalf("stream %s, event %d: got %s %s %q %q, want %s %s %q %q",
				stream, i, g.ID, g.Type, g.Data, g.Metadata, w.ID, w.Type, w.Data, w.Metadata)
		}
		if g.Stream != stream || g.Revision != first+uint64(i) {
			f.Fatalf("event %d is %s@%d, want %s@%d", i, g.Stream, g.Revision, stream, first+uint64(i))
		}
		if g.RecordedAt.IsZero() || g.RecordedAt.Location() != time.UTC {
			f.Fatalf("stream %s, event %d: recorded at %v, want a time in UTC", stream, i, g.RecordedAt)
		}
	}
	f.rising(got)
}

func (f *fixture) rising(got []eventstore.Recorded) {
	f.Helper()
	for i := 1; i < len(got); i++ {
		if got[i].Position <= got[i-1].Position {
			f.Fatalf("event %d is at position %d, the one before at %d", i, got[i].Position, got[i-1].Position)
		}
	}
}

// revisions is a short form of a read's result.
func revisions(got []eventstore.Recorded) string {
	var b strings.Builder
	for _, e := range got {
		fmt.Fprintf(&b, "%d ", e.Revision)
	}
	return strings.TrimSpace(b.String())
}

func ptr(v uint64) *uint64 { return &v }
