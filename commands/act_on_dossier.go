package commands

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"github.com/google/uuid"
)

// conflictTries is how often an action is decided again because somebody else
// acted on the dossier in between. Each try reads the new state.
const conflictTries = 8

// Dossiers carries out actions on dossiers. It is safe for concurrent use.
type Dossiers struct {
	journal     Journal
	submissions Submissions
	catalogue   Catalogue
	agencies    Agencies
	calendars   Calendars
	now         func() time.Time
	numbers     *numbers
	states      *States
}

// NewDossiers wires the commands. now is the clock; nothing may be nil.
func NewDossiers(journal Journal, submissions Submissions, catalogue Catalogue, agencies Agencies, calendars Calendars, now func() time.Time) (*Dossiers, error) {
	if journal == nil || submissions == nil || catalogue == nil || agencies == nil || calendars == nil || now == nil {
		return nil, errors.New("commands: dossiers need a journal, submissions, a catalogue, agencies, calendars and a clock")
	}
	states, err := NewStates(StatesKept)
	if err != nil {
		return nil, err
	}
	numbers, err := newNumbers(journal, submissions)
	if err != nil {
		return nil, err
	}
	return &Dossiers{states: states, numbers: numbers, journal: journal, submissions: submissions, catalogue: catalogue, agencies: agencies, calendars: calendars, now: now}, nil
}

// States are the states that these commands remember, for others to share.
func (d *Dossiers) States() *States { return d.states }

// Act takes one action on a dossier that exists. Somebody else's action in
// between is not an error: the action is decided again on the new state, unless
// the caller insists on the revision it saw (ErrStale).
func (d *Dossiers) Act(ctx context.Context, req Request, code string, command dossier.Command) (Answer, error) {
	if err := req.check(d.now()); err != nil {
		return Answer{}, err
	}
	if err := dossier.ValidateCode(code); err != nil {
		return Answer{}, d.notActable(ctx, code, err)
	}
	if _, submit := command.(dossier.Submit); submit {
		return Answer{}, fault.New(fault.Invalid, "dossier.submit-twice", "a dossier is submitted without a code; this one exists")
	}
	if state, ok := d.remembered(req, code); ok {
		// What is appended expects the remembered revision, so that it was the last
		// one indeed. A refusal, a repeat and a conflict are decided on what is read.
		// Any other end of an append is the answer: it may have been carried out.
		if payloads, err := d.decide(req, code, command, state); err == nil && len(payloads) > 0 {
			answer, err := d.append(ctx, req, code, command, state, payloads)
			_, conflict := errors.AsType[*event.WrongRevision](err)
			if !conflict && !answer.Repeated && fault.CodeOf(err) != "eventstore.id-reused" {
				return answer, err
			}
		}
	}
	for try := 1; ; try++ {
		answer, err := d.actOnce(ctx, req, code, command)
		wrong, conflict := errors.AsType[*event.WrongRevision](err)
		if !conflict {
			return answer, err
		}
		if req.IfRevision != nil {
			return Answer{}, stale(code, wrong.Actual)
		}
		if try == conflictTries {
			return Answer{}, fault.New(fault.Conflict, "dossier.busy", "others keep acting on dossier %s; try again: %w", code, err)
		}
	}
}

// maxHistoryCode bounds the code of a history taken over, in bytes.
const maxHistoryCode = 500

// notActable is the refusal for a code that no dossier of this ledger has; a
// history taken over may have such a code.
func (d *Dossiers) notActable(ctx context.Context, code string, bad error) error {
	if code == "" || len(code) > maxHistoryCode || !utf8.ValidString(code) {
		return bad
	}
	_, err := d.load(ctx, Request{}, code)
	if fault.KindOf(err) == fault.NotFound {
		return bad
	}
	return err
}

func (d *Dossiers) actOnce(ctx context.Context, req Request, code string, command dossier.Command) (Answer, error) {
	past, err := d.load(ctx, req, code)
	if err != nil {
		return Answer{}, err
	}
	if past.repeated != nil {
		return *past.repeated, nil
	}
	payloads, err := d.decide(req, code, command, past.state)
	if err != nil {
		return Answer{}, err
	}
	if len(payloads) == 0 {
		return Answer{Code: code, Revision: past.state.Revision, Events: []string{}}, nil
	}
	answer, err := d.append(ctx, req, code, command, past.state, payloads)
	if !answer.Repeated && fault.CodeOf(err) != "eventstore.id-reused" {
		return answer, err
	}
	// The same key came twice at one moment, perhaps with other content: what the
	// dossier holds now is the answer.
	past, failed := d.load(ctx, req, code)
	switch {
	case failed != nil:
		return Answer{}, failed
	case past.repeated != nil:
		return *past.repeated, nil
	}
	return answer, err
}

// remembered is a state that an action can be tried on without reading anything.
// One that holds the request's own events cannot: the answer has to be found.
func (d *Dossiers) remembered(req Request, code string) (*dossier.State, bool) {
	state, ok := d.states.Shared(code)
	if !ok || !state.Exists() || req.Key != "" && state.HasEvent(event.IDFor(req.scope(), 0)) {
		return nil, false
	}
	return state, req.May == nil || req.May(state) == nil
}

