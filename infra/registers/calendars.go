package registers

import (
	"slices"
	"strings"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/worktime"
)

// calendar is one scope's state with the calendars already made from it.
type calendar struct {
	state worktime.State
	// announced are the moments at which something became known, sorted; between
	// two of them the calendar is the same.
	announced []time.Time
	made      map[int]*worktime.Calendar
}

func (r *Registers) applyCalendar(e event.Event) {
	scope := strings.TrimPrefix(e.Stream, worktime.Stream(""))
	c := r.calendars[scope]
	if c == nil {
		c = &calendar{}
		r.calendars[scope] = c
	}
	c.state = worktime.Evolve(c.state, e)
	if at, ok := worktime.AnnouncedAt(e); ok {
		i, _ := slices.BinarySearchFunc(c.announced, at, time.Time.Compare)
		c.announced = slices.Insert(c.announced, i, at)
	}
	for _, each := range r.calendars { // agencies inherit the national one
		each.made = nil
	}
}

// For gives the calendar of an agency as it had been announced by a time: its
// own over the national one, or the national one where it has none. A ledger
// that holds no national calendar counts by the one of the law.
func (r *Registers) For(agency string, known time.Time) (*worktime.Calendar, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	national := r.calendars[worktime.National]
	own := r.calendars[agency]
	switch {
	case national == nil && own == nil:
		return worktime.Standard(), nil
	case own == nil:
		return national.at(known, national.state, national.announced), nil
	case national == nil:
		return own.at(known, own.state.Over(worktime.StandardState()), own.announced), nil
	}
	announced := slices.Concat(national.announced, own.announced)
	slices.SortFunc(announced, time.Time.Compare)
	return own.at(known, own.state.Over(national.state), announced), nil
}

func (c *calendar) at(known time.Time, state worktime.State, announced []time.Time) *worktime.Calendar {
	n, _ := slices.BinarySearchFunc(announced, known, func(a, t time.Time) int {
		if a.After(t) {
			return 1
		}
		return -1
	})
	if c.made == nil {
		c.made = map[int]*worktime.Calendar{}
	}
	if c.made[n] == nil {
		c.made[n] = state.CalendarAt(known)
	}
	return c.made[n]
}
