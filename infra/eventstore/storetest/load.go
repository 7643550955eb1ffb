package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

var concurrencyPromises = []promise{
	{"of writers that expect the same revision one wins, the others learn the actual one", func(f *fixture) {
		s := f.stream("a")
		const writers, rounds = 8, 30
		f.append(s, event.None, events(1)...)
		var wins atomic.Int64
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				at := uint64(0)
				for wins.Load() < rounds {
					w, err := f.store.Append(f.ctx, s, event.Exact(at), events(1)...)
					var wrong *event.WrongRevision
					switch {
					case err == nil:
						if w.Revision != at+1 {
							f.Errorf("revision %d after %d", w.Revision, at)
							return
						}
						at = w.Revision
						wins.Add(1)
					case errors.As(err, &wrong):
						if wrong.Actual <= at {
							f.Errorf("refused at %d because of %d", at, wrong.Actual)
							return
						}
						at = wrong.Actual
					default:
						f.Errorf("append: %v", err)
						return
					}
				}
			})
		}
		wg.Wait()
		got := f.readStream(s, eventstore.StreamRead{})
		if len(got) != int(wins.Load())+1 {
			f.Fatalf("%d events after %d appends", len(got), wins.Load()+1)
		}
		for i, e := range got {
			if e.Revision != uint64(i) {
				f.Fatalf("event %d has revision %d", i, e.Revision)
			}
		}
	}},
	{"batches of many writers do not mix and are visible when answered", func(f *fixture) {
		s := f.stream("a")
		const writers, batches = 8, 25
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for range batches {
					f.visibleWhenAnswered(s, w)
				}
			})
		}
		wg.Wait()
		got := f.readStream(s, eventstore.StreamRead{})
		if len(got) != writers*batches*3 {
			f.Fatalf("%d events, want %d", len(got), writers*batches*3)
		}
		for i := 0; i < len(got); i += 3 {
			if string(got[i].Data) != string(got[i+1].Data) || string(got[i].Data) != string(got[i+2].Data) {
				f.Fatalf("events of two batches mix at revision %d", i)
			}
		}
	}},
}

func (f *fixture) visibleWhenAnswered(stream string, writer int) {
	data := fmt.Sprintf(`"%d %s"`, writer, uuid.NewString())
	batch := []eventstore.Proposed{proposed("a.v1", data), proposed("b.v1", data), proposed("c.v1", data)}
	w, err := f.store.Append(f.ctx, stream, event.Any, batch...)
	if err != nil {
		f.Errorf("append: %v", err)
		return
	}
	from := w.Revision - 2
	var found []eventstore.Recorded
	for e, err := range f.store.ReadStream(f.ctx, stream, eventstore.StreamRead{From: &from, Limit: 3}) {
		if err != nil {
			f.Errorf("read: %v", err)
			return
		}
		found = append(found, e)
	}
	if len(found) != 3 || found[0].ID != batch[0].ID || found[2].ID != batch[2].ID || found[2].Position != w.Position {
		f.Errorf("an answered batch at revision %d is not there: %s", w.Revision, ids(found))
	}
}

