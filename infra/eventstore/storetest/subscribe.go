package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

var subscribePromises = []promise{
	{"to all: what is stored comes first, then that it has caught up, then what arrives", func(f *fixture) {
		before := f.head()
		stored, live := events(5), events(3)
		s := f.stream("a")
		f.append(s, event.None, stored...)
		sub := f.subscribe(eventstore.SubscribeTo{AfterPosition: before, Filter: f.filter()})
		f.same(f.untilCaughtUp(sub), s, 0, stored)
		for i, e := range live {
			f.append(s, event.Any, e)
			f.same([]eventstore.Recorded{f.nextEvent(sub)}, s, uint64(5+i), live[i:i+1])
		}
	}},
	{"to one stream: only that stream, from behind a revision", func(f *fixture) {
		s, other, batch := f.stream("a"), f.stream("b"), events(6)
		f.append(other, event.None, events(3)...)
		f.append(s, event.None, batch[:4]...)
		sub := f.subscribe(eventstore.SubscribeTo{Stream: s, AfterRevision: ptr(1)})
		f.same(f.untilCaughtUp(sub), s, 2, batch[2:4])
		f.append(other, event.Any, events(3)...)
		f.append(s, event.Any, batch[4:]...)
		f.same([]eventstore.Recorded{f.nextEvent(sub), f.nextEvent(sub)}, s, 4, batch[4:])
	}},
	{"to a stream that does not exist yet: waits for it", func(f *fixture) {
		s, batch := f.stream("later"), events(2)
		sub := f.subscribe(eventstore.SubscribeTo{Stream: s})
		if got := f.untilCaughtUp(sub); len(got) != 0 {
			f.Fatalf("%d events of a stream that does not exist", len(got))
		}
		f.append(f.stream("other"), event.None, events(3)...)
		f.append(s, event.None, batch...)
		f.same([]eventstore.Recorded{f.nextEvent(sub), f.nextEvent(sub)}, s, 0, batch)
	}},
	{"filtered: only what matches, with checkpoints over what does not", func(f *fixture) {
		before := f.head()
		for range 10 {
			f.append(f.stream("noise"), event.Any, events(10)...)
		}
		wanted := events(1)
		signal := f.append(f.stream("signal"), event.None, wanted...)
		sub := f.subscribe(eventstore.SubscribeTo{AfterPosition: before, CheckpointEvery: 20,
			Filter: eventstore.Filter{StreamPrefixes: []string{f.stream("signal")}}})
		var checkpoints []uint64
		for {
			d := f.next(sub)
			if d.Event != nil {
				f.same([]eventstore.Recorded{*d.Event}, f.stream("signal"), 0, wanted)
				break
			}
			if d.Checkpoint != nil {
				checkpoints = append(checkpoints, *d.Checkpoint)
			}
		}
		if len(checkpoints) < 3 {
			f.Fatalf("%d checkpoints over 100 filtered-out events, want one every 20", len(checkpoints))
		}
		for i, c := range checkpoints {
			if c >= signal.Position || (i > 0 && c <= checkpoints[i-1]) {
				f.Fatalf("checkpoints %v, the next event is at %d", checkpoints, signal.Position)
			}
		}
		resumed := f.subscribe(eventstore.SubscribeTo{AfterPosition: &checkpoints[len(checkpoints)-1],
			Filter: eventstore.Filter{StreamPrefixes: []string{f.stream("signal")}}})
		f.same([]eventstore.Recorded{f.nextEvent(resumed)}, f.stream("signal"), 0, wanted)
	}},
	{"lent: each event as it was, until the next is asked for", func(f *fixture) {
		s, batch := f.stream("s"), events(10)
		f.append(s, event.None, batch...)
		sub := f.subscribe(eventstore.SubscribeTo{Stream: s, Lent: true})
		for i := range batch {
			f.same([]eventstore.Recorded{f.nextEvent(sub)}, s, uint64(i), batch[i:i+1])
		}
		for i := range 5 {
			more := events(2)
			f.append(s, event.Any, more...)
			for j := range more {
				f.same([]eventstore.Recorded{f.nextEvent(sub)}, s, uint64(len(batch)+2*i+j), more[j:j+1])
			}
		}
	}},
	{"each event once and in order while writers write", func(f *fixture) { f.racingSubscribers() }},
	{"a slow consumer holds nobody up and misses nothing", func(f *fixture) {
		before := f.head()
		sub := f.subscribe(eventstore.SubscribeTo{AfterPosition: before, Filter: f.filter()})
		s := f.stream("a")
		const batches, size = 60, 100
		for range batches {
			f.append(s, event.Any, events(size)...)
		}
		for i := range batches * size {
			if e := f.nextEvent(sub); e.Revision != uint64(i) {
				f.Fatalf("revision %d, want %d", e.Revision, i)
			}
		}
		for d := f.next(sub); !d.CaughtUp; d = f.next(sub) {
			if d.Event != nil {
				f.Fatalf("%s@%d comes a second time", d.Event.Stream, d.Event.Revision)
			}
		}
	}},
	{"a context that ends, ends Next and not the subscription", func(f *fixture) {
		s, batch := f.stream("a"), events(1)
		sub := f.subscribe(eventstore.SubscribeTo{Stream: s})
		f.untilCaughtUp(sub)
		ctx, cancel := context.WithTimeout(f.ctx, 20*time.Millisecond)
		defer cancel()
		if d, err := sub.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			f.Fatalf("%+v, %v, want the context's error", d, err)
		}
		f.append(s, event.None, batch...)
		f.same([]eventstore.Recorded{f.nextEvent(sub)}, s, 0, batch)
	}},
	{"closing a subscription frees a blocked Next", func(f *fixture) {
		sub := f.subscribe(eventstore.SubscribeTo{Stream: f.stream("never")})
		f.untilCaughtUp(sub)
		failed := make(chan error, 1)
		go func() {
			_, err := sub.Next(f.ctx)
			failed <- err
		}()
		time.Sleep(10 * time.Millisecond)
		if err := sub.Close(); err != nil {
			f.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, eventstore.ErrClosed) {
			f.Fatalf("%v, want ErrClosed", err)
		}
		if _, err := sub.Next(f.ctx); !errors.Is(err, eventstore.ErrClosed) {
			f.Fatalf("%v, want ErrClosed", err)
		}
	}},
}

