package storetest

import (
	"errors"
	"fmt"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
)

// togetherPromises are kept by engines that implement eventstore.Together.
var togetherPromises = []promise{
	{"batches appended together are all there, one behind the other, and stay", func(f *fixture) {
		store := together(f)
		known, fresh, other := f.stream("known"), f.stream("fresh"), f.stream("other")
		f.append(known, event.None, events(2)...)
		batches := []eventstore.Batch{
			{Stream: known, Expected: event.Exact(1), Events: events(3)},
			{Stream: fresh, Expected: event.None, Events: events(1)},
			{Stream: other, Expected: event.Any, Events: events(2)},
		}
		written, err := store.AppendTogether(f.ctx, batches...)
		if err != nil || len(written) != len(batches) {
			f.Fatalf("%+v, %v", written, err)
		}
		next := written[0].Position - 2
		for i, b := range batches {
			if want := next + uint64(len(b.Events)) - 1; i > 0 && written[i].Position != want || written[i].Repeated {
				f.Fatalf("batch %d was answered %+v, the position should be %d", i, written[i], want)
			}
			next = written[i].Position + 1
		}
		for range 2 {
			for i, b := range batches {
				from := written[i].Revision + 1 - uint64(len(b.Events))
				f.same(f.readStream(b.Stream, eventstore.StreamRead{From: &from}), b.Stream, from, b.Events)
			}
			f.reopen()
		}
	}},
	{"where one batch would be refused or is there already, none is appended", func(f *fixture) {
		store := together(f)
		known, reused := f.stream("known"), events(1)
		f.append(known, event.None, events(2)...)
		f.append(f.stream("elsewhere"), event.None, reused...)
		there := events(2)
		f.append(f.stream("there"), event.None, there...)
		for i, bad := range []eventstore.Batch{
			{Stream: known, Expected: event.None, Events: events(1)},
			{Stream: known, Expected: event.Exact(0), Events: events(1)},
			{Stream: f.stream("gone"), Expected: event.Exists, Events: events(1)},
			{Stream: known, Expected: event.Exact(1), Events: reused},
			{Stream: f.stream("there"), Expected: event.None, Events: there},
		} {
			for _, first := range []bool{true, false} {
				name := f.stream(fmt.Sprint("good-", i, first))
				batches := []eventstore.Batch{{Stream: name, Expected: event.None, Events: events(1)}, bad}
				if first {
					batches[0], batches[1] = batches[1], batches[0]
				}
				if _, err := store.AppendTogether(f.ctx, batches...); !errors.Is(err, eventstore.ErrNotTogether) {
					f.Fatalf("case %d: %v, want %v", i, err, eventstore.ErrNotTogether)
				}
				f.missing(name)
			}
		}
		if got := revisions(f.readStream(known, eventstore.StreamRead{})); got != "0 1" {
			f.Fatalf("a refused append left revisions %s", got)
		}
	}},
	{"batches for one stream, or with one id, are not well formed", func(f *fixture) {
		store := together(f)
		a, b, one := f.stream("a"), f.stream("b"), events(1)
		for _, batches := range [][]eventstore.Batch{
			{},
			{{Stream: a, Events: events(1)}, {Stream: a, Events: events(1)}},
			{{Stream: a, Events: one}, {Stream: b, Events: one}},
			{{Stream: a, Events: events(1)}, {Stream: b}},
			{{Stream: a, Events: events(1)}, {Stream: "$" + b, Events: events(1)}},
		} {
			if _, err := store.AppendTogether(f.ctx, batches...); !errors.Is(err, eventstore.ErrInvalid) {
				f.Fatalf("%v, want %v", err, eventstore.ErrInvalid)
			}
		}
		f.missing(a)
		f.missing(b)
	}},
	{"who waits for a stream is woken for each of the batches", func(f *fixture) {
		store := together(f)
		a, b := f.stream("a"), f.stream("b")
		f.append(b, event.None, events(1)...)
		sub := f.subscribe(eventstore.SubscribeTo{Stream: b})
		f.untilCaughtUp(sub)
		batch := events(1)
		came := make(chan error, 1)
		go func() {
			d, err := sub.Next(f.ctx)
			if err == nil && (d.Event == nil || d.Event.ID != batch[0].ID) {
				err = fmt.Errorf("%+v was delivered", d)
			}
			came <- err
		}()
		_, err := store.AppendTogether(f.ctx, eventstore.Batch{Stream: a, Events: events(1)}, eventstore.Batch{Stream: b, Events: batch})
		if err = errors.Join(err, <-came); err != nil {
			f.Fatal(err)
		}
	}},
}

// together gives the store as one that appends to several streams, or skips.
func together(f *fixture) eventstore.Together {
	store, ok := f.store.(eventstore.Together)
	if !ok {
		f.Skip("the engine appends to one stream at a time")
	}
	return store
}
