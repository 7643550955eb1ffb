package dossier

import (
	"slices"
	"strconv"
	"time"

	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// clockwork computes the clock events of one decision, each on top of the one
// before. The first error stops it.
type clockwork struct {
	clock   Clock
	facts   Facts
	unit    worktime.Unit
	changes []ClockChange
	err     error
}

func (s *State) clockwork(f Facts) clockwork {
	clock := s.Clock
	clock.branch()
	return clockwork{clock: clock, facts: f, unit: s.Term.Unit}
}

func (w *clockwork) add(action ClockAction, cause string, from, due time.Time) {
	change := ClockChange{
		Action: action, Cause: cause, At: w.facts.Now, From: from,
		PreviousDue: w.clock.Due, Due: due, Calendar: w.facts.Calendar.Version(),
	}
	w.changes = append(w.changes, change)
	w.clock.apply([]ClockChange{change})
}

// start begins the term, or the whole term again.
func (w *clockwork) start(action ClockAction, cause string, channel procedure.Channel) {
	if w.err != nil {
		return
	}
	from, due, err := promise(w.facts, channel)
	if err != nil {
		w.err = err
		return
	}
	w.add(action, cause, from, due)
}

func (w *clockwork) pause(cause string) {
	if w.err == nil && w.clock.Started() && w.clock.StoppedAt.IsZero() {
		w.add(ClockPause, cause, time.Time{}, w.clock.Due)
	}
}

// resume ends one cause. With the last one the appointment moves by the time
// for which the clock stood: working time, or calendar time where the term is
// counted in calendar days.
func (w *clockwork) resume(cause string) {
	if w.err != nil || !slices.Contains(w.clock.Causes, cause) {
		return
	}
	due := w.clock.Due
	if len(w.clock.Causes) == 1 && !due.IsZero() {
		from := later(w.clock.PausedAt, w.clock.StartedAt)
		due, w.err = w.moved(due, from)
	}
	if w.err == nil {
		w.add(ClockResume, cause, time.Time{}, due)
	}
}

func (w *clockwork) moved(due, from time.Time) (time.Time, error) {
	cal, now := w.facts.Calendar, w.facts.Now
	if !from.Before(now) {
		return due, nil
	}
	if w.unit == worktime.CalendarDays {
		return intoWorkingTime(cal, due.Add(now.Sub(from)))
	}
	stood := between(cal, from, now)
	if stood == 0 {
		return due, nil
	}
	moved, err := cal.Add(due, stood)
	if err != nil {
		return time.Time{}, uncomputed("the appointment date", due, err)
	}
	return moved, nil
}

// intoWorkingTime moves an appointment that fell on a time off to the next
// opening (Bộ luật Dân sự 2015, art. 148(5)); closing time is no time off.
func intoWorkingTime(cal Calendar, at time.Time) (time.Time, error) {
	const instant = time.Nanosecond
	if cal.Between(at.Add(-instant), at) > 0 {
		return at, nil
	}
	opened, err := cal.Add(at, instant)
	if err != nil {
		return time.Time{}, uncomputed("the appointment date", at, err)
	}
	return opened.Add(-instant), nil
}

func (w *clockwork) extend(cause string, due time.Time) {
	if w.err == nil {
		w.add(ClockExtend, cause, time.Time{}, due)
	}
}

func (w *clockwork) stop(cause string) {
	if w.err == nil && w.clock.Started() && w.clock.StoppedAt.IsZero() {
		w.add(ClockStop, cause, time.Time{}, w.clock.Due)
	}
}

// termFor is the version's term for a channel.
func termFor(v *procedure.Version, channel procedure.Channel) worktime.Term {
	if term, ok := v.Deadlines[channel]; ok {
		return term
	}
	return v.Deadlines[""]
}

// promise computes from when the term counts and the appointment date, zero
// where the version sets no deadline.
func promise(f Facts, channel procedure.Channel) (from, due time.Time, err error) {
	from = f.Calendar.Received(f.Now)
	term := termFor(f.Procedure, channel)
	switch {
	case f.Procedure.Clock.SameDay:
		due, err = f.Calendar.SameDay(f.Now, f.Procedure.Clock.CutOff)
	case !term.IsZero():
		due, err = f.Calendar.Deadline(f.Now, term)
	}
	if err != nil {
		return from, due, uncomputed("the appointment date", f.Now, err)
	}
	return from, due, nil
}

func supplementCause(number int) string { return "supplement-" + strconv.Itoa(number) }
func opinionCause(number int) string    { return "opinion-" + strconv.Itoa(number) }
func forwardCause(number int) string    { return "forward-" + strconv.Itoa(number) }
func obligationCause(id string) string  { return "obligation-" + id }
