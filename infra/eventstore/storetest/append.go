package storetest

import (
	"context"
	"errors"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

var appendPromises = []promise{
	{"a first append makes the stream and counts revisions from 0", func(f *fixture) {
		s, batch := f.stream("a"), events(3)
		if w := f.append(s, event.None, batch...); w.Revision != 2 {
			f.Fatalf("revision %d, want 2", w.Revision)
		}
		f.same(f.readStream(s, eventstore.StreamRead{}), s, 0, batch)
	}},
	{"the answer names the revision and position of the last event", func(f *fixture) {
		s := f.stream("a")
		f.append(s, event.None, events(2)...)
		w := f.append(s, event.Exact(1), events(3)...)
		got := f.readStream(s, eventstore.StreamRead{})
		last := got[len(got)-1]
		if w.Revision != 4 || last.Revision != 4 || w.Position != last.Position {
			f.Fatalf("answer %+v, last event %d at %d", w, last.Revision, last.Position)
		}
	}},
	{"an expectation that does not hold is refused with the actual revision", func(f *fixture) {
		there, gone := f.stream("there"), f.stream("gone")
		f.append(there, event.Any, events(3)...)
		for _, c := range []struct {
			stream   string
			expected event.Expected
			exists   bool
			actual   uint64
		}{
			{there, event.None, true, 2},
			{there, event.Exact(1), true, 2},
			{there, event.Exact(3), true, 2},
			{gone, event.Exists, false, 0},
			{gone, event.Exact(0), false, 0},
		} {
			_, err := f.store.Append(f.ctx, c.stream, c.expected, events(1)...)
			var wrong *event.WrongRevision
			if !errors.As(err, &wrong) {
				f.Fatalf("%s expecting %s: %v, want a wrong revision", c.stream, c.expected, err)
			}
			if wrong.Stream != c.stream || wrong.Expected != c.expected || wrong.Exists != c.exists ||
				(c.exists && wrong.Actual != c.actual) {
				f.Fatalf("%s expecting %s: %+v", c.stream, c.expected, wrong)
			}
		}
		if got := revisions(f.readStream(there, eventstore.StreamRead{})); got != "0 1 2" {
			f.Fatalf("a refused append left revisions %s", got)
		}
	}},
	{"an expectation that holds is taken", func(f *fixture) {
		s := f.stream("a")
		for i, expected := range []event.Expected{event.None, event.Exists, event.Exact(1), event.Any, event.Exact(3)} {
			if w := f.append(s, expected, events(1)...); w.Revision != uint64(i) {
				f.Fatalf("expecting %s: revision %d, want %d", expected, w.Revision, i)
			}
		}
	}},
	{"empty data and metadata come back empty", func(f *fixture) {
		s := f.stream("a")
		f.append(s, event.None, eventstore.Proposed{ID: uuid.New(), Type: "empty.v1"})
		got := f.readStream(s, eventstore.StreamRead{})
		if len(got) != 1 || len(got[0].Data) != 0 || len(got[0].Metadata) != 0 {
			f.Fatalf("got %+v", got)
		}
	}},
	{"names and content keep every letter", func(f *fixture) {
		s := f.stream("hồ-sơ 1/2 'a' \"b\" <c> & % _ 🏛")
		e := proposed("hồ-sơ.đã-nhận.v1", `{"tên":"Nguyễn Thị Ánh","x":"'\"<>&\\"}`)
		f.append(s, event.None, e)
		f.same(f.readStream(s, eventstore.StreamRead{}), s, 0, []eventstore.Proposed{e})
	}},
	{"a context that has ended appends nothing", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		s := f.stream("a")
		if _, err := f.store.Append(ctx, s, event.Any, events(1)...); !errors.Is(err, context.Canceled) {
			f.Fatalf("%v, want context.Canceled", err)
		}
		f.missing(s)
	}},
	{"recorded times do not go back in order of position", func(f *fixture) {
		after := f.head()
		for i := range 20 {
			f.append(f.stream(string(rune('a'+i%3))), event.Any, events(2)...)
		}
		got := f.readAll(eventstore.AllRead{After: after, Filter: f.filter()})
		if len(got) != 40 {
			f.Fatalf("%d events, want 40", len(got))
		}
		for i := 1; i < len(got); i++ {
			if got[i].RecordedAt.Before(got[i-1].RecordedAt) {
				f.Fatalf("event %d was recorded at %v, the one before at %v", i, got[i].RecordedAt, got[i-1].RecordedAt)
			}
		}
	}},
}

