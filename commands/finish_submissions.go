package commands

import (
	"context"
	"fmt"
	"iter"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// SubmissionsChecked: every number given out up to a position has its dossier.
type SubmissionsChecked struct {
	UpTo uint64 `json:"up_to"`
}

// EventType implements event.Payload.
func (SubmissionsChecked) EventType() string { return "ledger.submissions-checked.v1" }

// checkedStream keeps how far FinishSubmissions has come.
const checkedStream = "ledger-submissions"

// Register adds the events of this package.
func Register(r *event.Registry) {
	event.Register[SubmissionsChecked](r)
}

// Allocations yields the numbers given out behind a position (nil: from the start).
type Allocations func(ctx context.Context, after *uint64) iter.Seq2[event.Event, error]

// FinishSubmissions completes every submission whose number was given out but
// whose dossier did not come to be, because a process died in between. It is
// run before commands are taken, and from time to time after that, so that it
// never has to look far back; it returns how many it finished.
func (d *Dossiers) FinishSubmissions(ctx context.Context, allocations Allocations) (int, error) {
	after, err := d.lastChecked(ctx)
	if err != nil {
		return 0, err
	}
	finished := 0
	last := after
	for e, err := range allocations(ctx, after) {
		if err != nil {
			return finished, fmt.Errorf("finish submissions: %w", err)
		}
		given, ok := e.Payload.(dossier.NumberAllocated)
		if !ok {
			continue
		}
		fresh, err := d.finishOne(ctx, given)
		if err != nil {
			return finished, fmt.Errorf("finish submission of dossier %s: %w", given.Dossier, err)
		}
		if fresh {
			finished++
		}
		position := e.Position
		last = &position
	}
	if last == nil || after != nil && *after == *last {
		return finished, nil
	}
	meta := event.Metadata{OccurredAt: d.now().UTC().Round(time.Microsecond), Actor: event.Actor{ID: "ledger", Role: event.RoleSystem}}
	if _, err := d.journal.Append(ctx, checkedStream, event.Any, event.New(uuid.New(), meta, SubmissionsChecked{UpTo: *last})); err != nil {
		return finished, fmt.Errorf("finish submissions: %w", err)
	}
	return finished, nil
}

// finishOne appends the submission of a number that has no dossier. That its
// request may be doing the same at this moment is no harm: the events are the same.
func (d *Dossiers) finishOne(ctx context.Context, given dossier.NumberAllocated) (fresh bool, err error) {
	if len(given.Submission) == 0 || d.states.Has(given.Dossier) {
		return false, nil // it was written with its number, or folded from what the store holds
	}
	stream := dossier.StreamOf(given.Dossier)
	for _, err := range d.submissions.ReadBack(ctx, stream, 1) {
		if err == nil {
			return false, nil
		}
		if fault.KindOf(err) != fault.NotFound {
			return false, err
		}
	}
	answer, err := d.submissions.AppendEncoded(ctx, stream, event.None, given.Submission)
	return err == nil && !answer.Repeated, err
}

func (d *Dossiers) lastChecked(ctx context.Context) (*uint64, error) {
	for e, err := range d.submissions.ReadBack(ctx, checkedStream, 1) {
		if fault.KindOf(err) == fault.NotFound {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("finish submissions: %w", err)
		}
		// The note comes behind what it tells of. In a ledger that was copied to a store
		// that counts other positions it may not, and then everything is checked.
		if checked, ok := e.Payload.(SubmissionsChecked); ok && checked.UpTo < e.Position {
			return &checked.UpTo, nil
		}
	}
	return nil, nil
}
