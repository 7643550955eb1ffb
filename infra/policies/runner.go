package policies

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/policy"
	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
)

// State is what a Runner is doing.
type State string

// The states. Until it is live nothing is done: what stands further on in the
// log may have settled it.
const (
	Stopped    State = "stopped"
	CatchingUp State = "catching-up"
	Live       State = "live"
	// Waiting: the log cannot be read on; it is tried again.
	Waiting State = "waiting"
)

// Status tells how the policies stand.
type Status struct {
	State State `json:"state"`
	// Position is up to where the log was read.
	Position uint64 `json:"position"`
	// Open is the number of dossiers that are watched, Failing that of those on
	// which the last try failed.
	Open    int `json:"open_dossiers"`
	Failing int `json:"failing"`
	// Next is when something is to be done next.
	Next time.Time `json:"next,omitzero"`
	// Error is why it waits.
	Error string `json:"error,omitempty"`
}

// Runner runs the policies.
type Runner struct {
	config Config
	keeper *keeper
	poke   chan struct{}

	mu       sync.Mutex
	state    State
	failure  string
	position uint64
	seen     bool
	caughtUp bool // since the log is followed
}

// New makes a runner; nothing runs yet.
func New(config Config) (*Runner, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	m := newMetrics()
	k, err := newKeeper(config, m)
	if err != nil {
		return nil, err
	}
	r := &Runner{config: config, keeper: k, poke: make(chan struct{}, 1), state: Stopped}
	if err := m.register(config.Registerer, r); err != nil {
		return nil, fmt.Errorf("policies: registering metrics: %w", err)
	}
	return r, nil
}

// Status tells how the policies stand.
func (r *Runner) Status() Status {
	var s Status
	s.Open, s.Failing, s.Next = r.keeper.standing()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.State, s.Position, s.Error = r.state, r.position, r.failure
	return s
}

// Once does everything that is due now and returns what it did, in order. It is
// for a ledger that nothing else runs on. What fails is logged, and an error.
func (r *Runner) Once(ctx context.Context) ([]policy.Wake, error) {
	for recorded, err := range r.config.Store.ReadAll(ctx, eventstore.AllRead{Filter: followed()}) {
		if err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		e, err := r.config.Journal.Decode(recorded)
		if err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		if err := r.keeper.observe(ctx, []event.Event{e}); err != nil {
			return nil, err
		}
	}
	done := []policy.Wake{}
	r.keeper.work(ctx, func(w policy.Wake) { done = append(done, w) })
	if err := ctx.Err(); err != nil {
		return done, err
	}
	if _, failing, _ := r.keeper.standing(); failing > 0 {
		return done, fmt.Errorf("policies: on %d dossiers something could not be done; see the log", failing)
	}
	return done, nil
}

// Run follows the log and does what is due until ctx ends. What goes wrong
// meanwhile is in Status and tried again, never returned.
func (r *Runner) Run(ctx context.Context) {
	defer r.set(Stopped, "")
	var acting sync.WaitGroup
	acting.Go(func() { r.act(ctx) })
	r.set(CatchingUp, "")
	for ctx.Err() == nil {
		if err := r.follow(ctx); err != nil && ctx.Err() == nil {
			r.stumbled(ctx, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(r.config.RetryMin):
		}
	}
	acting.Wait()
}

func (r *Runner) live() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == Live
}

// act does what is due, woken by the clock and by what is read.
func (r *Runner) act(ctx context.Context) {
	for {
		wait := r.config.Look
		if r.live() {
			if next, ok := r.keeper.work(ctx, func(policy.Wake) {}); ok {
				wait = min(wait, max(0, next.Sub(r.config.Now())))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-r.poke:
		case <-time.After(wait):
		}
	}
}

// follow reads the log from where it was read to, until ctx ends or it breaks.
func (r *Runner) follow(ctx context.Context) error {
	to := eventstore.SubscribeTo{Filter: followed()}
	r.mu.Lock()
	if position := r.position; r.seen {
		to.AfterPosition = &position
	}
	r.caughtUp = false
	r.mu.Unlock()
	subscriber, err := bus.NewSubscriber(r.config.Store, bus.Config{
		Resolve:        func(context.Context, string) (eventstore.SubscribeTo, error) { return to, nil },
		Decode:         r.config.Journal.Decode,
		RedeliverAfter: r.config.RetryMin,
		Logger:         r.config.Logger,
	})
	if err != nil {
		return err
	}
	defer subscriber.Close() //nolint:errcheck // it has nothing to fail at
	router, err := bus.NewRouter(r.config.Logger)
	if err != nil {
		return err
	}
	router.AddConsumerHandler("policies", "policies", subscriber, func(m *message.Message) error {
		page, ok := bus.PageOf(m)
		if !ok {
			return errors.New("policies: a message without a page")
		}
		if err := r.page(m.Context(), page); err != nil {
			if ctx.Err() == nil {
				r.stumbled(ctx, err)
			}
			return err
		}
		return nil
	})
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	return ctx.Err()
}

// page takes in what has come. An event that cannot be read is never skipped:
// what it said could have settled what is due.
func (r *Runner) page(ctx context.Context, page bus.Page) error {
	for run := range runs(page.Events) {
		if err := r.keeper.observe(ctx, run); err != nil {
			return err
		}
	}
	if page.Broken != nil {
		return page.Broken
	}
	r.mu.Lock()
	if page.HasPosition {
		r.position, r.seen = page.Position, true
	}
	r.caughtUp = r.caughtUp || page.CaughtUp
	r.state, r.failure = CatchingUp, ""
	if r.caughtUp {
		r.state = Live
	}
	r.mu.Unlock()
	select {
	case r.poke <- struct{}{}:
	default:
	}
	return nil
}

func (r *Runner) set(state State, failure string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state, r.failure = state, failure
}

// stumbled shows why the log is not read on, and logs it once.
func (r *Runner) stumbled(ctx context.Context, err error) {
	r.mu.Lock()
	again := r.failure == err.Error()
	r.state, r.failure = Waiting, err.Error()
	r.mu.Unlock()
	if !again {
		r.config.Logger.ErrorContext(ctx, "the policies stand still and try again", "error", err)
	}
}
