package projections

import (
	"context"
	"iter"

	"dossierledger/domain/event"
)

// Projection makes the rows of one or more tables out of one ordered sequence
// of events. It is used by one goroutine at a time.
type Projection interface {
	// Name is permanent: the checkpoint is kept under it, and a projection under
	// another name begins at the start of the log.
	Name() string
	// Tables lists the tables that it fills; they always stand at the same position.
	Tables() []Table
	// Streams are the prefixes of the streams that it is fed from.
	Streams() []string
	// References are the prefixes of the streams (a part of Streams) whose whole
	// content must have been learnt before the first page.
	References() []string
	// Learn takes in an event of a reference stream without making rows. Learning
	// one again changes nothing.
	Learn(e event.Event) error
	// Apply gives the rows that a page of events changes, one batch a table at
	// most. The page is in the order of the log; it may have been applied before.
	// After an error the projection is as if it had just been made and had learnt
	// its references.
	Apply(ctx context.Context, page []event.Event) ([]Batch, error)
	// Fresh gives a projection of the same kind that has seen nothing yet.
	Fresh() Projection
}

// History reads the beginning of a stream.
type History interface {
	// Before yields the events of a stream with revisions below the given one, in
	// order, all of them or an error.
	Before(ctx context.Context, stream string, revision uint64) iter.Seq2[event.Event, error]
}

// All gives every projection of the ledger.
func All(history History) []Projection {
	return []Projection{NewCases(history, 0), NewCatalogue(history)}
}
