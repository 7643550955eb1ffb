package worktime

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"time"
	"weak"
)

// Kind says why a day is worked or not.
type Kind uint8

// The kinds of days. Working days are Workday and MakeUp.
const (
	Workday    Kind = iota // an ordinary working day
	MakeUp                 // a weekly day of rest worked for a swapped day (làm bù)
	WeeklyRest             // a Saturday or Sunday (nghỉ hằng tuần)
	Public                 // a holiday of the law or a declared one (ngày lễ)
	Substitute             // off for a holiday that fell on a weekly day of rest (nghỉ bù)
	SwappedOff             // a working day given free by a swap (hoán đổi)
)

// String gives a slug: "workday", "make-up", "weekly-rest", "public-holiday",
// "substitute", "swapped-off".
func (k Kind) String() string {
	names := [...]string{"workday", "make-up", "weekly-rest", "public-holiday", "substitute", "swapped-off"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Holiday is a day that differs from the ordinary week: off, or worked for a
// swapped day. For a make-up or swapped day, Other is the day it was exchanged
// for; for a substitute, the holiday that it stands for.
type Holiday struct {
	Date  Date
	Kind  Kind
	Code  string
	Name  Name
	Other Date
}

// Holidays lists, in order, the days of a year that differ from the ordinary week.
func (c *Calendar) Holidays(year int) []Holiday {
	var found []Holiday
	for _, h := range c.holidays {
		if h.Date.Year == year {
			found = append(found, h)
		}
	}
	return found
}

// KindOf says why that day is worked or not; outside of the horizon it is what
// the ordinary week makes of it.
func (c *Calendar) KindOf(d Date) Kind {
	if i, ok := c.index(d); ok {
		return c.kinds[i]
	}
	if d.weeklyRest() {
		return WeeklyRest
	}
	return Workday
}

// built shares calendars of the same knowledge: thousands of agencies have a
// handful of different ones. Calendars that nobody uses any more are freed.
var built = struct {
	sync.Mutex
	byVersion map[string]weak.Pointer[Calendar]
}{byVersion: map[string]weak.Pointer[Calendar]{}}

// calendar gives the calendar of this knowledge, built once.
func (k *knowledge) calendar() *Calendar {
	version := k.version()
	built.Lock()
	defer built.Unlock()
	if c := built.byVersion[version].Value(); c != nil {
		return c
	}
	c := k.build(version)
	built.byVersion[version] = weak.Make(c)
	runtime.AddCleanup(c, forget, version)
	return c
}

// forget drops a freed calendar from the index, unless it was built anew meanwhile.
func forget(version string) {
	built.Lock()
	defer built.Unlock()
	if built.byVersion[version].Value() == nil {
		delete(built.byVersion, version)
	}
}

// build computes every day of the horizon.
func (k *knowledge) build(version string) *Calendar {
	first := horizonFirst.number()
	days := horizonEnd.number() - first
	c := &Calendar{
		version:  version,
		first:    first,
		plans:    make([]uint16, days),
		desks:    make([]uint16, days),
		kinds:    make([]Kind, days),
		worked:   make([]time.Duration, days+1),
		order:    make([]int32, days+1),
		windows:  []Windows{nil},
		holidays: k.holidays(),
	}
	for i := range days {
		if w := dateOfNumber(first + i).Weekday(); w == time.Saturday || w == time.Sunday {
			c.kinds[i] = WeeklyRest
		}
	}
	for _, h := range c.holidays {
		if i, ok := c.index(h.Date); ok {
			c.kinds[i] = h.Kind
		}
	}
	interned := map[string]uint16{"": 0}
	intern := func(w Windows) uint16 {
		key := w.String()
		at, ok := interned[key]
		if !ok {
			at = uint16(len(c.windows))
			interned[key] = at
			c.windows = append(c.windows, w)
		}
		return at
	}
	weekdays := newTimeline(k.Windows, intern)
	saturdays := newTimeline(k.Saturday, intern)
	for i := range days {
		number := first + i
		weekday, saturday := weekdays.on(number), saturdays.on(number)
		switch {
		case c.kinds[i] == Workday || c.kinds[i] == MakeUp:
			c.plans[i], c.desks[i] = weekday, weekday
		case c.kinds[i] == WeeklyRest && dateOfNumber(number).Weekday() == time.Saturday:
			c.desks[i] = saturday
		}
		c.worked[i+1] = c.worked[i] + c.windows[c.plans[i]].Length()
		c.order[i+1] = c.order[i]
		if c.plans[i] != 0 {
			c.order[i+1]++
			c.workdays = append(c.workdays, int32(i))
		}
	}
	if last := len(k.Windows); last > 0 {
		c.length = k.Windows[last-1].Windows.Length()
	}
	return c
}

// timeline walks through a history of windows day by day.
type timeline struct {
	from  []int
	index []uint16
	at    int
}

func newTimeline(history []dated, intern func(Windows) uint16) *timeline {
	t := &timeline{at: -1}
	for _, entry := range history {
		from := entry.From.number()
		if entry.From.IsZero() {
			from = 0
		}
		t.from = append(t.from, from)
		t.index = append(t.index, intern(entry.Windows))
	}
	return t
}

// on gives the index of the windows of a day; days must be asked for in order.
func (t *timeline) on(day int) uint16 {
	for t.at+1 < len(t.from) && t.from[t.at+1] <= day {
		t.at++
	}
	if t.at < 0 {
		return 0
	}
	return t.index[t.at]
}

// holidays computes every day of the horizon that differs from the ordinary
// week, in order.
func (k *knowledge) holidays() []Holiday {
	found := map[Date]Holiday{}
	var substituted []Date
	add := func(h Holiday, substitute bool) {
		if _, taken := found[h.Date]; taken {
			return
		}
		found[h.Date] = h
		if substitute && h.Date.weeklyRest() {
			substituted = append(substituted, h.Date)
		}
	}
	for year := horizonFirst.Year; year < horizonEnd.Year; year++ {
		for _, code := range statutoryHolidays {
			for _, day := range k.holidayIn(code, year) {
				add(Holiday{Date: day, Kind: Public, Code: code, Name: statutoryNames[code]}, true)
			}
		}
		for _, d := range k.Declared {
			if day, ok := d.in(year); ok {
				add(Holiday{Date: day, Kind: Public, Code: d.Code, Name: d.Name}, d.Substituted)
			}
		}
	}
	slices.SortFunc(substituted, Date.Compare)
	for _, holiday := range substituted {
		day := holiday.AddDays(1)
		for _, taken := found[day]; taken || day.weeklyRest(); _, taken = found[day] {
			day = day.AddDays(1)
		}
		of := found[holiday]
		found[day] = Holiday{Date: day, Kind: Substitute, Code: of.Code, Name: of.Name, Other: holiday}
	}
	for _, s := range k.Swaps {
		add(Holiday{Date: s.Off, Kind: SwappedOff, Other: s.Worked}, false)
		add(Holiday{Date: s.Worked, Kind: MakeUp, Other: s.Off}, false)
	}
	all := make([]Holiday, 0, len(found))
	for _, h := range found {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b Holiday) int { return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Kind, b.Kind)) })
	return all
}
