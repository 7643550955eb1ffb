package embedded

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
)

// ErrUnfinished is for a directory in which an Import was begun and not finished.
var ErrUnfinished = fault.New(fault.Unavailable, "eventstore.unfinished", "the event store is an unfinished copy")

func unfinishedFault(dir string) error {
	return fault.New(ErrUnfinished.Kind, ErrUnfinished.Code,
		"the event store in %s is an unfinished copy: run what began it again, it goes on where it stopped", dir)
}

// Import fills a directory with the events of another ledger, in order, with
// their ids and the times at which that ledger recorded them. It has the
// directory for itself: a Store has no way to set a time, and between the first
// Add and Finish nobody can open the directory but another Import.
//
// # What is lost if the process dies
//
// Nothing of what Settle or Finish has answered for; of what came after, a
// suffix. What is there is always a prefix of what was added, and the next
// Import goes on behind it. It is not safe for concurrent use.
type Import struct {
	store *Store
	begun bool
}

// OpenImport opens a directory for filling: a new one, one in which an import was
// broken off, or a finished store, behind whose last event more is then added.
func OpenImport(ctx context.Context, opts Options) (*Import, error) {
	s, err := acquire(ctx, opts, true)
	if err != nil {
		return nil, err
	}
	s.disk.Opened()
	s.workers.Add(1)
	s.prime()
	return &Import{store: s, begun: s.unfinished}, nil
}

// Unfinished says whether an import has begun and not finished.
func (m *Import) Unfinished() bool { return m.begun }

// Head is the position of the last event; ok is false when there is none.
func (m *Import) Head(ctx context.Context) (position uint64, ok bool, err error) {
	return m.store.Head(ctx)
}

// ReadAll reads what is there, as Store.ReadAll.
func (m *Import) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return m.store.ReadAll(ctx, read)
}

// Add adds events behind the last one. Their positions are given anew, one
// behind the other; revisions must follow those that are there. A stream may be
// any, the store's own and stream metadata too. An event that does not fit is
// refused with its place, and nothing of the call is added.
func (m *Import) Add(ctx context.Context, events ...eventstore.Recorded) error {
	s := m.store
	if err := ctx.Err(); err != nil {
		return err
	}
	s.checkSpace()
	if err := s.unwritable(); err != nil {
		return err
	}
	if !m.begun {
		if err := writeFormat(s.fs, s.dir, true); err != nil {
			return s.openFailed(err)
		}
		m.begun = true
	}
	c := &s.committer
	before := *c
	g := s.newGroup()
	defer s.recycle(g)
	undo := func(cause error) error {
		// The heads that the group has moved are looked up again.
		before.heads = newHeadCache(headCacheSize)
		*c = before
		return cause
	}
	for rest := events; len(rest) > 0; {
		n := runLength(rest)
		if err := s.addRun(g, rest[:n]); err != nil {
			return undo(err)
		}
		rest = rest[n:]
	}
	return s.put(g)
}

// put writes a group of an Import to log and index; neither is synced.
func (s *Store) put(g *group) error {
	if len(g.records) == 0 {
		return nil
	}
	offset, err := s.events.write(g.first, g.records)
	if err == nil {
		s.next.Store(g.next)
		err = s.index.tell(g.records, g.batches, offset, s.committer.lastRecorded)
	}
	if err != nil {
		return fmt.Errorf("import into the event store in %s: %w", s.dir, err)
	}
	return nil
}

// runLength is the number of events at the start that belong to one stream and
// fit into one entry of its index.
func runLength(events []eventstore.Recorded) int {
	n, first := 1, &events[0]
	for n < len(events) && n < eventstore.MaxBatchEvents && events[n].Stream == first.Stream &&
		events[n].Revision == first.Revision+uint64(n) {
		n++
	}
	return n
}

func (s *Store) addRun(g *group, events []eventstore.Recorded) error {
	req := &request{stream: events[0].Stream, recorded: make([]int64, len(events)), events: make([]eventstore.Proposed, len(events))}
	for i := range events {
		e := &events[i]
		if err := checkImported(e); err != nil {
			return err
		}
		switch at, there, err := s.whereIs(g, e.ID); {
		case err != nil:
			return err
		case there:
			return reused(e.ID, at)
		}
		req.events[i] = eventstore.Proposed{ID: e.ID, Type: e.Type, Data: e.Data, Metadata: e.Metadata}
		req.recorded[i] = e.RecordedAt.UnixNano()
	}
	if err := checkDistinct(req.stream, req.events); err != nil {
		return err
	}
	h, exists, err := s.headOf(req.stream)
	if err != nil {
		return err
	}
	next := uint64(0)
	if exists {
		next = h.last + 1
	}
	if events[0].Revision != next {
		return fault.New(fault.Corrupt, "eventstore.gap", "stream %q: revision %d comes where revision %d is due: a part of its history is missing",
			req.stream, events[0].Revision, next)
	}
	_, err = s.add(g, req, h, exists, 0)
	return err
}

func checkImported(e *eventstore.Recorded) error {
	p := eventstore.Proposed{ID: e.ID, Type: e.Type, Data: e.Data, Metadata: e.Metadata}
	if _, err := checkBatch(e.Stream, []eventstore.Proposed{p}); err != nil {
		return err
	}
	if e.RecordedAt.Before(time.Unix(0, 0)) || e.RecordedAt.After(time.Unix(0, math.MaxInt64)) {
		return invalid("stream %q, revision %d: the store cannot hold the time %v", e.Stream, e.Revision, e.RecordedAt)
	}
	return nil
}

// Settle returns when everything that was added is durable.
func (m *Import) Settle(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.store.flush(true)
}

// Finish makes the directory an ordinary store: from here on it can be opened.
func (m *Import) Finish(ctx context.Context) error {
	if err := m.Settle(ctx); err != nil {
		return err
	}
	if err := writeFormat(m.store.fs, m.store.dir, false); err != nil {
		return m.store.openFailed(err)
	}
	m.begun, m.store.unfinished = false, false
	return nil
}

// Close frees the directory. What was added is kept.
func (m *Import) Close() error { return m.store.Close() }