// racingSubscribers starts subscriptions at different moments while writers
// write, and holds each against the ledger as it is read afterwards.
func (f *fixture) racingSubscribers() {
	const writers, batches, subscribers = 8, 40, 6
	before := f.head()
	odd := f.filter()
	odd.TypePrefixes = []string{"odd"}
	total := writers * batches * 2
	var wg sync.WaitGroup
	seen := make([][]eventstore.Recorded, subscribers)
	failures := make(chan error, writers+subscribers)
	for w := range writers {
		wg.Go(func() {
			for range batches {
				batch := []eventstore.Proposed{proposed("even.v1", "{}"), proposed("odd.v1", "{}")}
				if _, err := f.store.Append(f.ctx, f.stream(fmt.Sprint(w)), event.Any, batch...); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	for i := range subscribers {
		wg.Go(func() {
			to, want := eventstore.SubscribeTo{AfterPosition: before, Filter: f.filter()}, total
			switch i % 3 {
			case 1:
				to.Filter, want = odd, total/2
			case 2:
				to, want = eventstore.SubscribeTo{Stream: f.stream("3")}, batches*2
			}
			time.Sleep(time.Duration(i) * 3 * time.Millisecond)
			sub, err := f.store.Subscribe(f.ctx, to)
			if err != nil {
				failures <- err
				return
			}
			defer func() { failures <- sub.Close() }()
			for len(seen[i]) < want {
				d, err := sub.Next(f.ctx)
				if err != nil {
					failures <- fmt.Errorf("subscriber %d after %d of %d: %w", i, len(seen[i]), want, err)
					return
				}
				if d.Event != nil {
					seen[i] = append(seen[i], *d.Event)
				}
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			f.Fatal(err)
		}
	}
	for i := range seen {
		var want []eventstore.Recorded
		switch i % 3 {
		case 0:
			want = f.readAll(eventstore.AllRead{After: before, Filter: f.filter()})
		case 1:
			want = f.readAll(eventstore.AllRead{After: before, Filter: odd})
		case 2:
			want = f.readStream(f.stream("3"), eventstore.StreamRead{})
		}
		if ids(seen[i]) != ids(want) {
			f.Fatalf("subscriber %d saw another order or number of events than a reader", i)
		}
	}
}

var metadataPromises = []promise{
	{"a stream without metadata says so", func(f *fixture) {
		f.append(f.stream("a"), event.None, events(1)...)
		m, err := f.store.Metadata(f.ctx, f.stream("a"))
		if err != nil || m.Exists {
			f.Fatalf("%+v, %v", m, err)
		}
	}},
	{"metadata is replaced under an expected revision and keeps its history", func(f *fixture) {
		s := f.stream("a")
		set := func(expected event.Expected, custom string) (event.Written, error) {
			return f.store.SetMetadata(f.ctx, s, expected, uuid.New(), []byte(custom))
		}
		if w, err := set(event.None, `{"owner":"one"}`); err != nil || w.Revision != 0 {
			f.Fatalf("%+v, %v", w, err)
		}
		if w, err := set(event.Exact(0), `{"owner":"two"}`); err != nil || w.Revision != 1 {
			f.Fatalf("%+v, %v", w, err)
		}
		var wrong *event.WrongRevision
		if _, err := set(event.Exact(0), `{}`); !errors.As(err, &wrong) {
			f.Fatalf("%v, want a wrong revision", err)
		}
		m, err := f.store.Metadata(f.ctx, s)
		if err != nil || !m.Exists || m.Revision != 1 || string(m.Custom) != `{"owner":"two"}` {
			f.Fatalf("%+v %s, %v", m, m.Custom, err)
		}
		if got := revisions(f.readStream("$$"+s, eventstore.StreamRead{})); got != "0 1" {
			f.Fatalf("history %s", got)
		}
		f.missing(s)
	}},
	{"metadata set again with the same id is a repetition", func(f *fixture) {
		s, id := f.stream("a"), uuid.New()
		for i := range 2 {
			w, err := f.store.SetMetadata(f.ctx, s, event.None, id, []byte(`{}`))
			if err != nil || w.Revision != 0 || w.Repeated != (i == 1) {
				f.Fatalf("%+v, %v", w, err)
			}
		}
	}},
	{"metadata that is not JSON is refused", func(f *fixture) {
		if _, err := f.store.SetMetadata(f.ctx, f.stream("a"), event.Any, uuid.New(), []byte("{")); !errors.Is(err, eventstore.ErrInvalid) {
			f.Fatalf("%v, want ErrInvalid", err)
		}
	}},
}
