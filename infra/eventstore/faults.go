package eventstore

import (
	"fmt"

	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// The refusals of a store, for errors.Is; an engine returns its own fault with
// the same code and a message that names the stream, size or place.
var (
	ErrStreamNotFound = fault.New(fault.NotFound, "eventstore.stream-not-found", "the stream does not exist")
	ErrStreamDeleted  = fault.New(fault.NotFound, "eventstore.stream-deleted", "the stream was deleted")
	ErrIDReused       = fault.New(fault.Conflict, "eventstore.id-reused", "an event with this id exists with other content or in another stream")
	ErrTooLarge       = fault.New(fault.TooLarge, "eventstore.too-large", "the event or batch is too large")
	ErrInvalid        = fault.New(fault.Invalid, "eventstore.invalid", "the request to the store is not well formed")
	ErrClosed         = fault.New(fault.Unavailable, "eventstore.closed", "the store or subscription is closed")
	ErrLocked         = fault.New(fault.Unavailable, "eventstore.locked", "another process has the store open")
	ErrCorrupt        = fault.New(fault.Corrupt, "eventstore.corrupt", "a stored record is damaged")
	ErrNotTogether    = fault.New(fault.Conflict, "eventstore.not-together", "one of the batches cannot be appended, or is there already; none was appended")
	ErrFull           = fault.New(fault.Full, "eventstore.full", "the store's disk is full")
)

// IDReused says where an id is that somebody wants to use again. It is the cause
// of an ErrIDReused, where the engine knows the place.
type IDReused struct {
	ID       uuid.UUID
	Stream   string
	Revision uint64
}

// Error implements error.
func (e *IDReused) Error() string {
	return fmt.Sprintf("an event with id %s is already in stream %q at revision %d", e.ID, e.Stream, e.Revision)
}
