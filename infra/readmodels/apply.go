package readmodels

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/bus"
	"dossierledger/projections"
	"golang.org/x/sync/errgroup"
)

// applier writes pages of one projection into a set of tables. It is used by one
// goroutine at a time.
type applier struct {
	config     Config
	projection projections.Projection
	suffix     string // of the tables
	// checkpointed says that the projection's checkpoint moves along, which is then
	// that of a generation of the tables.
	checkpointed bool
	generation   uint64
	// exclusive is held while something is written; nil where nobody else does.
	exclusive gate
	observer  observer
}

// observer hears how the work goes.
type observer interface {
	applied(events int, batches []projections.Batch, position uint64, took time.Duration)
	waiting(err error)
	stumbled(err error)
}

// gate is a lock that can be waited for with a context.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) enter(ctx context.Context) error {
	if g == nil {
		return nil
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() {
	if g != nil {
		<-g
	}
}

// page applies a page. It returns when the page is written, when ctx ends, or
// with a *Halt. While ClickHouse is away it waits.
func (a *applier) page(ctx context.Context, p bus.Page) error {
	if p.Broken != nil {
		return a.broken(ctx, p.Broken)
	}
	return a.span(ctx, p.Events, p.Position)
}

// span applies events, and halves them when that fails for good, until the
// event that cannot be applied stands alone.
func (a *applier) span(ctx context.Context, events []event.Event, position uint64) error {
	attempts := 1
	if len(events) <= 1 {
		attempts = a.config.Attempts
	}
	began := a.config.Now()
	var batches []projections.Batch
	err := a.try(ctx, attempts, func() (err error) {
		batches, err = a.fold(ctx, events)
		return err
	})
	if err == nil {
		err = a.try(ctx, attempts, func() error { return a.write(ctx, batches, position) })
	}
	if err == nil {
		a.observer.applied(len(events), batches, position, a.config.Now().Sub(began))
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	if len(events) == 0 {
		return fmt.Errorf("readmodels: moving the checkpoint of %s: %w", a.projection.Name(), err)
	}
	if len(events) == 1 {
		e := events[0]
		return a.halt(e.Stream, e.Payload.EventType(), e.Revision, e.Position, err)
	}
	half := len(events) / 2
	if err := a.span(ctx, events[:half], events[half-1].Position); err != nil {
		return err
	}
	return a.span(ctx, events[half:], position)
}

// broken tries again to decode an event, then halts: the decoder may have needed
// a neighbour that is back.
func (a *applier) broken(ctx context.Context, b *bus.Broken) error {
	var decoded event.Event
	err := a.try(ctx, a.config.Attempts, func() (err error) {
		decoded, err = a.config.Decode(b.Recorded)
		return err
	})
	if err == nil {
		return a.span(ctx, []event.Event{decoded}, decoded.Position)
	}
	if ctx.Err() != nil {
		return err
	}
	return a.halt(b.Recorded.Stream, b.Recorded.Type, b.Recorded.Revision, b.Recorded.Position, err)
}

func (a *applier) halt(stream, kind string, revision, position uint64, err error) error {
	return &Halt{
		Projection: a.projection.Name(), Stream: stream, Type: kind, Revision: revision, Position: position,
		Reason: err.Error(), WayOut: wayOut(a.projection.Name()), cause: err,
	}
}

// try repeats an action while ClickHouse (or another neighbour) is away, and a
// number of times when it fails otherwise.
func (a *applier) try(ctx context.Context, attempts int, action func() error) error {
	pause := a.config.RetryMin
	for failed := 0; ; {
		err := action()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if fault.KindOf(err) == fault.Unavailable {
			a.observer.waiting(err)
		} else {
			a.observer.stumbled(err)
			if failed++; failed >= attempts {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
		pause = min(2*pause, a.config.RetryMax)
	}
}

// fold makes the rows of events. A panic is an error here: it must halt the
// projection, not the ledger.
func (a *applier) fold(ctx context.Context, events []event.Event) (batches []projections.Batch, err error) {
	defer func() {
		if r := recover(); r != nil {
			a.projection = a.projection.Fresh()
			a.config.Logger.ErrorContext(ctx, "a projection panicked", "projection", a.projection.Name(), "panic", r, "stack", string(debug.Stack()))
			err = errors.Join(fmt.Errorf("readmodels: the projection panicked: %v", r), a.learn(ctx))
		}
	}()
	return a.projection.Apply(ctx, events)
}

// write inserts rows, then moves the checkpoint.
func (a *applier) write(ctx context.Context, batches []projections.Batch, position uint64) error {
	if err := a.exclusive.enter(ctx); err != nil {
		return err
	}
	defer a.exclusive.leave()
	if err := a.config.mayWrite(ctx); err != nil {
		return err
	}
	var inserts errgroup.Group
	for _, b := range batches {
		inserts.Go(func() error { return a.config.Warehouse.Insert(ctx, b.Table().Name+a.suffix, b) })
	}
	if err := inserts.Wait(); err != nil {
		return err
	}
	if !a.checkpointed {
		return nil
	}
	if err := a.config.mayWrite(ctx); err != nil {
		return err
	}
	return a.config.Warehouse.SaveCheckpoint(ctx, a.projection.Name(), Checkpoint{Generation: a.generation, Position: position})
}
