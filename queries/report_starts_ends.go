package queries

import "context"

// StartsEnds says with which activities cases start and end: the number of
// cases by activity. A case that is still open ends, for now, with its last event.
type StartsEnds struct {
	Start map[string]uint64 `json:"start"`
	End   map[string]uint64 `json:"end"`
}

// StartsEnds answers the report "starts-ends". Options.Limit does not concern it.
func (r *Reports) StartsEnds(ctx context.Context, filter Filter, _ Options) (StartsEnds, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return StartsEnds{}, err
	}
	type row struct {
		First string `ch:"first_activity"`
		Last  string `ch:"last_activity"`
		Cases uint64 `ch:"n"`
	}
	rows, err := list[row](ctx, r, "starts-ends", `
SELECT first_activity, last_activity, count() AS n
FROM dossiers FINAL`+s.dossiers()+`
GROUP BY first_activity, last_activity
ORDER BY n DESC, first_activity, last_activity`, s, Options{})
	if err != nil {
		return StartsEnds{}, err
	}
	answer := StartsEnds{Start: map[string]uint64{}, End: map[string]uint64{}}
	for _, pair := range rows {
		answer.Start[pair.First] += pair.Cases
		answer.End[pair.Last] += pair.Cases
	}
	return answer, nil
}
