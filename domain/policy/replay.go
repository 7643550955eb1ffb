package policy

import (
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// Outcome is what became of something that a policy had to do.
type Outcome string

// The outcomes. Passed: its time came while no policies ran, and the dossier has
// gone on since, so that it will not be done any more.
const (
	Done   Outcome = "done"
	Due    Outcome = "due"
	Passed Outcome = "passed"
)

// Told is one thing that a policy had to do in a dossier's life.
type Told struct {
	Wake
	// From is when it would have been done: when it was ripe and known.
	From    time.Time `json:"from"`
	Outcome Outcome   `json:"outcome"`
}

// Calendars gives the calendar of an agency as it had been announced by a time.
type Calendars func(agency string, known time.Time) (dossier.Calendar, error)

// Replay tells what the policies would have done on one dossier up to a time,
// had they run all the while, without doing any of it. events are the dossier's,
// oldest first, and notices those of its stream of notices; of both, what
// happened after until is left out. What is Due is what Next gives at until and
// nobody has done: the same that would be done then.
//
// Between what happened, time passes by OccurredAt. An expiry that would have
// ended the dossier ends only the span up to what really happened next.
func Replay(events, notices []event.Event, calendars Calendars, rules Rules, until time.Time) ([]Told, error) {
	done := map[string]bool{}
	for _, e := range notices {
		if !e.Metadata.OccurredAt.After(until) {
			done[e.ID.String()] = true
		}
	}
	var s dossier.State
	var told []Told
	known := map[string]int{} // key → place in told
	for i, e := range events {
		at := e.Metadata.OccurredAt
		if at.After(until) {
			break
		}
		s.Apply(e)
		end, last := until.Add(moment), true
		if i+1 < len(events) && !events[i+1].Metadata.OccurredAt.After(until) {
			end, last = events[i+1].Metadata.OccurredAt, false
		}
		if !s.Phase.Open() || !at.Before(end) {
			continue
		}
		cal, err := calendars(s.Competent, at)
		if err != nil {
			return nil, err
		}
		for _, w := range Next(&s, cal, rules, at) {
			from := later(w.At, at)
			if !from.Before(end) || w.Over(from) {
				continue
			}
			outcome := Passed
			if last && !w.Over(until) {
				outcome = Due
			}
			if n, again := known[w.Key()]; again {
				if told[n].Outcome == Passed {
					told[n].Outcome = outcome
				}
			} else {
				known[w.Key()] = len(told)
				told = append(told, Told{Wake: w, From: from, Outcome: outcome})
			}
			if w.ends(&s) {
				break
			}
		}
	}
	for i, t := range told {
		if done[t.ID().String()] || t.Kind == ExpireSupplement && expired(&s, t.Number) {
			told[i].Outcome = Done
		}
	}
	return told, nil
}

// ends reports whether doing it ends the dossier.
func (w Wake) ends(s *dossier.State) bool {
	open := s.OpenSupplement()
	return w.Kind == ExpireSupplement && open != nil && open.OnExpiry != procedure.KeepWaiting
}

func expired(s *dossier.State, number int) bool {
	for _, r := range s.Supplements {
		if r.Number == number {
			return !r.ExpiredAt.IsZero()
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
