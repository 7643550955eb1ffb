package commands

import (
	"context"
	"fmt"
	"sync"

	"dossierledger/domain/dossier"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// passedKept bounds the sequences of today and the day before that are remembered:
// some tens of megabytes.
const passedKept = 1024

// passedSequence is which allocations a sequence holds, as far as it was read.
type passedSequence struct {
	mu    sync.Mutex
	known map[uuid.UUID]uint64 // revision by id
	next  uint64
}

// dayBefore finds the allocation of a repeat that comes after midnight, or behind
// many others of its day, in a store that would not notice its id there and give
// out a second number. A fault of kind not-found where there is none.
func (s *submission) dayBefore(ctx context.Context, today string, id uuid.UUID) (allocated, error) {
	none := fault.New(fault.NotFound, "idempotency.not-found", "there was no earlier request with this key")
	if s.submissions.FindsIDsElsewhere() {
		return allocated{}, none
	}
	streams := []string{today}
	if before, err := dossier.SequenceStream(s.facts.Procedure.CodeFormat, s.command.Receiving, s.facts.Now.AddDate(0, 0, -1)); err == nil && before != today {
		streams = append(streams, before)
	}
	for _, stream := range streams {
		revision, ok, err := s.numbers.find(ctx, stream, id)
		if err != nil {
			return allocated{}, err
		}
		if ok {
			return s.earlier(ctx, stream, id, &revision)
		}
	}
	return allocated{}, none
}

// find gives the revision of an allocation in a sequence. What was read before is
// remembered; what came since, from a program whose clock is behind, is read.
func (n *numbers) find(ctx context.Context, stream string, id uuid.UUID) (revision uint64, ok bool, err error) {
	fresh := &passedSequence{known: map[uuid.UUID]uint64{}}
	p, there, _ := n.passed.PeekOrAdd(stream, fresh)
	if !there {
		p = fresh
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for e, err := range n.journal.Read(ctx, stream, p.next) {
		if fault.KindOf(err) == fault.NotFound {
			break
		}
		if err != nil {
			return 0, false, fmt.Errorf("read %s: %w", stream, err)
		}
		p.known[e.ID], p.next = e.Revision, e.Revision+1
	}
	revision, ok = p.known[id]
	return revision, ok, nil
}
