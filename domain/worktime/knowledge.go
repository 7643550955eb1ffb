package worktime

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// knowledge is everything that a calendar is computed from, beside the law: the
// facts of the national calendar and of the agency's own, applied in order. Its
// lists are kept sorted and free of what was superseded, so that the same
// knowledge has the same bytes whatever the way that led to it.
type knowledge struct {
	Windows  []dated       `json:"windows"`
	Saturday []dated       `json:"saturday"`
	Swaps    []swap        `json:"swaps"`
	Declared []declared    `json:"declared"`
	Days     []daysInAYear `json:"days"`
}

type dated struct {
	From    Date    `json:"from"`
	Windows Windows `json:"windows"`
}

type swap struct {
	Off    Date `json:"off"`
	Worked Date `json:"worked"`
}

type declared struct {
	Code        string     `json:"code"`
	Name        Name       `json:"name"`
	On          Date       `json:"on"`
	Month       time.Month `json:"month"`
	Day         int        `json:"day"`
	From        Date       `json:"from"`
	Until       Date       `json:"until"`
	Substituted bool       `json:"substituted"`
}

type daysInAYear struct {
	Year    int    `json:"year"`
	Holiday string `json:"holiday"`
	Days    []Date `json:"days"`
}

// version names the knowledge: the generation of the rules and a hash.
func (k *knowledge) version() string {
	encoded, err := json.Marshal(k)
	if err != nil {
		panic("worktime: knowledge cannot be encoded: " + err.Error()) // dates and clocks always can
	}
	sum := sha256.Sum256(encoded)
	return lawGeneration + "-" + hex.EncodeToString(sum[:8])
}

func (e Opened) apply(k *knowledge) {
	if len(e.Windows) > 0 {
		k.Windows = []dated{{From: Date{}, Windows: e.Windows}}
	}
}

func (e WindowsSet) apply(k *knowledge) { k.Windows = setFrom(k.Windows, e.From, e.Windows) }

func (e SaturdayReceptionSet) apply(k *knowledge) {
	k.Saturday = setFrom(k.Saturday, e.From, e.Windows)
}

func (e SwapAnnounced) apply(k *knowledge) {
	k.Swaps = slices.DeleteFunc(slices.Clone(k.Swaps), func(s swap) bool { return s.Off == e.Off })
	k.Swaps = append(k.Swaps, swap{Off: e.Off, Worked: e.Worked})
	slices.SortFunc(k.Swaps, func(a, b swap) int { return a.Off.Compare(b.Off) })
}

func (e SwapRevoked) apply(k *knowledge) {
	k.Swaps = slices.DeleteFunc(slices.Clone(k.Swaps), func(s swap) bool { return s.Off == e.Off })
}

func (e HolidayDeclared) apply(k *knowledge) {
	k.Declared = slices.DeleteFunc(slices.Clone(k.Declared), func(d declared) bool { return d.Code == e.Code })
	k.Declared = append(k.Declared, declared{
		Code: e.Code, Name: e.Name, On: e.On, Month: e.Month, Day: e.Day,
		From: e.From, Until: e.Until, Substituted: e.Substituted,
	})
	slices.SortFunc(k.Declared, func(a, b declared) int { return cmp.Compare(a.Code, b.Code) })
}

func (e HolidayRevoked) apply(k *knowledge) {
	k.Declared = slices.DeleteFunc(slices.Clone(k.Declared), func(d declared) bool { return d.Code == e.Code })
}

func (e HolidayDaysSet) apply(k *knowledge) {
	same := func(d daysInAYear) bool { return d.Year == e.Year && d.Holiday == e.Holiday }
	k.Days = slices.DeleteFunc(slices.Clone(k.Days), same)
	days := slices.Clone(e.Days)
	slices.SortFunc(days, Date.Compare)
	k.Days = append(k.Days, daysInAYear{Year: e.Year, Holiday: e.Holiday, Days: days})
	slices.SortFunc(k.Days, func(a, b daysInAYear) int {
		return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Holiday, b.Holiday))
	})
}

// setFrom puts windows into a history of windows from a date on. What was set
// for later dates stays.
func setFrom(history []dated, from Date, windows Windows) []dated {
	history = slices.DeleteFunc(slices.Clone(history), func(d dated) bool { return d.From == from })
	history = append(history, dated{From: from, Windows: windows})
	slices.SortFunc(history, func(a, b dated) int { return a.From.Compare(b.From) })
	return history
}

// holidayIn gives the days of a statutory holiday in a year: those of a notice,
// else those of the rule.
func (k *knowledge) holidayIn(code string, year int) []Date {
	for _, d := range k.Days {
		if d.Year == year && d.Holiday == code {
			return d.Days
		}
	}
	return statutoryDays(code, year)
}

// in gives the days of a declared holiday in a year.
func (d declared) in(year int) (Date, bool) {
	day := d.On
	if day.IsZero() {
		day = On(year, d.Month, d.Day)
		if day.Month != d.Month { // 29 February, in a year without one
			return Date{}, false
		}
	}
	if day.Year != year || day.Before(d.From) || (!d.Until.IsZero() && !day.Before(d.Until)) {
		return Date{}, false
	}
	return day, true
}
