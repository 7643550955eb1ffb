package eventstore

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Group names what several consumers share: each event goes to one of them. The
// store remembers what was answered for; there is no order between consumers, and
// an event that is delivered again may come after later ones.
type Group struct {
	Name string
	// Stream names one stream; empty means the whole ledger, of which Filter
	// selects. Of a Filter an engine may take no more than one list of prefixes.
	Stream string
	Filter Filter
	// Retries is how often an event is delivered again before it is parked; 0 is
	// the engine's default (10).
	Retries int
	// AnswerWithin is after how long an event that nobody answered for is
	// delivered again; 0 is the engine's default (30 s).
	AnswerWithin time.Duration
}

// Answer is what a consumer says of an event.
type Answer uint8

// The answers.
const (
	// Done: it needs nothing more.
	Done Answer = iota
	// Retry: it is to be delivered again, to this consumer or another.
	Retry
	// Park: it is put aside for a person to look at, and not delivered again.
	Park
)

// Groups is what a store may offer beside Store.
type Groups interface {
	// EnsureGroup makes a group that begins at the very start. One that is there
	// stays as it is, also where its settings differ.
	EnsureGroup(ctx context.Context, group Group) error
	// JoinGroup makes the caller one of the group's consumers, to whom ahead
	// events may be delivered before it has answered for the first.
	JoinGroup(ctx context.Context, group Group, ahead int) (Membership, error)
}

// Membership is one consumer's place in a group. Next and Answer may be called
// concurrently with each other.
type Membership interface {
	// Next blocks for the next event. It returns ctx's error when ctx ends,
	// ErrClosed when the membership or store was closed, and any other error when
	// the connection broke: the caller then joins again, and what it had not
	// answered for is delivered again to somebody.
	Next(ctx context.Context) (Recorded, error)
	// Answer says what became of an event. It is not acknowledged: after a crash
	// the event may come again whatever was answered.
	Answer(event uuid.UUID, answer Answer, reason string) error
	// Close leaves the group.
	Close() error
}
