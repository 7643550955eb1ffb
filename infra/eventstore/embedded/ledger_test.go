package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/google/uuid"
)

// batchOf makes a batch whose every event says which batch it is of and how
// many belong to it, so that a half batch can be recognised.
func batchOf(size int) (name string, batch []eventstore.Proposed) {
	name = uuid.NewString()
	for i := range size {
		batch = append(batch, eventstore.Proposed{ID: uuid.New(), Type: "crash.v1",
			Data: fmt.Appendf(nil, "%s %d %d %s", name, i, size, strings.Repeat("x", 300))})
	}
	return name, batch
}

// acknowledgement is what a writer was told.
type acknowledgement struct {
	batch    string
	stream   string
	revision uint64
	position uint64
	size     int
}

func (a acknowledgement) String() string {
	return fmt.Sprintf("%s %s %d %d %d\n", a.batch, a.stream, a.revision, a.position, a.size)
}

// parseAcknowledgements reads whole lines; a torn last line is no acknowledgement.
func parseAcknowledgements(r io.Reader, each func(acknowledgement)) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil
		}
		var a acknowledgement
		if _, err := fmt.Sscanf(line, "%s %s %d %d %d", &a.batch, &a.stream, &a.revision, &a.position, &a.size); err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
		each(a)
	}
}

// writeUntil lets writers append batches until an append fails or ctx ends, and hands
// each acknowledgement on after the store gave it.
func writeUntil(ctx context.Context, s eventstore.Store, writers int, acknowledged func(acknowledgement)) {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				stream := fmt.Sprintf("s-%d", (w+n)%writers)
				name, batch := batchOf(1 + (w+n)%5)
				written, err := event.Written{}, error(nil)
				if n%3 == 0 && len(batch) > 1 {
					written, err = appendSplit(ctx, s, name, stream, batch)
				} else {
					written, err = s.Append(ctx, stream, event.Any, batch...)
				}
				if err != nil {
					return
				}
				acknowledged(acknowledgement{name, stream, written.Revision, written.Position, len(batch)})
			}
		})
	}
	wg.Wait()
}

// appendSplit appends a batch as batches that belong together: some of its events to
// streams of their own, the last ones to a stream.
func appendSplit(ctx context.Context, s eventstore.Store, name, stream string, batch []eventstore.Proposed) (event.Written, error) {
	var batches []eventstore.Batch
	for i := range batch[:len(batch)/2] {
		batches = append(batches, eventstore.Batch{Stream: fmt.Sprintf("%s-%d", name, i), Expected: event.None, Events: batch[i : i+1]})
	}
	batches = append(batches, eventstore.Batch{Stream: stream, Expected: event.Any, Events: batch[len(batches):]})
	written, err := s.(eventstore.Together).AppendTogether(ctx, batches...)
	if err != nil {
		return event.Written{}, err
	}
	return written[len(written)-1], nil
}

// verifyLedger reads everything and holds that batches are whole, ids unique,
// streams without gaps, and every acknowledged batch where it was said to be.
func verifyLedger(t *testing.T, s *embedded.Store, acknowledged []acknowledgement) (events int) {
	t.Helper()
	last := make(map[string]eventstore.Recorded)
	count := make(map[string]int)
	seen := make(map[uuid.UUID]bool)
	revisions := make(map[string]uint64)
	for e, err := range s.ReadAll(context.Background(), eventstore.AllRead{}) {
		if err != nil {
			t.Fatalf("after %d events: %v", events, err)
		}
		var name string
		var index, size int
		if _, err := fmt.Sscanf(string(e.Data), "%s %d %d", &name, &index, &size); err != nil {
			t.Fatalf("event at %d: %v", e.Position, err)
		}
		if index != count[name] || seen[e.ID] {
			t.Fatalf("event %d of batch %s comes as number %d; its id was seen: %v", index, name, count[name], seen[e.ID])
		}
		if e.Revision != revisions[e.Stream] {
			t.Fatalf("%s has revision %d where %d is next", e.Stream, e.Revision, revisions[e.Stream])
		}
		revisions[e.Stream]++
		seen[e.ID] = true
		last[name] = e
		if count[name]++; count[name] == size {
			count[name] = -1
		}
		events++
	}
	for name, n := range count {
		if n != -1 {
			t.Fatalf("batch %s has only %d events", name, n)
		}
	}
	for _, a := range acknowledged {
		e, ok := last[a.batch]
		if !ok || e.Stream != a.stream || e.Revision != a.revision || e.Position != a.position {
			t.Fatalf("acknowledged %v, found %s@%d at %d (found: %v)", a, e.Stream, e.Revision, e.Position, ok)
		}
	}
	for stream, n := range revisions {
		read := 0
		for _, err := range s.ReadStream(context.Background(), stream, eventstore.StreamRead{}) {
			if err != nil {
				t.Fatalf("stream %s: %v", stream, err)
			}
			read++
		}
		if uint64(read) != n {
			t.Fatalf("stream %s has %d events by itself and %d in the ledger", stream, read, n)
		}
	}
	return events
}

// diary collects acknowledgements of concurrent writers.
type diary struct {
	mu      sync.Mutex
	entries []acknowledgement
}

func (d *diary) note(a acknowledgement) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, a)
}

func (d *diary) all() []acknowledgement {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]acknowledgement(nil), d.entries...)
}
