package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
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
	// patience is how long a server that is asked may be silent.
	patience time.Duration

	mu      sync.Mutex
	current *session
	retired sync.WaitGroup
	watched sync.WaitGroup
}

// session is one client and the calls in it. A client must not be closed while
// a call is in it: the call would panic.
type session struct {
	client *client.Client
	calls  sync.WaitGroup
	// gone is closed when the client was replaced.
	gone chan struct{}
	// heard counts what has come from the server, answers of any kind.
	heard atomic.Uint64
	// following counts subscriptions and memberships, which may be silent for long.
	following atomic.Int64
}

// closeGrace is how long a client that is not used any more is kept for the
// calls in it; one that they never leave is left to itself.
const closeGrace = 5 * time.Second

func newLink(config *client.Configuration, patience time.Duration, log *slog.Logger, m *Metrics, closing <-chan struct{}) (*link, error) {
	config.Logger = func(level client.LogLevel, format string, args ...interface{}) {
		log.Debug("EventStoreDB client", "level", string(level), "message", fmt.Sprintf(format, args...))
	}
	l := &link{config: config, patience: patience, log: log, metrics: m, closing: closing}
	session, err := l.connect()
	if err != nil {
		return nil, err
	}
	l.current = session
	l.watched.Go(l.watch)
	return l, nil
}

// watch asks a server that has been silent for a while whether it is there, where
// subscriptions wait for it: they cannot tell a connection that is dead from one on
// which nothing happens.
func (l *link) watch() {
	tick := time.NewTicker(l.patience)
	defer tick.Stop()
	var last *session
	var heard uint64
	for {
		select {
		case <-tick.C:
		case <-l.closing:
			return
		}
		l.mu.Lock()
		s := l.current
		l.mu.Unlock()
		if s == nil {
			return
		}
		if s == last && s.heard.Load() == heard && s.following.Load() > 0 {
			l.probe(s)
		}
		last, heard = s, s.heard.Load()
	}
}

// probe replaces a client whose server gives no answer, whatever it says.
func (l *link) probe(s *session) {
	ctx, cancel := context.WithTimeout(context.Background(), l.patience)
	defer cancel()
	waiting := s.wait()
	_, err := call(ctx, l, allStream, (*client.ReadStream).Close, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
		read, err := c.ReadAll(ctx, client.ReadAllOptions{Direction: client.Backwards, From: client.End{}}, 1)
		if err != nil {
			return nil, err
		}
		if _, err := read.Recv(); err != nil && !errors.Is(err, io.EOF) {
			read.Close()
			return nil, err
		}
		return read, nil
	})
	if err != nil {
		l.vain(waiting)
	}
}

// wait is somebody's waiting for a server, from a moment on.
type wait struct {
	session *session
	heard   uint64
	began   time.Time
}

func (s *session) wait() wait { return wait{session: s, heard: s.heard.Load(), began: time.Now()} }

// vain replaces a client on which somebody has waited for long while nothing at all
// was heard.
func (l *link) vain(w wait) {
	if w.session.heard.Load() == w.heard && time.Since(w.began) >= l.patience {
		l.log.Warn("the EventStoreDB is silent; its connection is given up", "for", time.Since(w.began))
		l.replace(w.session)
	}
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
	l.watched.Wait()
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
	waiting := session.wait()
	go func() {
		defer session.calls.Done()
		value, err := do(ctx, session.client)
		if err == nil || answered(err) {
			session.heard.Add(1)
		}
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
		l.vain(waiting)
		return none, err
	case <-ctx.Done():
		l.vain(waiting)
		return none, ended(ctx)
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
	var last error
	for {
		value, err := attempt()
		if last != nil && err != nil && errors.Is(err, ended(ctx)) && !errors.Is(err, context.Canceled) {
			return value, fmt.Errorf("%w (%w)", last, err)
		}
		if err == nil || !transient(err) {
			return value, err
		}
		last = err
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
