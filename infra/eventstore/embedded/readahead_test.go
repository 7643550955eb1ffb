package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/google/uuid"
)

// longStore has events enough for a scan to read ahead, some of them large.
func longStore(t *testing.T) (s *embedded.Store, events int) {
	t.Helper()
	s = open(t, embedded.Options{Dir: t.TempDir()})
	large := strings.Repeat("x", 50<<10)
	for range 12 {
		batch := make([]eventstore.Proposed, 1000)
		for i := range batch {
			batch[i] = eventstore.Proposed{ID: uuid.New(), Type: fmt.Sprint("t", i%7), Data: []byte("small")}
			if i%50 == 0 {
				batch[i].Data = []byte(large)
			}
		}
		if _, err := s.Append(t.Context(), "long", event.Any, batch...); err != nil {
			t.Fatal(err)
		}
		events += len(batch)
	}
	return s, events
}

func TestLongScanIsCompleteAndInOrder(t *testing.T) {
	s, events := longStore(t)
	defer mustClose(t, s)
	for name, read := range map[string]eventstore.AllRead{
		"forwards":  {},
		"backwards": {Direction: eventstore.Backwards},
		"filtered":  {Filter: eventstore.Filter{TypePrefixes: []string{"t0", "t1", "t2", "t3", "t4", "t5", "t6"}}},
	} {
		n := 0
		for e, err := range s.ReadAll(t.Context(), read) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := uint64(n)
			if read.Direction == eventstore.Backwards {
				want = uint64(events - 1 - n)
			}
			if e.Position != want {
				t.Fatalf("%s: position %d, want %d", name, e.Position, want)
			}
			n++
		}
		if n != events {
			t.Fatalf("%s: %d events, want %d", name, n, events)
		}
	}
}

func TestLongScanThatIsLeftLeavesNothingBehind(t *testing.T) {
	s, _ := longStore(t)
	before := runtime.NumGoroutine()
	for stop := 1; stop < 12_000; stop += 1_700 {
		n := 0
		for _, err := range s.ReadAll(t.Context(), eventstore.AllRead{}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == stop {
				break
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range s.ReadAll(ctx, eventstore.AllRead{}) {
		if n++; n == 5000 {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Fatalf("after %d results the last error is %v", n, last)
	}
	for deadline := time.Now().Add(2 * time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	mustClose(t, s)
}
