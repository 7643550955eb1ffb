package storetest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
)

var streamPromises = []promise{
	{"a stream that does not exist is one error in either direction", func(f *fixture) {
		f.append(f.stream("other"), event.None, events(1)...)
		f.missing(f.stream("a"))
		for e, err := range f.store.ReadStream(f.ctx, f.stream("a"), eventstore.StreamRead{Direction: eventstore.Backwards}) {
			if !errors.Is(err, eventstore.ErrStreamNotFound) {
				f.Fatalf("%+v, %v, want ErrStreamNotFound", e, err)
			}
		}
	}},
	{"any part is read in either direction", func(f *fixture) {
		s := f.stream("a")
		for _, n := range []int{1, 4, 1, 1, 3} {
			f.append(s, event.Any, events(n)...)
			f.append(f.stream("between"), event.Any, events(2)...)
		}
		const size = 10
		for from := -1; from <= size+2; from++ {
			for limit := 0; limit <= size+1; limit++ {
				for _, d := range []eventstore.Direction{eventstore.Forwards, eventstore.Backwards} {
					read := eventstore.StreamRead{Direction: d, Limit: limit}
					if from >= 0 {
						read.From = ptr(uint64(from))
					}
					if got, want := revisions(f.readStream(s, read)), expectedRevisions(size, from, limit, d); got != want {
						f.Fatalf("from %d, limit %d, direction %d: %q, want %q", from, limit, d, got, want)
					}
				}
			}
		}
	}},
	{"a read past the end is empty forwards and the end backwards", func(f *fixture) {
		s := f.stream("a")
		f.append(s, event.None, events(3)...)
		far := ptr(1 << 62)
		if got := f.readStream(s, eventstore.StreamRead{From: far}); len(got) != 0 {
			f.Fatalf("forwards: %s", revisions(got))
		}
		if got := revisions(f.readStream(s, eventstore.StreamRead{From: far, Direction: eventstore.Backwards})); got != "2 1 0" {
			f.Fatalf("backwards: %s", got)
		}
	}},
	{"names that begin alike do not mix", func(f *fixture) {
		names := []string{f.stream("a"), f.stream("a1"), f.stream("a11"), f.stream("a-"), f.stream("A")}
		batches := make(map[string][]eventstore.Proposed)
		for _, s := range names {
			batches[s] = events(3)
			f.append(s, event.None, batches[s]...)
		}
		for _, s := range names {
			f.same(f.readStream(s, eventstore.StreamRead{}), s, 0, batches[s])
		}
	}},
	{"a reader may stop early and write while it reads", func(f *fixture) {
		s := f.stream("a")
		f.append(s, event.None, events(500)...)
		n := 0
		for e, err := range f.store.ReadStream(f.ctx, s, eventstore.StreamRead{}) {
			if err != nil {
				f.Fatal(err)
			}
			if n++; n == 5 {
				break
			}
			f.append(s, event.Exact(499+uint64(n)-1), events(1)...)
			if e.Revision != uint64(n-1) {
				f.Fatalf("revision %d, want %d", e.Revision, n-1)
			}
		}
	}},
	{"a context that ends, ends a read with its error", func(f *fixture) {
		s := f.stream("a")
		f.append(s, event.None, events(3000)...)
		ctx, cancel := context.WithCancel(f.ctx)
		defer cancel()
		n := 0
		var last error
		for _, err := range f.store.ReadStream(ctx, s, eventstore.StreamRead{}) {
			n++
			cancel()
			last = err
		}
		if !errors.Is(last, context.Canceled) || n > 3000 {
			f.Fatalf("after %d results the last error is %v", n, last)
		}
	}},
	{"what is read belongs to the reader", func(f *fixture) {
		s, batch := f.stream("a"), events(3)
		f.append(s, event.None, batch...)
		for _, e := range f.readStream(s, eventstore.StreamRead{}) {
			clear(e.Data)
			_ = append(e.Data, "overwrites what is behind"...)
			clear(e.Metadata)
		}
		f.same(f.readStream(s, eventstore.StreamRead{}), s, 0, batch)
		kept := f.readStream(s, eventstore.StreamRead{})
		for i := range kept {
			kept[i].Data = append(kept[i].Data, '!')
		}
		for i := range kept {
			if got, want := string(kept[i].Data), string(batch[i].Data)+"!"; got != want {
				f.Fatalf("event %d: %q, want %q", i, got, want)
			}
		}
	}},
}

// expectedRevisions is the port's definition of a stream read, said plainly.
func expectedRevisions(size, from, limit int, d eventstore.Direction) string {
	var got []eventstore.Recorded
	if d == eventstore.Forwards {
		for r := max(from, 0); r < size; r++ {
			got = append(got, eventstore.Recorded{Revision: uint64(r)})
		}
	} else {
		if from < 0 || from >= size {
			from = size - 1
		}
		for r := from; r >= 0; r-- {
			got = append(got, eventstore.Recorded{Revision: uint64(r)})
		}
	}
	if limit > 0 && len(got) > limit {
		got = got[:limit]
	}
	return revisions(got)
}

// mixed writes 12 batches over three streams and two types and returns what
// readers must see of it, in order, and the position before it.
func (f *fixture) mixed() (all []eventstore.Recorded, before *uint64) {
	f.Helper()
	before = f.head()
	for i := range 12 {
		s := f.stream([]string{"dossier-1", "dossier-2", "agency-1"}[i%3])
		batch := []eventstore.Proposed{
			proposed("dossier.received.v1", fmt.Sprint(i)), proposed("step.started.v1", fmt.Sprint(i)),
		}[:1+i%2]
		w := f.append(s, event.Any, batch...)
		for j, p := range batch {
			all = append(all, eventstore.Recorded{ID: p.ID, Type: p.Type, Stream: s,
				Revision: w.Revision - uint64(len(batch)-1-j)})
		}
	}
	return all, before
}

