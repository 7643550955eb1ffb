package worktime

import (
	"sort"
	"time"

	"dossierledger/domain/fault"
)

// The refusals of a calendar, for errors.Is.
var (
	// ErrOutsideHorizon refuses instants that the calendar does not cover.
	ErrOutsideHorizon = fault.New(fault.Invalid, "worktime.outside-horizon", "the time is outside of what the calendar covers")
	// ErrInvalidTerm refuses terms that are not counted: no unit, none or too much of it.
	ErrInvalidTerm = fault.New(fault.Invalid, "worktime.invalid-term", "the term cannot be counted")
)

// Calendar is the working time of one agency as it was known at one moment. It
// is immutable, and safe to share between goroutines.
type Calendar struct {
	version string
	first   int // number of the first day
	// One entry a day:
	plans []uint16 // index into windows; 0 is a day without work
	desks []uint16 // index into windows: when receipts are taken in
	kinds []Kind
	// worked[i] is the working time before day i; it has one entry more than days.
	worked []time.Duration
	// order[i] is the number of working days before day i; workdays lists them.
	order    []int32
	workdays []int32
	windows  []Windows
	holidays []Holiday
	length   time.Duration
}

// Version identifies what was known: the rules of law and every announced fact.
// It is recorded with a promise. The same knowledge has the same version.
func (c *Calendar) Version() string { return c.version }

// Horizon gives the first instant that the calendar covers and the first that
// it does not cover any more.
func (c *Calendar) Horizon() (first, last time.Time) {
	return dateOfNumber(c.first).At(0), dateOfNumber(c.first + len(c.plans)).At(0)
}

// Covers reports whether an instant is inside the horizon.
func (c *Calendar) Covers(t time.Time) bool {
	_, _, ok := c.locate(t)
	return ok
}

// DayLength is the working time of an ordinary day, by the newest working hours
// known: what "a day" means where hours are shown as days.
func (c *Calendar) DayLength() time.Duration { return c.length }

// WorkingDayLength is the working time of that day; 0 on a day off and outside
// of the horizon.
func (c *Calendar) WorkingDayLength(d Date) time.Duration {
	if i, ok := c.index(d); ok {
		return c.windows[c.plans[i]].Length()
	}
	return 0
}

// IsWorkingDay reports whether the agency works on that day. A Saturday on
// which only dossiers are taken in is not a working day. Outside of the horizon
// no day is.
func (c *Calendar) IsWorkingDay(d Date) bool {
	i, ok := c.index(d)
	return ok && c.plans[i] != 0
}

// Between is the working time from a to b, negative where b is before a. Time
// outside of the horizon counts as no working time; Covers tells whether that
// matters. It takes constant time.
//
// Between(a, b) + Between(b, c) == Between(a, c), always.
func (c *Calendar) Between(a, b time.Time) time.Duration { return c.position(b) - c.position(a) }

// Add gives the instant that is d of working time after from; negative d goes
// back. It is the inverse of Between: Between(from, Add(from, d)) == d. Where
// several instants qualify it is the one nearest to from: work that ends with
// the day ends at closing, not at the next opening. A d of 0 gives from itself.
// It fails with ErrOutsideHorizon where from or the result is not covered, and
// takes logarithmic time.
func (c *Calendar) Add(from time.Time, d time.Duration) (time.Time, error) {
	if !c.Covers(from) {
		return time.Time{}, c.outside(from)
	}
	if d == 0 {
		return from.Round(0).UTC(), nil
	}
	target := c.position(from) + d
	total := c.worked[len(c.plans)]
	if target < 0 || target > total {
		return time.Time{}, fault.New(fault.Invalid, ErrOutsideHorizon.Code,
			"%s of working time from %s leads out of the calendar, which %s", d, inVietnam(from), c.extent())
	}
	// The day holds target: worked before it, and at its end, enclose it. Going
	// forwards the end may equal it, going back the beginning may.
	if d > 0 {
		day := sort.Search(len(c.plans), func(i int) bool { return c.worked[i+1] >= target })
		return c.instant(day, c.windows[c.plans[day]].first(target-c.worked[day])), nil
	}
	day := sort.Search(len(c.plans), func(i int) bool { return c.worked[i+1] > target })
	return c.instant(day, c.windows[c.plans[day]].last(target-c.worked[day])), nil
}

// position is the working time from the beginning of the horizon to t.
func (c *Calendar) position(t time.Time) time.Duration {
	day, sinceMidnight, ok := c.locate(t)
	if !ok {
		if day < 0 {
			return 0
		}
		return c.worked[len(c.plans)]
	}
	return c.worked[day] + c.windows[c.plans[day]].elapsed(sinceMidnight)
}

// locate finds the day, counted from the first, and the time since its midnight.
// Outside of the horizon the day is negative before and beyond the last after.
func (c *Calendar) locate(t time.Time) (day int, sinceMidnight time.Duration, ok bool) {
	seconds := t.Unix() + zoneOffset
	number := seconds / secondsPerDay
	rest := seconds % secondsPerDay
	if rest < 0 {
		number--
		rest += secondsPerDay
	}
	number -= int64(c.first)
	switch {
	case number < 0:
		return -1, 0, false
	case number >= int64(len(c.plans)):
		return len(c.plans), 0, false
	}
	return int(number), time.Duration(rest)*time.Second + time.Duration(t.Nanosecond()), true
}

func (c *Calendar) index(d Date) (int, bool) {
	i := d.number() - c.first
	return i, i >= 0 && i < len(c.plans)
}

func (c *Calendar) instant(day int, sinceMidnight time.Duration) time.Time {
	return dateOfNumber(c.first + day).At(0).Add(sinceMidnight)
}

func (c *Calendar) outside(t time.Time) error {
	return fault.New(fault.Invalid, ErrOutsideHorizon.Code, "%s is outside of the calendar, which %s", inVietnam(t), c.extent())
}

func (c *Calendar) extent() string {
	first, last := c.Horizon()
	return "covers " + DateOf(first).String() + " to " + DateOf(last).AddDays(-1).String()
}

func inVietnam(t time.Time) string { return t.In(Zone).Format("2006-01-02 15:04") }
