package journal

import (
	"context"
	"fmt"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
)

// EncodeFor gives the stored form of events that are to go into a stream, for
// keeping them in another event until they do.
func (j *Journal) EncodeFor(ctx context.Context, stream string, events []event.Event) ([]dossier.EncodedEvent, error) {
	proposed, err := j.proposed(ctx, stream, events)
	if err != nil {
		return nil, err
	}
	out := make([]dossier.EncodedEvent, len(events))
	for i, p := range proposed {
		out[i] = dossier.EncodedEvent{ID: p.ID, Type: p.Type, Data: p.Data, Metadata: p.Metadata}
	}
	return out, nil
}

// FindsIDsElsewhere says whether an append is refused where one of its ids exists
// in another stream.
func (j *Journal) FindsIDsElsewhere() bool {
	s, ok := j.store.(eventstore.StreamIDs)
	return !ok || !s.StreamIDsOnly()
}

// AppendAllocated appends allocations of numbers to a sequence, which then hold no
// submission, and together with them the submission of each to the new stream of its
// dossier: all of it is there after a crash, or nothing. It tells what was
// written to the sequence and then to each dossier. ok is false where that cannot
// be done in one go; nothing was appended then, and one append after the other
// does what can be done, or tells why it cannot.
func (j *Journal) AppendAllocated(
	ctx context.Context, sequence string, expected event.Expected, allocations []event.Event,
) (written []event.Written, ok bool, err error) {
	store, ok := j.store.(eventstore.Together)
	if !ok {
		return nil, false, nil
	}
	ctx, end := appending(ctx, sequence, len(allocations))
	defer func() {
		var first event.Written
		if len(written) > 0 {
			first = written[0]
		}
		end(first, err)
	}()
	numbers := make([]event.Event, len(allocations))
	batches := make([]eventstore.Batch, 1, 1+len(allocations))
	for i, e := range allocations {
		given, is := e.Payload.(dossier.NumberAllocated)
		if !is {
			return nil, false, fmt.Errorf("journal: %s is no allocation", typeOf(e))
		}
		batches = append(batches, eventstore.Batch{Stream: dossier.StreamOf(given.Dossier), Expected: event.None, Events: proposedOf(given.Submission)})
		e.Payload = dossier.NumberAllocated{Dossier: given.Dossier}
		numbers[i] = e
	}
	proposed, err := j.proposed(ctx, sequence, numbers)
	if err != nil {
		return nil, false, err
	}
	batches[0] = eventstore.Batch{Stream: sequence, Expected: expected, Events: proposed}
	written, err = store.AppendTogether(ctx, batches...)
	if fault.CodeOf(err) == eventstore.ErrNotTogether.Code {
		return nil, false, nil
	}
	return written, err == nil, err
}

func proposedOf(events []dossier.EncodedEvent) []eventstore.Proposed {
	proposed := make([]eventstore.Proposed, len(events))
	for i, e := range events {
		proposed[i] = eventstore.Proposed{ID: e.ID, Type: e.Type, Data: e.Data, Metadata: e.Metadata}
	}
	return proposed
}

// AppendEncoded appends events in their stored form.
func (j *Journal) AppendEncoded(ctx context.Context, stream string, expected event.Expected, events []dossier.EncodedEvent) (written event.Written, err error) {
	ctx, end := appending(ctx, stream, len(events))
	defer func() { end(written, err) }()
	return j.store.Append(ctx, stream, expected, proposedOf(events)...)
}
