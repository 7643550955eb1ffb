package worktime

import "math"

// LunarDate is a day of the Vietnamese lunisolar calendar (âm lịch). Year is the
// Gregorian year in which the lunar year begins; Leap marks the second month of
// the same number (tháng nhuận).
type LunarDate struct {
	Year  int
	Month int
	Day   int
	Leap  bool
}

// Lunar converts a day to the Vietnamese lunisolar calendar, by Hồ Ngọc Đức's
// rules: a month begins on the day of the new moon in UTC+7, the eleventh month
// holds the winter solstice, and in a year of thirteen months the first one
// without a principal solar term is the leap month. The new moon is computed as
// in Jean Meeus, Astronomical Formulae for Calculators (ch. 32), the sun's
// longitude as in his Astronomical Algorithms (ch. 25).
//
// The result is Vietnam's calendar from 1976 on (Quyết định 121-CP of 1967 set
// UTC+7; before 1976 North and South differed) and is tested to 2100.
func Lunar(d Date) LunarDate {
	day := d.number()
	moon := moonOnOrBefore(day)
	start := newMoonDay(moon)

	// The eleventh months before and after the day frame the months 11, 12, 1 … 10.
	year := d.Year
	before, after := month11(year-1), month11(year)
	if moon >= after {
		before, after = after, month11(year+1)
		year++
	}
	index := moon - before
	leap := -1
	if after-before == 13 {
		leap = leapIndex(before)
	}
	month := index + 11
	if leap >= 0 && index >= leap {
		month--
	}
	lunar := LunarDate{Year: year, Month: month, Day: day - start + 1, Leap: index == leap}
	if lunar.Month > 12 {
		lunar.Month -= 12
	} else {
		lunar.Year-- // months 11 and 12 belong to the year that is ending
	}
	return lunar
}

// Solar converts a lunar day back. It reports false where there is no such day:
// a thirtieth in a short month, or a leap month that the year does not have.
func Solar(l LunarDate) (Date, bool) {
	if l.Month < 1 || l.Month > 12 || l.Day < 1 || l.Day > 30 {
		return Date{}, false
	}
	// Months 11 and 12 follow the eleventh month of their own year, the others
	// that of the year before.
	year := l.Year - 1
	index := l.Month + 1
	if l.Month >= 11 {
		year = l.Year
		index = l.Month - 11
	}
	before, after := month11(year), month11(year+1)
	leap := -1
	if after-before == 13 {
		leap = leapIndex(before)
	}
	if l.Leap {
		index++
		if index != leap {
			return Date{}, false
		}
	} else if leap >= 0 && index >= leap {
		index++
	}
	start, next := newMoonDay(before+index), newMoonDay(before+index+1)
	if start+l.Day-1 >= next {
		return Date{}, false
	}
	return dateOfNumber(start + l.Day - 1), true
}

const (
	synodicMonth = 29.530588853
	// julianEpoch is the Julian day of 1 January 1970, 00:00 UTC.
	julianEpoch = 2440587.5
	// moonEpoch is the mean new moon of 1 January 1900 from which k is counted.
	moonEpoch = 2415021.076998695
	vietnam   = 7.0 / 24
)

// newMoonDay is the day number (from 1970) in UTC+7 of the k-th new moon since 1900.
func newMoonDay(k int) int {
	return int(math.Floor(newMoon(k) + vietnam - julianEpoch))
}

// moonOnOrBefore is the index of the last new moon whose day is not after the given one.
func moonOnOrBefore(day int) int {
	k := int(math.Floor((float64(day)+julianEpoch-moonEpoch)/synodicMonth)) + 1
	for newMoonDay(k) > day {
		k--
	}
	return k
}

// month11 is the index of the new moon that begins the lunar month in which the
// winter solstice of the Gregorian year falls.
func month11(year int) int {
	k := moonOnOrBefore(On(year, 12, 31).number())
	if sunSegment(newMoonDay(k)) >= 9 { // the solstice, 270 degrees, is past
		k--
	}
	return k
}

// leapIndex is the place of the leap month among the thirteen that begin with
// the given eleventh month: the first that holds no principal term (trung khí).
func leapIndex(month11 int) int {
	for i := 1; i < 13; i++ {
		if sunSegment(newMoonDay(month11+i)) == sunSegment(newMoonDay(month11+i+1)) {
			return i
		}
	}
	return 13
}

// sunSegment is the twelfth of the ecliptic, 0 to 11 from the March equinox, in
// which the sun stands as the day begins in UTC+7.
func sunSegment(day int) int {
	return int(sunLongitude(float64(day)+julianEpoch-vietnam) / (math.Pi / 6))
}

func sinDegrees(x float64) float64 { return math.Sin(x * math.Pi / 180) }

// newMoon is the Julian day, in universal time, of the k-th new moon since
// 1 January 1900 (Meeus, Astronomical Formulae for Calculators, ch. 32).
func newMoon(k int) float64 {
	n := float64(k)
	t := n / 1236.85 // Julian centuries
	t2, t3 := t*t, t*t*t
	mean := 2415020.75933 + 29.53058868*n + 0.0001178*t2 - 0.000000155*t3 +
		0.00033*sinDegrees(166.56+132.87*t-0.009173*t2)
	sun := 359.2242 + 29.10535608*n - 0.0000333*t2 - 0.00000347*t3 // mean anomaly of the sun
	moon := 306.0253 + 385.81691806*n + 0.0107306*t2 + 0.00001236*t3
	latitude := 21.2964 + 390.67050646*n - 0.0016528*t2 - 0.00000239*t3
	correction := (0.1734-0.000393*t)*sinDegrees(sun) + 0.0021*sinDegrees(2*sun) -
		0.4068*sinDegrees(moon) + 0.0161*sinDegrees(2*moon) - 0.0004*sinDegrees(3*moon) +
		0.0104*sinDegrees(2*latitude) - 0.0051*sinDegrees(sun+moon) - 0.0074*sinDegrees(sun-moon) +
		0.0004*sinDegrees(2*latitude+sun) - 0.0004*sinDegrees(2*latitude-sun) -
		0.0006*sinDegrees(2*latitude+moon) + 0.0010*sinDegrees(2*latitude-moon) +
		0.0005*sinDegrees(2*moon+sun)
	// Ephemeris time to universal time, for the centuries from 1800 on.
	delta := -0.000278 + 0.000265*t + 0.000262*t2
	return mean + correction - delta
}

// sunLongitude is the sun's true longitude in radians, 0 to 2π, at a Julian day
// (Meeus, Astronomical Algorithms, ch. 25, low accuracy).
func sunLongitude(julianDay float64) float64 {
	t := (julianDay - 2451545.0) / 36525
	t2 := t * t
	anomaly := 357.52910 + 35999.05030*t - 0.0001559*t2 - 0.00000048*t*t2
	longitude := 280.46645 + 36000.76983*t + 0.0003032*t2 +
		(1.914600-0.004817*t-0.000014*t2)*sinDegrees(anomaly) +
		(0.019993-0.000101*t)*sinDegrees(2*anomaly) + 0.000290*sinDegrees(3*anomaly)
	// Apparent longitude: aberration and nutation.
	longitude -= 0.00569 + 0.00478*sinDegrees(125.04-1934.136*t)
	longitude -= 360 * math.Floor(longitude/360)
	return longitude * math.Pi / 180
}
