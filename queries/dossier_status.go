package queries

import (
	"context"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
)

// Status is what anybody may know of a dossier whose code they have. It holds
// nothing about any person.
type Status struct {
	Code string `json:"code"`
	// Source is the log that a history was taken over from; of such a dossier
	// only the times and the revision are known.
	Source    string          `json:"source,omitempty"`
	Procedure *ProcedureInUse `json:"procedure,omitempty"`
	Status    *NationalStatus `json:"status,omitempty"`
	Phase     *Named          `json:"phase,omitempty"`
	Channel   *Named          `json:"channel,omitempty"`

	// The three organisations.
	Support   *Named `json:"support_agency,omitempty"`
	Receiving *Named `json:"receiving_agency,omitempty"`
	Competent *Named `json:"competent_agency,omitempty"`

	Holder   *HolderView `json:"holder,omitempty"`
	WaitsFor *Named      `json:"waits_for,omitempty"`
	Step     *StepNow    `json:"step,omitempty"`

	SubmittedAt *Instant `json:"submitted_at,omitempty"`
	ReceivedAt  *Instant `json:"received_at,omitempty"`
	// FirstDueAt is the appointment as it was promised at first, DueAt as it is now.
	FirstDueAt  *Instant `json:"first_due_at,omitempty"`
	DueAt       *Instant `json:"due_at,omitempty"`
	FinishedAt  *Instant `json:"finished_at,omitempty"`
	DeliveredAt *Instant `json:"delivered_at,omitempty"`

	Timeliness *TimelinessView `json:"timeliness,omitempty"`

	Supplements   int    `json:"supplements"` // requests so far
	Extensions    int    `json:"extensions"`
	PaymentState  string `json:"payment_state,omitempty"`
	DeliveryState string `json:"delivery_state,omitempty"`

	// AsOf is the moment for which this holds, UpdatedAt when the last event happened.
	AsOf      Instant `json:"as_of"`
	UpdatedAt Instant `json:"updated_at"`
	Events    int     `json:"events"`
	Revision  uint64  `json:"revision"`
	Position  uint64  `json:"position"`
}

// ProcedureInUse is the version of a procedure that a dossier lives under.
type ProcedureInUse struct {
	Code    string         `json:"code"`
	Version int            `json:"version"`
	Name    procedure.Text `json:"name"`
}

// NationalStatus is one of the ten national synchronisation codes.
type NationalStatus struct {
	Code int            `json:"code"`
	Name procedure.Text `json:"name"`
}

// StepNow is the step that is being worked on.
type StepNow struct {
	Named
	Since *Instant `json:"since,omitempty"`
}

// TimelinessView is how a dossier stands with its appointment date. Times are
// working time of the competent agency, in seconds.
type TimelinessView struct {
	Kind dossier.Timeliness `json:"kind"`
	Name procedure.Text     `json:"name"`
	// PromisedSeconds is the term that was given at the last start of the clock.
	PromisedSeconds int64 `json:"promised_seconds"`
	UsedSeconds     int64 `json:"used_seconds"`
	// RemainingSeconds is negative when the appointment has passed; absent where
	// there is none.
	RemainingSeconds *int64 `json:"remaining_seconds,omitempty"`
	// OverdueSeconds is by how much the appointment has passed, or was missed.
	OverdueSeconds int64    `json:"overdue_seconds,omitempty"`
	Paused         bool     `json:"paused"`
	PausedSince    *Instant `json:"paused_since,omitempty"`
	PausedFor      []string `json:"paused_for,omitempty"` // what the clock stands for
}

// Status answers where a dossier is, as of now.
func (d *Dossiers) Status(ctx context.Context, code string) (Status, error) {
	c, err := d.Load(ctx, code)
	if err != nil {
		return Status{}, err
	}
	return d.StatusOf(c, d.now())
}

