package dossier

import (
	"slices"
	"sync/atomic"
	"time"

	"dossierledger/domain/event"
)

// Evolve is the fold: what is known after one more event. It only applies
// facts; whether they should have happened was decided before. It never fails:
// an event of another aggregate changes nothing but the count.
//
// The older state stays as it was: a list is copied before an element of it
// changes. An element that is added goes behind those of the older state where
// it is the first to be added to that state, so that folding a long dossier
// costs the same for each event; a second future of one state copies the lists
// that it adds to.
func Evolve(s State, e event.Event) State {
	s.Apply(e)
	return s
}

// Apply is Evolve in place, for who folds many events: s becomes what is known
// after one more. Copies that were made of s before stay as they were.
func (s *State) Apply(e event.Event) { s.apply(&e) }

func (s *State) apply(e *event.Event) {
	if !s.claim() {
		s.branch()
	}
	s.evolve(e)
}

// line is what states that follow from one another share.
type line struct{ events atomic.Int64 } // of the newest of them

// claim reports whether nothing has followed from a state yet, so that what
// follows now may use the room behind its lists.
func (s *State) claim() bool {
	n := int64(s.Events)
	return s.line != nil && s.line.events.CompareAndSwap(n, n+1)
}

// branch begins a line of its own, with no room behind any list: another state
// may go on there.
func (s *State) branch() {
	s.line = &line{}
	s.line.events.Store(int64(s.Events) + 1)
	clip(&s.Documents)
	clip(&s.Supplements)
	clip(&s.Visits)
	clip(&s.Returns)
	clip(&s.Opinions)
	clip(&s.Forwards)
	clip(&s.Extensions)
	clip(&s.Signatures)
	clip(&s.Results)
	clip(&s.Complaints)
	clip(&s.Notes)
	clip(&s.Corrections)
	clip(&s.Sync)
	s.Clock.branch()
	s.Obligations = slices.Clone(s.Obligations)
	for i := range s.Obligations {
		clip(&s.Obligations[i].Payments)
		clip(&s.Obligations[i].Refunds)
	}
}

func clip[T any](list *[]T) { *list = slices.Clip(*list) }

