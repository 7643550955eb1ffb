package commands

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"github.com/google/uuid"
)

// Submissions is what a submission needs of the ledger beyond Journal: events
// in their stored form, so that a number that was given out is written with its
// dossier, or carries the very submission that it was given out for.
type Submissions interface {
	// EncodeFor gives the stored form of events that are to go into a stream.
	EncodeFor(ctx context.Context, stream string, events []event.Event) ([]dossier.EncodedEvent, error)
	// Keys makes sure that values of some persons can be sealed without waiting.
	Keys(ctx context.Context, subjects ...string) error
	// AppendAllocated appends allocations to a sequence, without the submissions that
	// they hold, and together with them each submission to the new stream of its
	// dossier, so that there is all of it or nothing. It tells what was written
	// to the sequence and then to each dossier. ok is false where that cannot be done
	// in one go, and nothing was appended.
	AppendAllocated(ctx context.Context, sequence string, expected event.Expected, allocations []event.Event) (written []event.Written, ok bool, err error)
	// AppendEncoded appends events in their stored form.
	AppendEncoded(ctx context.Context, stream string, expected event.Expected, events []dossier.EncodedEvent) (event.Written, error)
	// FindsIDsElsewhere says whether an append is refused where one of its ids
	// exists in another stream.
	FindsIDsElsewhere() bool
	// ReadBack yields a stream newest first, at most limit events (0: all).
	ReadBack(ctx context.Context, stream string, limit int) iter.Seq2[event.Event, error]
}

// repeatDays is how many days back a repeated submission is looked for, and how
// many ahead, since a clock can be put back.
const repeatDays = 7

// Submit hands in a new dossier and allocates its code. The number in the code
// is the place of the allocation in the agency's sequence of the day, so there
// is neither gap nor duplicate: a crash between allocation and submission is
// made good by FinishSubmissions, or by the caller's repeat with the same key.
func (d *Dossiers) Submit(ctx context.Context, req Request, command dossier.Submit) (Answer, error) {
	now := d.now()
	if err := req.check(now); err != nil {
		return Answer{}, err
	}
	if command.Code != "" {
		return d.submitAs(ctx, req, command)
	}
	s := &submission{Dossiers: d, req: req, now: now}
	if err := s.prepare(command); err != nil {
		return Answer{}, err
	}
	allocated, err := s.allocate(ctx, command)
	if err != nil {
		return Answer{}, err
	}
	return d.finish(ctx, req, allocated)
}

// submission is one submission on its way.
type submission struct {
	*Dossiers
	req   Request
	now   time.Time
	facts dossier.Facts
	// receiving is the agency that gives the dossier a number.
	receiving string
	// decided is the dossier, whichever number it gets.
	decided dossier.Submission
	// unsealable is why what it says about persons cannot be sealed.
	unsealable error
}

// submitAs takes over a code that another system has given out.
func (d *Dossiers) submitAs(ctx context.Context, req Request, command dossier.Submit) (Answer, error) {
	if req.Actor.Role == event.RoleCitizen {
		return Answer{}, fault.New(fault.Forbidden, "dossier.code-not-yours", "the code of a dossier is given out by the ledger")
	}
	s := &submission{Dossiers: d, req: req, now: d.now()}
	if err := s.prepare(command); err != nil {
		return Answer{}, err
	}
	if past, err := d.load(ctx, req, command.Code); err == nil && past.repeated != nil {
		return *past.repeated, nil
	} else if errors.Is(err, ErrKeyReused) {
		return Answer{}, err
	}
	payloads, err := dossier.Decide(nil, command, s.facts)
	if err != nil {
		return Answer{}, err
	}
	written, err := d.journal.Append(ctx, dossier.StreamOf(command.Code), event.None, req.events(s.now, payloads)...)
	if isRepeat(written, err) { // at the same moment, perhaps with other content
		if past, failed := d.load(ctx, req, command.Code); failed != nil {
			return Answer{}, failed
		} else if past.repeated != nil {
			return *past.repeated, nil
		}
	}
	if _, exists := errors.AsType[*event.WrongRevision](err); exists {
		return Answer{}, fault.New(fault.Conflict, "dossier.code-taken", "there is a dossier %s already", command.Code)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("dossier %s: submit: %w", command.Code, err)
	}
	return answer(command.Code, written, payloads), nil
}

// prepare finds the version in force and the calendar.
func (s *submission) prepare(command dossier.Submit) error {
	at := s.req.at(s.now)
	version, err := s.catalogue.InForce(command.Procedure, at)
	if err != nil {
		return err
	}
	if err := s.checkAgencies(command, version, at); err != nil {
		return err
	}
	calendar, err := s.calendars.For(command.Competent, at)
	if err != nil {
		return err
	}
	s.receiving = command.Receiving
	s.facts = dossier.Facts{Now: at, Actor: s.req.Actor, Procedure: version, Calendar: calendar}
	return nil
}

// checkAgencies holds a submission to agencies that exist: one that receives,
// one that may decide on the procedure and, where it is named, one that supports.
func (s *submission) checkAgencies(command dossier.Submit, version *procedure.Version, at time.Time) error {
	directory, err := s.agencies.Directory()
	if err != nil {
		return err
	}
	for _, id := range []string{command.Receiving, command.Competent, command.Support} {
		found, ok := directory.Get(id)
		switch {
		case id == "":
			// What is required is for the decision to say.
		case !ok:
			return fault.New(fault.NotFound, "agency.not-found", "there is no agency %q", id)
		case !found.ActiveAt(at):
			return fault.New(fault.Refused, "agency.not-active", "agency %s did not exist on %s", id, at.In(dossier.ICT).Format(time.DateOnly))
		}
	}
	if command.Competent != "" && !directory.Decides(*version, command.Competent, at) {
		return fault.New(fault.Refused, dossier.ErrAgencyNotCompetent.Code, "agency %s does not decide on procedure %s", command.Competent, version.Code)
	}
	return nil
}

