package queries

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
	"unicode/utf8"

	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// Journal is what questions about one dossier need of the ledger.
type Journal interface {
	// Read yields a stream from a revision on, personal values sealed. A stream
	// that does not exist is a fault of kind not-found.
	Read(ctx context.Context, stream string, from uint64) iter.Seq2[event.Event, error]
	// Reveal opens the personal values of an event; those of an erased person
	// come back marked Erased.
	Reveal(ctx context.Context, e event.Event) (event.Event, error)
}

// Procedures is the register of procedures.
type Procedures interface {
	Version(code string, number int) (*procedure.Version, error)
	InForce(code string, at time.Time) (*procedure.Version, error)
	Procedure(code string) (procedure.History, error)
	Catalogue(at time.Time) *procedure.Catalogue
	Norms() procedure.Norms
}

// Agencies is the register of agencies.
type Agencies interface {
	Directory() (*agency.Directory, error)
}

// Calendars is the register of working time.
type Calendars interface {
	// For gives the calendar of an agency as it had been announced by a time.
	For(agency string, known time.Time) (*worktime.Calendar, error)
}

// Registers is what questions about one dossier need of the registers.
type Registers interface {
	Procedures
	Agencies
	Calendars
}

// Dossiers answers questions about single dossiers from their event streams, so
// that an answer holds everything that was acknowledged before it was asked for.
// Its methods may be called from any goroutine. They do not know who asks: the
// caller has decided that they may, and says with a View what they may see.
type Dossiers struct {
	journal   Journal
	registers Registers
	now       func() time.Time
}

// NewDossiers wires the questions. now is the clock; nothing may be nil.
func NewDossiers(journal Journal, registers Registers, now func() time.Time) (*Dossiers, error) {
	if journal == nil || registers == nil || now == nil {
		return nil, errors.New("queries: dossiers need a journal, registers and a clock")
	}
	return &Dossiers{journal: journal, registers: registers, now: now}, nil
}

// View says what the reader of an answer may see. The zero View is the public's:
// nothing about any person, nothing that only those concerned should know.
type View struct {
	// Concerned readers see amounts, numbers of papers and internal matters; the
	// applicant, officers of the agencies concerned and auditors are concerned.
	Concerned bool
	// Personal opens personal values. The look must have been recorded before.
	Personal bool
	// Internal shows what officers write for each other; it is not for applicants.
	Internal bool
}

// Case is a dossier as it was read: its events, and the state they fold to.
type Case struct {
	Code   string
	Events []event.Event
	State  dossier.State
	// Source names the log that a history was taken over from; empty for the
	// ledger's own dossiers.
	Source string
}

// Last is the newest event.
func (c Case) Last() event.Event { return c.Events[len(c.Events)-1] }

// Load reads a dossier. One that does not exist is dossier.ErrNotFound.
func (d *Dossiers) Load(ctx context.Context, code string) (Case, error) {
	// A history taken over can have a code that dossier.ValidateCode would refuse.
	if code == "" || len(code) > maxHistoryCode || !utf8.ValidString(code) {
		return Case{}, fault.New(fault.Invalid, dossier.ErrBadCode.Code, "a dossier code is 1 to %d bytes of text", maxHistoryCode)
	}
	c := Case{Code: code}
	for e, err := range d.journal.Read(ctx, dossier.StreamOf(code), 0) {
		if err != nil {
			if fault.KindOf(err) == fault.NotFound {
				return Case{}, fault.New(fault.NotFound, dossier.ErrNotFound.Code, "there is no dossier %q", code)
			}
			return Case{}, fmt.Errorf("dossier %s: read: %w", code, err)
		}
		c.add(e)
	}
	if len(c.Events) == 0 {
		return Case{}, fault.New(fault.NotFound, dossier.ErrNotFound.Code, "there is no dossier %q", code)
	}
	return c, nil
}

// maxHistoryCode bounds the code of a history taken over, in bytes.
const maxHistoryCode = 480

func (c *Case) add(e event.Event) {
	switch p := e.Payload.(type) {
	case legacy.ActionRecorded:
		c.Source = p.Source
	case legacy.CaseDescribed:
		c.Source = p.Source
	default:
		c.State = dossier.Evolve(c.State, e)
	}
	c.Events = append(c.Events, e)
}

// With is the case after one more event; c stays as it was.
func (c Case) With(e event.Event) Case {
	c.Events = slices.Clip(c.Events)
	c.add(e)
	return c
}

// seen is the case as a view shows it: without the words of internal notes for
// those who are not to read them.
func (c Case) seen(view View) Case {
	if view.Internal {
		return c
	}
	part := Case{Code: c.Code, Source: c.Source}
	for _, e := range c.Events {
		if note, ok := e.Payload.(dossier.NoteAdded); ok && note.Visibility != dossier.ForApplicant {
			e.Payload = dossier.NoteAdded{Visibility: note.Visibility}
		}
		part.add(e)
	}
	return part
}

// UpTo is the case with only its first n events.
func (c Case) UpTo(n int) Case {
	part := Case{Code: c.Code, Source: c.Source}
	for _, e := range c.Events[:n] {
		part.add(e)
	}
	return part
}

// Reveal opens every personal value of a case.
func (d *Dossiers) Reveal(ctx context.Context, c Case) (Case, error) {
	open := Case{Code: c.Code, Source: c.Source}
	for _, e := range c.Events {
		clear, err := d.journal.Reveal(ctx, e)
		if err != nil {
			return Case{}, fmt.Errorf("dossier %s: %w", c.Code, err)
		}
		open.add(clear)
	}
	return open, nil
}

// Subjects lists the pseudonyms of the persons whose values a case holds, in
// the order in which they appear.
func (c Case) Subjects() []string {
	var found []string
	for _, e := range c.Events {
		found = subjectsOf(e.Payload, found)
	}
	return found
}
