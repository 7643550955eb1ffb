package policies

import (
	"context"

	"dossierledger/domain/event"
	"dossierledger/domain/policy"
)

// Observe hands an event to the runner as its subscription would.
func (r *Runner) Observe(ctx context.Context, e event.Event) error { return r.keeper.observe(ctx, e) }

// Work does what is due.
func (r *Runner) Work(ctx context.Context) (done []policy.Wake) {
	r.keeper.work(ctx, func(w policy.Wake) { done = append(done, w) })
	return done
}
