package pages

import (
	"math"
	"strconv"
	"strings"
	"time"

	"dossierledger/queries"
)

// ict is the time of people in Vietnam, which has no summer time.
var ict = time.FixedZone("ICT", 7*3600)

// workday is the working time of a full day, by which working time is told in days.
const workday = 8 * time.Hour

func (w words) date(t time.Time) string { return t.In(ict).Format("02/01/2006") }

func (w words) dateTime(t time.Time) string { return t.In(ict).Format("02/01/2006 15:04") }

func (w words) clock(t time.Time) string { return t.In(ict).Format("15:04") }

// precise shows seconds too, for what auditors compare.
func (w words) precise(t time.Time) string { return t.In(ict).Format("02/01/2006 15:04:05.000") }

// machine is the form of the HTML time element.
func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// whole writes 1.234 in Vietnamese and 1,234 in English.
func (w words) whole(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	separator := "."
	if w.english() {
		separator = ","
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(separator)
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// decimal writes 1.234,5 in Vietnamese and 1,234.5 in English.
func (w words) decimal(v float64, places int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	text := strconv.FormatFloat(math.Abs(v), 'f', places, 64)
	before, after, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(before, 10, 64)
	if err != nil {
		return text
	}
	out := w.whole(n)
	if after != "" {
		point := ","
		if w.english() {
			point = "."
		}
		out += point + after
	}
	if v < 0 && strings.Trim(text, "0.") != "" {
		out = "−" + out
	}
	return out
}

// trimmed writes one place behind the point, and none where it would be zero.
func (w words) trimmed(v float64) string {
	if v == math.Trunc(v) {
		return w.decimal(v, 0)
	}
	return w.decimal(v, 1)
}

func (w words) percent(share float64) string { return w.decimal(100*share, 1) + " %" }

// money writes whole đồng.
func (w words) money(n int64) string { return w.whole(n) + " ₫" }

type unit struct {
	seconds  int64
	vi       string
	one, all string // English
}

var calendarUnits = []unit{
	{86400, "ngày", "day", "days"}, {3600, "giờ", "hour", "hours"}, {60, "phút", "minute", "minutes"}, {1, "giây", "second", "seconds"},
}

var workingUnits = []unit{
	{int64(workday / time.Second), "ngày", "day", "days"}, {3600, "giờ", "hour", "hours"}, {60, "phút", "minute", "minutes"}, {1, "giây", "second", "seconds"},
}

// span tells a length of time by its two greatest units that follow each other.
func (w words) span(seconds int64, units []unit) string {
	if seconds < 0 {
		seconds = -seconds
	}
	for i, u := range units {
		n := seconds / u.seconds
		if n == 0 && i < len(units)-1 {
			continue
		}
		out := w.counted(n, u)
		if i+1 < len(units) && i < 2 {
			next := units[i+1]
			if m := seconds % u.seconds / next.seconds; m > 0 && n < 100 {
				out += " " + w.counted(m, next)
			}
		}
		return out
	}
	return ""
}

func (w words) counted(n int64, u unit) string {
	name := u.vi
	if w.english() {
		name = u.all
		if n == 1 {
			name = u.one
		}
	}
	return w.whole(n) + " " + name
}

// elapsed tells calendar time: "2 ngày 3 giờ".
func (w words) elapsed(seconds int64) string { return w.span(seconds, calendarUnits) }

// worked tells working time, a day being eight hours: "2 ngày 3 giờ làm việc".
func (w words) worked(seconds int64) string {
	if w.english() {
		first, rest, _ := strings.Cut(w.span(seconds, workingUnits), " ")
		return first + " working " + rest
	}
	return w.span(seconds, workingUnits) + " làm việc"
}

// brief tells working time without saying so, for tables whose heading does.
func (w words) brief(seconds int64) string { return w.span(seconds, workingUnits) }

// short tells calendar time in one unit, for labels: "2,3 ngày".
func (w words) short(seconds float64) string {
	for i, u := range calendarUnits {
		if seconds >= float64(u.seconds) || i == len(calendarUnits)-1 {
			value, places := seconds/float64(u.seconds), 1
			if value >= 10 || u.seconds == 1 {
				places = 0
			}
			name := u.vi
			if w.english() {
				name = u.all[:1]
				return w.decimal(value, places) + " " + name
			}
			return w.decimal(value, places) + " " + name
		}
	}
	return ""
}

func timeOf(i *queries.Instant) time.Time {
	if i == nil {
		return time.Time{}
	}
	return i.Time
}