// decide decides on a state that the caller may act on; no events where there is
// nothing to do.
func (d *Dossiers) decide(req Request, code string, command dossier.Command, state *dossier.State) ([]event.Payload, error) {
	if req.IfRevision != nil && *req.IfRevision != state.Revision {
		return nil, stale(code, state.Revision)
	}
	facts, err := d.facts(req, state)
	if err != nil {
		return nil, err
	}
	return dossier.Decide(state, command, facts)
}

// append appends what was decided on a state, right behind it.
func (d *Dossiers) append(ctx context.Context, req Request, code string, command dossier.Command, state *dossier.State, payloads []event.Payload) (Answer, error) {
	written, err := d.journal.Append(ctx, dossier.StreamOf(code), event.Exact(state.Revision), req.events(d.now(), payloads)...)
	if err != nil {
		return Answer{}, fmt.Errorf("dossier %s: %s: %w", code, command.CommandName(), err)
	}
	return answer(code, written, payloads), nil
}

// past is what a dossier's stream says; the state may be shared with others.
type past struct {
	state    *dossier.State
	repeated *Answer
}

// load folds a dossier's stream and notices a request that it answered before.
func (d *Dossiers) load(ctx context.Context, req Request, code string) (*past, error) {
	p := &past{state: &dossier.State{}}
	var firstID uuid.UUID
	if req.Key != "" {
		firstID = event.IDFor(req.scope(), 0)
	}
	from := uint64(0)
	if known, ok := d.states.Shared(code); ok && (req.Key == "" || !known.HasEvent(firstID)) {
		*p.state, from = *known, known.Revision+1
	}
	for e, err := range d.journal.Read(ctx, dossier.StreamOf(code), from) {
		if err != nil {
			if fault.KindOf(err) == fault.NotFound {
				return nil, notFound(code)
			}
			return nil, fmt.Errorf("dossier %s: read: %w", code, err)
		}
		if req.Key != "" {
			if err := p.notice(req, code, firstID, e); err != nil {
				return nil, err
			}
		}
		p.state.Apply(e)
	}
	if req.May != nil {
		if err := req.May(p.state); err != nil {
			return nil, err
		}
	}
	if !p.state.Exists() {
		return nil, fault.New(fault.Refused, "dossier.history-only", "dossier %s is a history taken over from an older system; nothing can be done on it here", code)
	}
	d.states.Share(code, p.state)
	return p, nil
}

// notice collects the answer of an earlier request with the same key. Its
// events follow each other, since they were appended as one batch.
func (p *past) notice(req Request, code string, firstID uuid.UUID, e event.Event) error {
	switch {
	case p.repeated == nil && e.ID == firstID:
		if e.Metadata.Request != req.Hash {
			return ErrKeyReused
		}
		p.repeated = &Answer{Code: code, Repeated: true}
	case p.repeated == nil || e.ID != event.IDFor(req.scope(), len(p.repeated.Events)):
		return nil
	}
	p.repeated.Revision, p.repeated.Position = e.Revision, e.Position
	p.repeated.Events = append(p.repeated.Events, e.Payload.EventType())
	return nil
}

// facts gathers what a decision on an existing dossier needs: the version it
// was received under or, until then, the one in force.
func (d *Dossiers) facts(req Request, state *dossier.State) (dossier.Facts, error) {
	now := req.at(d.now())
	var version *procedure.Version
	var err error
	if state.ReceivedAt.IsZero() && state.Phase.Open() {
		version, err = d.catalogue.InForce(state.Procedure, now)
	}
	if version == nil || err != nil {
		// A version that went out of force meanwhile still governs what was submitted under it.
		version, err = d.catalogue.Version(state.Procedure, state.ProcedureVersion)
	}
	if err != nil {
		return dossier.Facts{}, err
	}
	calendar, err := d.calendars.For(state.Competent, now)
	if err != nil {
		return dossier.Facts{}, err
	}
	return dossier.Facts{Now: now, Actor: req.Actor, Procedure: version, Calendar: calendar}, nil
}

// events gives the payloads their ids and metadata. With a key the ids follow
// from it, so that the store itself refuses to take a request twice.
func (r Request) events(now time.Time, payloads []event.Payload) []event.Event {
	meta := r.metadata(now)
	out := make([]event.Event, len(payloads))
	for i, p := range payloads {
		id := uuid.New()
		if r.Key != "" {
			id = event.IDFor(r.scope(), i)
		}
		out[i] = event.New(id, meta, p)
	}
	return out
}

func answer(code string, w event.Written, payloads []event.Payload) Answer {
	a := Answer{Code: code, Revision: w.Revision, Position: w.Position, Repeated: w.Repeated, Events: make([]string, len(payloads))}
	for i, p := range payloads {
		a.Events[i] = p.EventType()
	}
	return a
}

func notFound(code string) error {
	return fault.New(fault.NotFound, "dossier.not-found", "there is no dossier %q", code)
}

func stale(code string, revision uint64) error {
	return fault.New(fault.Conflict, ErrStale.Code, "dossier %s has changed since it was read: it is at revision %d now", code, revision)
}
