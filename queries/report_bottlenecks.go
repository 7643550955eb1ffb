package queries

import (
	"context"
	"strings"
)

// Kinds of what dossiers wait in.
const (
	// WaitStep is a step of the procedure: each visit of a dossier counts, an
	// open one with its time up to the dossier's last event.
	WaitStep = "step"
	// WaitActivity is an activity of a history taken over, which has no steps:
	// what counts is the time since the event before it, when the dossier
	// waited for this activity.
	WaitActivity = "activity"
)

// Bottleneck is how long dossiers wait in a step, in working time. Seconds.
type Bottleneck struct {
	Kind   string `json:"kind" ch:"kind"`
	Step   string `json:"step" ch:"step"`
	Agency string `json:"agency,omitempty" ch:"agency"` // that holds the step; with Options.ByAgency only
	// N is the number of visits.
	N      uint64  `json:"n" ch:"n"`
	Median float64 `json:"median" ch:"median_s"`
	P90    float64 `json:"p90" ch:"p90_s"`
	Total  float64 `json:"total" ch:"total_s"`
	// Others is the part of Total in which the citizen or another agency had to act.
	Others float64 `json:"others" ch:"others_s"`
	// Share is the part, 0 to 1, of all waiting of the chosen cases that is in this step.
	Share float64 `json:"share" ch:"share"`
}

// Bottlenecks answers the report "bottlenecks": the steps by the working time
// that dossiers wait in them, the greatest share first.
func (r *Reports) Bottlenecks(ctx context.Context, filter Filter, opts Options) ([]Bottleneck, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return nil, err
	}
	agency, groups := "''", "step"
	if opts.ByAgency {
		// Pairs are told apart by hashes, as in DirectlyFollows.
		agency, groups = "any(rows.agency)", "sipHash128(step), sipHash128(rows.agency)"
	}
	waits := func(kind, step, seconds, others, table, chosen string) string {
		return `
    SELECT '` + kind + `' AS kind, any(rows.` + step + `) AS step, ` + agency + ` AS agency, count() AS n,
           toFloat64(` + opts.percentile() + `(0.5)(` + seconds + `)) AS median_s,
           toFloat64(` + opts.percentile() + `(0.9)(` + seconds + `)) AS p90_s,
           toFloat64(sum(` + seconds + `)) AS total_s, toFloat64(` + others + `) AS others_s
    FROM ` + table + ` AS rows FINAL` + chosen + `
    GROUP BY ` + strings.ReplaceAll(groups, "step", "rows."+step)
	}
	return list[Bottleneck](ctx, r, "bottlenecks", `
SELECT kind, step, agency, n, median_s, p90_s, total_s, others_s,
       total_s / greatest(sum(total_s) OVER (), 1) AS share
FROM (`+waits(WaitStep, "step", "working_seconds", "sum(waiting_seconds)", "steps", s.rows())+`
    UNION ALL`+waits(WaitActivity, "activity", "working_since", "0", "events", s.events("place > 0", "source != ''"))+`
)
ORDER BY total_s DESC, kind, step, agency`, s, opts)
}
