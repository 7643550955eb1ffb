package esdb_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
)

// counting counts the reads of streams.
type counting struct {
	eventstore.Store
	reads atomic.Int64
}

func (c *counting) ReadStream(ctx context.Context, stream string, read eventstore.StreamRead) iter.Seq2[eventstore.Recorded, error] {
	if stream == "a" {
		c.reads.Add(1)
	}
	return c.Store.ReadStream(ctx, stream, read)
}

// given a stream that an adapter has appended to, when it appends behind what it saw
// last, then it does not look first where nobody else can have its ids; and what
// another adapter has appended, and a repetition, are found all the same.
func TestAnAppendBehindWhatWasSeenDoesNotLookFirst(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	store := &counting{Store: n.Store}
	url := serve(t, store)
	here, there := open(t, url), open(t, url)
	appended := func(s eventstore.Store, expected event.Expected, reads int64, events ...eventstore.Proposed) (event.Written, error) {
		t.Helper()
		before := store.reads.Load()
		w, err := s.Append(t.Context(), "a", expected, events...)
		if got := store.reads.Load() - before; got != reads {
			t.Errorf("%d reads for an append, want %d", got, reads)
		}
		return w, err
	}
	is := func(w event.Written, err error, revision uint64, repeated bool) {
		t.Helper()
		if err != nil || w.Revision != revision || w.Repeated != repeated {
			t.Errorf("%+v, %v, want revision %d, repeated %v", w, err, revision, repeated)
		}
	}
	second := []eventstore.Proposed{proposed("2"), proposed("3")}
	derived := eventstore.Proposed{ID: event.IDFor("a request", 0), Type: "n.v1", Data: []byte("4"), Metadata: []byte("{}")}

	w, err := appended(here, event.None, 1, proposed("1"))
	is(w, err, 0, false)
	w, err = appended(here, event.Exact(0), 0, second...)
	is(w, err, 2, false)
	w, err = appended(here, event.Exact(2), 2, derived) // it looks, and reads back
	is(w, err, 3, false)
	w, err = appended(there, event.Exact(3), 1, proposed("5"))
	is(w, err, 4, false)
	var wrong *event.WrongRevision
	if _, err = appended(here, event.Exact(3), 1, proposed("6")); !errors.As(err, &wrong) || wrong.Actual != 4 {
		t.Errorf("%v, want the actual revision 4", err)
	}
	w, err = appended(here, event.Exact(0), 2, second...) // it looks, and asks where the batch is
	is(w, err, 2, true)
	w, err = appended(here, event.Exact(4), 0, proposed("7"))
	is(w, err, 5, false)
}
