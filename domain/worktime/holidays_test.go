package worktime_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/worktime"
)

// daysOff lists the days from Monday to Friday of a year on which nobody works,
// as "1-2 " month-day pairs, and the weekend days that are worked after a "+".
func daysOff(c *worktime.Calendar, year int) string {
	var off, worked []string
	for d := worktime.On(year, 1, 1); d.Year == year; d = d.AddDays(1) {
		weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
		switch {
		case !weekend && !c.IsWorkingDay(d):
			off = append(off, d.String()[5:])
		case weekend && c.IsWorkingDay(d):
			worked = append(worked, d.String()[5:])
		}
	}
	return strings.Join(off, " ") + " + " + strings.Join(worked, " ")
}

// What civil servants really had off from Monday to Friday, and the Saturdays
// that they worked, by the announcements of each year.
func TestDaysOffOfThePublicSector(t *testing.T) {
	c := worktime.Standard()
	for year, want := range map[int]string{
		2014: "01-01 01-28 01-29 01-30 01-31 02-03 02-04 02-05 04-09 04-30 05-01 09-02 + 01-25 02-08 12-27",
		2015: "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-28 04-29 04-30 05-01 09-02 + 02-14 04-25",
		2016: "01-01 02-08 02-09 02-10 02-11 02-12 04-18 05-02 05-03 09-02 + ",
		2017: "01-02 01-26 01-27 01-30 01-31 02-01 04-06 05-01 05-02 09-04 + ",
		2018: "01-01 02-14 02-15 02-16 02-19 02-20 04-25 04-30 05-01 09-03 12-31 + ",
		2019: "01-01 02-04 02-05 02-06 02-07 02-08 04-15 04-29 04-30 05-01 09-02 + 01-05 05-04",
		2020: "01-01 01-23 01-24 01-27 01-28 01-29 04-02 04-30 05-01 09-02 + ",
		2021: "01-01 02-10 02-11 02-12 02-15 02-16 04-21 04-30 05-03 09-02 09-03 + ",
		2022: "01-03 01-31 02-01 02-02 02-03 02-04 04-11 05-02 05-03 09-01 09-02 + ",
		2023: "01-02 01-20 01-23 01-24 01-25 01-26 05-01 05-02 05-03 09-01 09-04 + ",
		2024: "01-01 02-08 02-09 02-12 02-13 02-14 04-18 04-29 04-30 05-01 09-02 09-03 + 05-04",
		2025: "01-01 01-27 01-28 01-29 01-30 01-31 04-07 04-30 05-01 05-02 09-01 09-02 + 04-26",
		2026: "01-01 01-02 02-16 02-17 02-18 02-19 02-20 04-27 04-30 05-01 08-31 09-01 09-02 11-24 + 01-10 08-22",
		// Provisional: by the rules alone.
		2027: "01-01 02-04 02-05 02-08 02-09 02-10 04-16 04-30 05-03 09-02 09-03 11-24 + ",
		2028: "01-03 01-24 01-25 01-26 01-27 01-28 04-04 05-01 05-02 09-01 09-04 11-24 + ",
	} {
		if got := daysOff(c, year); got != want {
			t.Errorf("%d:\n got %s\nwant %s", year, got, want)
		}
	}
}

func TestEveryYearHasItsStatutoryNumberOfDaysOff(t *testing.T) {
	c := worktime.Standard()
	for year := 2015; year <= 2035; year++ {
		want := 10
		if year >= 2021 {
			want = 11
		}
		if year >= 2026 {
			want = 12
		}
		statutory, off := 0, 0
		for _, h := range c.Holidays(year) {
			switch h.Kind {
			case worktime.Public:
				statutory++
				if weekday := h.Date.Weekday(); weekday != time.Saturday && weekday != time.Sunday {
					off++
				}
			case worktime.Substitute:
				off++
			}
			if h.Kind == worktime.MakeUp != c.IsWorkingDay(h.Date) {
				t.Errorf("%s is %s, but IsWorkingDay says %v", h.Date, h.Kind, c.IsWorkingDay(h.Date))
			}
		}
		if statutory != want || off != want {
			t.Errorf("%d has %d holidays and %d days off for them, want %d", year, statutory, off, want)
		}
	}
}

func TestHolidaysAreNamedAndPointAtWhatTheyStandFor(t *testing.T) {
	c := worktime.Standard()
	holidays := c.Holidays(2026)
	find := func(text string) worktime.Holiday {
		i := slices.IndexFunc(holidays, func(h worktime.Holiday) bool { return h.Date.String() == text })
		if i < 0 {
			t.Fatalf("%s is not among %v", text, holidays)
		}
		return holidays[i]
	}
	for _, tt := range []struct {
		day, code, other string
		kind             worktime.Kind
	}{
		{"2026-02-17", worktime.Tet, "", worktime.Public},
		{"2026-04-26", worktime.HungKings, "", worktime.Public},
		{"2026-04-27", worktime.HungKings, "2026-04-26", worktime.Substitute},
		{"2026-01-02", "", "2026-01-10", worktime.SwappedOff},
		{"2026-01-10", "", "2026-01-02", worktime.MakeUp},
		{"2026-11-24", "culture-day", "", worktime.Public},
	} {
		h := find(tt.day)
		if h.Kind != tt.kind || h.Code != tt.code || h.Other.String() != tt.other || c.KindOf(h.Date) != tt.kind {
			t.Errorf("%s is %+v (%s), want %s %q %q", tt.day, h, c.KindOf(h.Date), tt.kind, tt.code, tt.other)
		}
		if tt.code != "" && (h.Name.VI == "" || h.Name.EN == "") {
			t.Errorf("%s has no name: %+v", tt.day, h)
		}
	}
	if !slices.IsSortedFunc(holidays, func(a, b worktime.Holiday) int { return a.Date.Compare(b.Date) }) {
		t.Error("the holidays are not in order")
	}
	if k := c.KindOf(worktime.On(2050, 10, 3)); k != worktime.Workday {
		t.Errorf("a Monday after the horizon is %s", k)
	}
	if k := c.KindOf(worktime.On(2050, 10, 2)); k != worktime.WeeklyRest {
		t.Errorf("a Sunday after the horizon is %s", k)
	}
}