// allocated is a number with the submission that it was given out for.
type allocated struct {
	dossier.NumberAllocated
	repeated bool
	// written is what was appended to the dossier with the number, where it was.
	written *event.Written
}

func (s *submission) allocate(ctx context.Context, command dossier.Submit) (allocated, error) {
	stream, err := dossier.SequenceStream(s.facts.Procedure.CodeFormat, s.receiving, s.facts.Now)
	if err != nil {
		return allocated{}, err
	}
	id := uuid.New()
	if s.req.Key != "" {
		id = event.IDFor(s.req.scope()+"\x00allocation", 0)
		if found, err := s.dayBefore(ctx, stream, id); fault.KindOf(err) != fault.NotFound {
			return found, err
		}
	}
	// What is refused anyway does not wait for others.
	if _, err := s.code(1); err != nil {
		return allocated{}, err
	}
	if s.decided, err = dossier.HandIn(command, s.facts); err != nil {
		return allocated{}, err
	}
	// A new person's key is made before there is a number to wait with.
	s.unsealable = s.submissions.Keys(ctx, s.decided.Subjects()...)
	return s.numbers.give(ctx, stream, newWanted(s, id))
}

// code is that of the dossier that gets a number.
func (s *submission) code(number uint64) (string, error) {
	return dossier.FormatCode(s.facts.Procedure.CodeFormat, s.receiving, s.facts.Now, number)
}

// encode makes what is kept with a number.
func (s *submission) encode(ctx context.Context, number uint64) (dossier.NumberAllocated, error) {
	code, err := s.code(number)
	if err != nil {
		return dossier.NumberAllocated{}, err
	}
	payloads, err := s.decided.Under(code)
	if err != nil {
		return dossier.NumberAllocated{}, err
	}
	if s.unsealable != nil {
		return dossier.NumberAllocated{}, fmt.Errorf("dossier %s: submit: %w", code, s.unsealable)
	}
	encoded, err := s.submissions.EncodeFor(ctx, dossier.StreamOf(code), s.req.events(s.now, payloads))
	if err != nil {
		return dossier.NumberAllocated{}, fmt.Errorf("dossier %s: submit: %w", code, err)
	}
	return dossier.NumberAllocated{Dossier: code, Submission: encoded}, nil
}

// earlier finds the allocation that the same request made before, at a revision
// or, where none is given, anywhere in the sequence.
func (s *submission) earlier(ctx context.Context, stream string, id uuid.UUID, at *uint64) (allocated, error) {
	events := s.submissions.ReadBack(ctx, stream, 0)
	if at != nil {
		events = s.journal.Read(ctx, stream, *at)
	}
	for e, err := range events {
		if err != nil {
			return allocated{}, fmt.Errorf("read %s: %w", stream, err)
		}
		if e.ID != id {
			continue
		}
		if e.Metadata.Request != s.req.Hash {
			return allocated{}, ErrKeyReused
		}
		given, ok := e.Payload.(dossier.NumberAllocated)
		if !ok {
			break
		}
		return allocated{NumberAllocated: given, repeated: true}, nil
	}
	return allocated{}, fault.New(fault.NotFound, "idempotency.not-found", "the earlier request with this key is not in %s", stream)
}

// otherDays looks through the days around today, the nearest first: a repeat may
// come after midnight, or when a clock that was ahead has been put right.
func (s *submission) otherDays(ctx context.Context, id uuid.UUID) (allocated, error) {
	looked := map[string]bool{}
	for days := 1; days <= repeatDays; days++ {
		for _, away := range []int{-days, days} {
			stream, err := dossier.SequenceStream(s.facts.Procedure.CodeFormat, s.receiving, s.facts.Now.AddDate(0, 0, away))
			if err != nil {
				return allocated{}, err
			}
			if looked[stream] { // the sequences of some formats last a year
				continue
			}
			looked[stream] = true
			found, err := s.earlier(ctx, stream, id, nil)
			if fault.KindOf(err) != fault.NotFound {
				return found, err
			}
		}
	}
	return allocated{}, ErrKeyReused
}

// finish answers a submission, and appends it where only its number was.
func (d *Dossiers) finish(ctx context.Context, req Request, a allocated) (Answer, error) {
	written := a.written
	if written == nil && len(a.Submission) == 0 {
		return d.writtenBefore(ctx, req, a.Dossier)
	}
	if written == nil {
		appended, err := d.submissions.AppendEncoded(ctx, dossier.StreamOf(a.Dossier), event.None, a.Submission)
		if err != nil {
			return Answer{}, fmt.Errorf("dossier %s: submit: %w", a.Dossier, err)
		}
		written = &appended
	}
	out := Answer{Code: a.Dossier, Revision: written.Revision, Position: written.Position, Repeated: a.repeated, Events: make([]string, 0, len(a.Submission))}
	for _, e := range a.Submission {
		out.Events = append(out.Events, e.Type)
	}
	return out, nil
}

// writtenBefore answers a request that repeats one whose dossier was written with its
// number.
func (d *Dossiers) writtenBefore(ctx context.Context, req Request, code string) (Answer, error) {
	req.May = nil // it is answered to who made it, whatever became of the dossier since
	past, err := d.load(ctx, req, code)
	switch {
	case fault.KindOf(err) == fault.NotFound || err == nil && past.repeated == nil:
		return Answer{}, fault.New(fault.Conflict, "dossier.not-restored",
			"dossier %s was submitted with this key, but this ledger was restored to a point before it was; submit it under another key", code)
	case err != nil:
		return Answer{}, err
	}
	return *past.repeated, nil
}