// StatusOf answers it for a case that was read, as of a moment and with the
// calendar as it had been announced by then.
func (d *Dossiers) StatusOf(c *Case, at time.Time) (Status, error) {
	last := c.Last()
	answer := Status{
		Code: c.Code, Source: c.Source, AsOf: Instant{at.UTC()}, UpdatedAt: Instant{last.Metadata.OccurredAt.UTC()},
		Events: c.Events, Revision: last.Revision, Position: last.Position,
	}
	s := c.State
	if !s.Exists() {
		return answer, nil
	}
	version, err := d.version(s)
	if err != nil {
		return Status{}, err
	}
	n, err := d.names(version, at)
	if err != nil {
		return Status{}, err
	}
	answer.Procedure = &ProcedureInUse{Code: s.Procedure, Version: s.ProcedureVersion, Name: procedure.Text{VI: s.Procedure, EN: s.Procedure}}
	if version != nil {
		answer.Procedure.Name = version.Name
	}
	answer.Status = &NationalStatus{Code: int(s.Status()), Name: s.Status().Name()}
	answer.Phase = &Named{Code: string(s.Phase), Name: phaseNames[s.Phase]}
	answer.Channel = &Named{Code: string(s.Channel), Name: channelNames[s.Channel]}
	answer.Support, answer.Receiving, answer.Competent = n.agency(s.Support), n.agency(s.Receiving), n.agency(s.Competent)
	answer.Holder = n.holder(s.Holder, s.HolderSince)
	if w := s.WaitsFor(); w != dossier.WaitsForNobody {
		answer.WaitsFor = &Named{Code: string(w), Name: waitsForNames[w]}
	}
	if v := s.CurrentVisit(); v != nil {
		answer.Step = &StepNow{Named: *n.step(v.Step), Since: moment(v.StartedAt)}
	}
	answer.SubmittedAt, answer.ReceivedAt = moment(s.SubmittedAt), moment(s.ReceivedAt)
	answer.DueAt, answer.DeliveredAt = moment(s.Clock.Due), moment(s.DeliveredAt)
	if len(s.Clock.Entries) > 0 {
		answer.FirstDueAt = moment(s.Clock.Entries[0].Due)
	}
	if end, ok := s.EndedAt(); ok {
		answer.FinishedAt = moment(end)
	} else if !s.Phase.Open() {
		answer.FinishedAt = moment(s.UpdatedAt)
	}
	answer.Supplements, answer.Extensions = len(s.Supplements), len(s.Extensions)
	answer.PaymentState, answer.DeliveryState = string(s.PaymentState()), string(s.Delivery.State)
	calendar, err := d.registers.For(s.Competent, at)
	if err != nil {
		return Status{}, err
	}
	answer.Timeliness = timeliness(s, calendar, at)
	return answer, nil
}

// version gives the version that a dossier lives under, nil where the register
// does not have it.
func (d *Dossiers) version(s dossier.State) (*procedure.Version, error) {
	version, err := d.registers.Version(s.Procedure, s.ProcedureVersion)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	return version, err
}

func timeliness(s dossier.State, calendar dossier.Calendar, at time.Time) *TimelinessView {
	kind := s.Timeliness(at)
	view := &TimelinessView{
		Kind: kind, Name: timelinessNames[kind], Paused: s.Clock.Paused(),
		PromisedSeconds: wholeSeconds(s.Clock.Promised(calendar)),
		UsedSeconds:     wholeSeconds(s.Clock.Used(calendar, at)),
	}
	if left, ok := s.Clock.Remaining(calendar, at); ok {
		seconds := wholeSeconds(left)
		view.RemainingSeconds = &seconds
		if kind == dossier.Overdue || kind == dossier.Late {
			view.OverdueSeconds = max(0, -seconds)
		}
	}
	if view.Paused {
		view.PausedSince, view.PausedFor = moment(s.Clock.PausedAt), s.Clock.Causes
	}
	return view
}
