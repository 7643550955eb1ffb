package worktime

import (
	"time"

	"dossierledger/domain/fault"
)

// maxAmount bounds a term; no law sets one that is longer than the horizon.
const maxAmount = 100_000

// DefaultCutOff is the time of the day after which a dossier of a same-day
// procedure is answered on the next working day.
const DefaultCutOff = "15:00"

// Received gives the instant at which a receipt counts (thời điểm tiếp nhận). A
// receipt while the desk is open, closing time included, counts at once; before
// opening it counts at opening, in the lunch break at the afternoon's opening,
// after closing and on a day off on the next morning on which the desk is open.
// Where the agency has Saturday reception, the desk is open then too.
//
// It never gives an earlier instant than at, and giving its answer again changes
// nothing. Outside of the horizon, and after its last closing, there is no rule
// to apply: the answer is at itself, which Deadline refuses.
func (c *Calendar) Received(at time.Time) time.Time {
	counted, _, ok := c.received(at)
	if !ok {
		return at.Round(0).UTC()
	}
	return counted
}

func (c *Calendar) received(at time.Time) (counted time.Time, day int, ok bool) {
	day, sinceMidnight, ok := c.locate(at)
	if !ok {
		return time.Time{}, 0, false
	}
	for ; day < len(c.desks); day, sinceMidnight = day+1, 0 {
		if open, ok := c.windows[c.desks[day]].openFrom(sinceMidnight); ok {
			return c.instant(day, open), day, true
		}
	}
	return time.Time{}, 0, false
}

// Deadline gives the appointment (ngày hẹn trả kết quả) of a dossier received at
// that instant. Received is applied first.
//
// Terms in days do not count the day of receipt (Bộ luật Dân sự 2015, art.
// 147(2)) and keep the receipt's clock time, moved into the working hours of the
// last day where these differ. Calendar days that end on a day off end on the
// next working day (art. 148(5)). A receipt on a day on which only the desk is
// open has no working hours to keep: its appointment is at closing. Terms in
// working hours run from the receipt.
//
// The appointment is never on a day off. A longer term never ends earlier; a
// later receipt never ends earlier, except that calendar days which end on a
// common day off may differ by the clock time kept.
func (c *Calendar) Deadline(received time.Time, t Term) (time.Time, error) {
	if t.Amount <= 0 || t.Amount > maxAmount {
		return time.Time{}, fault.New(fault.Invalid, ErrInvalidTerm.Code, "a term has 1 to %d %s, not %d", maxAmount, t.Unit, t.Amount)
	}
	counted, day, ok := c.received(received)
	if !ok {
		return time.Time{}, c.outside(received)
	}
	switch t.Unit {
	case WorkingHours:
		return c.Add(counted, time.Duration(t.Amount)*time.Hour)
	case WorkingDays:
		last := int(c.order[day]) + t.Amount
		if c.plans[day] == 0 {
			last-- // the day itself is none of the working days
		}
		if last >= len(c.workdays) {
			return time.Time{}, c.tooFar(received, t)
		}
		return c.appointment(counted, day, int(c.workdays[last])), nil
	case CalendarDays:
		last, ok := c.workdayFrom(day + t.Amount)
		if !ok {
			return time.Time{}, c.tooFar(received, t)
		}
		return c.appointment(counted, day, last), nil
	default:
		return time.Time{}, fault.New(fault.Invalid, ErrInvalidTerm.Code, "%q is not a unit of terms", string(t.Unit))
	}
}

// SameDay gives the appointment of a procedure that is answered on the day of
// receipt (trả kết quả trong ngày): that day's closing, or the next working
// day's where the dossier came in after the cut-off ("15:00"; "" means
// DefaultCutOff) or on a day off.
func (c *Calendar) SameDay(received time.Time, cutOff string) (time.Time, error) {
	if cutOff == "" {
		cutOff = DefaultCutOff
	}
	limit, err := ParseClock(cutOff)
	if err != nil {
		return time.Time{}, err
	}
	counted, day, ok := c.received(received)
	if !ok {
		return time.Time{}, c.outside(received)
	}
	if counted.After(c.instant(day, limit.sinceMidnight())) {
		day++
	}
	day, ok = c.workdayFrom(day)
	if !ok {
		return time.Time{}, c.outside(received)
	}
	return c.instant(day, c.windows[c.plans[day]].closing()), nil
}

// appointment puts the clock time of a receipt on the last day of its term.
func (c *Calendar) appointment(counted time.Time, received, last int) time.Time {
	windows := c.windows[c.plans[last]]
	closing := windows.closing()
	if c.plans[received] == 0 {
		return c.instant(last, closing)
	}
	_, sinceMidnight, _ := c.locate(counted)
	if open, ok := windows.openFrom(sinceMidnight); ok {
		return c.instant(last, open)
	}
	return c.instant(last, closing)
}

// workdayFrom finds the first working day that is not before the given one.
func (c *Calendar) workdayFrom(day int) (int, bool) {
	if day >= len(c.plans) || int(c.order[day]) >= len(c.workdays) {
		return 0, false
	}
	return int(c.workdays[c.order[day]]), true
}

func (c *Calendar) tooFar(received time.Time, t Term) error {
	return fault.New(fault.Invalid, ErrOutsideHorizon.Code, "%d %s from %s lead out of the calendar, which %s",
		t.Amount, t.Unit, inVietnam(received), c.extent())
}
