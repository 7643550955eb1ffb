package readmodels

import (
	"context"
	"time"

	"dossierledger/domain/fault"
)

// glanceEvery bounds how often a checkpoint is read that another process moves,
// however many wait for it.
const glanceEvery = 50 * time.Millisecond

// lookWithin bounds the search for what lies between a checkpoint that another
// process moves and a position: while that process catches up it can be much.
const lookWithin = 2 * time.Second

// glance reads how far the process has come that runs the projection, where that
// is another one.
func (w *worker) glance(ctx context.Context) {
	if !w.elsewhere() || w.glancing.enter(ctx) != nil {
		return
	}
	defer w.glancing.leave()
	if time.Since(w.glanced) < glanceEvery {
		return
	}
	at, ok, err := w.config.Warehouse.Checkpoint(ctx, w.name)
	w.glanced = time.Now()
	w.record.change(func(r *record) {
		switch {
		case r.state != Elsewhere:
		case err != nil:
			r.err = err.Error()
		case ok && at.Generation >= r.generation:
			if at.Generation == r.generation {
				at.Position = max(r.position, at.Position)
			}
			r.position, r.has, r.err, r.generation = at.Position, true, "", at.Generation
			if r.halt != nil && r.position >= r.halt.Position {
				r.halt = nil
			}
		}
	})
}

// supersededEvery is how often is looked whether another process has made the tables
// again meanwhile.
const supersededEvery = 2 * time.Second

// superseded begins again at the checkpoint where another process has made the tables
// again under this one, which is to be the one that keeps them: the new tables may
// end before what was written to the old ones.
func (w *worker) superseded(ctx context.Context, generation uint64) {
	tick := time.NewTicker(supersededEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at, ok, err := w.config.Warehouse.Checkpoint(ctx, w.name)
		switch {
		case err != nil: // the next look may tell
			w.config.Logger.DebugContext(ctx, "the checkpoint cannot be read", "projection", w.name, "error", err)
		case ok && at.Generation > generation:
			w.config.Logger.WarnContext(ctx, "another process has made the tables again; the projection begins at their checkpoint", "projection", w.name)
			w.again()
			return
		}
	}
}

func (w *worker) elsewhere() bool {
	var is bool
	w.record.look(func(r *record) { is = r.state == Elsewhere })
	return is
}

// mayWrite refuses to write for a process that is no longer the one to do it. It
// is asked right before a write: a process that was stopped for a while, while
// another made the tables again, must not move their checkpoint.
func (c Config) mayWrite(ctx context.Context) error {
	if c.Held == nil {
		return nil
	}
	if c.Held() {
		return ctx.Err()
	}
	return fault.New(fault.Unavailable, CodeElsewhere, "another process keeps the read models now")
}
