package readmodels

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"dossierledger/projections"
	"github.com/ThreeDotsLabs/watermill/message"
)

// shadow is what the names of tables end in while they are made again beside the
// live ones.
const shadow = "__rebuild"

// Rebuilt says what a rebuild did.
type Rebuilt struct {
	Projection string `json:"projection"`
	// Events is how many were applied; Position is that of the last one.
	Events   uint64 `json:"events"`
	Position uint64 `json:"position"`
	// Findings compare the new tables with the log, before the last events and the swap.
	Findings []Finding     `json:"findings"`
	Took     time.Duration `json:"took_ns"`
}

// Rebuild makes the tables of a projection (named by its own name or that of
// one of its tables) again from the beginning of the log, beside the live ones,
// compares them with the log, swaps and drops the old. Readers are not
// disturbed, and the projection goes on keeping the live tables meanwhile.
// progress, where not nil, hears positions done and to do.
//
// Until the swap an error leaves the live tables as they were: a *Halt for an
// event that cannot be applied, a fault with CodeMismatch for new tables that
// are not what the log says, whatever ended ctx. While ClickHouse is away the
// rebuild waits.
func (r *Runner) Rebuild(ctx context.Context, name string, depth Depth, progress func(done, total uint64)) (Rebuilt, error) {
	w, err := r.named(name)
	if err != nil {
		return Rebuilt{}, err
	}
	if !w.claimRebuild() {
		return Rebuilt{}, fault.New(fault.Conflict, CodeRebuilding, "the projection %s is being rebuilt already", w.name)
	}
	defer w.record.change(func(rec *record) { rec.rebuilding = false })
	b := &rebuild{runner: r, worker: w, depth: depth, progress: progress, began: r.config.Now()}
	b.result.Projection = w.name
	if err := b.run(ctx); err != nil {
		return b.result, fmt.Errorf("readmodels: rebuilding %s: %w", w.name, errors.Join(err, b.clear(context.WithoutCancel(ctx))))
	}
	b.result.Took = r.config.Now().Sub(b.began)
	return b.result, nil
}

func (w *worker) claimRebuild() bool {
	claimed := false
	w.record.change(func(rec *record) {
		claimed = !rec.rebuilding
		rec.rebuilding = true
	})
	return claimed
}

// rebuild is one rebuild under way.
type rebuild struct {
	runner   *Runner
	worker   *worker
	depth    Depth
	progress func(done, total uint64)
	began    time.Time
	total    uint64
	// reached is true once Position is that of an event, and not just zero.
	reached bool
	result  Rebuilt
}

func (b *rebuild) run(ctx context.Context) error {
	config := b.runner.config
	head, any, err := config.Store.Head(ctx)
	if err != nil {
		return err
	}
	b.total = head
	a := &applier{config: config, projection: b.worker.template.Fresh(), suffix: shadow, observer: b}
	tables := a.projection.Tables()
	if err := a.try(ctx, 1, func() error { return b.prepare(ctx, tables) }); err != nil {
		return err
	}
	if err := a.learn(ctx); err != nil {
		return err
	}
	pages, err := b.subscribe(ctx, a.projection)
	if err != nil {
		return err
	}
	defer pages.close()
	if any {
		if err := b.catchUp(ctx, a, pages, head); err != nil {
			return err
		}
	}
	if err := b.verify(ctx, a.projection, any); err != nil {
		return err
	}
	if most := config.MergeEvents; most > 0 && b.result.Events >= uint64(most) {
		mergeTables(ctx, config, tables, shadow)
	}
	// From here on nobody writes to the live tables.
	if err := b.worker.writing.enter(ctx); err != nil {
		return err
	}
	defer b.worker.writing.leave()
	if err := b.finish(ctx, a, pages); err != nil {
		return err
	}
	return b.swap(ctx, a, tables)
}

func (b *rebuild) prepare(ctx context.Context, tables []projections.Table) error {
	for _, t := range tables {
		if err := b.runner.config.Warehouse.CreateLike(ctx, t.Name+shadow, t.Name); err != nil {
			return err
		}
	}
	return nil
}

// clear removes the tables beside the live ones.
func (b *rebuild) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clearTimeout)
	defer cancel()
	var errs []error
	for _, t := range b.worker.template.Tables() {
		errs = append(errs, b.runner.config.Warehouse.Drop(ctx, t.Name+shadow))
	}
	return errors.Join(errs...)
}

// clearTimeout bounds the clearing up after a rebuild that failed; what is left
// over the next one removes.
const clearTimeout = 10 * time.Second

// catchUp applies everything up to a position, inclusive.
func (b *rebuild) catchUp(ctx context.Context, a *applier, pages *pages, head uint64) error {
	work := &ahead{applier: a}
	for b.result.Position < head || !b.reached {
		page, err := pages.next(ctx)
		if err == nil && page.HasPosition {
			err = work.page(ctx, page)
		}
		if err != nil {
			// Whoever clears up must not meet a write that is still on its way.
			return errors.Join(err, work.settle(ctx))
		}
		if page.HasPosition {
			b.moved(page.Position)
		}
		if page.CaughtUp {
			b.moved(head)
		}
	}
	return work.settle(ctx)
}

