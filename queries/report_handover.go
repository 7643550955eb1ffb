package queries

import "context"

// HandoverCount says how often an event of one resource is directly followed,
// in the same case, by one of another or of the same resource.
type HandoverCount struct {
	From  string `json:"from" ch:"giver"`
	To    string `json:"to" ch:"taker"`
	Count uint64 `json:"count" ch:"n"`
}

// Handover answers the report "handover" (handover of work, van der Aalst and
// others, "Discovering Social Networks from Event Logs", 2005), the most
// frequent first. Where either event has no resource nobody is known to have
// handed over, so the pair is left out; it is not bridged to the event before.
func (r *Reports) Handover(ctx context.Context, filter Filter, opts Options) ([]HandoverCount, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return nil, err
	}
	// Pairs are told apart by hashes, as in DirectlyFollows.
	return list[HandoverCount](ctx, r, "handover", `
SELECT any(prev_resource) AS giver, any(resource) AS taker, count() AS n
FROM events FINAL`+s.events("place > 0", "has_resource", "prev_has_resource")+`
GROUP BY sipHash128(prev_resource), sipHash128(resource)
ORDER BY n DESC, giver, taker`, s, opts)
}
