// Package delivery is what the ledger remembers of its deliveries to receivers
// outside: how far each has come, which dossiers of it are behind, and what was
// given up until a person decides.
//
// A receiver is named by a short name. Two streams stand for it: one in which only
// the last event counts (how far), and one that is folded as a whole (what was
// given up). Order is kept by key: a dossier, or a stream that is about none.
package delivery

import (
	"regexp"
	"time"

	"dossierledger/domain/event"
	"github.com/google/uuid"
)

// The prefixes of the streams of a receiver.
const (
	ProgressPrefix = "outbound-"
	LettersPrefix  = "undelivered-"
)

// ProgressStream names the stream that says how far a receiver has come; its last
// event alone counts.
func ProgressStream(receiver string) string { return ProgressPrefix + receiver }

// LettersStream names the stream of what was given up for a receiver.
func LettersStream(receiver string) string { return LettersPrefix + receiver }

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// ValidName reports whether a receiver may be called so. The name is permanent:
// under another one a receiver begins anew.
func ValidName(receiver string) bool { return name.MatchString(receiver) }

// Progressed: everything before a position was delivered to a receiver, or is not
// for it, but for the dossiers that are behind and what was given up.
type Progressed struct {
	// Next is the position from which on nothing was worked off as a whole.
	Next   uint64 `json:"next"`
	Behind []Lag  `json:"behind,omitempty"`
}

// EventType implements event.Payload.
func (Progressed) EventType() string { return "delivery.progressed.v1" }

// Lag is a key of which the receiver has everything before a position, and
// nothing from there on, because what stands there could not be delivered.
type Lag struct {
	Key      string    `json:"key"`
	From     uint64    `json:"from"`
	Attempts int       `json:"attempts"`
	Since    time.Time `json:"since"`
	// Reason is why the last attempt failed, in words that are safe to show.
	Reason string `json:"reason"`
}

// GivenUp: an event was tried often or long enough. It and all that follows of
// its key wait until a person has them sent again (a dead letter).
type GivenUp struct {
	Lag
	// Event, Type, Stream and Revision are those of the event that could not be
	// delivered.
	Event    uuid.UUID `json:"event"`
	Type     string    `json:"type"`
	Stream   string    `json:"stream"`
	Revision uint64    `json:"revision"`
}

// EventType implements event.Payload.
func (GivenUp) EventType() string { return "delivery.given-up.v1" }

// ResendAsked: a person wants what was given up of a key to be sent again, in order.
type ResendAsked struct {
	Key string `json:"key"`
}

// EventType implements event.Payload.
func (ResendAsked) EventType() string { return "delivery.resend-asked.v1" }

// Skipped: a person decided that the receiver will never get the event at a
// position; what follows of its key is sent.
type Skipped struct {
	Key      string `json:"key"`
	Position uint64 `json:"position"`
	Why      string `json:"why"`
}

// EventType implements event.Payload.
func (Skipped) EventType() string { return "delivery.skipped.v1" }

// CaughtUp: what had been given up of a key was delivered after all.
type CaughtUp struct {
	Key string `json:"key"`
}

// EventType implements event.Payload.
func (CaughtUp) EventType() string { return "delivery.caught-up.v1" }

// Register adds the types of this package.
func Register(r *event.Registry) {
	event.Register[Progressed](r)
	event.Register[GivenUp](r)
	event.Register[ResendAsked](r)
	event.Register[Skipped](r)
	event.Register[CaughtUp](r)
}
