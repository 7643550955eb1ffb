package esdb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/google/uuid"
)

func proposed(data string) eventstore.Proposed {
	return eventstore.Proposed{ID: uuid.New(), Type: "n.v1", Data: []byte(data), Metadata: []byte("{}")}
}

// TestNothingIsLostOrDoubledOverRestarts restarts the server again and again under
// writers and subscribers that are not told of it.
func TestNothingIsLostOrDoubledOverRestarts(t *testing.T) {
	t.Parallel()
	const writers, each, restarts = 6, 60, 4
	n := esdbtest.StartNode(t)
	s := open(t, n.URL())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var wg, writing sync.WaitGroup
	failures := make(chan error, writers+8)
	for w := range writers {
		writing.Go(func() {
			stream, last := fmt.Sprintf("w-%d", w), event.None
			for i := range each {
				batch := []eventstore.Proposed{proposed(fmt.Sprint(2 * i)), proposed(fmt.Sprint(2*i + 1))}
				written, err := s.Append(ctx, stream, last, batch...)
				if err != nil {
					failures <- fmt.Errorf("writer %d, batch %d: %w", w, i, err)
					return
				}
				if written.Revision != uint64(2*i+1) {
					failures <- fmt.Errorf("writer %d, batch %d: revision %d", w, i, written.Revision)
					return
				}
				last = event.Exact(written.Revision)
				time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
			}
		})
	}
	filters := []eventstore.Filter{{StreamPrefixes: []string{"w-"}}, {}, {TypePrefixes: []string{"n."}}}
	for i, filter := range filters {
		sub, err := s.Subscribe(ctx, eventstore.SubscribeTo{Filter: filter, CheckpointEvery: 7})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			next := map[string]uint64{}
			for seen := 0; seen < writers*each*2; {
				d, err := sub.Next(ctx)
				if err != nil {
					failures <- fmt.Errorf("subscriber %d after %d: %w", i, seen, err)
					return
				}
				if d.Event == nil {
					continue
				}
				if d.Event.Revision != next[d.Event.Stream] || string(d.Event.Data) != fmt.Sprint(d.Event.Revision) {
					failures <- fmt.Errorf("subscriber %d: %s@%d, want %d", i, d.Event.Stream, d.Event.Revision, next[d.Event.Stream])
					return
				}
				next[d.Event.Stream]++
				seen++
			}
			failures <- sub.Close()
		})
	}
	for range restarts {
		time.Sleep(60 * time.Millisecond)
		n.Restart(t)
	}
	writing.Wait()
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for _, err := range s.ReadAll(ctx, eventstore.AllRead{Filter: filters[0]}) {
		if err != nil {
			t.Fatal(err)
		}
		total++
	}
	if total != writers*each*2 {
		t.Fatalf("%d events, want %d", total, writers*each*2)
	}
}

func TestAServerThatIsAwayIsUnavailableInTime(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	s := open(t, n.URL())
	n.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := s.Append(ctx, "a", event.Any, proposed("1"))
	if fault.KindOf(err) != fault.Unavailable && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append: %v", err)
	}
	for _, err := range s.ReadStream(ctx, "a", eventstore.StreamRead{}) {
		if fault.KindOf(err) != fault.Unavailable && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
	}
	n.Start(t)
	if _, err := s.Append(t.Context(), "a", event.None, proposed("1")); err != nil {
		t.Errorf("append when the server is back: %v", err)
	}
}

