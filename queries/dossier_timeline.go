package queries

import (
	"context"
	"sort"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
)

// Timeline is what happened to a dossier, what was promised against it, and
// where it is stuck.
type Timeline struct {
	Status  Status  `json:"status"`
	Entries []Entry `json:"entries"`
	// Next is the revision from which the entries go on, where this is a part.
	Next *uint64 `json:"next,omitempty"`
	// Steps are those of the procedure, in its order; none for a history taken over.
	Steps []StepProgress `json:"steps,omitempty"`
	Stuck *Stuck         `json:"stuck,omitempty"` // absent once the dossier has ended
}

// Entry is one event, in words. It holds nothing personal.
type Entry struct {
	Revision   uint64         `json:"revision"`
	Position   uint64         `json:"position"`
	OccurredAt Instant        `json:"occurred_at"`
	RecordedAt Instant        `json:"recorded_at"`
	Activity   string         `json:"activity"` // the event's type; of a history, the older system's word
	Title      procedure.Text `json:"title"`
	By         ActorView      `json:"by"`
	Step       *Named         `json:"step,omitempty"`
	Clock      []ClockEntry   `json:"clock,omitempty"`
	Details    []Detail       `json:"details,omitempty"`
	// WorkingSecondsSince is the working time since the entry before.
	WorkingSecondsSince int64 `json:"working_seconds_since"`
}

// ActorView is who did something. Of citizens only the role is told.
type ActorView struct {
	Role       event.Role `json:"role,omitempty"`
	Agency     *Named     `json:"agency,omitempty"`
	Department *Named     `json:"department,omitempty"`
	Officer    string     `json:"officer,omitempty"` // pseudonym; of a history, its resource
}

// ClockEntry is what an event did to the clock of the promised term.
type ClockEntry struct {
	Action      dossier.ClockAction `json:"action"`
	Cause       string              `json:"cause"`
	PreviousDue *Instant            `json:"previous_due,omitempty"`
	Due         *Instant            `json:"due,omitempty"`
	// Calendar is the version of the calendar that the date was computed with.
	Calendar string `json:"calendar"`
}

// StepProgress is a step's promise against what happened. Seconds are working time.
type StepProgress struct {
	Step Named `json:"step"`
	// Share is the step's part of the term, in hundredths.
	Share int `json:"share"`
	// PromisedSeconds is that part as working time.
	PromisedSeconds int64 `json:"promised_seconds"`
	// DueBy is when the step should have ended so that the appointment is kept,
	// with the pauses and extensions so far.
	DueBy  *Instant   `json:"due_by,omitempty"`
	Visits []StepStay `json:"visits,omitempty"`
	// UsedSeconds is the working time of all visits, without what the clock stood.
	UsedSeconds int64 `json:"used_seconds"`
	// WaitedSeconds is the working time of all visits for which the clock stood.
	WaitedSeconds int64        `json:"waited_seconds"`
	Verdict       StepVerdict  `json:"verdict"`
	Department    *Named       `json:"department,omitempty"`
	Holders       []HolderView `json:"holders,omitempty"` // who had it in this step
}

// StepVerdict is how a step stands against its promise.
type StepVerdict string

// The verdicts.
const (
	StepNotStarted StepVerdict = "not-started"
	StepRunning    StepVerdict = "running"
	StepOverrun    StepVerdict = "overrun" // running, and has used more than its share
	StepKept       StepVerdict = "kept"    // done within its share
	StepExceeded   StepVerdict = "exceeded"
)

// StepStay is one visit to a step.
type StepStay struct {
	StartedAt     Instant              `json:"started_at"`
	EndedAt       *Instant             `json:"ended_at,omitempty"`
	Outcome       dossier.VisitOutcome `json:"outcome,omitempty"` // empty while it lasts
	Holder        *HolderView          `json:"holder,omitempty"`
	UsedSeconds   int64                `json:"used_seconds"`
	WaitedSeconds int64                `json:"waited_seconds"`
}

