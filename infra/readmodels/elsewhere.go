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
	position, ok, err := w.config.Warehouse.Checkpoint(ctx, w.name)
	w.glanced = time.Now()
	w.record.change(func(r *record) {
		switch {
		case r.state != Elsewhere:
		case err != nil:
			r.err = err.Error()
		case ok:
			r.position, r.has, r.err = max(r.position, position), true, ""
			if r.halt != nil && r.position >= r.halt.Position {
				r.halt = nil
			}
		}
	})
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
