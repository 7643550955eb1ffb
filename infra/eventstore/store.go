// Package eventstore is the port to the store of events: what the ledger needs
// of a store, and nothing more. Engines are in the folders below; each passes
// the one contract test of package storetest.
package eventstore

import (
	"context"
	"iter"
	"regexp"
	"time"

	"dossierledger/domain/event"
	"github.com/google/uuid"
)

// Limits that every engine enforces, so that a ledger can move between them.
const (
	// MaxEventSize bounds data plus metadata of one event, in bytes.
	MaxEventSize = 1 << 20
	// MaxBatchSize bounds data plus metadata of one append, in bytes.
	MaxBatchSize = 4 << 20
	// MaxBatchEvents bounds the number of events of one append.
	MaxBatchEvents = 10_000
	// MaxStreamName bounds a stream's name, in bytes.
	MaxStreamName = 512
	// MaxTypeName bounds an event type's name, in bytes.
	MaxTypeName = 256
)

// Proposed is one event on its way into the store.
type Proposed struct {
	// ID makes the append idempotent; it must not be the zero UUID.
	ID   uuid.UUID
	Type string
	// Data and Metadata are opaque bytes to the store (canonical JSON in this ledger).
	Data     []byte
	Metadata []byte
}

// Recorded is one event as the store holds it. Its slices belong to the reader.
type Recorded struct {
	ID         uuid.UUID
	Type       string
	Data       []byte
	Metadata   []byte
	Stream     string
	Revision   uint64
	Position   uint64
	RecordedAt time.Time
}

// Direction is the order of a read.
type Direction uint8

// Forwards is oldest first, Backwards newest first.
const (
	Forwards Direction = iota
	Backwards
)

// StreamRead asks for a part of one stream.
type StreamRead struct {
	// From is the first revision to return. Nil means from the start (Forwards)
	// or from the end (Backwards). A revision past the end is an empty result
	// forwards, and the end backwards.
	From      *uint64
	Direction Direction
	// Limit bounds the number of events; 0 means no bound.
	Limit int
}

// Filter selects events of the whole ledger. Within one list any may match;
// both lists, where given, must match. The zero Filter selects everything.
type Filter struct {
	StreamPrefixes []string
	TypePrefixes   []string
	// StreamPattern and TypePattern, where not nil, must match too.
	StreamPattern *regexp.Regexp
	TypePattern   *regexp.Regexp
}

// AllRead asks for a part of the whole ledger in order of position.
type AllRead struct {
	// After, where not nil, is exclusive: forwards the result begins behind it,
	// backwards it begins before it.
	After     *uint64
	Direction Direction
	Limit     int
	Filter    Filter
}

// SubscribeTo says what a subscription delivers.
type SubscribeTo struct {
	// Stream names one stream; empty means the whole ledger.
	Stream string
	// AfterRevision (one stream) and AfterPosition (whole ledger) are exclusive
	// starting points; nil means from the very start.
	AfterRevision *uint64
	AfterPosition *uint64
	// Filter applies to a subscription to the whole ledger.
	Filter Filter
	// CheckpointEvery is the number of filtered-out events after which a
	// Checkpoint is delivered, so that progress over them is not lost; 0 means
	// the engine's default (1,000).
	CheckpointEvery int
	// Lent says that the subscriber is done with the slices of an event when it asks
	// for the next, so that the engine may put that into them.
	Lent bool
}

// Delivery is one thing that a subscription hands over: exactly one of Event,
// Checkpoint and CaughtUp is set.
type Delivery struct {
	// Event is the subscription's own, until the next call of Next; its slices are the
	// subscriber's, unless they are lent.
	Event *Recorded
	// Checkpoint is a position up to which (inclusive) nothing more is to come.
	Checkpoint *uint64
	// CaughtUp is true when everything that was in the store has been delivered
	// and what follows is live. It comes again after a reader fell behind.
	CaughtUp bool
}

// Subscription delivers events in order, without gap or duplicate, first those
// that are stored, then those that arrive.
type Subscription interface {
	// Next blocks for the next delivery. It returns ctx's error when ctx ends,
	// ErrClosed when the subscription or store was closed, and any other error
	// when the subscription broke; the caller then subscribes again behind what
	// it has seen.
	Next(ctx context.Context) (Delivery, error)
	// Close frees the subscription; a blocked Next returns ErrClosed.
	Close() error
}

// StreamMetadata is the store's own data on a stream. It is kept as an event
// stream of its own ("$$" + stream), so that its changes have a history too.
type StreamMetadata struct {
	// Custom is opaque JSON.
	Custom []byte
	// Revision is that of the metadata stream; Exists is false when none was set.
	Revision uint64
	Exists   bool
}

// StreamIDs is implemented by an engine that looks for a batch's ids only in the
// stream that it appends to, as EventStoreDB does: an id that exists in another
// stream is then taken, and not ErrIDReused.
type StreamIDs interface{ StreamIDsOnly() bool }

// Batch is what an append adds to one stream.
type Batch struct {
	Stream   string
	Expected event.Expected
	Events   []Proposed
}

// Together is implemented by an engine that appends to several streams with one sync.
type Together interface {
	// AppendTogether adds batches to streams, each another one, in their order, and
	// returns when all of them are durable. Where Append would refuse one of them, or
	// find it there already, nothing is appended: ErrNotTogether; one after the other
	// they tell why. Where the process dies before the answer, all of them are there or
	// none. Nobody who reads sees the last ones without the first ones.
	AppendTogether(ctx context.Context, batches ...Batch) ([]event.Written, error)
}

// Store is an event store. All methods are safe for concurrent use. Refusals
// are *event.WrongRevision or faults of this package; other errors wrap their cause.
type Store interface {
	// Append adds a batch to one stream, all or nothing, and returns when it is
	// durable. If the stream is not as expected: *event.WrongRevision. If the
	// batch's events (same ids, same stream) are already there, nothing is
	// appended and the first answer is given again with Repeated set, whatever
	// the expectation. An id that exists elsewhere, or a batch of which only a
	// part exists, is ErrIDReused.
	Append(ctx context.Context, stream string, expected event.Expected, events ...Proposed) (event.Written, error)
	// ReadStream yields a part of one stream. A stream that does not exist is
	// ErrStreamNotFound as the first and only error.
	ReadStream(ctx context.Context, stream string, read StreamRead) iter.Seq2[Recorded, error]
	// ReadAll yields a part of the whole ledger.
	ReadAll(ctx context.Context, read AllRead) iter.Seq2[Recorded, error]
	// Subscribe opens a subscription.
	Subscribe(ctx context.Context, to SubscribeTo) (Subscription, error)
	// Head is the position of the last readable event; ok is false in an empty store.
	Head(ctx context.Context) (position uint64, ok bool, err error)
	// Metadata and SetMetadata read and replace a stream's metadata.
	Metadata(ctx context.Context, stream string) (StreamMetadata, error)
	SetMetadata(ctx context.Context, stream string, expected event.Expected, id uuid.UUID, custom []byte) (event.Written, error)
	// Close stops the store; what was acknowledged is kept.
	Close() error
}
