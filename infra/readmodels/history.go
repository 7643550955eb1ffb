package readmodels

import (
	"context"
	"iter"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
)

// Decode turns a stored event into its domain shape, personal values sealed.
type Decode func(eventstore.Recorded) (event.Event, error)

// History reads the beginnings of streams for projections.
type History struct {
	Store  eventstore.Store
	Decode Decode
}

// Before implements projections.History.
func (h History) Before(ctx context.Context, stream string, revision uint64) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		if revision == 0 {
			return
		}
		for r, err := range h.Store.ReadStream(ctx, stream, eventstore.StreamRead{Limit: int(revision)}) {
			if err != nil {
				yield(event.Event{}, err)
				return
			}
			if r.Revision >= revision {
				return
			}
			e, err := h.Decode(r)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
