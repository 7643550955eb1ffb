package queries

import "context"

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
	agency := "''"
	if opts.ByAgency {
		agency = "agency"
	}
	return list[Bottleneck](ctx, r, "bottlenecks", `
SELECT kind, step, holder AS agency, count() AS n,
       toFloat64(`+opts.percentile()+`(0.5)(seconds)) AS median_s,
       toFloat64(`+opts.percentile()+`(0.9)(seconds)) AS p90_s,
       toFloat64(sum(seconds)) AS total_s,
       toFloat64(sum(others)) AS others_s,
       total_s / greatest(sum(total_s) OVER (), 1) AS share
FROM (
    SELECT '`+WaitStep+`' AS kind, step, `+agency+` AS holder, working_seconds AS seconds, waiting_seconds AS others
    FROM steps FINAL`+s.rows()+`
    UNION ALL
    SELECT '`+WaitActivity+`' AS kind, activity AS step, `+agency+` AS holder, working_since AS seconds, toInt64(0) AS others
    FROM events FINAL`+s.rows("place > 0", "source != ''")+`
)
GROUP BY kind, step, holder
ORDER BY total_s DESC, kind, step, holder`, s, opts)
}