func (b *rebuild) moved(position uint64) {
	b.result.Position, b.reached = max(b.result.Position, position), true
	b.worker.record.change(func(rec *record) { rec.done, rec.total = b.result.Position, max(b.total, b.result.Position) })
	if b.progress != nil {
		b.progress(b.result.Position, max(b.total, b.result.Position))
	}
}

func (b *rebuild) verify(ctx context.Context, p projections.Projection, any bool) error {
	actual, err := b.runner.sums(ctx, p, shadow, b.depth)
	if err != nil {
		return err
	}
	b.result.Findings, err = b.runner.compare(ctx, p, actual, b.result.Position, any, b.depth)
	if err != nil {
		return err
	}
	return Mismatch(b.result.Findings)
}

// finish applies what came while the tables were made and compared: at least as
// much as the live tables hold.
func (b *rebuild) finish(ctx context.Context, a *applier, pages *pages) error {
	head, any, err := b.runner.config.Store.Head(ctx)
	if err != nil || !any || b.reached && head <= b.result.Position {
		return err
	}
	// A subscription never says that what came last is not for it; the log does.
	for b.result.Position < head || !b.reached {
		oldest, ok, err := b.runner.oldestUnseen(ctx, b.worker, b.result.Position, b.reached)
		if err != nil {
			return err
		}
		if !ok || oldest.Position > head {
			b.moved(head)
			return nil
		}
		page, err := pages.next(ctx)
		if err != nil {
			return err
		}
		if page.HasPosition {
			if err := a.page(ctx, page); err != nil {
				return err
			}
			b.moved(page.Position)
		}
	}
	return nil
}

// swap puts the new tables in the place of the live ones. The checkpoint is moved
// after that: should it fail, events come again, which is harmless.
func (b *rebuild) swap(ctx context.Context, a *applier, tables []projections.Table) error {
	warehouse := b.runner.config.Warehouse
	if err := b.runner.config.mayWrite(ctx); err != nil {
		return err
	}
	for _, t := range tables {
		if err := a.try(ctx, 1, func() error { return warehouse.Exchange(ctx, t.Name+shadow, t.Name) }); err != nil {
			return err
		}
	}
	if b.reached {
		if err := b.checkpoint(ctx, a); err != nil {
			return err
		}
	}
	b.worker.again()
	for _, t := range tables {
		if err := a.try(ctx, 1, func() error { return warehouse.Drop(ctx, t.Name+shadow) }); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint begins the next generation of the tables.
func (b *rebuild) checkpoint(ctx context.Context, a *applier) error {
	warehouse, at := b.runner.config.Warehouse, Checkpoint{Position: b.result.Position}
	err := a.try(ctx, 1, func() error {
		last, _, err := warehouse.Checkpoint(ctx, b.worker.name)
		if err != nil {
			return err
		}
		at.Generation = last.Generation + 1
		return warehouse.SaveCheckpoint(ctx, b.worker.name, at)
	})
	if err != nil {
		return err
	}
	b.worker.record.change(func(rec *record) { rec.position, rec.has, rec.generation = at.Position, true, at.Generation })
	return nil
}

// pages is a subscription from the beginning of the log.
type pages struct {
	subscriber *bus.Subscriber
	messages   <-chan *message.Message
	last       *message.Message
}

func (b *rebuild) subscribe(ctx context.Context, p projections.Projection) (*pages, error) {
	config := b.runner.config
	to := eventstore.SubscribeTo{Filter: eventstore.Filter{StreamPrefixes: p.Streams()}}
	subscriber, err := bus.NewSubscriber(config.Store, bus.Config{
		Resolve:    func(context.Context, string) (eventstore.SubscribeTo, error) { return to, nil },
		Decode:     config.Decode,
		PageEvents: config.RebuildPageEvents,
		PageBytes:  config.PageBytes,
		Logger:     config.Logger,
	})
	if err != nil {
		return nil, err
	}
	messages, err := subscriber.Subscribe(ctx, b.worker.name+shadow)
	if err != nil {
		return nil, errors.Join(err, subscriber.Close())
	}
	return &pages{subscriber: subscriber, messages: messages}, nil
}

// next acknowledges the page before and gives the next one.
func (p *pages) next(ctx context.Context) (bus.Page, error) {
	if p.last != nil {
		p.last.Ack()
	}
	select {
	case <-ctx.Done():
		return bus.Page{}, ctx.Err()
	case m, ok := <-p.messages:
		if !ok {
			return bus.Page{}, errors.Join(eventstore.ErrClosed, ctx.Err())
		}
		p.last = m
		page, ok := bus.PageOf(m)
		if !ok {
			return bus.Page{}, errors.New("readmodels: a message without a page")
		}
		return page, nil
	}
}

func (p *pages) close() {
	p.subscriber.Close() //nolint:errcheck // it has nothing to fail at
}

// applied implements observer.
func (b *rebuild) applied(events int, _ []projections.Batch, _ uint64, took time.Duration) {
	b.result.Events += uint64(events)
	b.runner.metrics.applied(b.worker.name+shadow, events, nil, took)
}

// waiting implements observer.
func (b *rebuild) waiting(err error) {
	b.runner.config.Logger.Warn("a rebuild waits", "projection", b.worker.name, "error", err)
}

// stumbled implements observer.
func (b *rebuild) stumbled(err error) {
	b.runner.config.Logger.Warn("a rebuild could not apply events", "projection", b.worker.name, "error", err)
}