// evolve and what it calls change s in place; some give it again, to go on from.
func (s *State) evolve(e *event.Event) {
	s.Revision = e.Revision
	s.Events++
	s.trail = &trace{id: e.ID, prev: s.trail}
	at := e.Metadata.OccurredAt
	if at.After(s.UpdatedAt) {
		s.UpdatedAt = at
	}
	by := e.Metadata.Actor
	s.lastBy = by
	switch p := e.Payload.(type) {
	case Submitted:
		s.submitted(p, at, by)
	case DocumentAttached:
		if s.Documents == nil { // the first of several, mostly
			s.Documents = make([]Document, 0, 4)
		}
		s.Documents = append(s.Documents, Document{
			Component: p.Component, Version: p.Version, Hash: p.Hash, Size: p.Size, MediaType: p.MediaType, Form: p.Form,
			Stage: p.Stage, FileName: p.FileName, Digitised: p.Digitised, Reused: p.Reused, FromStore: p.FromStore,
			AttachedAt: at, By: by,
		})
	case Received:
		s.received(p, at)
	case ReceptionRefused:
		s.Phase, s.RefusedAt = PhaseReceptionRefused, at
		s.Decision = &Decision{Number: p.Slip, Why: p.Why, At: at}
		s.ended(at)
	case SupplementRequested:
		s.Supplements = append(s.Supplements, Supplement{
			Number: p.Number, Phase: p.Phase, Slip: p.Slip, Components: p.Components, Why: p.Why, Basis: p.Basis,
			Approver: p.Approver, RequestedBy: by, RequestedAt: at, WaitUntil: p.WaitUntil,
			OnAnswer: p.OnAnswer, OnExpiry: p.OnExpiry, Paused: len(p.Clock) > 0,
		})
		s.tick(p.Clock)
	case SupplementProvided:
		s.Supplements = change(s.Supplements, func(r *Supplement) bool { return r.Number == p.Number },
			func(r *Supplement) { r.ProvidedAt, r.Closed = at, true })
		s.tick(p.Clock)
	case SupplementExpired:
		s.Supplements = change(s.Supplements, func(r *Supplement) bool { return r.Number == p.Number },
			func(r *Supplement) { r.ExpiredAt = at })
	case FeeAssessed, FeePaid, FeeExempted, FeeRefunded, ObligationImposed, ObligationMet:
		s.money(p, at)
	case Assigned:
		s.worked().held(p.Holder, at)
	case Reassigned:
		s.worked().held(p.Holder, at)
	case StepStarted:
		if p.Holder.Department != OneStop {
			s.worked()
		}
		s.Visits = append(s.Visits, Visit{Step: p.Step, Holder: p.Holder, StartedAt: at})
		s.held(p.Holder, at)
	case StepCompleted:
		s.leaveStep(at, VisitCompleted)
	case StepReturned:
		s.returned(p, at)
	case OpinionRequested:
		s.Opinions = append(s.Opinions, Opinion{
			Number: p.Number, Agency: p.Agency, Department: p.Department, RequestedAt: at, DueAt: p.DueAt,
		})
		s.worked().tick(p.Clock)
	case OpinionGiven:
		s.Opinions = change(s.Opinions, func(o *Opinion) bool { return o.Number == p.Number },
			func(o *Opinion) { o.GivenAt, o.Position, o.Hash, o.Closed = at, p.Position, p.Hash, true })
		s.tick(p.Clock)
	case Forwarded:
		s.Forwards = append(s.Forwards, Forwarding{
			Number: p.Number, From: p.From, To: p.To, Parallel: p.Parallel, Task: p.Task, ForwardedAt: at, DueAt: p.DueAt,
		})
		if !p.Parallel {
			s.held(p.To, at)
		}
		s.worked().tick(p.Clock)
	case ForwardAnswered:
		s.Forwards = change(s.Forwards, func(f *Forwarding) bool { return f.Number == p.Number },
			func(f *Forwarding) { f.AnsweredAt, f.Outcome, f.Closed = at, p.Outcome, true })
		s.held(p.Holder, at).tick(p.Clock)
	case Appraised:
		s.Appraisal = &Finding{Conclusion: p.Conclusion, At: at, By: by, Report: p.Report}
		s.worked()
	case InspectionRecorded:
		s.Inspection = &Finding{
			Conclusion: p.Conclusion, At: at, By: by, Report: p.Report, InspectedAt: p.InspectedAt, RemedyUntil: p.RemedyUntil,
		}
		s.worked()
	case DeadlineExtended:
		extension := Extension{Number: p.Number, Letter: p.Letter, Ground: p.Why.Ground, ExtendedAt: at}
		if n := len(p.Clock); n > 0 {
			extension.PreviousDue, extension.Due = p.Clock[n-1].PreviousDue, p.Clock[n-1].Due
		}
		s.Extensions = append(s.Extensions, extension)
		s.tick(p.Clock)
	case SubmittedForSignature:
		s.Draft = &Draft{Hash: p.Hash, SubmittedAt: at, By: by.ID}
		s.worked().held(p.Holder, at)
	case Signed:
		s.Signatures = append(s.Signatures, Signature{
			Hash: p.Hash, Signer: p.Signer, Certificate: p.Certificate, Format: p.Format, At: at,
		})
		s.held(p.Holder, at)
	default:
		s.outcome(e.Payload, at, by)
	}
}

