package dossier

import (
	"time"

	"dossierledger/domain/procedure"
)

// Measures is everything that a read model wants to know of one dossier at one
// moment, flat and without personal data. Durations are working time unless the
// name says otherwise; zero times mean that it has not happened.
type Measures struct {
	Code             string
	Revision         uint64
	Events           int
	Procedure        string
	ProcedureVersion int
	FormSet          string
	Channel          procedure.Channel
	ApplicantKind    procedure.Audience
	ApplicantSubject string // pseudonym
	VerifiedIdentity bool

	Support   string
	Receiving string
	Competent string

	HolderAgency     string
	HolderDepartment string
	HolderOfficer    string
	HolderSince      time.Time

	Phase    Phase
	Status   Status
	WaitsFor WaitsFor
	Step     string
	Ground   string // of the refusal, stop or refusal of reception

	SubmittedAt time.Time
	ReceivedAt  time.Time
	FirstDueAt  time.Time // as on the acceptance slip
	DueAt       time.Time // as promised last
	RefusedAt   time.Time
	IssuedAt    time.Time
	RejectedAt  time.Time
	StoppedAt   time.Time
	WithdrawnAt time.Time
	DeliveredAt time.Time
	EndedAt     time.Time // by the precedence of the official index
	UpdatedAt   time.Time

	Promised     time.Duration // of the running term
	Used         time.Duration // of the running term, pauses left out
	Remaining    time.Duration // negative when overdue
	HasDeadline  bool
	Paused       time.Duration // over the whole life
	Handling     time.Duration // from reception to the end or now, pauses included
	HandlingSpan time.Duration // the same in calendar time
	Reception    time.Duration // from submission to the answer of the desk
	Collection   time.Duration // from the result to its delivery

	Timeliness Timeliness
	ScoredLate bool

	Supplements       int
	SupplementOpen    bool
	SupplementsLapsed int
	Extensions        int
	Visits            int
	Returns           int
	Opinions          int
	OpinionsOpen      int
	Forwards          int
	ForwardsOpen      int

	Documents          int
	DocumentsDigitised int
	DocumentsReused    int
	DocumentsFromStore int

	Money        Money
	PaymentState PaymentState
	PaidOnline   bool
	Gateway      Gateway

	DeliveryWish   DeliveryMethod
	DeliveryMethod DeliveryMethod
	DeliveryState  DeliveryState

	Results          int
	ResultCorrected  bool
	ElectronicResult bool
	Complaints       int
	Corrections      int
	Notes            int
	Rated            bool
	Satisfied        bool
	RatingScore      int
	SyncFailed       bool
}

// Measures computes the measures as of now, with the calendar known now. The
// same state, calendar and moment give the same measures.
func (s *State) Measures(cal Calendar, now time.Time) Measures {
	m := Measures{
		Code: s.Code, Revision: s.Revision, Events: s.Events,
		Procedure: s.Procedure, ProcedureVersion: s.ProcedureVersion, FormSet: s.FormSet, Channel: s.Channel,
		ApplicantKind: s.Applicant.Kind, ApplicantSubject: s.Applicant.Subject, VerifiedIdentity: s.VerifiedIdentity,
		Support: s.Support, Receiving: s.Receiving, Competent: s.Competent,
		HolderAgency: s.Holder.Agency, HolderDepartment: s.Holder.Department, HolderOfficer: s.Holder.Officer,
		HolderSince: s.HolderSince,
		Phase:       s.Phase, Status: s.Status(), WaitsFor: s.WaitsFor(), Step: s.CurrentStep(),
		SubmittedAt: s.SubmittedAt, ReceivedAt: s.ReceivedAt, DueAt: s.Clock.Due, RefusedAt: s.RefusedAt,
		IssuedAt: s.IssuedAt, RejectedAt: s.RejectedAt, StoppedAt: s.StoppedAt, WithdrawnAt: s.WithdrawnAt,
		DeliveredAt: s.DeliveredAt, UpdatedAt: s.UpdatedAt,
		Promised: s.Clock.Promised(cal), Used: s.Clock.Used(cal, now),
		Timeliness: s.Timeliness(now), ScoredLate: s.ScoredLate(cal, now),
		Supplements: len(s.Supplements), SupplementOpen: s.OpenSupplement() != nil, Extensions: len(s.Extensions),
		Visits: len(s.Visits), Returns: len(s.Returns),
		Opinions: len(s.Opinions), OpinionsOpen: s.openOpinions(),
		Forwards: len(s.Forwards), ForwardsOpen: s.openForwards(),
		Documents: len(s.Documents),
		Money:     s.Money(), PaymentState: s.PaymentState(), PaidOnline: s.PaidOnline(),
		DeliveryWish: s.DeliveryWish, DeliveryMethod: s.Delivery.Method, DeliveryState: s.Delivery.State,
		Results: len(s.Results), Complaints: len(s.Complaints), Corrections: len(s.Corrections), Notes: len(s.Notes),
	}
	if s.Decision != nil {
		m.Ground = s.Decision.Why.Ground
	}
	if s.Rating != nil {
		m.Rated, m.Satisfied, m.RatingScore = true, s.Rating.Satisfied, s.Rating.Score()
	}
	m.Remaining, m.HasDeadline = s.Clock.Remaining(cal, now)
	if len(s.Clock.Entries) > 0 {
		m.FirstDueAt = s.Clock.Entries[0].Due
	}
	if r, ok := s.Result(); ok {
		m.ElectronicResult, m.ResultCorrected = r.Electronic, r.Corrects > 0
	}
	m.spans(s, cal, now)
	for _, r := range s.Supplements {
		if !r.ExpiredAt.IsZero() {
			m.SupplementsLapsed++
		}
	}
	for _, d := range s.Documents {
		m.DocumentsDigitised += count(d.Digitised)
		m.DocumentsReused += count(d.Reused)
		m.DocumentsFromStore += count(d.FromStore)
	}
	for _, o := range s.Obligations {
		for _, p := range o.Payments {
			if p.Gateway != "" {
				m.Gateway = p.Gateway
			}
		}
	}
	for _, y := range s.Sync {
		m.SyncFailed = m.SyncFailed || y.State == SyncFailed
	}
	return m
}

func (m *Measures) spans(s *State, cal Calendar, now time.Time) {
	answered := s.ReceivedAt
	for _, at := range []time.Time{s.RefusedAt, s.StoppedAt, s.WithdrawnAt, now} {
		if answered.IsZero() {
			answered = at
		}
	}
	if s.Exists() {
		m.Reception = between(cal, s.SubmittedAt, answered)
	}
	if !s.ReceivedAt.IsZero() {
		end, ended := s.EndedAt()
		if ended {
			m.EndedAt = end
		} else {
			end = now
		}
		m.Handling = between(cal, s.ReceivedAt, end)
		m.HandlingSpan = max(0, end.Sub(s.ReceivedAt))
		m.Paused = s.Clock.PausedBetween(cal, s.ReceivedAt, end)
	}
	if !s.IssuedAt.IsZero() {
		collected := s.DeliveredAt
		if collected.IsZero() {
			collected = now
		}
		m.Collection = between(cal, s.IssuedAt, collected)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
