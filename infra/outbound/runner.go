package outbound

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel"
)

var tracer = otel.Tracer("dossierledger/infra/outbound")

// ErrSuperseded is why Run ends when another Runner has taken over the receiver.
var ErrSuperseded = fault.New(fault.Conflict, "outbound.superseded", "another program delivers to this receiver now")

// Runner delivers to one receiver.
type Runner struct {
	config   Config
	selector *selector
	busy     sync.Mutex // held while Run runs

	mu      sync.Mutex
	running *session
	last    Status
}

// New makes a runner; nothing runs yet. The sender is the runner's to close.
func New(config Config) (*Runner, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	selector, err := newSelector(config.Filter, config.Journal, config.Personal)
	if err != nil {
		return nil, err
	}
	r := &Runner{config: config, selector: selector, last: Status{Name: config.Name, State: Stopped}}
	config.Metrics.watch(r)
	return r, nil
}

// Name is the receiver's.
func (r *Runner) Name() string { return r.config.Name }

// Status tells how the deliveries stand.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		return r.last
	}
	var s Status
	r.running.book.look(func() { s = r.running.book.status(true) })
	return s
}

// Close frees the sender. Nothing may run any more.
func (r *Runner) Close() error {
	r.busy.Lock()
	defer r.busy.Unlock()
	return r.config.Sender.Close()
}

// Run delivers until ctx ends, then it writes how far it has come and returns nil.
// What goes wrong meanwhile is in Status and tried again. It returns ErrSuperseded
// when another Runner delivers to the receiver, in this process or elsewhere, and
// nil early where Config.Held says that another process is to deliver. It
// can be run again; two runs of one Runner follow each other.
func (r *Runner) Run(ctx context.Context) error {
	r.busy.Lock()
	defer r.busy.Unlock()
	s := newSession(r)
	r.mu.Lock()
	r.running = s
	r.mu.Unlock()
	err := s.run(ctx)
	r.mu.Lock()
	s.book.look(func() { r.last = s.book.status(false) })
	r.running = nil
	r.mu.Unlock()
	switch {
	case errors.Is(err, ErrSuperseded):
		return err
	case ctx.Err() != nil, errors.Is(err, eventstore.ErrClosed):
		return nil
	}
	return err
}

// session is one run.
type session struct {
	*Runner
	book  *book
	place *place
	// slots bound what is delivered at once.
	slots chan struct{}
	// end ends the session with the reason.
	end context.CancelCauseFunc
}

func newSession(r *Runner) *session {
	s := &session{Runner: r, slots: make(chan struct{}, r.config.Concurrency)}
	s.book = newBook(&s.config)
	s.place = &place{config: &s.config}
	return s
}

// parting bounds the last write of a session.
const parting = 3 * time.Second

func (s *session) run(outer context.Context) error {
	ctx, end := context.WithCancelCause(outer)
	s.end = end
	defer end(nil)
	if err := s.insist(ctx, func() error { return s.place.open(ctx, s.book) }); err != nil {
		return s.why(ctx, err)
	}
	var beside sync.WaitGroup
	beside.Go(func() { s.attend(ctx) })
	beside.Go(func() { s.followLetters(ctx) })
	beside.Go(func() { s.saveNowAndThen(ctx) })
	for ctx.Err() == nil {
		if err := s.follow(ctx); err != nil && ctx.Err() == nil {
			s.stumbled(ctx, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.config.RetryMin):
		}
	}
	beside.Wait()
	if errors.Is(context.Cause(ctx), ErrSuperseded) {
		return ErrSuperseded
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(outer), parting)
	defer cancel()
	if err := s.place.save(last, s.book, true); err != nil && !errors.Is(err, eventstore.ErrClosed) && !errors.Is(err, errNotHeld) {
		s.config.Logger.WarnContext(last, "it could not be written how far the deliveries have come; some are made again", "error", err)
	}
	return nil
}

// why is the reason for which a context ended, where it was that.
func (s *session) why(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrSuperseded):
		return ErrSuperseded
	case errors.Is(cause, errNotHeld):
		return nil
	}
	return err
}

// follow reads the log from where it was worked off, until ctx ends or it breaks.
func (s *session) follow(ctx context.Context) error {
	to := eventstore.SubscribeTo{Filter: s.selector.source()}
	s.book.change(func() {
		if s.book.next > 0 {
			after := s.book.next - 1
			to.AfterPosition = &after
		}
		s.book.live = false
	})
	subscriber, err := bus.NewSubscriber(s.config.Store, bus.Config{
		Resolve:        func(context.Context, string) (eventstore.SubscribeTo, error) { return to, nil },
		Decode:         s.config.Journal.Decode,
		RedeliverAfter: s.config.RetryMin,
		Logger:         s.config.Logger,
	})
	if err != nil {
		return err
	}
	defer subscriber.Close() //nolint:errcheck // it has nothing to fail at
	router, err := bus.NewRouter(s.config.Logger)
	if err != nil {
		return err
	}
	name := "outbound-" + s.config.Name
	router.AddConsumerHandler(name, name, subscriber, func(m *message.Message) error {
		page, ok := bus.PageOf(m)
		if !ok {
			return errors.New("outbound: a message without a page")
		}
		if err := s.page(m.Context(), page); err != nil {
			if ctx.Err() == nil {
				s.stumbled(ctx, err)
			}
			return err
		}
		return nil
	})
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("outbound: %w", err)
	}
	return ctx.Err()
}

// insist does something of the ledger's own until it succeeds, however long that
// takes: the receiver has no part in it.
func (s *session) insist(ctx context.Context, do func() error) error {
	pause := min(s.config.RetryMin, time.Second)
	for failed := false; ; failed = true {
		err := do()
		switch {
		case err == nil && failed:
			s.book.change(func() { s.book.stuck = "" })
			return nil
		case err == nil:
			return nil
		case errors.Is(err, ErrSuperseded), errors.Is(err, errNotHeld):
			s.end(err)
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, eventstore.ErrClosed):
			return err
		}
		s.stumbled(ctx, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, s.config.RetryMax)
	}
}

// stumbled shows why the ledger itself cannot go on, and logs it once.
func (s *session) stumbled(ctx context.Context, err error) {
	again := false
	s.book.change(func() {
		again = s.book.stuck == err.Error()
		s.book.stuck = err.Error()
	})
	if !again {
		s.config.Logger.ErrorContext(ctx, "deliveries stand still and are tried again", "error", err)
	}
}
