package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// adds appends events to a stream and returns the position of the last.
func adds(t *testing.T, s *Store, stream string, count int) uint64 {
	t.Helper()
	batch := make([]eventstore.Proposed, count)
	for i := range batch {
		batch[i] = eventstore.Proposed{ID: uuid.New(), Type: "t.v1", Data: []byte(`{}`)}
	}
	written, err := s.Append(t.Context(), stream, event.Any, batch...)
	if err != nil {
		t.Error(err)
	}
	return written.Position
}

// given a subscription that waits, when groups come in which there is nothing for
// it, then it passes them by without being woken, until a checkpoint is due.
func TestGroupsWithoutAnythingForASubscriptionArePassedBy(t *testing.T) {
	s := opens(t, Options{Dir: t.TempDir()})
	defer closeStore(t, s)
	adds(t, s, "other", 2)
	opened, err := s.Subscribe(t.Context(), eventstore.SubscribeTo{
		CheckpointEvery: 10, Filter: eventstore.Filter{StreamPrefixes: []string{"wanted-"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	sub := opened.(*subscription)
	deliveries := make(chan eventstore.Delivery)
	go func() {
		defer close(deliveries)
		for {
			d, err := sub.Next(context.Background())
			if err != nil {
				return
			}
			if d.Event != nil {
				own := *d.Event
				d.Event = &own
			}
			deliveries <- d
		}
	}()
	if d := <-deliveries; !d.CaughtUp {
		t.Fatalf("%+v", d)
	}
	lookout := sub.source.(*allSource).lookout
	passed := func() uint64 {
		s.watches.mu.Lock()
		defer s.watches.mu.Unlock()
		if _, waits := s.watches.lookouts[lookout]; !waits {
			return 0
		}
		return lookout.next
	}
	for passed() != 2 {
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		last := adds(t, s, "other", 2)
		for deadline := time.Now().Add(time.Minute); passed() != last+1; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("at %d, where %d was written", passed(), last)
			}
		}
	}
	adds(t, s, "other", 4)
	if d := <-deliveries; d.Checkpoint == nil || *d.Checkpoint != 9 {
		t.Fatalf("behind ten events that are not for it comes %+v", d)
	}
	if d := <-deliveries; !d.CaughtUp {
		t.Fatalf("behind what follows the checkpoint comes %+v", d)
	}
	last := adds(t, s, "wanted-a", 1)
	if d := <-deliveries; d.Event == nil || d.Event.Position != last || d.Event.Stream != "wanted-a" {
		t.Fatalf("for the event at %d comes %+v", last, d)
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	for d := range deliveries {
		t.Errorf("then comes %+v", d)
	}
}

// While writers write to many streams, in segments that are soon full, whoever
// waits for some of them gets every event once and in order, and checkpoints that
// are true.
func TestWhoPassesGroupsByMissesNothing(t *testing.T) {
	s := opens(t, Options{Dir: t.TempDir(), SegmentBytes: 4 << 10})
	defer closeStore(t, s)
	const writers, batches = 4, 150
	var all sync.WaitGroup
	for _, prefix := range []string{"a", "b", "", "c", "nobody"} {
		sub, err := s.Subscribe(t.Context(), eventstore.SubscribeTo{
			CheckpointEvery: 1 + rand.IntN(60), Filter: eventstore.Filter{StreamPrefixes: []string{prefix, "end"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			told, seen := uint64(0), []uint64{}
			for {
				d, err := sub.Next(t.Context())
				switch {
				case err != nil:
					t.Error(err)
					return
				case d.Checkpoint != nil && *d.Checkpoint < told, d.Event != nil && d.Event.Position < told:
					t.Errorf("%s: behind %d comes %+v", prefix, told, d)
					return
				case d.Checkpoint != nil:
					told = *d.Checkpoint + 1
				case d.Event != nil:
					told = d.Event.Position + 1
					seen = append(seen, d.Event.Position)
				}
				if d.Event != nil && d.Event.Stream == "end" {
					break
				}
			}
			var want []uint64
			for e, err := range s.ReadAll(t.Context(), eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: []string{prefix, "end"}}}) {
				if err != nil {
					t.Error(err)
				}
				want = append(want, e.Position)
			}
			if fmt.Sprint(seen) != fmt.Sprint(want) {
				t.Errorf("%s: seen is %v of %v", prefix, seen, want)
			}
		})
	}
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range batches {
				adds(t, s, string(rune('a'+rand.IntN(12)))+"-1", 1+rand.IntN(5))
			}
		})
	}
	writing.Wait()
	adds(t, s, "end", 1)
	all.Wait()
}
