package projections

import (
	"fmt"
	"sort"
	"strings"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// calendarPrefix begins the streams of calendars, one a scope.
var calendarPrefix = worktime.Stream("")

// Gap is the error for events that are missing in what a projection was fed: a
// row made over a gap would be wrong for ever.
type Gap struct {
	Stream        string
	Expected, Got uint64 // revisions
}

// Error implements error.
func (e *Gap) Error() string {
	return fmt.Sprintf("projections.gap: stream %q goes on at revision %d, expected %d", e.Stream, e.Got, e.Expected)
}

// reference is what rows of dossiers are made with besides the dossier's own
// events: working calendars and procedure versions, each as they were known at
// a position of the log. It only ever grows.
type reference struct {
	next       map[string]uint64 // by stream: the revision to come
	national   known[worktime.State]
	calendars  map[string]*known[worktime.State]
	made       map[calendarKey]*worktime.Calendar
	procedures map[string]*known[procedure.Version]
}

// known is a list of states, each with the position from which it holds.
type known[T any] struct {
	from  []uint64
	state []T
}

func (k *known[T]) add(position uint64, state T) {
	k.from = append(k.from, position)
	k.state = append(k.state, state)
}

// at is the number of states that were known at a position.
func (k *known[T]) at(position uint64) int {
	if n := len(k.from); n == 0 || k.from[n-1] <= position {
		return n
	}
	return sort.Search(len(k.from), func(i int) bool { return k.from[i] > position })
}

type calendarKey struct {
	scope         string
	national, own int
}

func newReference() *reference {
	return &reference{
		next:       map[string]uint64{},
		calendars:  map[string]*known[worktime.State]{},
		made:       map[calendarKey]*worktime.Calendar{},
		procedures: map[string]*known[procedure.Version]{},
	}
}

// learn takes in an event of a calendar or a procedure; others mean nothing to it.
func (r *reference) learn(e event.Event) error {
	isCalendar := strings.HasPrefix(e.Stream, calendarPrefix)
	if !isCalendar && !strings.HasPrefix(e.Stream, procedurePrefix) {
		return nil
	}
	next := r.next[e.Stream]
	switch {
	case e.Revision < next:
		return nil
	case e.Revision > next:
		return &Gap{Stream: e.Stream, Expected: next, Got: e.Revision}
	}
	if isCalendar {
		r.learnCalendar(e)
	} else {
		r.learnProcedure(e)
	}
	r.next[e.Stream] = next + 1
	return nil
}

func (r *reference) learnCalendar(e event.Event) {
	scope := strings.TrimPrefix(e.Stream, calendarPrefix)
	list := &r.national
	if scope != worktime.National {
		if list = r.calendars[scope]; list == nil {
			list = &known[worktime.State]{}
			r.calendars[scope] = list
		}
	}
	var state worktime.State
	if n := len(list.state); n > 0 {
		state = list.state[n-1]
	}
	list.add(e.Position, worktime.Evolve(state, e))
}

func (r *reference) learnProcedure(e event.Event) {
	version, ok := versionIn(e.Payload)
	if !ok {
		return
	}
	code := strings.TrimPrefix(e.Stream, procedurePrefix)
	if r.procedures[code] == nil {
		r.procedures[code] = &known[procedure.Version]{}
	}
	r.procedures[code].add(e.Position, version)
}

func versionIn(p event.Payload) (procedure.Version, bool) {
	switch p := p.(type) {
	case procedure.Published:
		return p.Version, true
	case procedure.Revised:
		return p.Version, true
	}
	return procedure.Version{}, false
}

// calendar gives an agency's calendar as the ledger held it at a position. An
// agency without one has the national calendar; where that was not opened
// either, the one that the program brings along.
func (r *reference) calendar(agencyID string, position uint64) *worktime.Calendar {
	key := calendarKey{national: r.national.at(position)}
	own := r.calendars[agencyID]
	if own != nil {
		if key.own = own.at(position); key.own > 0 {
			key.scope = agencyID
		}
	}
	if made := r.made[key]; made != nil {
		return made
	}
	state := worktime.StandardState()
	if key.national > 0 {
		state = r.national.state[key.national-1]
	}
	if key.own > 0 {
		state = own.state[key.own-1].Over(state)
	}
	made := state.Calendar()
	r.made[key] = made
	return made
}

// procedure gives a version as it was known at a position; nil where it was not.
func (r *reference) procedure(code string, number int, position uint64) *procedure.Version {
	list := r.procedures[code]
	if list == nil {
		return nil
	}
	for i := list.at(position) - 1; i >= 0; i-- {
		if list.state[i].Number == number {
			return &list.state[i]
		}
	}
	return nil
}

// Prefixes of the streams of procedures and agencies.
const (
	procedurePrefix = procedure.StreamPrefix
	agencyPrefix    = agency.StreamPrefix
)
