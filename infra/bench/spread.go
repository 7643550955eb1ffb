package bench

import (
	"math"
	"slices"
	"strconv"
)

// Spread is what several measurements of one thing gave.
type Spread struct {
	Median  float64   `json:"median"`
	Least   float64   `json:"least"`
	Most    float64   `json:"most"`
	Samples []float64 `json:"samples"` // in the order of measuring
}

func spreadOf(samples []float64) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	kept := make([]float64, len(samples))
	for i, s := range samples {
		kept[i] = rounded(s)
	}
	sorted := slices.Sorted(slices.Values(kept))
	n := len(sorted)
	return Spread{
		Median: rounded((sorted[(n-1)/2] + sorted[n/2]) / 2), Least: sorted[0], Most: sorted[n-1], Samples: kept,
	}
}

// rounded keeps four digits that count: more would pretend that it is exact.
func rounded(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// number writes a value for people: three digits that count, thousands apart.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 1000:
		return thousands(int64(math.Round(v)))
	case abs >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case abs >= 1 || v == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
