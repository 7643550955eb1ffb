package worktime

import (
	"fmt"
	"strings"
	"time"

	"dossierledger/domain/fault"
)

// Clock is a time of the day in Vietnam, in minutes from midnight, 0 to 1440.
type Clock int

const endOfDay Clock = 24 * 60

// ParseClock reads "07:30" or "7:30", up to "24:00".
func ParseClock(s string) (Clock, error) {
	bad := func() (Clock, error) {
		return 0, fault.New(fault.Invalid, "worktime.invalid-clock", "%q is not a time of the day; write it as 15:00", s)
	}
	hours, minutes, ok := strings.Cut(s, ":")
	if !ok || len(hours) < 1 || len(hours) > 2 || len(minutes) != 2 {
		return bad()
	}
	number := 0
	for _, digit := range hours + minutes {
		if digit < '0' || digit > '9' {
			return bad()
		}
		number = number*10 + int(digit-'0')
	}
	clock := Clock(number/100*60 + number%100)
	if number%100 >= 60 || clock > endOfDay {
		return bad()
	}
	return clock, nil
}

// String writes "07:30".
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText writes the form of String.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what ParseClock reads.
func (c *Clock) UnmarshalText(text []byte) error {
	parsed, err := ParseClock(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

func (c Clock) sinceMidnight() time.Duration { return time.Duration(c) * time.Minute }

// Window is one stretch of working time within a day, from Open to Close.
type Window struct {
	Open  Clock `json:"open"`
	Close Clock `json:"close"`
}

// Windows are the working hours of a day, in order, without overlap: usually a
// morning and an afternoon. No windows at all means that nobody works.
type Windows []Window

// maxWindows bounds the stretches of one day; two are usual.
const maxWindows = 8

// OfficeHours are the working hours that hold where an agency has set none: eight
// hours with a lunch break. Agencies set their own by provincial decision.
func OfficeHours() Windows {
	return Windows{{Open: 7*60 + 30, Close: 11*60 + 30}, {Open: 13 * 60, Close: 17 * 60}}
}

// ParseWindows reads "07:30-11:30, 13:00-17:00". The empty text is no windows.
func ParseWindows(s string) (Windows, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var windows Windows
	for part := range strings.SplitSeq(s, ",") {
		if len(windows) == maxWindows {
			return nil, fault.New(fault.Invalid, "worktime.invalid-windows", "a day has at most %d windows", maxWindows)
		}
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			return nil, fault.New(fault.Invalid, "worktime.invalid-windows", "%q is not a window; write it as 07:30-11:30", part)
		}
		opening, err := ParseClock(strings.TrimSpace(from))
		if err != nil {
			return nil, err
		}
		closing, err := ParseClock(strings.TrimSpace(to))
		if err != nil {
			return nil, err
		}
		windows = append(windows, Window{Open: opening, Close: closing})
	}
	return windows, windows.Validate()
}

// String writes the form that ParseWindows reads.
func (w Windows) String() string {
	parts := make([]string, len(w))
	for i, window := range w {
		parts[i] = window.Open.String() + "-" + window.Close.String()
	}
	return strings.Join(parts, ",")
}

// Validate reports the first thing that is wrong with the windows as a fault:
// out of the day, empty, out of order or overlapping. Windows that touch must be
// written as one.
func (w Windows) Validate() error {
	if len(w) > maxWindows {
		return fault.New(fault.Invalid, "worktime.invalid-windows", "a day has at most %d windows, not %d", maxWindows, len(w))
	}
	previous := Clock(-1)
	for _, window := range w {
		switch {
		case window.Open < 0 || window.Close > endOfDay:
			return fault.New(fault.Invalid, "worktime.invalid-windows", "the window %s-%s is not within one day", window.Open, window.Close)
		case window.Open >= window.Close:
			return fault.New(fault.Invalid, "worktime.invalid-windows", "the window %s-%s closes before it opens", window.Open, window.Close)
		case window.Open <= previous:
			return fault.New(fault.Invalid, "worktime.invalid-windows", "the window %s-%s begins before the one before it has ended", window.Open, window.Close)
		}
		previous = window.Close
	}
	return nil
}

// Length is the working time of a day with these windows.
func (w Windows) Length() time.Duration {
	var sum Clock
	for _, window := range w {
		sum += window.Close - window.Open
	}
	return sum.sinceMidnight()
}

// elapsed is the working time from midnight to that time of the day.
func (w Windows) elapsed(sinceMidnight time.Duration) time.Duration {
	var sum time.Duration
	for _, window := range w {
		opening := window.Open.sinceMidnight()
		if sinceMidnight <= opening {
			break
		}
		sum += min(sinceMidnight, window.Close.sinceMidnight()) - opening
	}
	return sum
}

// first is the earliest time of the day by which so much has been worked, for
// 0 < worked <= Length.
func (w Windows) first(worked time.Duration) time.Duration {
	for _, window := range w {
		length := (window.Close - window.Open).sinceMidnight()
		if worked <= length {
			return window.Open.sinceMidnight() + worked
		}
		worked -= length
	}
	return endOfDay.sinceMidnight()
}

// last is the latest time of the day at which no more than that has been
// worked, for 0 <= worked < Length.
func (w Windows) last(worked time.Duration) time.Duration {
	for _, window := range w {
		length := (window.Close - window.Open).sinceMidnight()
		if worked < length {
			return window.Open.sinceMidnight() + worked
		}
		worked -= length
	}
	return endOfDay.sinceMidnight()
}

// openFrom is the first time of the day, not before the given one, at which a
// window is open; closing time itself still counts as open. It reports false
// after the last closing.
func (w Windows) openFrom(sinceMidnight time.Duration) (time.Duration, bool) {
	for _, window := range w {
		if sinceMidnight <= window.Close.sinceMidnight() {
			return max(sinceMidnight, window.Open.sinceMidnight()), true
		}
	}
	return 0, false
}

func (w Windows) closing() time.Duration { return w[len(w)-1].Close.sinceMidnight() }
