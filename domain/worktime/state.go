package worktime

import (
	"slices"
	"sync"
	"time"

	"dossierledger/domain/event"
)

// National is the scope of the calendar that every agency inherits.
const National = "national"

// Stream is the stream of a calendar's events, by scope: National or an agency's id.
func Stream(scope string) string { return "calendar-" + scope }

// State is a calendar as its events tell it. The zero State is a calendar that
// was not opened yet. It is a value: Evolve and the methods leave it as it is.
type State struct {
	// Scope is National or an agency's id; empty before the calendar was opened.
	Scope string
	// inherited are the facts of the calendar above, which apply first.
	inherited []known
	facts     []known
}

type known struct {
	fact fact
	// announced is when the fact became public, recorded when the ledger took
	// it; zero before the append.
	announced, recorded time.Time
}

// Evolve folds one event of a calendar into its state. Events of other
// aggregates change nothing.
func Evolve(s State, e event.Event) State {
	payload, ok := e.Payload.(fact)
	if !ok {
		return s
	}
	if opened, ok := payload.(Opened); ok {
		s.Scope = opened.Scope
	}
	announced, _ := AnnouncedAt(e)
	s.facts = append(slices.Clip(s.facts), known{fact: payload, announced: announced, recorded: e.RecordedAt})
	return s
}

// Over gives the calendar as it inherits from the one above, usually the
// national one: the facts above apply first, then its own.
func (s State) Over(above State) State {
	s.inherited = append(slices.Clip(above.inherited), above.facts...)
	return s
}

// KnownAt is the state with only what had been announced at that instant, the
// instant included. It is what a promise of that moment is computed with.
func (s State) KnownAt(t time.Time) State {
	return s.only(func(k known) bool { return !k.announced.After(t) })
}

// RecordedBy is the state with only what the ledger itself held at that instant:
// what an auditor needs to tell a late entry from a wrong promise. Events that
// have not been stored yet count as held.
func (s State) RecordedBy(t time.Time) State {
	return s.only(func(k known) bool { return !k.recorded.After(t) })
}

func (s State) only(keep func(known) bool) State {
	drop := func(k known) bool { return !keep(k) }
	s.inherited = slices.DeleteFunc(slices.Clone(s.inherited), drop)
	s.facts = slices.DeleteFunc(slices.Clone(s.facts), drop)
	return s
}

// Calendar computes the working time from everything in the state. States of
// the same content share one calendar. Where nothing sets the working hours,
// OfficeHours hold.
func (s State) Calendar() *Calendar { return s.knowledge().calendar() }

// CalendarAt is KnownAt(t).Calendar().
func (s State) CalendarAt(t time.Time) *Calendar { return s.KnownAt(t).Calendar() }

func (s State) knowledge() *knowledge {
	k := &knowledge{Windows: []dated{{Windows: OfficeHours()}}}
	for _, inherited := range s.inherited {
		inherited.fact.apply(k)
	}
	for _, own := range s.facts {
		own.fact.apply(k)
	}
	return k
}

// StandardState is the national calendar with every notice of NationalNotices.
func StandardState() State { return standard().state }

// Standard is the national calendar with everything that NationalNotices knows:
// for tests, imports and agencies whose calendar was not opened.
func Standard() *Calendar { return standard().calendar }

// NewCalendar is the national calendar with other working hours.
func NewCalendar(windows Windows) (*Calendar, error) {
	if err := mustWork(windows); err != nil {
		return nil, err
	}
	own := Evolve(State{}, event.Event{Payload: Opened{Scope: "agency", Windows: windows}})
	return own.Over(StandardState()).Calendar(), nil
}

var standard = sync.OnceValue(func() (s struct {
	state    State
	calendar *Calendar
}) {
	for _, payload := range NationalNotices() {
		s.state = Evolve(s.state, event.Event{Payload: payload})
	}
	s.calendar = s.state.Calendar()
	return s
})

// AnnouncedAt is when what an event of a calendar says became public; ok is
// false for events of other aggregates.
func AnnouncedAt(e event.Event) (at time.Time, ok bool) {
	payload, ok := e.Payload.(fact)
	if !ok {
		return time.Time{}, false
	}
	if at = payload.announced(); at.IsZero() {
		at = e.Metadata.OccurredAt
	}
	return at, true
}
