package historylog

import (
	"fmt"
	"strings"
	"time"
)

// The instants that are read: what a column of nanoseconds since 1970 holds,
// from the first year that read models hold.
const (
	firstYear = 1900
	lastYear  = 2261
)

// timeParser reads the times of one log.
type timeParser struct {
	// location is that of times without zone; nil is UTC.
	location *time.Location
	// layout is Go's layout for times in another form than year-first; empty otherwise.
	layout string
	hint   string
}

// parse gives the instant in UTC and the offset in minutes that it was written with.
func (p *timeParser) parse(text string) (t time.Time, offsetMinutes int, err error) {
	text = strings.TrimSpace(text)
	if p.layout != "" {
		return p.parseLayout(text)
	}
	var s timeScanner
	if !s.scan(text) {
		return time.Time{}, 0, fmt.Errorf("%s is not a time in a year-first form%s", clip(text), p.hint)
	}
	if s.zoned || p.location == nil {
		t = time.Unix(s.seconds-int64(s.offset)*60, int64(s.nanos)).UTC()
		offsetMinutes = s.offset
	} else {
		wall := time.Unix(s.seconds, int64(s.nanos)).UTC()
		local := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), p.location)
		_, seconds := local.Zone()
		t, offsetMinutes = local.UTC(), seconds/60
	}
	return t, offsetMinutes, checkYear(t, text)
}

func (p *timeParser) parseLayout(text string) (time.Time, int, error) {
	location := p.location
	if location == nil {
		location = time.UTC
	}
	t, err := time.ParseInLocation(p.layout, text, location)
	if err != nil {
		return time.Time{}, 0, fmt.Errorf("%s is not a time in the form that the map gives", clip(text))
	}
	_, seconds := t.Zone()
	return t.UTC(), seconds / 60, checkYear(t.UTC(), text)
}

func checkYear(t time.Time, text string) error {
	if year := t.Year(); year < firstYear || year > lastYear {
		return fmt.Errorf("the time %s is not between the years %d and %d", clip(text), firstYear, lastYear)
	}
	return nil
}

// timeScanner reads year-first times without allocating. seconds counts the
// wall clock since 1970 as if it were UTC; offset is in minutes.
type timeScanner struct {
	text    string
	seconds int64
	nanos   int
	offset  int
	zoned   bool
}

func (s *timeScanner) scan(text string) bool {
	s.text = text
	year, ok := s.digits(4)
	if !ok || len(s.text) == 0 || s.text[0] != '-' && s.text[0] != '/' {
		return false
	}
	separator := s.text[0]
	month, ok := s.after(separator)
	if !ok {
		return false
	}
	day, ok := s.after(separator)
	if !ok || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return false
	}
	s.seconds = daysSince1970(year, month, day) * 86400
	if s.text == "" {
		return true
	}
	switch {
	case s.text[0] == 'T', s.text[0] == 't':
		s.text = s.text[1:]
	case s.text[0] == ' ':
		s.text = strings.TrimLeft(s.text, " ")
	default:
		return false
	}
	return s.clock() && s.zone()
}

func (s *timeScanner) clock() bool {
	hour, ok := s.digits(2)
	if !ok {
		return false
	}
	minute, ok := s.after(':')
	if !ok || hour > 23 || minute > 59 {
		return false
	}
	second := 0
	if len(s.text) > 0 && s.text[0] == ':' {
		if second, ok = s.after(':'); !ok || second > 59 {
			return false
		}
		if len(s.text) > 0 && (s.text[0] == '.' || s.text[0] == ',') && !s.fraction() {
			return false
		}
	}
	s.seconds += int64(hour*3600 + minute*60 + second)
	return true
}

// fraction reads digits of a second; those beyond the ninth are cut off.
func (s *timeScanner) fraction() bool {
	i := 1
	scale := 100_000_000
	for ; i < len(s.text) && s.text[i] >= '0' && s.text[i] <= '9'; i++ {
		s.nanos += int(s.text[i]-'0') * scale
		scale /= 10
	}
	s.text = s.text[i:]
	return i > 1
}

func (s *timeScanner) zone() bool {
	s.text = strings.TrimLeft(s.text, " ")
	switch s.text {
	case "":
		return true
	case "Z", "z", "UTC", "GMT":
		s.zoned = true
		return true
	}
	sign := 1
	switch s.text[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return false
	}
	s.text = s.text[1:]
	hours, ok := s.digits(2)
	if !ok {
		return false
	}
	minutes := 0
	if s.text != "" {
		s.text = strings.TrimPrefix(s.text, ":")
		if minutes, ok = s.digits(2); !ok {
			return false
		}
	}
	s.zoned, s.offset = true, sign*(hours*60+minutes)
	return s.text == "" && hours <= 23 && minutes <= 59
}

func (s *timeScanner) after(separator byte) (int, bool) {
	if len(s.text) == 0 || s.text[0] != separator {
		return 0, false
	}
	s.text = s.text[1:]
	return s.digits(2)
}

func (s *timeScanner) digits(n int) (int, bool) {
	if len(s.text) < n {
		return 0, false
	}
	value := 0
	for i := range n {
		c := s.text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + int(c-'0')
	}
	s.text = s.text[n:]
	return value, true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// daysSince1970 counts days of the proleptic Gregorian calendar, by years that begin in March.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return int64(365*year+year/4-year/100+year/400+(153*(month-3)+2)/5+day) - 719_469
}
