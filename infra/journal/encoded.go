package journal

import (
	"context"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
)

// EncodeFor gives the stored form of events that are to go into a stream, for
// keeping them in another event until they do.
func (j *Journal) EncodeFor(ctx context.Context, stream string, events []event.Event) ([]dossier.EncodedEvent, error) {
	out := make([]dossier.EncodedEvent, len(events))
	for i, e := range events {
		e.Stream = stream
		p, err := j.Encode(ctx, e)
		if err != nil {
			return nil, err
		}
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

// AppendEncoded appends events in their stored form.
func (j *Journal) AppendEncoded(ctx context.Context, stream string, expected event.Expected, events []dossier.EncodedEvent) (written event.Written, err error) {
	ctx, end := appending(ctx, stream, len(events))
	defer func() { end(written, err) }()
	proposed := make([]eventstore.Proposed, len(events))
	for i, e := range events {
		proposed[i] = eventstore.Proposed{ID: e.ID, Type: e.Type, Data: e.Data, Metadata: e.Metadata}
	}
	return j.store.Append(ctx, stream, expected, proposed...)
}
