package projections

import (
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// measure fills in what is known of a dossier that this ledger handles. Measures
// that depend on the time are as of the dossier's last event.
func (f *folded) measure(r *DossierRow, calendar *worktime.Calendar, ref *reference) {
	s := &f.state
	r.Procedure, r.ProcedureVersion = s.Procedure, count(s.ProcedureVersion)
	if v := ref.procedure(s.Procedure, s.ProcedureVersion, f.position); v != nil {
		r.Field, r.Class, r.Level, r.Modern = v.Field, string(v.Class), uint8(v.Level), string(v.Modern)
	}
	r.Channel = string(s.Channel)
	r.Applicant, r.ApplicantKind = s.Applicant.Subject, string(s.Applicant.Kind)
	r.SupportAgency, r.ReceivingAgency, r.CompetentAgency = s.Support, s.Receiving, s.Competent
	r.Status, r.Phase, r.WaitsFor = uint8(s.Status()), string(s.Phase), string(s.WaitsFor())
	r.HolderAgency, r.HolderDepartment, r.HolderOfficer = s.Holder.Agency, s.Holder.Department, s.Holder.Officer
	r.HolderSince = maybe(s.HolderSince)
	if visit := s.CurrentVisit(); visit != nil {
		r.Step, r.StepSince = visit.Step, maybe(visit.StartedAt)
	}
	r.SubmittedAt, r.ReceivedAt, r.DeliveredAt = maybe(s.SubmittedAt), maybe(s.ReceivedAt), maybe(s.DeliveredAt)
	if at, ok := s.EndedAt(); ok {
		r.EndedAt = maybe(at)
	}
	r.Ending = ending(s.Phase)
	f.measureClock(r, calendar)
	f.measureContent(r)
	f.measureMoney(r)
	r.DeliveryState, r.SyncState = string(s.Delivery.State), string(syncState(s.Sync))
	switch {
	case s.Rating == nil:
	case s.Rating.Satisfied:
		r.Rating = RatedSatisfied
	default:
		r.Rating = RatedDissatisfied
	}
}

func (f *folded) measureClock(r *DossierRow, calendar *worktime.Calendar) {
	clock := f.state.Clock
	switch {
	case !clock.StoppedAt.IsZero():
		r.Clock = "stopped"
	case clock.Paused():
		r.Clock = "paused"
		r.PausedSince = maybe(clock.PausedAt)
	case clock.Running():
		r.Clock = "running"
	default:
		r.Clock = "not-started"
	}
	for _, entry := range clock.Entries {
		if entry.Action == dossier.ClockStart {
			r.FirstDueAt = maybe(entry.Due)
			break
		}
	}
	r.DueAt = maybe(clock.Due)
	switch t := f.state.Timeliness(r.LastAt); t {
	case dossier.Early, dossier.OnTime, dossier.Late:
		r.Timeliness = string(t)
	}
	r.ScoredLate = flag(f.state.ScoredLate(calendar, r.LastAt))
	r.UsedSeconds = seconds(clock.Used(calendar, r.LastAt))
	r.PausedSeconds = seconds(clock.PausedBetween(aroundTheClock{calendar}, r.FirstAt, r.LastAt))
}

func (f *folded) measureContent(r *DossierRow) {
	s := &f.state
	r.Supplements, r.Extensions, r.Returns = count(len(s.Supplements)), count(len(s.Extensions)), count(f.returns)
	r.Reopened, r.Corrections = count(len(s.Complaints)), count(len(s.Corrections))
	// Of a component that was handed in again only the newest version counts.
	newest := map[string]int{}
	for i, d := range s.Documents {
		if d.Component != "" {
			newest[d.Component] = i
		}
	}
	for i, d := range s.Documents {
		if n, ok := newest[d.Component]; ok && n != i {
			continue
		}
		r.Documents++
		if d.Digitised || d.Form == dossier.Electronic {
			r.DocumentsDigital++
		}
		if d.Reused || d.FromStore {
			r.DocumentsReused++
		}
	}
	for _, result := range s.Results {
		r.ResultElectronic = max(r.ResultElectronic, flag(result.Electronic))
	}
}

func (f *folded) measureMoney(r *DossierRow) {
	money := f.state.Money()
	r.MoneyAssessed, r.MoneyPaid = money.Assessed, money.Paid
	r.MoneyExempted, r.MoneyRefunded = money.Exempted, money.Refunded
	r.PaymentState = string(f.state.PaymentState())
	for _, o := range f.state.Obligations {
		for _, p := range o.Payments {
			if p.Method == dossier.PaidOnline {
				r.MoneyPaidOnline += p.Amount
			}
		}
	}
}

// aroundTheClock measures calendar time where working time is asked for.
type aroundTheClock struct{ dossier.Calendar }

// Between implements dossier.Calendar.
func (aroundTheClock) Between(a, b time.Time) time.Duration { return b.Sub(a) }

func ending(p dossier.Phase) string {
	switch p {
	case dossier.PhaseIssued, dossier.PhaseDelivered:
		return "issued"
	case dossier.PhaseRejected:
		return "rejected"
	case dossier.PhaseReceptionRefused:
		return "refused-reception"
	case dossier.PhaseStopped:
		return "stopped"
	case dossier.PhaseWithdrawn:
		return "withdrawn"
	}
	return ""
}

// syncState is that of the portal with which the exchange has come least far;
// a failure anywhere comes before everything.
func syncState(all []dossier.Sync) dossier.SyncState {
	for _, state := range []dossier.SyncState{dossier.SyncFailed, dossier.SyncQueued, dossier.SyncSent, dossier.SyncAccepted} {
		for _, s := range all {
			if s.State == state {
				return state
			}
		}
	}
	return ""
}

// endedVisits gives the rows of the visits to steps that an event ended, with
// the state before the event: what the dossier waited for then, it waited for
// up to the event. It also notes which event opened a visit.
func (f *folded) endedVisits(before *dossier.State, revision uint32, ref *reference) []StepRow {
	for len(f.opened) < len(f.state.Visits) {
		f.opened = append(f.opened, revision)
	}
	var rows []StepRow
	for f.visits < len(f.state.Visits) {
		visit := f.state.Visits[f.visits]
		if visit.Outcome == dossier.VisitOpen && f.visits == len(f.state.Visits)-1 {
			break
		}
		rows = append(rows, f.step(f.visits, visit, before, visit.EndedAt, ref))
		f.visits++
	}
	return rows
}

// openVisit gives the row of the step being worked on, none where there is no such.
func (f *folded) openVisit(ref *reference) []StepRow {
	if f.visits >= len(f.state.Visits) {
		return nil
	}
	return []StepRow{f.step(f.visits, f.state.Visits[f.visits], &f.state, f.path.lastAt, ref)}
}

func (f *folded) step(index int, visit dossier.Visit, s *dossier.State, until time.Time, ref *reference) StepRow {
	calendar := ref.calendar(s.Competent, f.position)
	until = later(until, visit.StartedAt)
	r := StepRow{
		Code:            f.code,
		Visit:           count(index + 1),
		Step:            visit.Step,
		Procedure:       s.Procedure,
		CompetentAgency: s.Competent,
		Agency:          visit.Holder.Agency,
		Department:      visit.Holder.Department,
		Officer:         visit.Holder.Officer,
		StartedAt:       micros(visit.StartedAt),
		EndedAt:         maybe(visit.EndedAt),
		WorkingSeconds:  seconds(calendar.Between(visit.StartedAt, until)),
		WaitingSeconds:  seconds(waiting(s, visit.StartedAt, until, calendar)),
		Returned:        flag(visit.Outcome == dossier.VisitReturned),
		Revision:        f.opened[index],
		Version:         f.position,
	}
	r.CalendarMicros = micros(until).UnixMicro() - r.StartedAt.UnixMicro()
	if v := ref.procedure(s.Procedure, s.ProcedureVersion, f.position); v != nil {
		r.PromisedSeconds = promised(v, visit.Step, s.Clock, calendar)
	}
	return r
}

// promised is the step's share of the term.
func promised(v *procedure.Version, step string, clock dossier.Clock, calendar *worktime.Calendar) int64 {
	s, ok := v.Step(step)
	if !ok {
		return 0
	}
	return seconds(clock.Promised(calendar)) * int64(s.Share) / 100
}

// waiting is the working time between two instants in which somebody else had to
// act: the citizen (papers, money), or another agency (opinion, its own part).
func waiting(s *dossier.State, from, until time.Time, calendar *worktime.Calendar) time.Duration {
	var spans []span
	add := func(begin, end time.Time, closed bool) {
		if end.IsZero() {
			if closed {
				return // given up unanswered, in an earlier round of the dossier
			}
			end = until
		}
		begin, end = later(begin, from), earlier(end, until)
		if begin.Before(end) {
			spans = append(spans, span{begin, end})
		}
	}
	for _, r := range s.Supplements {
		end := r.ProvidedAt
		if end.IsZero() {
			end = r.ExpiredAt
		}
		add(r.RequestedAt, end, r.Closed)
	}
	for _, o := range s.Obligations {
		if o.Blocking {
			add(o.AssessedAt, o.SettledAt, false)
		}
	}
	for _, o := range s.Opinions {
		add(o.RequestedAt, o.GivenAt, o.Closed)
	}
	for _, f := range s.Forwards {
		add(f.ForwardedAt, f.AnsweredAt, f.Closed)
	}
	return union(spans, calendar)
}
