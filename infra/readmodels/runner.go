package readmodels

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
)

// Runner runs projections. Its methods may be called from any goroutine, and
// before, while and after Run runs, unless they say otherwise.
type Runner struct {
	config  Config
	workers []*worker
	metrics *metrics

	mu      sync.Mutex
	running bool
}

// New makes a runner; nothing runs yet.
func New(config Config) (*Runner, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	r := &Runner{config: config.withDefaults(), metrics: newMetrics()}
	for _, p := range r.config.Projections {
		r.workers = append(r.workers, newWorker(r.config, p, r.metrics))
	}
	if err := r.metrics.register(r.config.Registerer, r); err != nil {
		return nil, fmt.Errorf("readmodels: registering metrics: %w", err)
	}
	return r, nil
}

// Run keeps all read models in step with the log until ctx ends, and returns
// when the last page that was begun is written or given up. What goes wrong
// meanwhile is in Status, never returned: one projection does not stop another.
func (r *Runner) Run(ctx context.Context) error {
	if !r.start() {
		return errors.New("readmodels: the projections are running already")
	}
	defer r.stop()
	var all sync.WaitGroup
	for _, w := range r.workers {
		all.Go(func() { w.run(ctx) })
	}
	all.Wait()
	return nil
}

func (r *Runner) start() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return false
	}
	r.running = true
	return true
}

func (r *Runner) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = false
}

// Resume lets a halted projection try again, from its checkpoint.
func (r *Runner) Resume(name string) error {
	w, err := r.named(name)
	if err != nil {
		return err
	}
	w.again()
	return nil
}

// Names lists the projections.
func (r *Runner) Names() []string {
	var names []string
	for _, w := range r.workers {
		names = append(names, w.name)
	}
	return names
}

// named finds a projection by its own name or that of one of its tables.
func (r *Runner) named(name string) (*worker, error) {
	for _, w := range r.workers {
		if w.name == name {
			return w, nil
		}
	}
	var known []string
	for _, w := range r.workers {
		known = append(known, w.name)
		for _, t := range w.template.Tables() {
			if t.Name == name {
				return w, nil
			}
			known = append(known, t.Name)
		}
	}
	slices.Sort(known)
	return nil, fault.New(fault.NotFound, CodeUnknown, "there is no projection or table %q; there are %v", name, slices.Compact(known))
}

// WaitFor returns when the named projections (none named: all) have written
// everything up to a position, so that whoever wrote there reads it. It is for
// callers with a deadline in ctx: when that passes the error is a fault with
// CodeBehind, and a halted projection is a *Halt at once.
func (r *Runner) WaitFor(ctx context.Context, position uint64, names ...string) error {
	workers := r.workers
	if len(names) > 0 {
		workers = nil
		for _, name := range names {
			w, err := r.named(name)
			if err != nil {
				return err
			}
			workers = append(workers, w)
		}
	}
	for _, w := range workers {
		if err := r.waitFor(ctx, w, position); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) waitFor(ctx context.Context, w *worker, position uint64) error {
	vain := false // to look for what lies between takes too long
	for {
		w.glance(ctx)
		var at uint64
		var has bool
		var state State
		var halt *Halt
		changed := w.record.look(func(rec *record) { at, has, halt, state = rec.position, rec.has, rec.halt, rec.state })
		if has && at >= position {
			return nil
		}
		if halt != nil && state != Elsewhere {
			return halt
		}
		// What lies between may not be for this projection, and then it says so
		// late. While it catches up there is too much between to look at.
		switch {
		case state == Live && r.nothingUpTo(ctx, w, at, has, position):
			return nil
		case state == Elsewhere && !vain:
			looking, cancel := context.WithTimeout(ctx, lookWithin)
			nothing := r.nothingUpTo(looking, w, at, has, position)
			vain = looking.Err() != nil
			cancel()
			if nothing {
				return nil
			}
		}
		var again <-chan time.Time
		if state == Elsewhere {
			again = time.After(glanceEvery)
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			return fault.New(fault.Unavailable, CodeBehind,
				"the read model %s is at position %d and has not reached %d yet: %w", w.name, at, position, ctx.Err())
		}
	}
}

// nothingUpTo reports whether the log has reached a position and holds nothing
// for a projection between where it stands and there.
func (r *Runner) nothingUpTo(ctx context.Context, w *worker, at uint64, has bool, position uint64) bool {
	head, any, err := r.config.Store.Head(ctx)
	if err != nil || !any || head < position {
		return false
	}
	oldest, ok, err := r.oldestUnseen(ctx, w, at, has)
	return err == nil && (!ok || oldest.Position > position)
}

// oldestUnseen finds the first event behind a position that is for a projection.
func (r *Runner) oldestUnseen(ctx context.Context, w *worker, after uint64, has bool) (eventstore.Recorded, bool, error) {
	return r.first(ctx, eventstore.Filter{StreamPrefixes: w.template.Streams()}, after, has)
}

func (r *Runner) first(ctx context.Context, filter eventstore.Filter, after uint64, has bool) (eventstore.Recorded, bool, error) {
	read := eventstore.AllRead{Limit: 1, Filter: filter}
	if has {
		read.After = &after
	}
	for e, err := range r.config.Store.ReadAll(ctx, read) {
		return e, err == nil, err
	}
	return eventstore.Recorded{}, false, nil
}

// CatchUp returns when everything that was in the log when it was called has
// been written. It runs the projections for that where Run does not and no other
// process may; else it waits. progress,
// where not nil, hears positions done and to do over all projections; it must
// not block. The first projection that halts ends it with its *Halt; while
// ClickHouse is away it waits, as long as ctx lets it.
func (r *Runner) CatchUp(ctx context.Context, progress func(done, total uint64)) error {
	head, ok, err := r.config.Store.Head(ctx)
	if err != nil {
		return fmt.Errorf("readmodels: the end of the log: %w", err)
	}
	if !ok {
		return nil
	}
	if (r.config.Held == nil || r.config.Held()) && r.start() {
		running, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		for _, w := range r.workers {
			all.Go(func() { w.run(running) })
		}
		defer func() {
			cancel()
			all.Wait()
			r.stop()
		}()
	}
	if err := r.reach(ctx, head, progress); err != nil {
		return err
	}
	for _, w := range r.workers {
		w.merge(ctx)
	}
	return nil
}

// reach waits for a position and tells progress on the way.
func (r *Runner) reach(ctx context.Context, head uint64, progress func(done, total uint64)) error {
	if progress == nil {
		return r.WaitFor(ctx, head)
	}
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { r.watch(watching, head, progress) })
	err := r.WaitFor(ctx, head)
	stop()
	watch.Wait()
	if err == nil {
		total := head * uint64(len(r.workers))
		progress(total, total)
	}
	return err
}

// progressEvery is how often progress is told.
const progressEvery = 100 * time.Millisecond

// watch tells how far all projections have come on the way to a position.
func (r *Runner) watch(ctx context.Context, head uint64, progress func(done, total uint64)) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var done uint64
		for _, w := range r.workers {
			w.record.look(func(rec *record) { done += min(rec.position, head) })
		}
		progress(done, head*uint64(len(r.workers)))
	}
}