func TestWhatTheServerRefusesHasItsType(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t, esdbserver.Options{MaxAppendBytes: 1000})
	s := open(t, n.URL())
	if _, err := s.Append(t.Context(), "a", event.Any, proposed(strings.Repeat("x", 2000))); !errors.Is(err, eventstore.ErrTooLarge) {
		t.Errorf("%v, want ErrTooLarge", err)
	}
	if _, err := s.Append(t.Context(), "a", event.Any, proposed("1")); err != nil {
		t.Fatal(err)
	}
	native(t, n, func(ctx context.Context, c *nativeClient) error {
		_, err := c.TombstoneStream(ctx, "a", nativeTombstone)
		return err
	})
	if _, err := s.Append(t.Context(), "a", event.Any, proposed("2")); !errors.Is(err, eventstore.ErrStreamDeleted) {
		t.Errorf("%v, want ErrStreamDeleted", err)
	}
	for _, err := range s.ReadStream(t.Context(), "a", eventstore.StreamRead{}) {
		if !errors.Is(err, eventstore.ErrStreamDeleted) {
			t.Errorf("%v, want ErrStreamDeleted", err)
		}
	}
	sub, err := s.Subscribe(t.Context(), eventstore.SubscribeTo{Stream: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Next(t.Context()); !errors.Is(err, eventstore.ErrStreamDeleted) {
		t.Errorf("%v, want ErrStreamDeleted", err)
	}
}

func TestAReadOnlyServerDeniesAppends(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t, esdbserver.Options{ReadOnly: true})
	s := open(t, n.URL())
	if _, err := n.Store.Append(t.Context(), "a", event.None, proposed("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), "a", event.Any, proposed("2")); !errors.Is(err, esdb.ErrAccessDenied) {
		t.Errorf("%v, want ErrAccessDenied", err)
	}
	if _, err := s.SetMetadata(t.Context(), "a", event.Any, uuid.New(), []byte("{}")); !errors.Is(err, esdb.ErrAccessDenied) {
		t.Errorf("%v, want ErrAccessDenied", err)
	}
	for e, err := range s.ReadStream(t.Context(), "a", eventstore.StreamRead{}) {
		if err != nil || string(e.Data) != "1" {
			t.Errorf("%+v, %v", e, err)
		}
	}
}

func TestCloseEndsWhatWaits(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	s := open(t, n.URL())
	sub, err := s.Subscribe(t.Context(), eventstore.SubscribeTo{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := sub.Next(context.Background()); err != nil {
				ended <- err
				return
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if _, err := s.Append(t.Context(), "a", event.Any, proposed("1")); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if _, err := s.Subscribe(t.Context(), eventstore.SubscribeTo{}); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}

func TestARepetitionIsFoundBehindOtherWriters(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	s := open(t, n.URL())
	other := open(t, n.URL())
	batch := []eventstore.Proposed{proposed("1"), proposed("2")}
	first, err := other.Append(t.Context(), "a", event.None, batch...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if _, err := other.Append(t.Context(), "a", event.Any, proposed(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, expected := range []event.Expected{event.None, event.Exact(31), event.Exact(5), event.Any} {
		again, err := s.Append(t.Context(), "a", expected, batch...)
		if err != nil || !again.Repeated || again.Revision != first.Revision || again.Position != first.Position {
			t.Errorf("expecting %s: %+v, %v; first %+v", expected, again, err, first)
		}
	}
}

// Two programs put the same event, under the same id, into a stream at the same
// time, one of them behind another event. Whoever finds it where its own append
// could not have put it is told that it is a repetition.
func TestWhatAnotherProgramPutElsewhereIsARepetition(t *testing.T) {
	n := esdbtest.StartNode(t)
	one, other := open(t, n.URL()), open(t, n.URL())
	last, err := one.Append(t.Context(), "s", event.None, proposed("first"))
	if err != nil {
		t.Fatal(err)
	}
	for round := range 300 {
		expected := event.Exact(last.Revision)
		same := proposed("same")
		var both sync.WaitGroup
		both.Go(func() {
			// It may be too late.
			_, _ = other.Append(t.Context(), "s", expected, proposed("before"), same)
		})
		written, err := one.Append(t.Context(), "s", expected, same)
		if err == nil && !written.Repeated && written.Revision != last.Revision+1 {
			t.Fatalf("round %d: expected to be behind %d, told to be at %d and new", round, last.Revision, written.Revision)
		}
		both.Wait()
		for e, err := range one.ReadStream(t.Context(), "s", eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}) {
			if err != nil {
				t.Fatal(err)
			}
			last.Revision = e.Revision
		}
	}
}

// Two programs append other contents under the same ids, expecting the same, at one
// moment. One is told that it is new, and its content stands there.
func TestOfTwoContentsUnderOneIDOneIsARepetition(t *testing.T) {
	n := esdbtest.StartNode(t)
	both := []*esdb.Store{open(t, n.URL()), open(t, n.URL())}
	for round := range 100 {
		stream := fmt.Sprint("s-", round)
		var written [2]event.Written
		var all sync.WaitGroup
		for i, s := range both {
			batch := []eventstore.Proposed{proposed("same"), proposed(fmt.Sprint("of ", i))}
			for j := range batch {
				batch[j].ID = event.IDFor(stream, j)
			}
			all.Go(func() {
				var err error
				if written[i], err = s.Append(t.Context(), stream, event.None, batch...); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
		a, b := written[0], written[1]
		if a.Repeated == b.Repeated || a.Revision != b.Revision || a.Position != b.Position {
			t.Fatalf("round %d: %+v and %+v", round, a, b)
		}
		mine := "of 0"
		if a.Repeated {
			mine = "of 1"
		}
		for e, err := range both[0].ReadStream(t.Context(), stream, eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}) {
			if err != nil || string(e.Data) != mine {
				t.Fatalf("round %d: %s is new, and %s stands there (%v)", round, mine, e.Data, err)
			}
		}
	}
}

func TestACopiedEventKeepsItsTime(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	s := open(t, n.URL())
	at := time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)
	e := eventstore.Recorded{ID: uuid.New(), Type: "t", Data: []byte("1"), Metadata: []byte(`{"by":"x"}`), Stream: "a", RecordedAt: at}
	if err := s.Import().Add(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	n.Restart(t)
	// The same again, as after an answer that was lost, adds nothing.
	if err := s.Import().Add(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	count := 0
	for got, err := range s.ReadStream(t.Context(), "a", eventstore.StreamRead{}) {
		if count++; err != nil || !got.RecordedAt.Equal(at) || string(got.Metadata) != string(e.Metadata) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if count != 1 {
		t.Errorf("%d events", count)
	}
}

func TestAnAppendSetsNoTime(t *testing.T) {
	t.Parallel()
	s := open(t, esdbtest.StartNode(t).URL())
	e := proposed("1")
	e.Metadata = []byte(`{"$recordedAt":"2020-01-02T03:04:05.000000006Z","by":"x"}`)
	if _, err := s.Append(t.Context(), "a", event.None, e); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestAConnectionStringIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, err := esdb.Open(t.Context(), esdb.Options{ConnectionString: "nonsense://admin:secret@nowhere"})
	if !errors.Is(err, eventstore.ErrInvalid) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