var restartPromises = []promise{
	{"everything is the same after a restart", func(f *fixture) {
		all, before := f.mixed()
		want := f.readAll(eventstore.AllRead{After: before, Filter: f.filter()})
		if _, err := f.store.SetMetadata(f.ctx, f.stream("dossier-1"), event.None, uuid.New(), []byte(`{"a":1}`)); err != nil {
			f.Fatal(err)
		}
		f.reopen()
		got := f.readAll(eventstore.AllRead{After: before, Filter: f.filter()})
		if len(all) != len(got) {
			f.Fatalf("%d events after the restart, %d before", len(got), len(all))
		}
		for i := range got {
			g, w := got[i], want[i]
			if ids(got[i:i+1]) != ids(want[i:i+1]) || g.Position != w.Position || !g.RecordedAt.Equal(w.RecordedAt) ||
				string(g.Data) != string(w.Data) || string(g.Metadata) != string(w.Metadata) {
				f.Fatalf("event %d: %+v, before %+v", i, g, w)
			}
		}
		if m, err := f.store.Metadata(f.ctx, f.stream("dossier-1")); err != nil || string(m.Custom) != `{"a":1}` {
			f.Fatalf("metadata %s, %v", m.Custom, err)
		}
	}},
	{"revisions and expectations go on after a restart", func(f *fixture) {
		s := f.stream("a")
		first := f.append(s, event.None, events(3)...)
		f.reopen()
		var wrong *event.WrongRevision
		if _, err := f.store.Append(f.ctx, s, event.None, events(1)...); !errors.As(err, &wrong) || wrong.Actual != 2 {
			f.Fatalf("%v, want a wrong revision with 2", err)
		}
		w := f.append(s, event.Exact(2), events(2)...)
		if w.Revision != 4 || w.Position <= first.Position {
			f.Fatalf("%+v after %+v", w, first)
		}
		f.append(f.stream("new"), event.None, events(1)...)
		if got := revisions(f.readStream(s, eventstore.StreamRead{})); got != "0 1 2 3 4" {
			f.Fatalf("revisions %s", got)
		}
	}},
	{"a subscription goes on from its checkpoint after a restart", func(f *fixture) {
		before := f.head()
		s, batch := f.stream("a"), events(6)
		f.append(s, event.None, batch[:4]...)
		sub := f.subscribe(eventstore.SubscribeTo{AfterPosition: before, Filter: f.filter()})
		f.nextEvent(sub)
		at := f.nextEvent(sub).Position
		f.reopen()
		sub = f.subscribe(eventstore.SubscribeTo{AfterPosition: &at, Filter: f.filter()})
		f.append(s, event.Any, batch[4:]...)
		var got []eventstore.Recorded
		for len(got) < 4 {
			got = append(got, f.nextEvent(sub))
		}
		f.same(got, s, 2, batch[2:])
	}},
}

var sizePromises = []promise{
	{"100,000 streams are each found", func(f *fixture) {
		streams := 100_000
		if testing.Short() {
			streams = 2_000
		}
		f.fanOut(streams, 128, func(i int) error {
			_, err := f.store.Append(f.ctx, f.stream(fmt.Sprint(i)), event.None, proposed("n.v1", fmt.Sprint(i)))
			return err
		})
		f.reopen()
		for i := 0; i < streams; i += max(1, streams/500) {
			got := f.readStream(f.stream(fmt.Sprint(i)), eventstore.StreamRead{})
			if len(got) != 1 || string(got[0].Data) != fmt.Sprint(i) {
				f.Fatalf("stream %d: %d events", i, len(got))
			}
		}
	}},
	{"a stream of 200,000 events is read from either end and from the middle", func(f *fixture) {
		size := 200_000
		if testing.Short() {
			size = 10_000
		}
		s := f.stream("long")
		const step = 1000
		for n := 0; n < size; n += step {
			batch := make([]eventstore.Proposed, step)
			for i := range batch {
				batch[i] = proposed("n.v1", fmt.Sprint(n+i))
			}
			f.append(s, event.Any, batch...)
		}
		n := 0
		for e, err := range f.store.ReadStream(f.ctx, s, eventstore.StreamRead{}) {
			if err != nil {
				f.Fatal(err)
			}
			if e.Revision != uint64(n) || string(e.Data) != fmt.Sprint(n) {
				f.Fatalf("event %d is revision %d: %s", n, e.Revision, e.Data)
			}
			n++
		}
		if n != size {
			f.Fatalf("%d events, want %d", n, size)
		}
		middle := uint64(size/2 + 7)
		got := f.readStream(s, eventstore.StreamRead{From: &middle, Limit: 3})
		if want := fmt.Sprintf("%d %d %d", middle, middle+1, middle+2); revisions(got) != want {
			f.Fatalf("from the middle: %s", revisions(got))
		}
		got = f.readStream(s, eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 2})
		if want := fmt.Sprintf("%d %d", size-1, size-2); revisions(got) != want {
			f.Fatalf("from the end: %s", revisions(got))
		}
	}},
}

// fanOut runs n calls on some goroutines and fails on the first error.
func (f *fixture) fanOut(n, workers int, call func(i int) error) {
	f.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	failures := make(chan error, workers)
	for range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := call(i); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failures:
		f.Fatal(err)
	default:
	}
}