// outcome applies what ends a dossier and what comes after.
func (s *State) outcome(payload event.Payload, at time.Time, by event.Actor) {
	switch p := payload.(type) {
	case ResultIssued:
		s.Phase, s.IssuedAt = PhaseIssued, at
		s.Results = append(s.Results, ResultVersion{
			Version: p.Version, Number: p.Number, Hash: p.Hash, Signer: p.Signer, Electronic: p.Electronic,
			IssuedAt: at, ValidUntil: p.ValidUntil,
		})
		s.held(p.Holder, at).tick(p.Clock).ended(at)
	case Rejected:
		s.Phase, s.RejectedAt = PhaseRejected, at
		s.Decision = &Decision{Number: p.Decision, Why: p.Why, Hash: p.Hash, Signer: p.Signer, At: at}
		s.held(p.Holder, at).tick(p.Clock).ended(at)
	case Stopped:
		s.Phase, s.StoppedAt = PhaseStopped, at
		s.Decision = &Decision{Number: p.Notice, Why: p.Why, Approver: p.Approver, Financial: p.Financial, At: at}
		s.held(p.Holder, at).tick(p.Clock).ended(at)
	case ResultHandedToPost:
		s.Delivery = Delivery{State: HandedToPost, Method: DeliverPost, Tracking: p.Tracking, At: at}
	case ResultReturned:
		s.Delivery = Delivery{State: PostReturned, Method: DeliverPost, Tracking: p.Tracking, At: at}
	case ResultDelivered:
		s.Delivery = Delivery{State: Delivered, Method: p.Method, Tracking: p.Tracking, At: at}
		s.DeliveredAt = at
		if s.Phase == PhaseIssued {
			s.Phase = PhaseDelivered
		}
	case Withdrawn:
		s.Phase, s.WithdrawnAt = PhaseWithdrawn, at
		s.tick(p.Clock).ended(at)
	case Reopened:
		s.reopened(p, at)
	case ResultCorrected:
		wrong, _ := s.Result()
		s.Results = append(s.Results, ResultVersion{
			Version: p.Version, Corrects: p.Corrects, Number: p.Number, Hash: p.Hash, Signer: p.Signer,
			Electronic: wrong.Electronic, IssuedAt: at, ValidUntil: wrong.ValidUntil,
		})
	case Rated:
		s.Rating = &Rating{Satisfied: p.Satisfied, Criteria: p.Criteria, At: at}
	case NoteAdded:
		s.Notes = append(s.Notes, Note{Visibility: p.Visibility, Text: p.Text, At: at, By: by})
	case CorrectionRecorded:
		s.Corrections = append(s.Corrections, Correction{Event: p.Event, Field: p.Field, Text: p.Text, At: at, By: by})
	case SyncReported:
		known := Sync{Portal: p.Portal, State: p.State, Status: p.Status, Reference: p.Reference, Error: p.Error, At: at}
		if slices.ContainsFunc(s.Sync, func(y Sync) bool { return y.Portal == p.Portal }) {
			s.Sync = change(s.Sync, func(y *Sync) bool { return y.Portal == p.Portal }, func(y *Sync) { *y = known })
		} else {
			s.Sync = append(s.Sync, known)
		}
	}
}

func (s *State) submitted(p Submitted, at time.Time, by event.Actor) {
	s.Phase, s.Code = PhaseSubmitted, p.Code
	s.Procedure, s.ProcedureVersion = p.Procedure, p.ProcedureVersion
	s.Channel, s.VerifiedIdentity = p.Channel, p.VerifiedIdentity
	s.Applicant, s.Representative, s.SubmittedBy, s.Summary = p.Applicant, orNil(p.Representative), by, p.Summary
	s.Support, s.Receiving, s.Competent = p.Support, p.Receiving, p.Competent
	s.DeliveryWish, s.DeliveryAddress = p.Delivery, p.DeliveryAddress
	s.SubmittedAt = at
	s.held(s.atDesk(), at)
}

func orNil(p Party) *Party {
	if p.IsZero() {
		return nil
	}
	named := p
	return &named
}

func (s *State) received(p Received, at time.Time) {
	s.Phase, s.ReceivedAt = PhaseProcessing, at
	s.Procedure, s.ProcedureVersion, s.FormSet = p.Procedure, p.ProcedureVersion, p.FormSet
	s.Competent, s.AcceptanceSlip, s.Term, s.SameDay = p.Competent, p.Slip, p.Term, p.SameDay
	s.held(p.Holder, at).tick(p.Clock)
}

func (s *State) returned(p StepReturned, at time.Time) {
	if s.CurrentVisit() != nil {
		s.leaveStep(at, VisitReturned)
	}
	s.Returns = append(s.Returns, Return{From: p.From, To: p.To, Ground: p.Why.Ground, At: at, Visits: len(s.Visits)})
	for _, void := range p.Voids {
		switch void {
		case "appraisal":
			s.Appraisal = nil
		case "inspection":
			s.Inspection = nil
		case "submission":
			s.Draft = nil
		case "signature":
			s.Signatures = nil
		}
	}
	s.held(p.Holder, at)
}

func (s *State) reopened(p Reopened, at time.Time) {
	s.Phase = PhaseProcessing
	s.Complaints = append(s.Complaints, Complaint{Number: p.Complaint, Ground: p.Why.Ground, At: at})
	s.IssuedAt, s.RejectedAt, s.StoppedAt, s.DeliveredAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	s.Appraisal, s.Inspection, s.Draft, s.Signatures = nil, nil, nil, nil
	s.Decision, s.Delivery = nil, Delivery{}
	s.roundFrom = len(s.Visits)
	s.held(p.Holder, at).tick(p.Clock).worked()
}

