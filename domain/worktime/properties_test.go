package worktime_test

import (
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/worktime"
	"pgregory.net/rapid"
)

// drawWindows draws working hours: one to four windows.
func drawWindows(t *rapid.T, label string) worktime.Windows {
	count := rapid.IntRange(1, 4).Draw(t, label+" count")
	var w worktime.Windows
	next := 0
	for range count {
		opening := rapid.IntRange(next, next+150).Draw(t, label+" open")
		closing := rapid.IntRange(opening+60, opening+200).Draw(t, label+" close")
		w = append(w, worktime.Window{Open: worktime.Clock(opening), Close: worktime.Clock(closing)})
		next = closing + 1
	}
	return w
}

// drawCalendar draws an agency's calendar: the national one, perhaps with hours,
// Saturday reception, a change of hours and a closure of its own.
func drawCalendar(t *rapid.T) *worktime.Calendar {
	if rapid.Bool().Draw(t, "national") {
		return worktime.Standard()
	}
	own := fold(worktime.Opened{Scope: "H15.50", Windows: drawWindows(t, "hours")})
	day := func(label string) worktime.Date {
		return worktime.On(2024, 1, 1).AddDays(rapid.IntRange(0, 1500).Draw(t, label))
	}
	add := func(p event.Payload) { own = worktime.Evolve(own, event.Event{Payload: p}) }
	if rapid.Bool().Draw(t, "changes hours") {
		add(worktime.WindowsSet{From: day("hours from"), Windows: drawWindows(t, "new hours")})
	}
	if rapid.Bool().Draw(t, "has Saturday reception") {
		add(worktime.SaturdayReceptionSet{From: day("Saturdays from"), Windows: drawWindows(t, "Saturday hours")})
	}
	if rapid.Bool().Draw(t, "is closed once") {
		add(worktime.HolidayDeclared{Code: "closed", Name: worktime.Name{VI: "Nghỉ"}, On: day("closed on"), Substituted: rapid.Bool().Draw(t, "made up")})
	}
	return own.Over(worktime.StandardState()).Calendar()
}

// drawInstant draws an instant of 2024 to 2028, often on or around a full minute
// and the edges of the working hours.
func drawInstant(t *rapid.T, label string) time.Time {
	day := worktime.On(2024, 1, 1).AddDays(rapid.IntRange(0, 1500).Draw(t, label+" day"))
	clock := worktime.Clock(rapid.OneOf(
		rapid.IntRange(0, 1439), rapid.SampledFrom([]int{0, 450, 690, 780, 1020}),
	).Draw(t, label+" clock"))
	odd := rapid.SampledFrom([]time.Duration{0, 0, 0, 1, -1, 31_234_567_891}).Draw(t, label+" odd")
	zone := rapid.SampledFrom([]*time.Location{time.UTC, worktime.Zone, time.FixedZone("west", -11*3600)}).Draw(t, label+" zone")
	return day.At(clock).Add(odd).In(zone)
}

func drawTerm(t *rapid.T) worktime.Term {
	return worktime.Term{
		Amount: rapid.IntRange(1, 60).Draw(t, "amount"),
		Unit:   rapid.SampledFrom([]worktime.Unit{worktime.WorkingHours, worktime.WorkingDays, worktime.CalendarDays}).Draw(t, "unit"),
	}
}

func TestAddingThenMeasuringGivesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, from := drawCalendar(t), drawInstant(t, "from")
		d := time.Duration(rapid.Int64Range(-int64(2000*time.Hour), int64(2000*time.Hour)).Draw(t, "working time"))
		if rapid.Bool().Draw(t, "whole") {
			d = d.Truncate(time.Hour)
		}
		to, err := c.Add(from, d)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Between(from, to); got != d {
			t.Fatalf("Between(%s, %s) = %s, want %s", show(from), show(to), got, d)
		}
		// No instant nearer to from has the same working time.
		if d != 0 {
			nearer := to.Add(-1)
			if d < 0 {
				nearer = to.Add(1)
			}
			if c.Between(from, nearer) == d {
				t.Fatalf("%s is nearer than %s", nearer, to)
			}
		}
	})
}

