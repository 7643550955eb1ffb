package esdb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
)

// Import fills an EventStoreDB with the events of another ledger, in order, with
// their ids and, in their metadata, the times at which that ledger recorded them
// . Nobody else may write to these streams meanwhile. It is
// not safe for concurrent use: the order of the log is that of the appends, so
// that each waits for the one before.
type Import struct{ store *Store }

// Import is the way to fill this EventStoreDB; closing the store ends it.
func (s *Store) Import() *Import { return &Import{store: s} }

// importBytes bounds one append of several events, so that it passes the limit
// that a server has by default (1 MiB).
const importBytes = 512 << 10

// Head is Store.Head.
func (m *Import) Head(ctx context.Context) (position uint64, ok bool, err error) {
	return m.store.Head(ctx)
}

// ReadAll is Store.ReadAll.
func (m *Import) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return m.store.ReadAll(ctx, read)
}

// Add appends events in order. When it fails, a prefix of them may be there. An
// event whose stream has gone on, or whose revision is not the next, is refused.
func (m *Import) Add(ctx context.Context, events ...eventstore.Recorded) error {
	for len(events) > 0 {
		n, err := m.addRun(ctx, events)
		if err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// addRun appends the events at the start that can go in one append.
func (m *Import) addRun(ctx context.Context, events []eventstore.Recorded) (n int, err error) {
	first := &events[0]
	var batch []eventstore.Proposed
	for size := 0; n < len(events) && n < eventstore.MaxBatchEvents; n++ {
		e := &events[n]
		if e.Stream != first.Stream || e.Revision != first.Revision+uint64(n) || n > 0 && strings.HasPrefix(e.Stream, metadataPrefix) {
			break
		}
		metadata := stamped(e.Metadata, e.RecordedAt)
		if size += len(e.Data) + len(metadata); n > 0 && size > importBytes {
			break
		}
		batch = append(batch, eventstore.Proposed{ID: e.ID, Type: e.Type, Data: e.Data, Metadata: metadata})
	}
	expected := event.None
	if first.Revision > 0 {
		expected = event.Exact(first.Revision - 1)
	}
	if err := m.append(ctx, first.Stream, expected, batch); err != nil {
		return 0, fmt.Errorf("stream %q, revision %d: %w", first.Stream, first.Revision, err)
	}
	return n, nil
}

// append makes attempts until the batch is there. The server itself answers a
// repeated append with an exact expectation as it answered the first.
func (m *Import) append(ctx context.Context, stream string, expected event.Expected, batch []eventstore.Proposed) (err error) {
	s := m.store
	if err := s.open(ctx); err != nil {
		return err
	}
	ctx, end := s.observed(ctx, "import", stream, len(batch))
	defer func() { end(err) }()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	_, err = again(ctx, s.link, func() (struct{}, error) {
		_, err := s.send(ctx, stream, expected, batch)
		if errors.Is(err, errWrongVersion) {
			return struct{}{}, same(eventstore.ErrIDReused, "the stream is not as the copy left it: somebody else writes to it")
		}
		return struct{}{}, err
	})
	return err
}

// Settle has nothing to do: every append was durable when it was answered.
func (m *Import) Settle(ctx context.Context) error { return ctx.Err() }

// Finish has nothing to do.
func (m *Import) Finish(ctx context.Context) error { return ctx.Err() }
