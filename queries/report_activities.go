package queries

import "context"

// ActivityCount says how often an activity was done and in how many cases.
type ActivityCount struct {
	Activity string `json:"activity" ch:"activity"`
	Count    uint64 `json:"count" ch:"n"`
	Cases    uint64 `json:"cases" ch:"cases"`
}

// Activities answers the report "activities", the most frequent first.
func (r *Reports) Activities(ctx context.Context, filter Filter, opts Options) ([]ActivityCount, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return nil, err
	}
	// A case has one first occurrence of each of its activities.
	return list[ActivityCount](ctx, r, "activities", `
SELECT activity, count() AS n, countIf(occurrence = 1) AS cases
FROM events FINAL`+s.events()+`
GROUP BY activity
ORDER BY n DESC, activity`, s, opts)
}