// Stuck is where a dossier lies now and for how long.
type Stuck struct {
	Holder   *HolderView `json:"holder,omitempty"`
	Step     *Named      `json:"step,omitempty"`
	WaitsFor *Named      `json:"waits_for,omitempty"`
	// Whom it waits for, where that is another agency.
	WaitsForAgencies []Named `json:"waits_for_agencies,omitempty"`
	// Since is when it began to wait for this, or came to this holder and step.
	Since           Instant `json:"since"`
	WorkingSeconds  int64   `json:"working_seconds"`
	CalendarSeconds int64   `json:"calendar_seconds"`
}

// Timeline answers what happened to a dossier, as of now.
func (d *Dossiers) Timeline(ctx context.Context, code string, view View) (Timeline, error) {
	c, err := d.Load(ctx, code)
	if err != nil {
		return Timeline{}, err
	}
	return d.TimelineOf(c, view)
}

// TimelineOf answers it for a case that was read.
func (d *Dossiers) TimelineOf(c Case, view View) (Timeline, error) {
	now := d.now()
	status, err := d.StatusOf(c, now)
	if err != nil {
		return Timeline{}, err
	}
	entries, err := d.Entries(c, view)
	if err != nil {
		return Timeline{}, err
	}
	answer := Timeline{Status: status, Entries: entries}
	if !c.State.Exists() {
		return answer, nil
	}
	version, err := d.version(c.State)
	if err != nil {
		return Timeline{}, err
	}
	n, err := d.names(version, now)
	if err != nil {
		return Timeline{}, err
	}
	calendar, err := d.registers.For(c.State.Competent, now)
	if err != nil {
		return Timeline{}, err
	}
	answer.Steps, err = n.steps(c.State, calendar, now)
	if err != nil {
		return Timeline{}, err
	}
	answer.Stuck = n.stuck(c.State, calendar, now)
	return answer, nil
}

// Part keeps the entries from a revision on, at most limit.
func (t Timeline) Part(from uint64, limit int) Timeline {
	first := sort.Search(len(t.Entries), func(i int) bool { return t.Entries[i].Revision >= from })
	rest := t.Entries[first:]
	t.Entries, t.Next = rest[:min(limit, len(rest))], nil
	if len(rest) > limit {
		t.Next = &rest[limit].Revision
	}
	return t
}

// Entries puts the events of a case into words, in the order of the stream.
func (d *Dossiers) Entries(c Case, view View) ([]Entry, error) { return d.entriesFrom(c, 0, view) }

