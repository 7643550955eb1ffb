package dossier

import "time"

// Timeliness is how a dossier stands with its appointment date.
type Timeliness string

// The kinds. Early means finished on an earlier day than promised, on time means
// finished on that day and not after the hour.
const (
	NotStarted Timeliness = "not-started" // not received, or never will be
	NoDeadline Timeliness = "no-deadline"
	Running    Timeliness = "running" // đang trong hạn
	Overdue    Timeliness = "overdue" // chưa xong, đã quá hạn
	Early      Timeliness = "early"   // trước hạn
	OnTime     Timeliness = "on-time" // đúng hạn
	Late       Timeliness = "late"    // quá hạn
)

// EndedAt is when the handling ended, by the precedence of the official index
// (Quyết định 766/QĐ-TTg): result sent to the desk (9), else delivered (10),
// else stopped or refused (8), else withdrawn if it had been received (7).
func (s *State) EndedAt() (time.Time, bool) {
	if s.ReceivedAt.IsZero() {
		return time.Time{}, false
	}
	for _, at := range []time.Time{s.IssuedAt, s.DeliveredAt, s.StoppedAt, s.RejectedAt, s.WithdrawnAt} {
		if !at.IsZero() {
			return at, true
		}
	}
	return time.Time{}, false
}

// Timeliness compares the end, or now, with the appointment date. Time for
// which the clock stood is left out: while it stands, nothing becomes overdue.
func (s *State) Timeliness(now time.Time) Timeliness {
	switch {
	case !s.Clock.Started():
		return NotStarted
	case s.Clock.Due.IsZero():
		return NoDeadline
	}
	due := s.Clock.Due
	end, ended := s.EndedAt()
	at := now
	if ended {
		at = end
	}
	if stood := s.Clock.PausedAt; !stood.IsZero() && stood.Before(at) {
		at = stood
	}
	switch {
	case ended && at.After(due):
		return Late
	case ended && dayOf(at) < dayOf(due):
		return Early
	case ended:
		return OnTime
	case at.After(due):
		return Overdue
	default:
		return Running
	}
}

// dayOf orders instants by their date in Vietnam.
func dayOf(t time.Time) string { return t.In(ICT).Format("2006-01-02") }

// ScoredLate is the rule of Quyết định 766/QĐ-TTg, as of the end of a reporting
// period. More than one supplement request counts as late. Without an end, the
// date of the one request that waits for an answer counts as the end, else the
// period's; a dossier that ended unanswered is treated alike. The time from a
// request to its answer is taken off, also where the procedure's own clock did
// not stand. Dossiers that were not received, or have
// no appointment date, are never late.
func (s *State) ScoredLate(cal Calendar, periodEnd time.Time) bool {
	if !s.Clock.Started() || s.Clock.Due.IsZero() {
		return false
	}
	if len(s.Supplements) > 1 {
		return true
	}
	due := s.Clock.Due
	end, ended := s.EndedAt()
	if !ended {
		end = periodEnd
	}
	for _, r := range s.Supplements {
		switch {
		case r.ProvidedAt.IsZero() && r.RequestedAt.Before(end):
			end = r.RequestedAt
		case !r.Paused && !r.ProvidedAt.IsZero():
			if waited := between(cal, later(r.RequestedAt, s.Clock.StartedAt), r.ProvidedAt); waited > 0 {
				if moved, err := cal.Add(due, waited); err == nil {
					due = moved
				}
			}
		}
	}
	if stood := s.Clock.PausedAt; !stood.IsZero() && stood.Before(end) {
		end = stood
	}
	return end.After(due)
}
