package worktime

import (
	"cmp"
	"fmt"
	"time"

	"dossierledger/domain/fault"
)

// Zone is the legal time of Vietnam (Quyết định 134/2002/QĐ-TTg: UTC+7, no
// summer time). It is fixed, so that no time-zone database is needed.
var Zone = time.FixedZone("ICT", zoneOffset)

const (
	zoneOffset    = 7 * 3600
	secondsPerDay = 24 * 3600
)

// Date is a day of the Gregorian calendar as it is counted in Vietnam. The zero
// Date is no day. Dates are comparable with == and can be keys of maps.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// On makes a Date; days and months outside their range are carried over, as
// time.Date does.
func On(year int, month time.Month, day int) Date {
	y, m, d := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Date()
	return Date{Year: y, Month: m, Day: d}
}

// DateOf gives the day on which an instant falls in Vietnam.
func DateOf(t time.Time) Date {
	y, m, d := t.In(Zone).Date()
	return Date{Year: y, Month: m, Day: d}
}

// ParseDate reads "2026-02-17" (ISO 8601).
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return Date{}, fault.New(fault.Invalid, "worktime.invalid-date", "%q is not a date; write it as 2026-02-17", s)
	}
	return On(t.Year(), t.Month(), t.Day()), nil
}

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// String writes "2026-02-17", and "" for no day.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// MarshalText writes the form of String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the form of String; the empty text is no day.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Compare orders days: -1 where d is before e, 0 on the same day, 1 after.
func (d Date) Compare(e Date) int {
	return cmp.Or(cmp.Compare(d.Year, e.Year), cmp.Compare(d.Month, e.Month), cmp.Compare(d.Day, e.Day))
}

// Before reports whether d is an earlier day than e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// AddDays gives the day that is n calendar days later (earlier where n < 0).
func (d Date) AddDays(n int) Date { return On(d.Year, d.Month, d.Day+n) }

// Weekday gives the day of the week.
func (d Date) Weekday() time.Weekday {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Weekday()
}

// At gives the instant of a clock time on that day in Vietnam, in UTC.
func (d Date) At(c Clock) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, int(c), 0, 0, Zone).UTC()
}

// number counts days from 1 January 1970.
func (d Date) number() int {
	return int(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

func dateOfNumber(n int) Date { return On(1970, time.January, 1+n) }

// weeklyRest reports whether d is one of the two weekly days of rest of the
// public sector (Quyết định 188/1999/QĐ-TTg: the week has forty hours).
func (d Date) weeklyRest() bool {
	w := d.Weekday()
	return w == time.Saturday || w == time.Sunday
}
