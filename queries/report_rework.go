package queries

import "context"

// ReworkCount says in how many cases an activity was done more than once.
type ReworkCount struct {
	Activity string `json:"activity" ch:"activity"`
	Cases    uint64 `json:"cases" ch:"cases"`
}

// Rework answers the report "rework", the most frequent first. Activities that
// no case repeats are not in it.
func (r *Reports) Rework(ctx context.Context, filter Filter, opts Options) ([]ReworkCount, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return nil, err
	}
	// A case that repeats an activity has exactly one second occurrence of it.
	return list[ReworkCount](ctx, r, "rework", `
SELECT activity, count() AS cases
FROM events FINAL`+s.events("occurrence = 2")+`
GROUP BY activity
ORDER BY cases DESC, activity`, s, opts)
}
