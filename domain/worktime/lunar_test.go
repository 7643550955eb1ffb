package worktime_test

import (
	"testing"

	"dossierledger/domain/worktime"
	"pgregory.net/rapid"
)

// The first days of Tết as Vietnam celebrated or announced them. China, at
// UTC+8, began the years 1985, 2007 and 2030 on another day.
var tetDates = map[int]string{
	1985: "1985-01-21", 2007: "2007-02-17",
	2010: "2010-02-14", 2011: "2011-02-03", 2012: "2012-01-23", 2013: "2013-02-10", 2014: "2014-01-31",
	2015: "2015-02-19", 2016: "2016-02-08", 2017: "2017-01-28", 2018: "2018-02-16", 2019: "2019-02-05",
	2020: "2020-01-25", 2021: "2021-02-12", 2022: "2022-02-01", 2023: "2023-01-22", 2024: "2024-02-10",
	2025: "2025-01-29", 2026: "2026-02-17", 2027: "2027-02-06", 2028: "2028-01-26", 2029: "2029-02-13",
	2030: "2030-02-02", 2031: "2031-01-23", 2032: "2032-02-11", 2033: "2033-01-31", 2034: "2034-02-19",
	2035: "2035-02-08",
}

func TestTetFallsOnTheDayVietnamCelebrates(t *testing.T) {
	for year, want := range tetDates {
		got, ok := worktime.Solar(worktime.LunarDate{Year: year, Month: 1, Day: 1})
		if !ok || got.String() != want {
			t.Errorf("Tết %d = %s (%v), want %s", year, got, ok, want)
		}
	}
}

func TestHungKingsAndOtherLunarDays(t *testing.T) {
	for text, want := range map[string]worktime.LunarDate{
		"2024-04-18": {Year: 2024, Month: 3, Day: 10},
		"2025-04-07": {Year: 2025, Month: 3, Day: 10},
		"2026-04-26": {Year: 2026, Month: 3, Day: 10},
		"2027-04-16": {Year: 2027, Month: 3, Day: 10},
		"2023-04-29": {Year: 2023, Month: 3, Day: 10},
		"2023-03-22": {Year: 2023, Month: 2, Day: 1, Leap: true},
		"2025-07-25": {Year: 2025, Month: 6, Day: 1, Leap: true},
		"2025-09-07": {Year: 2025, Month: 7, Day: 16},
		"2033-12-22": {Year: 2033, Month: 11, Day: 1, Leap: true},
		"2024-12-31": {Year: 2024, Month: 12, Day: 1},
		"1985-01-20": {Year: 1984, Month: 12, Day: 30},
	} {
		d, err := worktime.ParseDate(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := worktime.Lunar(d); got != want {
			t.Errorf("Lunar(%s) = %+v, want %+v", text, got, want)
		}
	}
}

func TestEveryDayHasOneLunarDayAndBack(t *testing.T) {
	previous := worktime.Lunar(worktime.On(1976, 1, 1))
	for d := worktime.On(1976, 1, 2); d.Year <= 2100; d = d.AddDays(1) {
		lunar := worktime.Lunar(d)
		if back, ok := worktime.Solar(lunar); !ok || back != d {
			t.Fatalf("%s is %+v, which is %s (%v)", d, lunar, back, ok)
		}
		following := lunar.Day == previous.Day+1 && lunar.Month == previous.Month && lunar.Leap == previous.Leap
		firstOfMonth := lunar.Day == 1 && (previous.Day == 29 || previous.Day == 30)
		if !following && !firstOfMonth {
			t.Fatalf("%s is %+v, the day before was %+v", d, lunar, previous)
		}
		previous = lunar
	}
}

func TestSolarRefusesDaysThatDoNotExist(t *testing.T) {
	for _, l := range []worktime.LunarDate{
		{Year: 2026, Month: 13, Day: 1}, {Year: 2026, Month: 0, Day: 1}, {Year: 2026, Month: 1, Day: 31},
		{Year: 2026, Month: 1, Day: 0},
		{Year: 2026, Month: 1, Day: 1, Leap: true},
		{Year: 2025, Month: 12, Day: 30}, // the last month of Ất Tỵ has 29 days
	} {
		if d, ok := worktime.Solar(l); ok {
			t.Errorf("Solar(%+v) = %s, want none", l, d)
		}
	}
}

func TestSolarAndLunarAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := worktime.LunarDate{
			Year:  rapid.IntRange(1977, 2099).Draw(t, "year"),
			Month: rapid.IntRange(1, 12).Draw(t, "month"),
			Day:   rapid.IntRange(1, 30).Draw(t, "day"),
			Leap:  rapid.Bool().Draw(t, "leap"),
		}
		if d, ok := worktime.Solar(l); ok && worktime.Lunar(d) != l {
			t.Fatalf("%+v is %s, which is %+v", l, d, worktime.Lunar(d))
		}
	})
}
