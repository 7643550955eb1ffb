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
	lru "github.com/hashicorp/golang-lru/v2"
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
	// Position is that of the last event that they were folded from.
	Position() (position uint64, ok bool)
}

// Dossiers answers questions about single dossiers from their event streams, so
// that an answer holds everything that was acknowledged before it was asked for.
// Its methods may be called from any goroutine. They do not know who asks: the
// caller has decided that they may, and says with a View what they may see.
type Dossiers struct {
	journal   Journal
	registers Registers
	now       func() time.Time
	// cases are dossiers that were read lately. One is a prefix of its stream for
	// ever, so it can be old but never wrong: what came after it is read each time.
	cases *lru.Cache[string, *Case]
	texts *lru.Cache[partKey, partText]
}

// casesKept bounds the dossiers that are remembered, a few kilobytes each.
const casesKept = 4096

// NewDossiers wires the questions. now is the clock; nothing may be nil.
func NewDossiers(journal Journal, registers Registers, now func() time.Time) (*Dossiers, error) {
	if journal == nil || registers == nil || now == nil {
		return nil, errors.New("queries: dossiers need a journal, registers and a clock")
	}
	cases, err := lru.New[string, *Case](casesKept)
	if err != nil {
		return nil, fmt.Errorf("queries: %w", err)
	}
	return &Dossiers{journal: journal, registers: registers, now: now, cases: cases, texts: newTexts()}, nil
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

// Case is a dossier as it was read: what its events fold to. The events
// themselves are read where an answer needs them, and only those. One that was
// loaded is shared, and must not be changed.
type Case struct {
	Code  string
	State dossier.State
	// Source names the log that a history was taken over from; empty for the
	// ledger's own dossiers.
	Source string
	// Events is how many there are.
	Events int

	last     event.Event
	before   time.Time // when the event before the last happened
	subjects []string
	// read are all its events, where they have just been read; nil elsewhere. They
	// are not kept with cases that are remembered.
	read []event.Event
}

// Last is the newest event.
func (c *Case) Last() event.Event { return c.last }

// Load reads a dossier. One that does not exist is dossier.ErrNotFound.
func (d *Dossiers) Load(ctx context.Context, code string) (*Case, error) {
	// A history taken over can have a code that dossier.ValidateCode would refuse.
	if code == "" || len(code) > maxHistoryCode || !utf8.ValidString(code) {
		return nil, fault.New(fault.Invalid, dossier.ErrBadCode.Code, "a dossier code is 1 to %d bytes of text", maxHistoryCode)
	}
	c, known := d.cases.Get(code)
	from := uint64(0)
	if known {
		from = c.last.Revision + 1
	}
	var grown *Case
	var read []event.Event
	for e, err := range d.journal.Read(ctx, dossier.StreamOf(code), from) {
		if err != nil {
			if fault.KindOf(err) == fault.NotFound {
				return nil, fault.New(fault.NotFound, dossier.ErrNotFound.Code, "there is no dossier %q", code)
			}
			return nil, fmt.Errorf("dossier %s: read: %w", code, err)
		}
		if grown == nil {
			grown = &Case{Code: code}
			if known {
				*grown = *c
			}
		}
		grown.add(e)
		if !known && len(read) < readKept {
			read = append(read, e)
		}
	}
	switch {
	case grown != nil:
		d.cases.Add(code, grown)
		if len(read) < grown.Events {
			return grown, nil
		}
		first := *grown
		first.read = read
		return &first, nil
	case known:
		return c, nil
	default:
		return nil, fault.New(fault.NotFound, dossier.ErrNotFound.Code, "there is no dossier %q", code)
	}
}

// readKept bounds the events that are handed on from reading a dossier for the first
// time to answering the question.
const readKept = 1000

// maxHistoryCode bounds the code of a history taken over, in bytes.
const maxHistoryCode = 480

func (c *Case) add(e event.Event) {
	switch p := e.Payload.(type) {
	case legacy.ActionRecorded:
		c.Source = p.Source
	case legacy.CaseDescribed:
		c.Source = p.Source
	default:
		c.State.Apply(e)
	}
	if c.Events > 0 {
		c.before = c.last.Metadata.OccurredAt
	}
	c.last = e
	c.Events++
	c.subjects = subjectsOf(e.Payload, slices.Clip(c.subjects))
}

// With is the case after one more event; c stays as it was.
func (c *Case) With(e event.Event) *Case {
	next := *c
	next.read = nil
	next.add(e)
	return &next
}

// caseOf folds events of a dossier, from its first.
func caseOf(code string, events []event.Event) *Case {
	c := &Case{Code: code}
	for _, e := range events {
		c.add(e)
	}
	return c
}

// events reads the events of a case from a revision on, at most limit.
func (d *Dossiers) events(ctx context.Context, c *Case, from uint64, limit int) ([]event.Event, error) {
	if from > c.last.Revision || limit <= 0 {
		return nil, nil
	}
	if c.read != nil && c.read[0].Revision == 0 {
		rest := c.read[min(from, uint64(len(c.read))):]
		return slices.Clone(rest[:min(limit, len(rest))]), nil
	}
	events := make([]event.Event, 0, min(uint64(limit), c.last.Revision-from+1, 1<<16))
	for e, err := range d.journal.Read(ctx, dossier.StreamOf(c.Code), from) {
		if err != nil {
			return nil, fmt.Errorf("dossier %s: read: %w", c.Code, err)
		}
		if e.Revision > c.last.Revision || len(events) == limit {
			break // what came since the case was read is not part of it
		}
		events = append(events, e)
	}
	return events, nil
}

// all reads every event of a case.
func (d *Dossiers) all(ctx context.Context, c *Case) ([]event.Event, error) {
	return d.events(ctx, c, 0, c.Events)
}

// Since parts a case at a position: what was known there, and the events since.
func (d *Dossiers) Since(ctx context.Context, c *Case, position uint64) (known *Case, rest []event.Event, err error) {
	if c.last.Position <= position {
		return c, nil, nil
	}
	events, err := d.all(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for n < len(events) && events[n].Position <= position {
		n++
	}
	return caseOf(c.Code, events[:n]), events[n:], nil
}

// seen gives an event as a view shows it: without the words of internal notes
// for those who are not to read them.
func (v View) seen(e event.Event) event.Event {
	if note, ok := e.Payload.(dossier.NoteAdded); ok && !v.Internal && note.Visibility != dossier.ForApplicant {
		e.Payload = dossier.NoteAdded{Visibility: note.Visibility}
	}
	return e
}

// state gives a state as a view shows it.
func (v View) state(s dossier.State) dossier.State {
	if v.Internal {
		return s
	}
	s.Notes = slices.Clone(s.Notes)
	for i, note := range s.Notes {
		if note.Visibility != dossier.ForApplicant {
			s.Notes[i].Text = event.Personal{}
		}
	}
	return s
}

// revealed gives events as a view shows them, with their personal values open
// where the view is for that.
func (d *Dossiers) revealed(ctx context.Context, code string, events []event.Event, view View) ([]event.Event, error) {
	shown := make([]event.Event, len(events))
	for i, e := range events {
		shown[i] = view.seen(e)
		if !view.Personal {
			continue
		}
		clear, err := d.journal.Reveal(ctx, shown[i])
		if err != nil {
			return nil, fmt.Errorf("dossier %s: %w", code, err)
		}
		shown[i] = clear
	}
	return shown, nil
}

// Subjects lists the pseudonyms of the persons whose values a case holds, in
// the order in which they appear.
func (c *Case) Subjects() []string { return slices.Clone(c.subjects) }
