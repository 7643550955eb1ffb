package projections

import (
	"slices"
	"time"

	"dossierledger/domain/worktime"
)

// span is a stretch of time, its end not included.
type span struct{ from, to time.Time }

// union is the working time that at least one of the spans covers.
func union(spans []span, calendar *worktime.Calendar) time.Duration {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var sum time.Duration
	var end time.Time
	for i, s := range spans {
		if i == 0 || s.from.After(end) {
			end = s.from
		}
		if s.to.After(end) {
			sum += calendar.Between(end, s.to)
			end = s.to
		}
	}
	return sum
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
