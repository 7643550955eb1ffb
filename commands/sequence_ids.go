package commands

import (
	"context"
	"fmt"
	"sync"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// sequenceIDs is which allocations a sequence holds, as far as it was read: some
// hundred bytes for each number that was given out.
type sequenceIDs struct {
	mu    sync.Mutex
	known map[uuid.UUID]uint64 // revision by id
	next  uint64
}

// find gives the revisions of those of some allocations that a sequence holds, and
// the revision up to which it was read. What was read before is remembered; what
// came since is read.
func (n *numbers) find(ctx context.Context, stream string, ids ...uuid.UUID) (found map[uuid.UUID]uint64, next uint64, err error) {
	p, ok := n.read.Get(stream)
	if !ok {
		fresh := &sequenceIDs{known: map[uuid.UUID]uint64{}}
		if p, ok, _ = n.read.PeekOrAdd(stream, fresh); !ok {
			p = fresh
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for e, err := range n.journal.Read(ctx, stream, p.next) {
		if fault.KindOf(err) == fault.NotFound {
			break
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", stream, err)
		}
		p.known[e.ID], p.next = e.Revision, e.Revision+1
	}
	found = map[uuid.UUID]uint64{}
	for _, id := range ids {
		if revision, ok := p.known[id]; ok {
			found[id] = revision
		}
	}
	return found, p.next, nil
}

// unrepeated answers those of a batch who repeat a request that has a number in
// the sequence already, and leaves the others. It is for a store that looks for
// ids at a stream's end alone: one further back would get a second number. Nothing
// can come between what was read here and an append that expects the end.
func (n *numbers) unrepeated(ctx context.Context, stream string, end event.Expected, batch []*wanted) ([]*wanted, error) {
	if n.submissions.FindsIDsElsewhere() {
		return batch, nil
	}
	var keyed []uuid.UUID
	for _, w := range batch {
		if w.req.Key != "" {
			keyed = append(keyed, w.id)
		}
	}
	if len(keyed) == 0 {
		return batch, nil
	}
	found, next, err := n.find(ctx, stream, keyed...)
	if err != nil {
		return nil, err
	}
	if last, exists := end.Revision(); exists && next <= last {
		return nil, fault.New(fault.Unavailable, "sequence.behind", "the store does not show %s to its end yet", stream)
	}
	rest := batch[:0:0]
	for _, w := range batch {
		revision, ok := found[w.id]
		if !ok {
			rest = append(rest, w)
			continue
		}
		w.given, w.err = w.earlier(ctx, stream, w.id, &revision)
		w.answer()
	}
	return rest, nil
}
