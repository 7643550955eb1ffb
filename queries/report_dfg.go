package queries

import "context"

// Edge says how often one activity directly follows another in a case, in order
// of time with ties in the order of the log, and how much time lies between
// them: calendar time, or working time with Options.Working. Seconds.
type Edge struct {
	From   string  `json:"from" ch:"previous"`
	To     string  `json:"to" ch:"activity"`
	Count  uint64  `json:"count" ch:"n"`
	Mean   float64 `json:"mean" ch:"mean_s"`
	Median float64 `json:"median" ch:"median_s"`
	Max    float64 `json:"max" ch:"max_s"`
}

// DirectlyFollows answers the report "dfg", the directly-follows graph
// (van der Aalst, "Process Mining", 2016, §6.2), the most frequent edge first.
func (r *Reports) DirectlyFollows(ctx context.Context, filter Filter, opts Options) ([]Edge, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return nil, err
	}
	column, perSecond := "micros_since", "1e6"
	if opts.Working {
		column, perSecond = "working_since", "1"
	}
	// Pairs are told apart by hashes of 128 bits of both names, which are worked
	// out once for a name and not for every row: it halves the time.
	//
	// The sum is of 128 bits: the microseconds of some hundred thousand cases
	// that wait for a year do not fit in 64.
	return list[Edge](ctx, r, "dfg", `
SELECT any(prev_activity) AS previous, any(events.activity) AS activity, count() AS n,
       toFloat64(sum(toInt128(`+column+`))) / n / `+perSecond+` AS mean_s,
       toFloat64(`+opts.percentile()+`(0.5)(`+column+`)) / `+perSecond+` AS median_s,
       max(`+column+`) / `+perSecond+` AS max_s
FROM events FINAL`+s.events("place > 0")+`
GROUP BY sipHash128(prev_activity), sipHash128(events.activity)
ORDER BY n DESC, previous, activity`, s, opts)
}
