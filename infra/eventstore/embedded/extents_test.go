package embedded

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// given a stream that is asked for before it exists, read when it does, and read
// behind its end, then each answer is of that moment: not there, there, nothing more.
func TestWhereAStreamBeginsIsRememberedOnlyOnceItDoes(t *testing.T) {
	s := opens(t, Options{Dir: t.TempDir()})
	defer closeStore(t, s)
	read := func(from uint64) (n int, err error) {
		for _, err := range s.ReadStream(t.Context(), "a", eventstore.StreamRead{From: &from}) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	if _, err := read(0); !errors.Is(err, eventstore.ErrStreamNotFound) {
		t.Fatalf("before there is a stream: %v", err)
	}
	for i := range 3 {
		p := eventstore.Proposed{ID: uuid.New(), Type: "t.v1", Data: fmt.Appendf(nil, `{"n":%d}`, i)}
		if _, err := s.Append(t.Context(), "a", event.Any, p); err != nil {
			t.Fatal(err)
		}
		for from, want := range []int{i + 1, i} {
			if n, err := read(uint64(from)); err != nil || n != want {
				t.Errorf("of %d events from revision %d: %d, %v", i+1, from, n, err)
			}
		}
		if n, err := read(uint64(i + 1)); err != nil || n != 0 {
			t.Errorf("behind the end: %d, %v", n, err)
		}
	}
	if of, ok := s.index.extents.lately.Get("a"); !ok || of.head.firstPosition() != 0 || of.head.count != 1 || of.last.Load() != 2 {
		t.Errorf("remembered is %+v (%t)", of, ok)
	}
}

// given streams of one batch and of several, then reads from every revision on, and
// of every length, give the same where the store remembers how they began as where it
// was opened anew and does not.
func TestWhatAStreamBeganWithIsReadAsTheIndexHasIt(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	s := opens(t, opts)
	batches := map[string][]int{"one": {5}, "long": {3 * chunkEventsMin}, "three": {2, 1, 4}, "single": {1}}
	for stream, sizes := range batches {
		for _, n := range sizes {
			batch := make([]eventstore.Proposed, n)
			for i := range batch {
				batch[i] = eventstore.Proposed{ID: uuid.New(), Type: "t.v1", Data: fmt.Appendf(nil, `{"n":%d}`, i)}
			}
			if _, err := s.Append(t.Context(), stream, event.Any, batch...); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(stream string, from uint64, limit int) (all []string) {
		for e, err := range s.ReadStream(t.Context(), stream, eventstore.StreamRead{From: &from, Limit: limit}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint(e.Position, e.Revision, e.ID, string(e.Data)))
		}
		return all
	}
	everything := func() (all [][]string) {
		for _, stream := range slices.Sorted(maps.Keys(batches)) {
			for from := range uint64(8) {
				for _, limit := range []int{0, 1, 2, 5, chunkEventsMin, chunkEventsMin + 1} {
					all = append(all, read(stream, from, limit))
				}
			}
		}
		return all
	}
	if err := s.await(t.Context(), s.next.Load(), nil); err != nil { // the index is told behind the answer
		t.Fatal(err)
	}
	if _, ok := s.index.extents.lately.Get("one"); !ok {
		t.Error("how a stream began is not remembered")
	}
	remembered := everything()
	closeStore(t, s)
	s = opens(t, opts)
	defer closeStore(t, s)
	if _, ok := s.index.extents.lately.Get("one"); ok {
		t.Error("it is remembered before anybody asked")
	}
	found := everything()
	for i := range found {
		if !slices.Equal(remembered[i], found[i]) {
			t.Errorf("read %d: %v, and from the index %v", i, remembered[i], found[i])
		}
	}
	if got := len(read("long", 0, 0)); got != 3*chunkEventsMin {
		t.Errorf("%d events of the long one", got)
	}
}

// given streams that are read for the first time while something is appended to
// them, then whoever reads behind an append that was answered finds it.
func TestWhereAStreamEndsIsNeverRememberedAsItWasBefore(t *testing.T) {
	s := opens(t, Options{Dir: "ledger", FS: vfs.NewMem()})
	defer closeStore(t, s)
	proposed := func() eventstore.Proposed { return eventstore.Proposed{ID: uuid.New(), Type: "t.v1"} }
	read := func(stream string, from uint64) (n int) {
		for _, err := range s.ReadStream(t.Context(), stream, eventstore.StreamRead{From: &from}) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		return n
	}
	var others sync.WaitGroup
	for writer := range 4 {
		others.Go(func() {
			for i := range 300 {
				stream := fmt.Sprint(writer, "-", i)
				if _, err := s.Append(t.Context(), stream, event.None, proposed()); err != nil {
					t.Error(err)
					return
				}
				for revision := range uint64(3) {
					var beside sync.WaitGroup
					beside.Go(func() { read(stream, revision+1) })
					if _, err := s.Append(t.Context(), stream, event.Exists, proposed()); err != nil {
						t.Error(err)
					}
					if n := read(stream, revision+1); n != 1 {
						t.Errorf("%d events behind revision %d of %s", n, revision, stream)
					}
					beside.Wait()
				}
			}
		})
	}
	others.Wait()
}

// An extent that was found while the index was told of more is not kept.
func TestAnExtentFoundMeanwhileIsNotKept(t *testing.T) {
	e, err := newExtents(true)
	if err != nil {
		t.Fatal(err)
	}
	told := e.mark()
	e.tell([]batchEntry{{stream: "a", firstRevision: 1, count: 2}})
	e.keep("a", new(extent), told)
	if _, kept := e.lately.Get("a"); kept {
		t.Error("it is kept")
	}
	e.keep("a", new(extent), e.mark())
	e.tell([]batchEntry{{stream: "b", count: 1}, {stream: "a", firstRevision: 3, count: 2}})
	if of, kept := e.lately.Get("a"); !kept || of.last.Load() != 4 {
		t.Errorf("kept %t, and behind what was told", kept)
	}
}