func ids(got []eventstore.Recorded) string {
	var out string
	for _, e := range got {
		out += fmt.Sprintf("%s@%d %s %s\n", e.Stream, e.Revision, e.Type, e.ID)
	}
	return out
}

var allPromises = []promise{
	{"the whole ledger is read in the order of the appends", func(f *fixture) {
		want, before := f.mixed()
		got := f.readAll(eventstore.AllRead{After: before, Filter: f.filter()})
		if ids(got) != ids(want) {
			f.Fatalf("got\n%swant\n%s", ids(got), ids(want))
		}
		f.rising(got)
	}},
	{"backwards is the reverse", func(f *fixture) {
		want, _ := f.mixed()
		got := f.readAll(eventstore.AllRead{Direction: eventstore.Backwards, Filter: f.filter()})
		if len(got) != len(want) {
			f.Fatalf("%d events, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i].ID != want[len(want)-1-i].ID {
				f.Fatalf("event %d is %s", i, got[i].ID)
			}
		}
	}},
	{"after is exclusive and limits count what matches", func(f *fixture) {
		_, before := f.mixed()
		all := f.readAll(eventstore.AllRead{After: before, Filter: f.filter()})
		for i := range all {
			for _, limit := range []int{0, 1, 3, len(all)} {
				forwards := f.readAll(eventstore.AllRead{After: &all[i].Position, Limit: limit, Filter: f.filter()})
				if want := bounded(all[i+1:], limit); ids(forwards) != ids(want) {
					f.Fatalf("after event %d, limit %d: got\n%swant\n%s", i, limit, ids(forwards), ids(want))
				}
				backwards := f.readAll(eventstore.AllRead{After: &all[i].Position, Direction: eventstore.Backwards,
					Limit: limit, Filter: f.filter()})
				var want []eventstore.Recorded
				for j := i - 1; j >= 0; j-- {
					want = append(want, all[j])
				}
				if want := bounded(want, limit); ids(backwards) != ids(want) {
					f.Fatalf("before event %d, limit %d: got\n%swant\n%s", i, limit, ids(backwards), ids(want))
				}
			}
		}
	}},
	{"a start past the end is empty forwards", func(f *fixture) {
		f.mixed()
		for _, e := range f.readAll(eventstore.AllRead{After: f.head()}) {
			// A server that others use may write something meanwhile.
			if strings.HasPrefix(e.Stream, f.prefix) {
				f.Fatalf("revision %d of %s is behind the head", e.Revision, e.Stream)
			}
		}
	}},
	{"prefixes and patterns on stream and type select as they say", func(f *fixture) {
		all, before := f.mixed()
		for name, c := range map[string]struct {
			filter eventstore.Filter
			match  func(e eventstore.Recorded) bool
		}{
			"one prefix": {eventstore.Filter{StreamPrefixes: []string{f.stream("dossier-")}},
				func(e eventstore.Recorded) bool { return e.Stream != f.stream("agency-1") }},
			"any of two prefixes": {eventstore.Filter{StreamPrefixes: []string{f.stream("dossier-1"), f.stream("agency")}},
				func(e eventstore.Recorded) bool { return e.Stream != f.stream("dossier-2") }},
			"stream and type": {eventstore.Filter{StreamPrefixes: []string{f.stream("dossier-")}, TypePrefixes: []string{"step."}},
				func(e eventstore.Recorded) bool {
					return e.Stream != f.stream("agency-1") && e.Type == "step.started.v1"
				}},
			"stream pattern": {eventstore.Filter{StreamPattern: regexp.MustCompile("^" + f.prefix + `.*-1$`)},
				func(e eventstore.Recorded) bool { return e.Stream != f.stream("dossier-2") }},
			"prefix and type pattern": {eventstore.Filter{StreamPrefixes: []string{f.prefix}, TypePattern: regexp.MustCompile(`^step\.|^none$`)},
				func(e eventstore.Recorded) bool { return e.Type == "step.started.v1" }},
			"nothing": {eventstore.Filter{StreamPrefixes: []string{f.prefix}, TypePrefixes: []string{"none"}},
				func(eventstore.Recorded) bool { return false }},
		} {
			var want []eventstore.Recorded
			for _, e := range all {
				if c.match(e) {
					want = append(want, e)
				}
			}
			got := f.readAll(eventstore.AllRead{After: before, Filter: c.filter})
			if ids(got) != ids(want) {
				f.Errorf("%s: got\n%swant\n%s", name, ids(got), ids(want))
			}
		}
	}},
	{"the head is the last event", func(f *fixture) {
		w := f.append(f.stream("a"), event.None, events(2)...)
		if head := f.head(); head == nil || *head < w.Position {
			f.Fatalf("head %v after an append at %d", head, w.Position)
		}
	}},
	{"a reader may stop early", func(f *fixture) {
		f.append(f.stream("a"), event.None, events(2000)...)
		times := 200
		if testing.Short() {
			times = 50
		}
		for range times {
			for _, err := range f.store.ReadAll(f.ctx, eventstore.AllRead{}) {
				if err != nil {
					f.Fatal(err)
				}
				break
			}
		}
	}},
}

func bounded(events []eventstore.Recorded, limit int) []eventstore.Recorded {
	if limit > 0 && len(events) > limit {
		return events[:limit]
	}
	return events
}
