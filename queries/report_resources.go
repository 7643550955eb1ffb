package queries

import "context"

// ResourceLoad is what one resource did: an officer by pseudonym, "citizen", or
// the resource of a log taken over. Events without resource are in no row.
type ResourceLoad struct {
	Resource string `json:"resource" ch:"resource"`
	Events   uint64 `json:"events" ch:"n"`
	Cases    uint64 `json:"cases" ch:"cases"`
}

// Resources answers the report "resources", the busiest first.
func (r *Reports) Resources(ctx context.Context, filter Filter, opts Options) ([]ResourceLoad, error) {
	s, err := r.scope(ctx, filter, firstEvent)
	if err != nil {
		return nil, err
	}
	// A case has one first event of each of its resources.
	return list[ResourceLoad](ctx, r, "resources", `
SELECT resource, count() AS n, countIf(resource_occurrence = 1) AS cases
FROM events FINAL`+s.events("has_resource")+`
GROUP BY resource
ORDER BY n DESC, resource`, s, opts)
}
