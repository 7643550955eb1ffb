package dossier

import (
	"time"

	"dossierledger/domain/worktime"
)

// Calendar is what a dossier needs of working time; *worktime.Calendar is one.
// All of it is deterministic: the same calendar version gives the same answer.
type Calendar interface {
	// Version names what was known of holidays and office hours.
	Version() string
	// Between is the working time from a to b, where a is not after b.
	Between(a, b time.Time) time.Duration
	// Add is the instant at which d of working time has passed since from.
	Add(from time.Time, d time.Duration) (time.Time, error)
	// Received is the instant from which a receipt at this time counts.
	Received(at time.Time) time.Time
	// Deadline is the end of a term that began to count at received.
	Deadline(received time.Time, term worktime.Term) (time.Time, error)
	// SameDay is the end of the day of receipt, or of the next working day
	// where it was received after the cut-off ("15:00").
	SameDay(received time.Time, cutOff string) (time.Time, error)
}

// Clock is the fold over the clock events of a dossier. The zero Clock has not
// started.
type Clock struct {
	// StartedAt is when the running term began to count: the last start or restart.
	StartedAt time.Time `json:"started_at,omitzero"`
	// Due is the appointment date as promised last; zero where there is none.
	Due time.Time `json:"due,omitzero"`
	// PausedAt is when the clock began to stand; zero while it runs. It stays
	// set where the clock was stopped while it stood.
	PausedAt time.Time `json:"paused_at,omitzero"`
	// Causes are what it stands for; it runs on when the last is gone.
	Causes []string `json:"causes,omitempty"`
	// StoppedAt is when the handling ended.
	StoppedAt time.Time `json:"stopped_at,omitzero"`
	// Pauses are those of the running term that are over.
	Pauses []Pause `json:"pauses,omitempty"`
	// Entries are all clock events, oldest first. Nothing is ever removed.
	Entries []ClockChange `json:"entries,omitempty"`
}

// Pause is a span in which the clock stood.
type Pause struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Started reports whether the clock ever started.
func (c Clock) Started() bool { return !c.StartedAt.IsZero() }

// Paused reports whether the clock stands now and may run on.
func (c Clock) Paused() bool { return !c.PausedAt.IsZero() && c.StoppedAt.IsZero() }

// Running reports whether time counts now.
func (c Clock) Running() bool { return c.Started() && c.PausedAt.IsZero() && c.StoppedAt.IsZero() }

// branch leaves no room behind any list, for another clock may go on there.
func (c *Clock) branch() {
	clip(&c.Causes)
	clip(&c.Pauses)
	clip(&c.Entries)
}

// apply folds clock events; the elements of c's slices stay as they are.
func (c *Clock) apply(changes []ClockChange) {
	for _, change := range changes {
		switch change.Action {
		case ClockStart, ClockRestart:
			c.StartedAt = change.From
			c.Pauses = nil
			c.StoppedAt = time.Time{}
			c.Causes = without(c.Causes, change.Cause)
			c.PausedAt = time.Time{}
			if len(c.Causes) > 0 {
				c.PausedAt = change.At
			}
		case ClockPause:
			if len(c.Causes) == 0 {
				c.PausedAt = change.At
			}
			c.Causes = append(c.Causes, change.Cause)
		case ClockResume:
			c.Causes = without(c.Causes, change.Cause)
			if len(c.Causes) == 0 && !c.PausedAt.IsZero() {
				c.Pauses = append(c.Pauses, Pause{From: c.PausedAt, To: change.At})
				c.PausedAt = time.Time{}
			}
		case ClockStop:
			c.StoppedAt = change.At
			c.Causes = nil
		}
		c.Due = change.Due
		c.Entries = append(c.Entries, change)
	}
}

func without(causes []string, cause string) []string {
	var rest []string
	for _, c := range causes {
		if c != cause {
			rest = append(rest, c)
		}
	}
	return rest
}

// reading is the instant that counts as now: the clock shows no more than that.
func (c Clock) reading(now time.Time) time.Time {
	switch {
	case !c.PausedAt.IsZero():
		return c.PausedAt
	case !c.StoppedAt.IsZero():
		return c.StoppedAt
	default:
		return now
	}
}

// Used is the working time that the running term has used up to now, pauses
// left out.
func (c Clock) Used(cal Calendar, now time.Time) time.Duration {
	if !c.Started() {
		return 0
	}
	used := between(cal, c.StartedAt, c.reading(now))
	for _, p := range c.Pauses {
		used -= between(cal, later(p.From, c.StartedAt), p.To)
	}
	return used
}

// Remaining is the working time left until the appointment date, negative when
// that has passed. It stands while the clock stands. ok is false where no date
// was promised.
func (c Clock) Remaining(cal Calendar, now time.Time) (left time.Duration, ok bool) {
	if !c.Started() || c.Due.IsZero() {
		return 0, false
	}
	at := later(c.reading(now), c.StartedAt)
	if at.After(c.Due) {
		return -between(cal, c.Due, at), true
	}
	return between(cal, at, c.Due), true
}

// Promised is the working time that the running term was given at its start,
// extensions left out.
func (c Clock) Promised(cal Calendar) time.Duration {
	for i := len(c.Entries) - 1; i >= 0; i-- {
		if e := c.Entries[i]; e.Action == ClockStart || e.Action == ClockRestart {
			return between(cal, e.From, e.Due)
		}
	}
	return 0
}

// PausedBetween is the working time for which the clock stood between a and b,
// over the dossier's whole life.
func (c Clock) PausedBetween(cal Calendar, a, b time.Time) time.Duration {
	var sum time.Duration
	open := map[string]bool{}
	var from time.Time
	closeAt := func(to time.Time) {
		if len(open) == 0 && !from.IsZero() {
			if to.After(b) {
				to = b
			}
			sum += between(cal, later(from, a), to)
			from = time.Time{}
		}
	}
	for _, e := range c.Entries {
		switch e.Action {
		case ClockPause:
			if len(open) == 0 {
				from = e.At
			}
			open[e.Cause] = true
		case ClockResume, ClockRestart:
			delete(open, e.Cause)
			closeAt(e.At)
		case ClockStop:
			clear(open)
			closeAt(e.At)
		}
	}
	clear(open)
	closeAt(b)
	return sum
}

func between(cal Calendar, a, b time.Time) time.Duration {
	if !a.Before(b) {
		return 0
	}
	return cal.Between(a, b)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