func TestBetweenIsAdditiveMonotoneAndAntisymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCalendar(t)
		a, b, d := drawInstant(t, "a"), drawInstant(t, "b"), drawInstant(t, "c")
		if c.Between(a, b)+c.Between(b, d) != c.Between(a, d) {
			t.Fatal("not additive")
		}
		if c.Between(a, b) != -c.Between(b, a) {
			t.Fatal("not antisymmetric")
		}
		worked, passed := c.Between(a, b), b.Sub(a)
		if passed < 0 {
			worked, passed = -worked, -passed
		}
		if worked < 0 || worked > passed {
			t.Fatalf("%s of working time in %s", worked, passed)
		}
	})
}

// Between agrees with counting, minute by minute, which minutes are worked.
func TestBetweenCountsTheMinutesOfTheWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := drawWindows(t, "hours")
		c, err := worktime.NewCalendar(hours)
		if err != nil {
			t.Fatal(err)
		}
		a := worktime.On(2026, 1, 1).AddDays(rapid.IntRange(0, 360).Draw(t, "day")).At(worktime.Clock(rapid.IntRange(0, 1439).Draw(t, "clock")))
		minutes := rapid.IntRange(0, 6000).Draw(t, "minutes")
		var want time.Duration
		for i := range minutes {
			instant := a.Add(time.Duration(i) * time.Minute).In(worktime.Zone)
			clock := worktime.Clock(instant.Hour()*60 + instant.Minute())
			if !c.IsWorkingDay(worktime.DateOf(instant)) {
				continue
			}
			for _, w := range hours {
				if w.Open <= clock && clock < w.Close {
					want += time.Minute
				}
			}
		}
		if got := c.Between(a, a.Add(time.Duration(minutes)*time.Minute)); got != want {
			t.Fatalf("%d minutes from %s: %s, counted %s", minutes, show(a), got, want)
		}
	})
}

// A clock that is paused and resumed any number of times has run and rested for
// the whole working time, and resuming with what is left ends at the same place
// as extending the deadline by the pauses.
func TestPausesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, start := drawCalendar(t), drawInstant(t, "start")
		total := time.Duration(rapid.IntRange(1, 400).Draw(t, "hours")) * time.Hour
		instant, used, paused := start, time.Duration(0), time.Duration(0)
		for range rapid.IntRange(0, 5).Draw(t, "pauses") {
			run := time.Duration(rapid.Int64Range(0, int64(total-used)).Draw(t, "run"))
			stopped, err := c.Add(instant, run)
			if err != nil {
				t.Fatal(err)
			}
			resumed := stopped.Add(time.Duration(rapid.IntRange(0, 500).Draw(t, "rest")) * time.Hour)
			used += c.Between(instant, stopped)
			paused += c.Between(stopped, resumed)
			instant = resumed
		}
		if used+paused != c.Between(start, instant) {
			t.Fatalf("ran %s, rested %s, but %s passed", used, paused, c.Between(start, instant))
		}
		resumedEnd, err := c.Add(instant, total-used)
		if err != nil {
			t.Fatal(err)
		}
		extendedEnd, err := c.Add(start, total+paused)
		if err != nil {
			t.Fatal(err)
		}
		if c.Between(resumedEnd, extendedEnd) != 0 {
			t.Fatalf("resumed ends at %s, extended at %s", show(resumedEnd), show(extendedEnd))
		}
	})
}

func TestReceivedNeverGoesBackAndSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a, b := drawCalendar(t), drawInstant(t, "a"), drawInstant(t, "b")
		if b.Before(a) {
			a, b = b, a
		}
		counted := c.Received(a)
		if counted.Before(a) || !c.Received(counted).Equal(counted) {
			t.Fatalf("a receipt at %s counts at %s, and that at %s", show(a), show(counted), show(c.Received(counted)))
		}
		if c.Received(b).Before(counted) {
			t.Fatal("a later receipt counts earlier")
		}
		if c.Between(a, counted) != 0 {
			t.Fatal("working time passed before the receipt counts")
		}
	})
}

