package esdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// link keeps a client that works. The official client stops for good when it
// cannot find a node, and callers that wait in it then wait for ever; so each
// call is waited for from outside, and a client that lost its node is replaced.
type link struct {
	config  *client.Configuration
	log     *slog.Logger
	metrics *Metrics
	closing <-chan struct{}

	mu      sync.Mutex
	current *session
	retired sync.WaitGroup
}

// session is one client and the calls in it. A client must not be closed while
// a call is in it: the call would panic.
type session struct {
	client *client.Client
	calls  sync.WaitGroup
	// gone is closed when the client was replaced.
	gone chan struct{}
}

// closeGrace is how long a client that is not used any more is kept for the
// calls in it; one that they never leave is left to itself.
const closeGrace = 5 * time.Second

func newLink(config *client.Configuration, log *slog.Logger, m *Metrics, closing <-chan struct{}) (*link, error) {
	config.Logger = func(level client.LogLevel, format string, args ...interface{}) {
		log.Debug("EventStoreDB client", "level", string(level), "message", fmt.Sprintf(format, args...))
	}
	l := &link{config: config, log: log, metrics: m, closing: closing}
	session, err := l.connect()
	if err != nil {
		return nil, err
	}
	l.current = session
	return l, nil
}

func (l *link) connect() (*session, error) {
	config := *l.config
	c, err := client.NewClient(&config)
	if err != nil {
		return nil, invalid("the connection string of the event store: %w", err)
	}
	return &session{client: c, gone: make(chan struct{})}, nil
}

// enter begins a call; the caller ends it with session.calls.Done.
func (l *link) enter() (*session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return nil, eventstore.ErrClosed
	}
	l.current.calls.Add(1)
	return l.current, nil
}

// lost replaces a client whose node is away. One that was told of another leader
// goes there by itself, and one that waited in vain may still be right.
func (l *link) lost(s *session, err error) {
	if errors.Is(err, ErrUnavailable) {
		l.replace(s)
	}
}

// replace puts a new client in the place of one that lost its node.
func (l *link) replace(lost *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != lost {
		return
	}
	fresh, err := l.connect()
	if err != nil {
		l.log.Error("EventStoreDB client could not be made again", "error", err)
		return
	}
	l.current = fresh
	l.metrics.clients.Inc()
	l.retire(lost)
}

// retire closes a session's client when the calls have left it.
func (l *link) retire(s *session) {
	close(s.gone)
	l.retired.Go(func() {
		left := make(chan struct{})
		go func() {
			s.calls.Wait()
			close(left)
		}()
		select {
		case <-left:
			if err := s.client.Close(); err != nil {
				l.log.Warn("EventStoreDB client did not close", "error", err)
			}
		case <-time.After(closeGrace):
			l.log.Warn("EventStoreDB client is left open: a call does not leave it")
		}
	})
}

func (l *link) close() error {
	l.mu.Lock()
	if s := l.current; s != nil {
		l.current = nil
		l.retire(s)
	}
	l.mu.Unlock()
	l.retired.Wait()
	return nil
}

// errLost is why a call is made again on another client.
var errLost = fault.New(fault.Unavailable, "eventstore.unavailable", "the connection to the event store was lost")

// call makes one call and waits for it no longer than ctx, the client and the
// store last. What comes too late is given to drop.
func call[T any](ctx context.Context, l *link, stream string, drop func(T), do func(context.Context, *client.Client) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var none T
	session, err := l.enter()
	if err != nil {
		return none, err
	}
	result := make(chan outcome)
	left := make(chan struct{})
	go func() {
		defer session.calls.Done()
		value, err := do(ctx, session.client)
		select {
		case result <- outcome{value, err}:
		case <-left:
			if err == nil {
				drop(value)
			}
		}
	}()
	defer close(left)
	select {
	case o := <-result:
		if o.err == nil {
			return o.value, nil
		}
		err := translated(ctx, stream, o.err)
		l.lost(session, err)
		return none, err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-session.gone:
		return none, errLost
	case <-l.closing:
		return none, eventstore.ErrClosed
	}
}

// Pauses between attempts grow from the one to the other.
const (
	pauseMin = 20 * time.Millisecond
	pauseMax = time.Second
)

// again makes attempts until one succeeds, is refused, or the time is up; then
// it returns the last refusal, which says more than that the time is up.
func again[T any](ctx context.Context, l *link, attempt func() (T, error)) (T, error) {
	pause := pauseMin
	for {
		value, err := attempt()
		if err == nil || !transient(err) {
			return value, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return value, ctx.Err()
			}
			return value, fmt.Errorf("%w (%w)", err, ctx.Err())
		case <-l.closing:
			timer.Stop()
			return value, eventstore.ErrClosed
		}
		l.metrics.retries.Inc()
		pause = min(2*pause, pauseMax)
	}
}
