package queries

import (
	"slices"
	"time"

	"dossierledger/domain/dossier"
)

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
	for _, v := range n.visits(s) {
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

// visits are those of the state, and before them the desk's own: a first step at
// the one-stop desk is begun and done by receiving the dossier, without being
// started by anybody. It lasts until the next step begins or another department
// has the dossier.
func (n names) visits(s dossier.State) []dossier.Visit {
	steps := n.version.Steps
	if len(steps) == 0 || steps[0].Department != dossier.OneStop || s.ReceivedAt.IsZero() ||
		slices.ContainsFunc(s.Visits, func(v dossier.Visit) bool { return v.Step == steps[0].Code }) {
		return s.Visits
	}
	desk := dossier.Visit{
		Step: steps[0].Code, StartedAt: s.ReceivedAt,
		Holder: dossier.Holder{Agency: s.Receiving, Department: dossier.OneStop},
	}
	end, ended := s.EndedAt()
	switch {
	case len(s.Visits) > 0:
		end = s.Visits[0].StartedAt
	case s.LeftDesk && !ended:
		end = s.HolderSince
	}
	if !end.IsZero() {
		desk.EndedAt, desk.Outcome = end, dossier.VisitCompleted
	}
	return append([]dossier.Visit{desk}, s.Visits...)
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
