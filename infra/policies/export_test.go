package policies

import (
	"context"

	"dossierledger/domain/event"
	"dossierledger/domain/policy"
)

// Observe hands events to the runner as its subscription would.
func (r *Runner) Observe(ctx context.Context, events ...event.Event) error {
	for run := range runs(events) {
		if err := r.keeper.observe(ctx, run); err != nil {
			return err
		}
	}
	return nil
}

// Work does what is due.
func (r *Runner) Work(ctx context.Context) (done []policy.Wake) {
	r.keeper.work(ctx, func(w policy.Wake) { done = append(done, w) })
	return done
}
