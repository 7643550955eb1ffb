package queries

import (
	"context"
	"time"
)

// Summary is the size and span of the chosen cases. First and Last are nil
// where there is no event.
type Summary struct {
	Cases      uint64   `json:"cases"`
	Events     uint64   `json:"events"`
	Activities uint64   `json:"activities"` // different ones
	First      *Instant `json:"first"`
	Last       *Instant `json:"last"`
}

// Summary answers the report "summary".
func (r *Reports) Summary(ctx context.Context, filter Filter, _ Options) (Summary, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return Summary{}, err
	}
	type row struct {
		Cases      uint64     `ch:"cases"`
		Events     uint64     `ch:"actions"`
		Activities uint64     `ch:"activities"`
		First      *time.Time `ch:"first"`
		Last       *time.Time `ch:"last"`
	}
	// Without FINAL the events are read as they lie: another version of an
	// event's row has the same activity, so the set of activities is the same.
	// DISTINCT looks at the dictionary of names, uniqExact at every row.
	rows, err := read[row](ctx, r.db, "summary", `
SELECT count() AS cases, sum(events) AS actions, minOrNull(first_at) AS first, maxOrNull(last_at) AS last,
       (SELECT count() FROM (SELECT DISTINCT activity FROM events`+s.events()+`)) AS activities
FROM dossiers FINAL`+s.dossiers(), s.args)
	if err != nil {
		return Summary{}, err
	}
	found := rows[0]
	return Summary{
		Cases: found.Cases, Events: found.Events, Activities: found.Activities,
		First: instant(found.First), Last: instant(found.Last),
	}, nil
}
