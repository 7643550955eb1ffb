package readmodels

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"dossierledger/projections"
	"github.com/ThreeDotsLabs/watermill/message"
)

// worker runs one projection.
type worker struct {
	config   Config
	name     string
	template projections.Projection
	record   *record
	metrics  *metrics
	// writing is held by whoever writes to, checks or swaps the live tables.
	writing gate
	// glancing is held by whoever reads the checkpoint that another process moves.
	glancing gate
	glanced  time.Time
	// merging is held by whoever merges the parts of the live tables.
	merging gate
	merges  sync.WaitGroup

	mu      sync.Mutex
	restart context.CancelFunc // ends the session under way
}

func newWorker(config Config, p projections.Projection, m *metrics) *worker {
	return &worker{config: config, name: p.Name(), template: p, record: newRecord(config.idle()), metrics: m, writing: newGate(), glancing: newGate(), merging: newGate()}
}

// run keeps the projection's tables in step with the log until ctx ends.
func (w *worker) run(ctx context.Context) {
	defer w.record.change(func(r *record) {
		if r.state = w.config.idle(); r.state == Elsewhere {
			r.err = ""
		}
	})
	defer w.merges.Wait()
	for ctx.Err() == nil {
		session, cancel := context.WithCancel(ctx)
		w.mu.Lock()
		w.restart = cancel
		w.mu.Unlock()
		err := w.session(session)
		restarted := session.Err() != nil
		cancel()
		if ctx.Err() != nil || restarted {
			continue
		}
		// A session that ends by itself had no router or no subscription.
		w.waiting(err)
		w.config.Logger.WarnContext(ctx, "the projection begins again", "projection", w.name, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(w.config.RetryMax / 10):
		}
	}
}

// again ends the session under way, so that the next begins at the checkpoint.
func (w *worker) again() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.restart != nil {
		w.restart()
	}
}

// session works from the checkpoint on, until ctx ends or something breaks that
// only a new session can mend.
func (w *worker) session(ctx context.Context) error {
	a := &applier{
		config: w.config, projection: w.template.Fresh(), checkpointed: true, exclusive: w.writing, observer: w,
	}
	w.record.change(func(r *record) { r.state, r.halt, r.err = CatchingUp, nil, "" })
	to, head, err := w.begin(ctx, a)
	if err != nil {
		return w.stand(ctx, err)
	}
	if w.config.Held != nil {
		watched, stop := context.WithCancel(ctx)
		var watching sync.WaitGroup
		watching.Go(func() { w.superseded(watched, a.generation) })
		defer func() { stop(); watching.Wait() }()
	}
	subscriber, err := bus.NewSubscriber(w.config.Store, bus.Config{
		Resolve:    func(context.Context, string) (eventstore.SubscribeTo, error) { return to, nil },
		Decode:     w.config.Decode,
		PageEvents: w.config.PageEvents,
		PageBytes:  w.config.PageBytes,
		Logger:     w.config.Logger,
	})
	if err != nil {
		return err
	}
	defer subscriber.Close() //nolint:errcheck // it has nothing to fail at
	router, err := bus.NewRouter(w.config.Logger)
	if err != nil {
		return err
	}
	router.AddConsumerHandler(w.name, w.name, subscriber, func(m *message.Message) error {
		page, ok := bus.PageOf(m)
		if !ok {
			return errors.New("readmodels: a message without a page")
		}
		if page.CaughtUp && head != nil {
			// Everything that was there at the start was delivered or is not for us.
			if page.Broken == nil && (!page.HasPosition || page.Position < *head) {
				page.Position, page.HasPosition = *head, true
			}
			head = nil
		}
		if err := w.stand(m.Context(), w.handle(m.Context(), a, page)); err != nil {
			return err
		}
		if page.CaughtUp && w.mayMerge() {
			// Beside the work: what comes now need not wait for it.
			w.merges.Go(func() { w.merge(ctx) })
		}
		return nil
	})
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("readmodels: running %s: %w", w.name, err)
	}
	return ctx.Err()
}

// begin reads the checkpoint and what the projection refers to, however long
// ClickHouse is away.
func (w *worker) begin(ctx context.Context, a *applier) (to eventstore.SubscribeTo, head *uint64, err error) {
	to.Filter.StreamPrefixes = a.projection.Streams()
	err = a.try(ctx, w.config.Attempts, func() error {
		at, ok, err := w.config.Warehouse.Checkpoint(ctx, w.name)
		if err != nil {
			return err
		}
		if to.AfterPosition = nil; ok {
			to.AfterPosition = &at.Position
		}
		a.generation = at.Generation
		w.record.change(func(r *record) { r.position, r.has, r.generation = at.Position, ok, at.Generation })
		return nil
	})
	if err != nil {
		return to, nil, err
	}
	position, ok, err := w.config.Store.Head(ctx)
	if err != nil {
		return to, nil, err
	}
	if ok {
		head = &position
	}
	return to, head, a.learn(ctx)
}

func (w *worker) handle(ctx context.Context, a *applier, page bus.Page) error {
	if page.HasPosition {
		var old bool
		w.record.look(func(r *record) {
			old = r.has && page.Position <= r.position && len(page.Events) == 0 && page.Broken == nil
		})
		if !old {
			if err := a.page(ctx, page); err != nil {
				return err
			}
		}
	}
	w.record.change(func(r *record) {
		r.state, r.err = CatchingUp, ""
		if page.CaughtUp {
			r.state = Live
		}
	})
	return nil
}

// stand keeps a halted projection where it is, until the session is ended from
// outside; other errors go back.
func (w *worker) stand(ctx context.Context, err error) error {
	halt, ok := errors.AsType[*Halt](err)
	if !ok {
		return err
	}
	w.config.Logger.ErrorContext(ctx, "a projection has halted", "projection", halt.Projection, "stream", halt.Stream,
		"revision", halt.Revision, "type", halt.Type, "position", halt.Position, "error", halt.Reason)
	w.record.change(func(r *record) { r.state, r.halt, r.err = Halted, halt, halt.Reason })
	<-ctx.Done()
	return ctx.Err()
}

// applied implements observer.
func (w *worker) applied(events int, batches []projections.Batch, position uint64, took time.Duration) {
	now := w.config.Now()
	w.record.change(func(r *record) {
		r.rate.add(now, events)
		r.unmerged += events
		if !r.has || position > r.position {
			r.position, r.has = position, true
		}
	})
	w.metrics.applied(w.name, events, batches, took)
}

// waiting implements observer.
func (w *worker) waiting(err error) {
	w.metrics.failed(w.name, "unavailable")
	first := false
	w.record.change(func(r *record) {
		first = r.state != Waiting
		r.state = Waiting
		if err != nil {
			r.err = err.Error()
		}
	})
	if first {
		w.config.Logger.Warn("a projection waits", "projection", w.name, "error", err)
	}
}

// stumbled implements observer.
func (w *worker) stumbled(err error) {
	w.metrics.failed(w.name, string(orKind(fault.KindOf(err))))
	w.record.change(func(r *record) { r.err = err.Error() })
	w.config.Logger.Warn("a projection could not apply events", "projection", w.name, "error", err)
}

func orKind(k fault.Kind) fault.Kind {
	if k == "" {
		return "error"
	}
	return k
}
