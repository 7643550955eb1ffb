package queries

import "context"

// Variant is a path that cases take, as the activities in order of time, with
// the number of cases that take it.
type Variant struct {
	Activities []string `json:"activities" ch:"path"`
	Count      uint64   `json:"count" ch:"n"`
}

// Variants answers the report "variants", the most frequent first.
//
// Cases are counted by the hash of their path; the path itself is read from the
// events of one case of each. That case is the one that has been still the
// longest, so that it is the same in both tables while others are being
// written. Should a newest case have gone on in one table only, its path is
// what the events say.
func (r *Reports) Variants(ctx context.Context, filter Filter, opts Options) ([]Variant, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return nil, err
	}
	return list[Variant](ctx, r, "variants", `
WITH chosen AS (
    SELECT argMin(code, version) AS code, count() AS n
    FROM dossiers FINAL`+s.dossiers()+`
    GROUP BY variant
    ORDER BY n DESC, code
    LIMIT {row_limit:UInt64}
)
SELECT path, sum(chosen.n) AS n
FROM (
    SELECT code, arrayMap(e -> e.2, arraySort(groupArray((place, activity)))) AS path
    FROM events FINAL
    WHERE code IN (SELECT code FROM chosen)
    GROUP BY code
) AS paths
INNER JOIN chosen USING (code)
GROUP BY path
ORDER BY n DESC, path`, s, opts)
}
