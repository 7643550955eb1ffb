package worktime

import "time"

// lawGeneration is part of every Version. It is raised whenever the rules of
// this file, or how a calendar is built from facts, change what comes out.
const lawGeneration = "vn1"

// The calendar covers the days from horizonFirst up to, not including,
// horizonEnd. Public holidays are certain for 2015 to 2035; outside of that they
// are what the law of today gives.
var (
	horizonFirst = Date{2010, time.January, 1}
	horizonEnd   = Date{2041, time.January, 1}
)

// The codes of the statutory public holidays (Bộ luật Lao động 2019, art. 112).
const (
	NewYear       = "new-year"      // Tết Dương lịch
	Tet           = "tet"           // Tết Âm lịch
	HungKings     = "hung-kings"    // Giỗ Tổ Hùng Vương
	Reunification = "reunification" // Ngày Chiến thắng
	LabourDay     = "labour-day"    // Quốc tế lao động
	NationalDay   = "national-day"  // Quốc khánh
)

// Name is what a holiday is called, in both languages.
type Name struct {
	VI string `json:"vi"`
	EN string `json:"en,omitempty"`
}

var statutoryNames = map[string]Name{
	NewYear:       {VI: "Tết Dương lịch", EN: "New Year's Day"},
	Tet:           {VI: "Tết Nguyên đán", EN: "Lunar New Year"},
	HungKings:     {VI: "Giỗ Tổ Hùng Vương", EN: "Hùng Kings' Commemoration Day"},
	Reunification: {VI: "Ngày Chiến thắng", EN: "Reunification Day"},
	LabourDay:     {VI: "Ngày Quốc tế lao động", EN: "International Labour Day"},
	NationalDay:   {VI: "Quốc khánh", EN: "National Day"},
}

// statutoryDays gives the days of a statutory holiday in a year where no notice
// says otherwise. A holiday that did not exist in that year has none.
func statutoryDays(code string, year int) []Date {
	switch code {
	case NewYear:
		return []Date{On(year, time.January, 1)}
	case Tet:
		return tetDays(year)
	case HungKings:
		if day, ok := Solar(LunarDate{Year: year, Month: 3, Day: 10}); ok {
			return []Date{day}
		}
		return nil
	case Reunification:
		return []Date{On(year, time.April, 30)}
	case LabourDay:
		return []Date{On(year, time.May, 1)}
	case NationalDay:
		return nationalDays(year)
	}
	return nil
}

// tetDays are the last days of the old lunar year and the first of the new one:
// five since 1 May 2013 (Bộ luật Lao động 2012, art. 115), either one and four or
// two and three, as the government chooses; before, one and three. From 2015 on
// the choice of two and three, with its substitute days, gives the days off that
// were announced every year; where the year begins on a Monday or Tuesday both
// choices come to the same.
func tetDays(year int) []Date {
	first, ok := Solar(LunarDate{Year: year, Month: 1, Day: 1})
	if !ok {
		return nil
	}
	before, after := 2, 3
	if year <= 2013 {
		before, after = 1, 3
	}
	days := make([]Date, 0, before+after)
	for i := -before; i < after; i++ {
		days = append(days, first.AddDays(i))
	}
	return days
}

// nationalDays are 2 September and, since the Labour Code of 2019 came into
// force on 1 January 2021, one day beside it, which the government names each
// year. Until it does, the day is the one that makes the longer stretch off, as
// the notices of 2021 to 2026 did.
func nationalDays(year int) []Date {
	day := On(year, time.September, 2)
	if year < 2021 {
		return []Date{day}
	}
	switch day.Weekday() {
	case time.Tuesday, time.Wednesday, time.Friday, time.Saturday:
		return []Date{day.AddDays(-1), day}
	default:
		return []Date{day, day.AddDays(1)}
	}
}

// statutoryHolidays in the order of the year; where two fall on one day the
// earlier in this list names it.
var statutoryHolidays = []string{NewYear, Tet, HungKings, Reunification, LabourDay, NationalDay}
