package procedure

import (
	"slices"
	"sort"
	"time"
)

// Standing is what holds for a version or a norm on a date.
type Standing string

// The standings.
const (
	NotYet     Standing = "not-yet"
	InForce    Standing = "in-force"
	Suspended  Standing = "suspended"
	Superseded Standing = "superseded"
)

// Situation is a standing with its period and the ground it rests on.
type Situation struct {
	Standing Standing `json:"standing"`
	// Since is when the standing began; zero where it has no beginning.
	Since time.Time `json:"since,omitzero"`
	// Until is when it ends, exclusive; zero where no end is known.
	Until time.Time `json:"until,omitzero"`
	// Basis is the norm or decision that suspended, superseded or reinstated.
	Basis string `json:"basis,omitempty"`
	// By is what took its place, where it is superseded.
	By string `json:"by,omitempty"`
}

// timeline is a step function from valid time to a standing. Each new fact is
// painted over what was there, so that the order of recording decides where
// facts disagree.
type timeline struct{ marks []mark }

type mark struct {
	from time.Time // zero: from the beginning of time
	Situation
}

func newTimeline(effective time.Time) timeline {
	return timeline{marks: []mark{
		{Situation: Situation{Standing: NotYet}},
		{from: effective, Situation: Situation{Standing: InForce}},
	}}
}

// index finds the mark that covers t.
func (l timeline) index(t time.Time) int {
	return sort.Search(len(l.marks), func(i int) bool { return l.marks[i].from.After(t) }) - 1
}

// at gives the situation at t, with neighbouring marks of the same standing joined.
func (l timeline) at(t time.Time) Situation {
	i := l.index(t)
	s := l.marks[i].Situation
	first := i
	for first > 0 && l.marks[first-1].Standing == s.Standing {
		first--
	}
	s.Since = l.marks[first].from
	s.Until = l.endOf(i)
	return s
}

// endOf is when the standing of the i-th mark ends; zero where it does not.
func (l timeline) endOf(i int) time.Time {
	standing := l.marks[i].Standing
	for i++; i < len(l.marks); i++ {
		if l.marks[i].Standing != standing {
			return l.marks[i].from
		}
	}
	return time.Time{}
}

// after gives the situation at t of what begins at a date: before it, it is not
// yet; a suspension decided for an earlier day counts from the beginning.
func (l timeline) after(begins, t time.Time) Situation {
	if t.Before(begins) {
		return Situation{Standing: NotYet, Until: begins}
	}
	s := l.at(t)
	if s.Since.Before(begins) {
		s.Since = begins
	}
	return s
}

// paint lays a situation over [from, until); a zero until means without end.
func (l *timeline) paint(from, until time.Time, s Situation) {
	after := l.marks[len(l.marks)-1].Situation
	if !until.IsZero() {
		after = l.marks[l.index(until)].Situation
	}
	kept := slices.DeleteFunc(slices.Clone(l.marks), func(m mark) bool {
		return !m.from.Before(from) && (until.IsZero() || !m.from.After(until))
	})
	kept = append(kept, mark{from: from, Situation: s})
	if !until.IsZero() {
		kept = append(kept, mark{from: until, Situation: after})
	}
	slices.SortStableFunc(kept, func(a, b mark) int { return a.from.Compare(b.from) })
	l.marks = kept
}

// reinstate brings back what stands suspended or superseded at from, up to
// where that standing ends by itself.
func (l *timeline) reinstate(from time.Time, basis string) {
	i := l.index(from)
	if standing := l.marks[i].Standing; standing != Suspended && standing != Superseded {
		return
	}
	l.paint(from, l.endOf(i), Situation{Standing: InForce, Basis: basis})
}
