// Package commands holds what people and programs want done, one file each. A
// command loads a stream, lets the domain decide, and appends what it decided.
package commands

import (
	"context"
	"iter"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// Journal is what commands need of the ledger.
type Journal interface {
	// Append stores a batch in one stream, all or nothing, durable when it
	// returns. *event.WrongRevision where the expectation does not hold.
	Append(ctx context.Context, stream string, expected event.Expected, events ...event.Event) (event.Written, error)
	// Read yields a stream from a revision on, personal values sealed. A stream
	// that does not exist is a fault of kind not-found.
	Read(ctx context.Context, stream string, from uint64) iter.Seq2[event.Event, error]
}

// Catalogue is what commands need of the register of procedures.
type Catalogue interface {
	// InForce gives the version that is in force at a time, or a fault that says why there is none.
	InForce(code string, at time.Time) (*procedure.Version, error)
	// Version gives one version, in force or not.
	Version(code string, number int) (*procedure.Version, error)
}

// Agencies is what commands need of the register of agencies.
type Agencies interface {
	Directory() (*agency.Directory, error)
}

// Calendars is what commands need of the register of working time.
type Calendars interface {
	// For gives the calendar of an agency as it had been announced by a time.
	For(agency string, known time.Time) (*worktime.Calendar, error)
}

// Request says who wants something done, and how it is bound to what went before.
type Request struct {
	Actor event.Actor
	// Key is the caller's Idempotency-Key; empty where there is none. The same
	// key of the same actor gives the same answer and appends nothing.
	Key string
	// Hash binds the key to the request's content: the same key with another
	// hash is refused.
	Hash string
	// OccurredAt is when it happened, where that is not now.
	OccurredAt time.Time
	// IfRevision is the revision that the caller saw, where the caller insists on it.
	IfRevision *uint64
	// May, where not nil, says whether the caller may act on a dossier as it
	// stands. It is asked before anything else is told of the dossier, and again
	// where the dossier has changed meanwhile.
	May func(*dossier.State) error
	// Correlation, Causation and Trace go into the events' metadata.
	Correlation, Causation, Trace string
}

// maxKey bounds an Idempotency-Key, in bytes.
const maxKey = 255

var (
	// ErrKeyReused is for an Idempotency-Key that came with other content before.
	ErrKeyReused = fault.New(fault.Invalid, "idempotency.key-reused", "this Idempotency-Key was used for a request with other content")
	// ErrStale is for a caller that insists on a revision which is not the last one any more.
	ErrStale = fault.New(fault.Conflict, "revision.stale", "the dossier has changed since it was read")
)

func (r Request) check(now time.Time) error {
	if len(r.Key) > maxKey {
		return fault.New(fault.Invalid, "idempotency.key-too-long", "an Idempotency-Key has at most %d bytes", maxKey)
	}
	if r.Actor.ID == "" || r.Actor.Role == "" {
		return fault.New(fault.Unauthenticated, "actor.unknown", "it is not known who asks")
	}
	// Half a minute is what clocks of offices may differ by.
	if r.OccurredAt.After(now.Add(30 * time.Second)) {
		return fault.New(fault.Invalid, "occurred.in-future", "an action cannot have happened in the future")
	}
	return nil
}

func (r Request) at(now time.Time) time.Time {
	if r.OccurredAt.IsZero() {
		return now.UTC()
	}
	return r.OccurredAt.UTC()
}

// scope keeps the keys of different actors apart.
func (r Request) scope() string { return r.Actor.ID + "\x00" + r.Key }

func (r Request) metadata(now time.Time) event.Metadata {
	return event.Metadata{
		OccurredAt: r.at(now), Actor: r.Actor, Request: r.Hash,
		Correlation: r.Correlation, Causation: r.Causation, Trace: r.Trace,
	}
}

// Answer is what a command on a dossier answers.
type Answer struct {
	Code     string `json:"code"`
	Revision uint64 `json:"revision"`
	// Position is that of the last event appended; a reader that passes it sees
	// this write. Zero where nothing was appended.
	Position uint64 `json:"position,omitempty"`
	// Events are the types appended, in order; empty where there was nothing to do.
	Events []string `json:"events"`
	// Repeated is true where the same request had been answered before.
	Repeated bool `json:"repeated,omitempty"`
}
