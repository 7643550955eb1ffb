package queries

import "context"

// Durations is how long cases take from their first event to their last: in
// calendar time, or in working time of the competent agency with
// Options.Working. Seconds. Of an open case it is the time so far. All figures
// but N are nil where there is no case.
type Durations struct {
	N      uint64   `json:"n"`
	Min    *float64 `json:"min"`
	Mean   *float64 `json:"mean"`
	Median *float64 `json:"median"`
	P90    *float64 `json:"p90"`
	P95    *float64 `json:"p95"`
	Max    *float64 `json:"max"`
}

// Durations answers the report "durations".
func (r *Reports) Durations(ctx context.Context, filter Filter, opts Options) (Durations, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return Durations{}, err
	}
	column, perSecond := "calendar_micros", 1e6
	if opts.Working {
		column, perSecond = "working_seconds", 1
	}
	percentiles := "quantilesExactInclusive"
	if opts.Approx {
		percentiles = "quantilesTDigest"
	}
	type row struct {
		N           uint64    `ch:"n"`
		Min         int64     `ch:"shortest"`
		Mean        float64   `ch:"mean"`
		Percentiles []float64 `ch:"percentiles"`
		Max         int64     `ch:"longest"`
	}
	// Without a case the mean would be 0/0.
	rows, err := read[row](ctx, r.db, "durations", `
SELECT count() AS n, min(`+column+`) AS shortest, max(`+column+`) AS longest,
       toFloat64(sum(toInt128(`+column+`))) / n AS mean,
       arrayMap(p -> toFloat64(p), `+percentiles+`(0.5, 0.9, 0.95)(`+column+`)) AS percentiles
FROM dossiers FINAL`+s.dossiers()+`
HAVING n > 0`, s.args)
	if err != nil || len(rows) == 0 {
		return Durations{}, err
	}
	found := rows[0]
	seconds := func(v float64) *float64 { v /= perSecond; return &v }
	return Durations{
		N: found.N, Min: seconds(float64(found.Min)), Mean: seconds(found.Mean),
		Median: seconds(found.Percentiles[0]), P90: seconds(found.Percentiles[1]), P95: seconds(found.Percentiles[2]),
		Max: seconds(float64(found.Max)),
	}, nil
}