// LastEntry puts the newest event of a case into words.
func (d *Dossiers) LastEntry(c Case, view View) (Entry, error) {
	entries, err := d.entriesFrom(c, len(c.Events)-1, view)
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

// entriesFrom puts the events from the first-th on into words.
func (d *Dossiers) entriesFrom(c Case, first int, view View) ([]Entry, error) {
	version, err := d.version(c.State)
	if err != nil {
		return nil, err
	}
	n, err := d.names(version, d.now())
	if err != nil {
		return nil, err
	}
	calendar, err := d.registers.For(c.State.Competent, d.now())
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(c.Events)-first)
	for i := first; i < len(c.Events); i++ {
		e := c.Events[i]
		entry := n.entry(e, view)
		if i > 0 && e.Metadata.OccurredAt.After(c.Events[i-1].Metadata.OccurredAt) {
			entry.WorkingSecondsSince = wholeSeconds(calendar.Between(c.Events[i-1].Metadata.OccurredAt, e.Metadata.OccurredAt))
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func (n names) entry(e event.Event, view View) Entry {
	n.at = e.Metadata.OccurredAt // what things were called then
	s := n.sentenceOf(e)
	entry := Entry{
		Revision: e.Revision, Position: e.Position,
		OccurredAt: Instant{e.Metadata.OccurredAt.UTC()}, RecordedAt: Instant{e.RecordedAt.UTC()},
		Activity: e.Payload.EventType(), Title: s.title, By: n.actor(e.Metadata.Actor), Step: n.step(s.step),
	}
	if p, ok := e.Payload.(legacy.ActionRecorded); ok {
		entry.Activity, entry.By = p.Activity, ActorView{Officer: p.Resource}
	}
	for _, change := range s.clock {
		entry.Clock = append(entry.Clock, ClockEntry{
			Action: change.Action, Cause: change.Cause, Calendar: change.Calendar,
			PreviousDue: moment(change.PreviousDue), Due: moment(change.Due),
		})
	}
	if !s.internal || view.Internal {
		entry.Details = s.public
	}
	if view.Concerned && (!s.internal || view.Internal) {
		entry.Details = append(entry.Details, s.concerned...)
	}
	return entry
}

func (n names) actor(a event.Actor) ActorView {
	view := ActorView{Role: a.Role, Agency: n.agency(a.Agency), Department: n.department(a.Agency, a.Department)}
	if a.Role == event.RoleOfficer {
		view.Officer = a.ID
	}
	return view
}

func (n names) steps(s dossier.State, calendar dossier.Calendar, now time.Time) ([]StepProgress, error) {
	if n.version == nil {
		return nil, nil
	}
	promised := s.Clock.Promised(calendar)
	progress := make([]StepProgress, 0, len(n.version.Steps))
	share := 0
	for _, step := range n.version.Steps {
		share += step.Share
		p := StepProgress{
			Step: Named{Code: step.Code, Name: step.Name}, Share: step.Share, Verdict: StepNotStarted,
			PromisedSeconds: wholeSeconds(promised * time.Duration(step.Share) / 100),
			Department:      n.department(s.Competent, step.Department),
		}
		if s.Clock.Started() && !s.Clock.Due.IsZero() {
			by, err := dueBy(s.Clock, calendar, promised*time.Duration(share)/100, now)
			if err != nil {
				return nil, err
			}
			// All steps together end with the appointment, also where it was promised
			// for the opening of a day and the same working time is used up at the
			// closing before.
			if !s.Clock.Paused() && (share >= 100 || by.After(s.Clock.Due)) {
				by = s.Clock.Due
			}
			p.DueBy = moment(by)
		}
		n.stays(&p, s, calendar, now)
		progress = append(progress, p)
	}
	return progress, nil
}

// stays adds the visits to a step and judges them.
func (n names) stays(p *StepProgress, s dossier.State, calendar dossier.Calendar, now time.Time) {
	running := false
	for _, v := range s.Visits {
		if v.Step != p.Step.Code {
			continue
		}
		end := v.EndedAt
		if v.Outcome == dossier.VisitOpen {
			end, running = now, true
		}
		waited := s.Clock.PausedBetween(calendar, v.StartedAt, end)
		var used time.Duration
		if end.After(v.StartedAt) {
			used = calendar.Between(v.StartedAt, end) - waited
		}
		stay := StepStay{
			StartedAt: Instant{v.StartedAt.UTC()}, EndedAt: moment(v.EndedAt), Outcome: v.Outcome,
			Holder: n.holder(v.Holder, time.Time{}), UsedSeconds: wholeSeconds(used), WaitedSeconds: wholeSeconds(waited),
		}
		p.Visits = append(p.Visits, stay)
		p.UsedSeconds += stay.UsedSeconds
		p.WaitedSeconds += stay.WaitedSeconds
		if stay.Holder != nil && !holds(p.Holders, *stay.Holder) {
			p.Holders = append(p.Holders, *stay.Holder)
		}
	}
	over := p.PromisedSeconds > 0 && p.UsedSeconds > p.PromisedSeconds
	switch {
	case len(p.Visits) == 0:
	case running && over:
		p.Verdict = StepOverrun
	case running:
		p.Verdict = StepRunning
	case over:
		p.Verdict = StepExceeded
	default:
		p.Verdict = StepKept
	}
}

func holds(list []HolderView, h HolderView) bool {
	for _, other := range list {
		if other.Agency.Code == h.Agency.Code && other.Officer == h.Officer &&
			(other.Department == nil) == (h.Department == nil) && (h.Department == nil || other.Department.Code == h.Department.Code) {
			return true
		}
	}
	return false
}

// dueBy is when a part of the running term is used up: the working time from its
// start, moved by each pause that began before, and by each extension that came
// before it.
func dueBy(c dossier.Clock, calendar dossier.Calendar, part time.Duration, now time.Time) (time.Time, error) {
	pauses := c.Pauses
	if c.Paused() {
		pauses = append(append([]dossier.Pause(nil), pauses...), dossier.Pause{From: c.PausedAt, To: now})
	}
	moves := make([]move, 0, len(pauses))
	for _, p := range pauses {
		from := p.From
		if from.Before(c.StartedAt) {
			from = c.StartedAt
		}
		if p.To.After(from) {
			moves = append(moves, move{at: from, by: calendar.Between(from, p.To)})
		}
	}
	for _, e := range c.Entries {
		if e.Action == dossier.ClockExtend && !e.At.Before(c.StartedAt) && e.Due.After(e.PreviousDue) {
			moves = append(moves, move{at: e.At, by: calendar.Between(e.PreviousDue, e.Due)})
		}
	}
	by, err := calendar.Add(c.StartedAt, part)
	// A move can bring the end of the part behind a later move, so until nothing changes.
	for done := make([]bool, len(moves)); err == nil; {
		moved := false
		for i, m := range moves {
			if !done[i] && m.at.Before(by) {
				done[i], moved = true, true
				part += m.by
			}
		}
		if !moved {
			break
		}
		by, err = calendar.Add(c.StartedAt, part)
	}
	return by, err
}

// move puts off everything that was due after a moment.
type move struct {
	at time.Time
	by time.Duration
}

// stuck finds what keeps an open dossier where it is.
func (n names) stuck(s dossier.State, calendar dossier.Calendar, now time.Time) *Stuck {
	if !s.Phase.Open() {
		return nil
	}
	since := s.HolderSince
	if since.IsZero() {
		since = s.SubmittedAt
	}
	answer := &Stuck{Holder: n.holder(s.Holder, s.HolderSince), Step: n.step(s.CurrentStep())}
	if v := s.CurrentVisit(); v != nil && v.StartedAt.After(since) {
		since = v.StartedAt
	}
	if w := s.WaitsFor(); w != dossier.WaitsForNobody {
		answer.WaitsFor = &Named{Code: string(w), Name: waitsForNames[w]}
		if began := waitSince(s, w); !began.IsZero() {
			since = began
		}
		answer.WaitsForAgencies = n.awaited(s, w)
	}
	answer.Since = Instant{since.UTC()}
	if now.After(since) {
		answer.WorkingSeconds = wholeSeconds(calendar.Between(since, now))
		answer.CalendarSeconds = wholeSeconds(now.Sub(since))
	}
	return answer
}

// waitSince is when the oldest of what a dossier waits for began.
func waitSince(s dossier.State, w dossier.WaitsFor) time.Time {
	var since time.Time
	consider := func(at time.Time) {
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	switch w {
	case dossier.WaitsForSupplement:
		consider(s.OpenSupplement().RequestedAt)
	case dossier.WaitsForPayment:
		for _, o := range s.Obligations {
			if o.Blocking && o.Owed() > 0 {
				consider(o.AssessedAt)
			}
		}
	case dossier.WaitsForOtherAgency:
		for _, f := range s.Forwards {
			if !f.Closed {
				consider(f.ForwardedAt)
			}
		}
	case dossier.WaitsForOpinion:
		for _, o := range s.Opinions {
			if !o.Closed {
				consider(o.RequestedAt)
			}
		}
	case dossier.WaitsForSignature:
		consider(s.Draft.SubmittedAt)
	}
	return since
}

// awaited lists the agencies whose answer is waited for.
func (n names) awaited(s dossier.State, w dossier.WaitsFor) []Named {
	var agencies []Named
	switch w {
	case dossier.WaitsForOtherAgency:
		for _, f := range s.Forwards {
			if !f.Closed {
				agencies = append(agencies, *n.agency(f.To.Agency))
			}
		}
	case dossier.WaitsForOpinion:
		for _, o := range s.Opinions {
			if !o.Closed {
				agencies = append(agencies, *n.agency(o.Agency))
			}
		}
	}
	return agencies
}