var idempotencePromises = []promise{
	{"a repeated batch appends nothing and gets the first answer, whatever it expects", func(f *fixture) {
		s, batch := f.stream("a"), events(3)
		first := f.append(s, event.None, batch...)
		f.append(s, event.Any, events(2)...)
		for _, expected := range []event.Expected{event.None, event.Any, event.Exists, event.Exact(2), event.Exact(77)} {
			again, err := f.store.Append(f.ctx, s, expected, batch...)
			if err != nil {
				f.Fatalf("repeated expecting %s: %v", expected, err)
			}
			if !again.Repeated || again.Revision != first.Revision || again.Position != first.Position {
				f.Fatalf("repeated expecting %s: %+v, first %+v", expected, again, first)
			}
		}
		if got := revisions(f.readStream(s, eventstore.StreamRead{})); got != "0 1 2 3 4" {
			f.Fatalf("revisions %s", got)
		}
	}},
	{"a repeated batch is known after a restart", func(f *fixture) {
		s, batch := f.stream("a"), events(3)
		first := f.append(s, event.None, batch...)
		f.reopen()
		again, err := f.store.Append(f.ctx, s, event.None, batch...)
		if err != nil || !again.Repeated || again.Revision != first.Revision || again.Position != first.Position {
			f.Fatalf("repeated: %+v, %v; first %+v", again, err, first)
		}
	}},
	{"the same batch sent many times at once is appended once", func(f *fixture) {
		s, batch := f.stream("a"), events(4)
		type answer struct {
			written event.Written
			err     error
		}
		const senders = 16
		answers := make(chan answer, senders)
		for range senders {
			go func() {
				w, err := f.store.Append(f.ctx, s, event.None, batch...)
				answers <- answer{w, err}
			}()
		}
		fresh := 0
		for range senders {
			a := <-answers
			if a.err != nil {
				f.Fatalf("append: %v", a.err)
			}
			if a.written.Revision != 3 {
				f.Fatalf("revision %d, want 3", a.written.Revision)
			}
			if !a.written.Repeated {
				fresh++
			}
		}
		if fresh != 1 {
			f.Fatalf("%d answers say that the batch was appended", fresh)
		}
		f.same(f.readStream(s, eventstore.StreamRead{}), s, 0, batch)
	}},
	{"a batch of which only a part is there is refused whole", func(f *fixture) {
		s, batch := f.stream("a"), events(4)
		f.append(s, event.None, batch[:2]...)
		for _, part := range [][]eventstore.Proposed{batch, batch[1:], {batch[2], batch[0]}, {batch[1], batch[0]}} {
			if _, err := f.store.Append(f.ctx, s, event.Any, part...); !errors.Is(err, eventstore.ErrIDReused) {
				f.Fatalf("%v, want ErrIDReused", err)
			}
		}
		f.same(f.readStream(s, eventstore.StreamRead{}), s, 0, batch[:2])
	}},
	{"an id that is in another stream is refused", func(f *fixture) {
		if f.harness.StreamIDsOnly {
			f.Skip("this engine looks for ids only in the stream that is written to")
		}
		a, b, batch := f.stream("a"), f.stream("b"), events(1)
		f.append(a, event.None, batch...)
		for range 2 {
			if _, err := f.store.Append(f.ctx, b, event.Any, batch...); !errors.Is(err, eventstore.ErrIDReused) {
				f.Fatalf("%v, want ErrIDReused", err)
			}
			f.missing(b)
			f.reopen()
		}
	}},
}

