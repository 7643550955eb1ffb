package readmodels

import (
	"context"
	"fmt"

	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
)

// learn gives the projection the whole content of its reference streams.
func (a *applier) learn(ctx context.Context) error {
	prefixes := a.projection.References()
	if len(prefixes) == 0 {
		return nil
	}
	read := eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: prefixes}}
	for r, err := range a.config.Store.ReadAll(ctx, read) {
		if err != nil {
			return fmt.Errorf("readmodels: reading what %s refers to: %w", a.projection.Name(), err)
		}
		e, err := a.config.Decode(r)
		if err != nil {
			return a.halt(r.Stream, r.Type, r.Revision, r.Position, &bus.Broken{Recorded: r, Err: err})
		}
		if err := a.projection.Learn(e); err != nil {
			return a.halt(r.Stream, r.Type, r.Revision, r.Position, err)
		}
	}
	return nil
}
