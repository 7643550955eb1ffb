package readmodels

import (
	"context"
	"slices"

	"dossierledger/infra/bus"
	"dossierledger/projections"
)

// ahead folds a page while the one before is still being written. It is for work
// whose progress nobody relies on before its end: a rebuild.
type ahead struct {
	*applier
	writing bus.Page
	batches []projections.Batch
	done    chan error // of the page being written; nil where there is none
}

// page applies a page; what it comes to is known after the next call of page or
// settle.
func (w *ahead) page(ctx context.Context, p bus.Page) error {
	if p.Broken != nil {
		if err := w.settle(ctx); err != nil {
			return err
		}
		return w.applier.page(ctx, p)
	}
	batches, err := w.fold(ctx, p.Events)
	if settled := w.settle(ctx); settled != nil {
		return settled
	}
	if err != nil {
		return w.span(ctx, p.Events, p.Position) // again, to find the event
	}
	p.Events = slices.Clone(p.Events) // the page's own list is used again before this is settled
	w.writing, w.batches, w.done = p, batches, make(chan error, 1)
	go func(done chan<- error) {
		done <- w.try(ctx, 1, func() error { return w.write(ctx, batches, p.Position) })
	}(w.done)
	return nil
}

// settle waits until everything is written. A page that cannot be written is
// applied again, to find the event.
func (w *ahead) settle(ctx context.Context) error {
	if w.done == nil {
		return nil
	}
	began := w.config.Now()
	err := <-w.done
	w.done = nil
	switch {
	case err == nil:
		w.observer.applied(len(w.writing.Events), w.batches, w.writing.Position, w.config.Now().Sub(began))
		return nil
	case ctx.Err() != nil:
		return err
	}
	return w.span(ctx, w.writing.Events, w.writing.Position)
}