// ended closes everything that can no longer be answered.
func (s *State) ended(at time.Time) {
	if s.CurrentVisit() != nil {
		s.leaveStep(at, VisitClosed)
	}
	s.Supplements = change(s.Supplements, func(r *Supplement) bool { return !r.Closed }, func(r *Supplement) { r.Closed = true })
	s.Opinions = change(s.Opinions, func(o *Opinion) bool { return !o.Closed }, func(o *Opinion) { o.Closed = true })
	s.Forwards = change(s.Forwards, func(f *Forwarding) bool { return !f.Closed }, func(f *Forwarding) { f.Closed = true })
}

func (s *State) leaveStep(at time.Time, outcome VisitOutcome) {
	n := len(s.Visits)
	if n == 0 {
		return
	}
	s.Visits = slices.Clone(s.Visits)
	last := &s.Visits[n-1]
	last.EndedAt, last.Outcome = at, outcome
}

func (s *State) held(h Holder, at time.Time) *State {
	if s.Holder != h {
		s.Holder, s.HolderSince = h, at
	}
	return s
}

func (s *State) worked() *State {
	s.LeftDesk = true
	return s
}

func (s *State) tick(changes []ClockChange) *State {
	s.Clock.apply(changes)
	return s
}

func (s *State) money(payload event.Payload, at time.Time) {
	switch p := payload.(type) {
	case FeeAssessed:
		s.owe(Obligation{
			ID: p.Obligation, Kind: string(p.Kind), LegalBasis: p.LegalBasis, Blocking: p.Blocking, Assessed: p.Amount,
		}, at).tick(p.Clock)
	case ObligationImposed:
		s.owe(Obligation{
			ID: p.Obligation, Kind: p.Kind, Imposed: true, Notice: p.Notice, LegalBasis: p.LegalBasis,
			Blocking: p.Blocking, Assessed: p.Amount,
		}, at).tick(p.Clock)
	case FeePaid:
		paid := Payment{
			Transaction: p.Transaction, Amount: p.Amount, Method: p.Method, Gateway: p.Gateway, Receipt: p.Receipt, At: at,
		}
		s.settle(p.Obligation, at, func(o *Obligation) {
			o.Paid += p.Amount
			o.Payments = append(o.Payments, paid)
		}).tick(p.Clock)
	case ObligationMet:
		s.settle(p.Obligation, at, func(o *Obligation) {
			o.Paid += p.Amount
			o.Payments = append(o.Payments, Payment{Transaction: p.Transaction, Amount: p.Amount, At: at})
		}).tick(p.Clock)
	case FeeExempted:
		s.settle(p.Obligation, at, func(o *Obligation) {
			o.Exempted += p.Amount
			o.Exemption = p.Exemption
		}).tick(p.Clock)
	case FeeRefunded:
		s.settle(p.Obligation, at, func(o *Obligation) {
			o.Refunded += p.Amount
			o.Refunds = append(o.Refunds, Payment{Transaction: p.Transaction, Amount: p.Amount, At: at})
		})
	}
}

func (s *State) owe(o Obligation, at time.Time) *State {
	o.AssessedAt = at
	if o.Owed() == 0 {
		o.SettledAt = at
	}
	s.Obligations = append(s.Obligations, o)
	return s
}

func (s *State) settle(id string, at time.Time, apply func(*Obligation)) *State {
	s.Obligations = change(s.Obligations, func(o *Obligation) bool { return o.ID == id }, func(o *Obligation) {
		apply(o)
		if o.Owed() == 0 && o.SettledAt.IsZero() {
			o.SettledAt = at
		}
	})
	return s
}

// change edits the matching elements of a copy; without any it is the same list.
func change[T any](list []T, match func(*T) bool, edit func(*T)) []T {
	var edited []T
	for i := range list {
		if !match(&list[i]) {
			continue
		}
		if edited == nil {
			edited = slices.Clone(list)
		}
		edit(&edited[i])
	}
	if edited == nil {
		return list
	}
	return edited
}

// Fold evolves a dossier through its events, from the first.
func Fold(events ...event.Event) State {
	var s State
	for i := range events {
		s.apply(&events[i])
	}
	return s
}
