// Package policy is what the ledger does by itself because time has passed:
// supplement requests that nobody answered expire, appointments are brought to
// mind before they come, apology letters fall due, and overdue dossiers are
// flagged.
//
// A policy is a pure function. Next says from a dossier's state what is to be
// done, and when; Do says what that is: a command or a notice. Time is therefore
// kept nowhere: whoever has the events has the schedule, and a restart neither
// forgets nor doubles. Each thing to be done has a key that follows from the
// policy, the dossier and the date that it is about; the ids of what it makes
// follow from the key, so that doing it again adds nothing.
package policy

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/worktime"
	"github.com/google/uuid"
)

// Kind names a policy. The names are part of keys and therefore permanent.
type Kind string

// The policies.
const (
	// ExpireSupplement ends the wait for papers as the request's rule says.
	ExpireSupplement Kind = "expire-supplement"
	// Remind brings an appointment to mind before it comes.
	Remind Kind = "remind"
	// ApologyDue: the appointment will not be kept, so that the applicant is owed
	// a letter of apology with a new date (form 04 of Thông tư 03/2025/TT-VPCP)
	// before it comes, a day before by custom.
	ApologyDue Kind = "apology-due"
	// FlagOverdue: the day of the appointment has passed.
	FlagOverdue Kind = "flag-overdue"
)

// Kinds lists the policies.
func Kinds() []Kind { return []Kind{ExpireSupplement, Remind, ApologyDue, FlagOverdue} }

// Rules are the spans that may be set: working time before the appointment.
type Rules struct {
	Reminder time.Duration
	Apology  time.Duration
}

// DefaultRules remind two working days before an appointment, and want the
// apology one working day before it.
func DefaultRules() Rules {
	day := worktime.OfficeHours().Length()
	return Rules{Reminder: 2 * day, Apology: day}
}

// Validate refuses spans that are not before the appointment.
func (r Rules) Validate() error {
	if r.Reminder <= 0 || r.Apology <= 0 {
		return errors.New("policy: reminder and apology need a span of working time before the appointment")
	}
	return nil
}

// Wake is one thing that is to be done on a dossier when its time has come.
type Wake struct {
	Kind    Kind   `json:"policy"`
	Dossier string `json:"dossier"`
	// At is the first instant at which it is due.
	At time.Time `json:"at"`
	// Until, where set, is when it makes no sense any more: nobody is reminded
	// of an appointment that has passed.
	Until time.Time `json:"until,omitzero"`
	// Due is what it is about: the appointment, or the end of the wait for papers.
	Due time.Time `json:"due"`
	// Number is that of the supplement request; 0 for other policies.
	Number int `json:"number,omitempty"`
}

// Key tells this from everything else that a policy ever does. An appointment
// that is moved within its day stays the same; one on another day is another.
func (w Wake) Key() string {
	about := w.Due.In(dossier.ICT).Format(time.DateOnly)
	if w.Kind == ExpireSupplement {
		about = strconv.Itoa(w.Number)
	}
	return "policy/" + string(w.Kind) + "/" + w.Dossier + "/" + about
}

// ID is that of the notice it makes.
func (w Wake) ID() uuid.UUID { return event.IDFor(w.Key(), 0) }

// Ripe reports whether it is to be done now.
func (w Wake) Ripe(now time.Time) bool { return !now.Before(w.At) && !w.Over(now) }

// Over reports whether its time has passed.
func (w Wake) Over(now time.Time) bool { return !w.Until.IsZero() && !now.Before(w.Until) }

// Next lists what is to be done on a dossier as it stands, now or later, in
// order of time, unless something happens on it before. What was done already
// is among it where the state does not show it: see Key.
func Next(s *dossier.State, cal dossier.Calendar, rules Rules, now time.Time) []Wake {
	if !s.Phase.Open() {
		return nil
	}
	wakes := slices.DeleteFunc(append(expiry(s), appointment(s, cal, rules)...), func(w Wake) bool { return w.Over(now) })
	for i := range wakes {
		wakes[i].Dossier = s.Code
	}
	slices.SortStableFunc(wakes, func(a, b Wake) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind))
	})
	return wakes
}

// moment is the least time that is told apart here; a request expires after
// the end of its wait and not with it.
const moment = time.Microsecond

func expiry(s *dossier.State) []Wake {
	open := s.OpenSupplement()
	if open == nil || open.WaitUntil.IsZero() || !open.ExpiredAt.IsZero() {
		return nil
	}
	return []Wake{{Kind: ExpireSupplement, At: open.WaitUntil.Add(moment), Due: open.WaitUntil, Number: open.Number}}
}

// appointment lists what the appointment date asks for. While the clock stands
// it asks for nothing, unless it began to stand when it was too late already.
func appointment(s *dossier.State, cal dossier.Calendar, rules Rules) []Wake {
	due := s.Clock.Due
	if !s.Clock.Started() || !s.Clock.StoppedAt.IsZero() || due.IsZero() {
		return nil
	}
	if stood := s.Clock.PausedAt; !stood.IsZero() && !stood.After(due) {
		return nil
	}
	wakes := []Wake{{Kind: FlagOverdue, At: dayAfter(due), Due: due}}
	for _, ahead := range []struct {
		kind Kind
		span time.Duration
	}{{Remind, rules.Reminder}, {ApologyDue, rules.Apology}} {
		at := before(cal, due, ahead.span)
		// A term that is shorter than the span leaves no time for it.
		if !at.After(s.Clock.StartedAt) || ahead.kind == ApologyDue && canBeKept(s) {
			continue
		}
		wakes = append(wakes, Wake{Kind: ahead.kind, At: at, Until: due, Due: due})
	}
	return wakes
}

// canBeKept: the result lies before a leader, and nobody else is waited for.
func canBeKept(s *dossier.State) bool {
	waits := s.WaitsFor()
	return s.Draft != nil && (waits == dossier.WaitsForSignature || waits == dossier.WaitsForNobody)
}

// before counts working time back. Where the calendar does not reach that far,
// the span counts as plain time: to be told too late is worse than by a rough rule.
func before(cal dossier.Calendar, due time.Time, span time.Duration) time.Time {
	at, err := cal.Add(due, -span)
	if err != nil {
		return due.Add(-span)
	}
	return at
}

// dayAfter is the first instant of the next day in Vietnam.
func dayAfter(t time.Time) time.Time {
	y, m, d := t.In(dossier.ICT).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, dossier.ICT).UTC()
}