var limitPromises = []promise{
	{"an event of 10 MB is refused clearly and leaves nothing", func(f *fixture) {
		s := f.stream("a")
		big := proposed("big.v1", strings.Repeat("x", 10<<20))
		_, err := f.store.Append(f.ctx, s, event.Any, big)
		if !errors.Is(err, eventstore.ErrTooLarge) {
			f.Fatalf("%v, want ErrTooLarge", err)
		}
		f.missing(s)
	}},
	{"an event of the largest size is taken, one byte more is refused", func(f *fixture) {
		s := f.stream("a")
		e := eventstore.Proposed{ID: uuid.New(), Type: "big.v1",
			Data: []byte(`"` + strings.Repeat("x", eventstore.MaxEventSize-4) + `"`), Metadata: []byte("{}")}
		f.append(s, event.None, e)
		f.same(f.readStream(s, eventstore.StreamRead{}), s, 0, []eventstore.Proposed{e})
		e.ID, e.Metadata = uuid.New(), []byte("{ }")
		if _, err := f.store.Append(f.ctx, s, event.Any, e); !errors.Is(err, eventstore.ErrTooLarge) {
			f.Fatalf("%v, want ErrTooLarge", err)
		}
	}},
	{"a batch that is too large or too long is refused", func(f *fixture) {
		s := f.stream("a")
		data := strings.Repeat("x", 900<<10)
		var large []eventstore.Proposed
		for range 5 {
			large = append(large, proposed("big.v1", `"`+data+`"`))
		}
		for _, batch := range [][]eventstore.Proposed{large, events(eventstore.MaxBatchEvents + 1)} {
			if _, err := f.store.Append(f.ctx, s, event.Any, batch...); !errors.Is(err, eventstore.ErrTooLarge) {
				f.Fatalf("%v, want ErrTooLarge", err)
			}
		}
		f.missing(s)
		f.append(s, event.None, large[:4]...)
	}},
	{"what is not well formed is refused", func(f *fixture) {
		good, s := events(1)[0], f.stream("a")
		with := func(change func(e *eventstore.Proposed)) []eventstore.Proposed {
			e := good
			change(&e)
			return []eventstore.Proposed{e}
		}
		for name, c := range map[string]struct {
			stream string
			batch  []eventstore.Proposed
			want   error
		}{
			"empty stream name":         {"", []eventstore.Proposed{good}, eventstore.ErrInvalid},
			"stream name not UTF-8":     {s + "\xff", []eventstore.Proposed{good}, eventstore.ErrInvalid},
			"line break in name":        {s + "\n", []eventstore.Proposed{good}, eventstore.ErrInvalid},
			"NUL in name":               {s + "\x00", []eventstore.Proposed{good}, eventstore.ErrInvalid},
			"long stream name":          {s + strings.Repeat("x", eventstore.MaxStreamName), []eventstore.Proposed{good}, eventstore.ErrTooLarge},
			"system stream":             {"$" + s, []eventstore.Proposed{good}, eventstore.ErrInvalid},
			"metadata stream":           {"$$" + s, []eventstore.Proposed{good}, eventstore.ErrInvalid},
			"empty batch":               {s, nil, eventstore.ErrInvalid},
			"zero id":                   {s, with(func(e *eventstore.Proposed) { e.ID = uuid.Nil }), eventstore.ErrInvalid},
			"id twice in a batch":       {s, []eventstore.Proposed{good, good}, eventstore.ErrInvalid},
			"empty type":                {s, with(func(e *eventstore.Proposed) { e.Type = "" }), eventstore.ErrInvalid},
			"type not UTF-8":            {s, with(func(e *eventstore.Proposed) { e.Type = "a\xc3" }), eventstore.ErrInvalid},
			"control character in type": {s, with(func(e *eventstore.Proposed) { e.Type = "a\tb" }), eventstore.ErrInvalid},
			"long type": {s, with(func(e *eventstore.Proposed) {
				e.Type = strings.Repeat("x", eventstore.MaxTypeName+1)
			}), eventstore.ErrTooLarge},
		} {
			if _, err := f.store.Append(f.ctx, c.stream, event.Any, c.batch...); !errors.Is(err, c.want) {
				f.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		f.missing(s)
	}},
	{"reads and subscriptions that are not well formed are refused", func(f *fixture) {
		one := uint64(1)
		for e, err := range f.store.ReadStream(f.ctx, "", eventstore.StreamRead{}) {
			if !errors.Is(err, eventstore.ErrInvalid) {
				f.Errorf("read of an unnamed stream: %v, %v", e, err)
			}
		}
		for e, err := range f.store.ReadAll(f.ctx, eventstore.AllRead{Limit: -1}) {
			if !errors.Is(err, eventstore.ErrInvalid) {
				f.Errorf("negative limit: %v, %v", e, err)
			}
		}
		for _, to := range []eventstore.SubscribeTo{
			{AfterRevision: &one}, {Stream: "a", AfterPosition: &one}, {CheckpointEvery: -1}, {Stream: "\x01"},
		} {
			if sub, err := f.store.Subscribe(f.ctx, to); !errors.Is(err, eventstore.ErrInvalid) {
				f.Errorf("subscribe to %+v: %v, %v", to, sub, err)
			}
		}
	}},
}

// missing holds that a stream does not exist.
func (f *fixture) missing(stream string) {
	f.Helper()
	n := 0
	for e, err := range f.store.ReadStream(f.ctx, stream, eventstore.StreamRead{}) {
		n++
		if !errors.Is(err, eventstore.ErrStreamNotFound) {
			f.Fatalf("stream %s: %+v, %v, want ErrStreamNotFound", stream, e, err)
		}
	}
	if n != 1 {
		f.Fatalf("stream %s: %d results, want one error", stream, n)
	}
}
