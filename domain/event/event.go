// Package event holds what every event of the ledger has in common: the
// envelope, the expected revision of an append, values that are personal, and
// the registry that maps permanent type names to Go shapes.
package event

import (
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Role is the capacity in which somebody acts.
type Role string

// The roles of the ledger. Officer covers every member of an agency's staff;
// what an officer may do is decided by agency and department.
const (
	RoleCitizen Role = "citizen"
	RoleOfficer Role = "officer"
	RoleAuditor Role = "auditor"
	RoleAnalyst Role = "analyst"
	RoleAdmin   Role = "admin"
	// RoleSystem is the ledger itself: policies, imports, recovery.
	RoleSystem Role = "system"
)

// Actor is who did it. ID is a pseudonym (an account or officer id), never a
// name or a number of an identity document.
type Actor struct {
	ID         string `json:"id"`
	Role       Role   `json:"role"`
	Agency     string `json:"agency,omitempty"`
	Department string `json:"department,omitempty"`
}

// Metadata travels beside the payload of every event.
type Metadata struct {
	// OccurredAt is when it happened in the office or at the citizen's desk, in UTC.
	OccurredAt time.Time `json:"occurred_at"`
	Actor      Actor     `json:"actor"`
	// Correlation is shared by everything that one request led to.
	Correlation string `json:"correlation,omitempty"`
	// Causation is the id of the event or request that directly led to this one.
	Causation string `json:"causation,omitempty"`
	// Trace is a W3C trace id (32 hex digits).
	Trace string `json:"trace,omitempty"`
	// Span is the W3C span id (16 hex digits) within Trace; it is there where the
	// span was sent to somebody, so that what follows from the event can link to it.
	Span string `json:"span,omitempty"`
	// Request is the hash that binds an Idempotency-Key to its caller and body:
	// the same key with another hash is a mistake of the caller.
	Request string `json:"request,omitempty"`
}

// Payload is the content of one event. EventType is permanent: once released it
// is never changed or given to another shape ("dossier.received.v1").
type Payload interface{ EventType() string }

// Event is one fact as the domain sees it. Stream, Revision, Position and
// RecordedAt are set by the store and are zero before the append.
type Event struct {
	ID         uuid.UUID
	Stream     string
	Revision   uint64    // place in the stream, from 0, without gaps
	Position   uint64    // place in the whole ledger, rising, gaps allowed
	RecordedAt time.Time // when the store took it, UTC
	Metadata   Metadata
	Payload    Payload
}

// New wraps a payload for appending.
func New(id uuid.UUID, meta Metadata, payload Payload) Event {
	return Event{ID: id, Metadata: meta, Payload: payload}
}

// IDFor derives the id of the index-th event that the request with this key
// makes (UUIDv5, RFC 9562 section 5.5), so that a repeated request repeats its ids.
func IDFor(key string, index int) uuid.UUID {
	return uuid.NewSHA1(idSpace, []byte(key+"\x00"+strconv.Itoa(index)))
}

var idSpace = uuid.MustParse("6b0a6d0e-2f5c-5a0e-9d7e-5d2f6c1b8a11")

// Written is what an append answers.
type Written struct {
	// Revision is that of the last event of the batch in its stream.
	Revision uint64
	// Position is that of the last event of the batch in the ledger; passing it
	// to a reader makes the reader wait until it has seen this write.
	Position uint64
	// Repeated is true when every event of the batch was already there and
	// nothing was appended.
	Repeated bool
}
