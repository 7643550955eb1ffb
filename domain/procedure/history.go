package procedure

import (
	"fmt"
	"slices"
	"time"

	"dossierledger/domain/event"
)

// History is everything recorded about one procedure: the state that decisions
// are made on, and the answer to "which version, on which day, as known when".
// The zero History is that of a procedure nobody published. It is a value:
// Evolve never changes the one it is given.
type History struct {
	facts []fact
}

// fact is one event with the two times at which it can be said to be known.
type fact struct {
	recorded  time.Time // when the ledger took it
	announced time.Time // when the authority said it
	payload   event.Payload
}

// Foreign is the error for an event that has no place in the stream it was read from.
type Foreign struct{ Type, Stream string }

// Error implements error.
func (e *Foreign) Error() string {
	return fmt.Sprintf("procedure.foreign-event: %s does not belong in stream %q", e.Type, e.Stream)
}

// Evolve applies one event. An event that was not stored yet is known from when
// it occurred. An event of another kind is an error: skipping it could make a
// state that never was.
func Evolve(h History, e event.Event) (History, error) {
	switch e.Payload.(type) {
	case Published, Revised, SupersededBy, SuspendedFrom, Reinstated:
	default:
		return h, &Foreign{Type: typeOf(e.Payload), Stream: e.Stream}
	}
	return History{facts: append(slices.Clip(h.facts), factOf(e))}, nil
}

// Fold applies events in order to the empty history.
func Fold(events []event.Event) (History, error) {
	var h History
	var err error
	for _, e := range events {
		if h, err = Evolve(h, e); err != nil {
			return History{}, err
		}
	}
	return h, nil
}

// AsAnnounced is the history with knowledge dated by when the authority spoke
// rather than by when the ledger recorded it. It is for catalogues taken over
// later than they came into force.
func (h History) AsAnnounced() History { return History{facts: announced(h.facts)} }

// Exists reports whether the procedure was ever published.
func (h History) Exists() bool { return len(h.facts) > 0 }

// Code is the procedure's code; empty for the zero history.
func (h History) Code() string {
	if v, ok := h.Latest(); ok {
		return v.Code
	}
	return ""
}

// At gives the version for a valid time as known at another time; a zero known
// means everything recorded up to now. Before the first version begins it is
// the first one, with NotYet; while suspended or superseded it is the version
// that would apply. It is false where no version was known.
func (h History) At(valid, known time.Time) (Version, Standing, bool) {
	periods := h.Schedule(known)
	if len(periods) == 0 {
		return Version{}, "", false
	}
	version := periods[0].Version
	for _, p := range periods {
		if !p.From.After(valid) {
			version = p.Version
		}
	}
	return version, h.SituationAt(valid, known).Standing, true
}

// SteadyAround gives the span around a time, from inclusive and until exclusive,
// in which At and SituationAt answer the same about every moment as known at that
// moment, as known now, and as announced by then. A zero bound is none.
func (h History) SteadyAround(at time.Time) (from, until time.Time) {
	bound := func(t time.Time) {
		switch {
		case t.After(at):
			if until.IsZero() || t.Before(until) {
				until = t
			}
		case t.After(from):
			from = t
		}
	}
	for _, f := range h.facts {
		bound(f.recorded)
		bound(f.announced)
		switch p := f.payload.(type) {
		case SuspendedFrom:
			bound(p.From)
			if p.Until != nil {
				bound(*p.Until)
			}
		case SupersededBy:
			bound(p.Effective)
		case Reinstated:
			bound(p.From)
		default:
			if _, effective, ok := versionOf(p); ok {
				bound(effective)
			}
		}
	}
	return from, until
}

// SituationAt gives the standing at a valid time as known at another, with its
// period and ground. The zero Situation means that nothing was known.
func (h History) SituationAt(valid, known time.Time) Situation {
	periods := h.Schedule(known)
	if len(periods) == 0 {
		return Situation{}
	}
	begins := periods[0].From
	return h.standings(begins, known).after(begins, valid)
}

// standings paints what was known by then, in the order of recording.
func (h History) standings(begins, known time.Time) timeline {
	line := newTimeline(begins)
	for _, f := range knownBy(h.facts, known) {
		switch p := f.payload.(type) {
		case SuspendedFrom:
			var until time.Time
			if p.Until != nil {
				until = *p.Until
			}
			line.paint(p.From, until, Situation{Standing: Suspended, Basis: p.Basis})
		case SupersededBy:
			line.paint(p.Effective, time.Time{}, Situation{Standing: Superseded, Basis: p.Basis, By: p.By})
		case Reinstated:
			line.reinstate(p.From, p.Basis)
		}
	}
	return line
}

// Period is a version with the time for which it is the one that counts.
type Period struct {
	Version Version
	From    time.Time
	// To is when the next version takes over, exclusive; zero for the last one.
	To time.Time
}

// Schedule gives the versions known at a time in the order of their effective
// dates. Of two with the same date the one recorded later counts.
func (h History) Schedule(known time.Time) []Period {
	var periods []Period
	for _, f := range knownBy(h.facts, known) {
		version, from, ok := versionOf(f.payload)
		if !ok {
			continue
		}
		periods = slices.DeleteFunc(periods, func(p Period) bool { return p.From.Equal(from) })
		periods = append(periods, Period{Version: version, From: from})
	}
	slices.SortFunc(periods, func(a, b Period) int { return a.From.Compare(b.From) })
	for i := range len(periods) - 1 {
		periods[i].To = periods[i+1].From
	}
	return periods
}

// Latest gives the version with the highest number, in force or not.
func (h History) Latest() (Version, bool) {
	for _, f := range slices.Backward(h.facts) {
		if v, _, ok := versionOf(f.payload); ok {
			return v, true
		}
	}
	return Version{}, false
}

// Numbered gives a version by its number: the way back from a dossier, which
// keeps the number it was received under.
func (h History) Numbered(number int) (Version, bool) {
	for _, f := range h.facts {
		if v, _, ok := versionOf(f.payload); ok && v.Number == number {
			return v, true
		}
	}
	return Version{}, false
}

func versionOf(p event.Payload) (v Version, from time.Time, ok bool) {
	switch p := p.(type) {
	case Published:
		return p.Version, p.EffectiveFrom, true
	case Revised:
		return p.Version, p.EffectiveFrom, true
	}
	return Version{}, time.Time{}, false
}

func factOf(e event.Event) fact {
	recorded := e.RecordedAt
	if recorded.IsZero() {
		recorded = e.Metadata.OccurredAt
	}
	return fact{recorded: recorded, announced: e.Metadata.OccurredAt, payload: e.Payload}
}

func knownBy(facts []fact, known time.Time) []fact {
	if known.IsZero() {
		return facts
	}
	var then []fact
	for _, f := range facts {
		if !f.recorded.After(known) {
			then = append(then, f)
		}
	}
	return then
}

func announced(facts []fact) []fact {
	dated := slices.Clone(facts)
	for i := range dated {
		dated[i].recorded = dated[i].announced
	}
	return dated
}

func typeOf(p event.Payload) string {
	if p == nil {
		return "an empty payload"
	}
	return p.EventType()
}