func TestDeadlinesAreMonotoneAndNeverOnADayOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a, b, term := drawCalendar(t), drawInstant(t, "a"), drawInstant(t, "b"), drawTerm(t)
		if b.Before(a) {
			a, b = b, a
		}
		deadline := func(at time.Time, term worktime.Term) time.Time {
			due, err := c.Deadline(at, term)
			if err != nil {
				t.Fatal(err)
			}
			return due
		}
		due, later := deadline(a, term), deadline(b, term)
		if !c.IsWorkingDay(worktime.DateOf(due)) {
			t.Fatalf("%s is a day off", show(due))
		}
		if !due.After(c.Received(a)) {
			t.Fatalf("due at %s, received at %s", show(due), show(a))
		}
		if worktime.DateOf(later).Before(worktime.DateOf(due)) || (term.Unit != worktime.CalendarDays && later.Before(due)) {
			t.Fatalf("received %s: due %s; received %s: due %s", show(a), show(due), show(b), show(later))
		}
		longer := term
		longer.Amount += rapid.IntRange(1, 10).Draw(t, "longer")
		if deadline(a, longer).Before(due) {
			t.Fatalf("%v is due %s, %v %s", term, show(due), longer, show(deadline(a, longer)))
		}
		if term.Unit != worktime.WorkingHours && !worktime.DateOf(c.Received(a)).Before(worktime.DateOf(due)) {
			t.Fatal("the day of receipt was counted")
		}
		if term.Unit == worktime.WorkingDays {
			count := 0
			for d := worktime.DateOf(c.Received(a)).AddDays(1); !worktime.DateOf(due).Before(d); d = d.AddDays(1) {
				if c.IsWorkingDay(d) {
					count++
				}
			}
			if count != term.Amount {
				t.Fatalf("%d working days, want %d", count, term.Amount)
			}
		}
		if term.Unit == worktime.CalendarDays {
			ends := worktime.DateOf(c.Received(a)).AddDays(term.Amount)
			for ; !c.IsWorkingDay(ends); ends = ends.AddDays(1) {
			}
			if worktime.DateOf(due) != ends {
				t.Fatalf("due %s, want %s", show(due), ends)
			}
		}
	})
}

func TestSameDayIsTheFirstPossibleWorkingDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a, b := drawCalendar(t), drawInstant(t, "a"), drawInstant(t, "b")
		if b.Before(a) {
			a, b = b, a
		}
		cutOff := worktime.Clock(rapid.IntRange(0, 1440).Draw(t, "cut-off")).String()
		due, err := c.SameDay(a, cutOff)
		if err != nil {
			t.Fatal(err)
		}
		later, err := c.SameDay(b, cutOff)
		if err != nil {
			t.Fatal(err)
		}
		if later.Before(due) || due.Before(c.Received(a)) || !c.IsWorkingDay(worktime.DateOf(due)) {
			t.Fatalf("received %s: due %s; received %s: due %s", show(a), show(due), show(b), show(later))
		}
	})
}

// A swap changes its two days and nothing else, and leaves the working time of
// the year as it was.
func TestASwapChangesOnlyItsTwoDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := worktime.StandardState()
		year := rapid.IntRange(2027, 2035).Draw(t, "year")
		off := worktime.On(year, 1, 1).AddDays(rapid.IntRange(0, 330).Draw(t, "off"))
		worked := off.AddDays(rapid.IntRange(-20, 20).Draw(t, "worked"))
		now := at(t, "2026-11-23 09:00")
		payloads, err := worktime.Decide(before, worktime.AnnounceSwap{Off: off, Worked: worked}, now)
		if err != nil {
			t.Skip("not a pair that can be swapped")
		}
		after := worktime.Evolve(before, event.Event{Payload: payloads[0]})
		old, swapped := before.Calendar(), after.Calendar()
		for d := worktime.On(year-1, 11, 1); d.Year < year+2; d = d.AddDays(1) {
			want := old.IsWorkingDay(d)
			switch d {
			case off:
				want = false
			case worked:
				want = true
			}
			if swapped.IsWorkingDay(d) != want {
				t.Fatalf("%s changed with the swap of %s and %s", d, off, worked)
			}
		}
		if first, last := old.Horizon(); old.Between(first, last) != swapped.Between(first, last) {
			t.Fatal("working time was lost or won")
		}
		if after.CalendarAt(now.Add(-1)) != before.CalendarAt(now.Add(-1)) {
			t.Fatal("before the announcement another calendar was known")
		}
		payloads, err = worktime.Decide(after, worktime.RevokeSwap{Off: off}, now)
		if err != nil {
			t.Fatal(err)
		}
		if worktime.Evolve(after, event.Event{Payload: payloads[0]}).Calendar() != old {
			t.Fatal("revoking the swap does not give back the calendar")
		}
	})
}
