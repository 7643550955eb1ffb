package esdb

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Options say where the server is and how patient to be.
type Options struct {
	// ConnectionString is EventStoreDB's, such as esdb://user:password@host:2113.
	ConnectionString string
	// Timeout bounds a call whose context has no deadline, all its attempts
	// together; 0 is 10 s. A read is bounded by its context, and ends with
	// ErrTimeout when its server sends nothing for twice as long as Timeout. A
	// subscription waits without limit; see the package comment.
	Timeout time.Duration
	// IDWindow is how many of a stream's last events are searched for the ids of
	// an append; 0 is 1,000.
	IDWindow int
	// Logger takes the adapter's messages; nil discards them. The client's own
	// messages come at level debug.
	Logger *slog.Logger
}

const (
	defaultTimeout  = 10 * time.Second
	defaultIDWindow = 1000
	// tailsKept bounds the streams whose last ids are remembered; with the
	// default window they take 32 MiB at most.
	tailsKept = 2048
)

// Store is an eventstore.Store on an EventStoreDB. See the package comment for
// its promises.
type Store struct {
	link    *link
	metrics *Metrics
	log     *slog.Logger
	timeout time.Duration
	window  int
	turns   turns
	tails   *lru.Cache[string, *tail]

	closing chan struct{}
	once    sync.Once
	closed  error
}

var (
	_ eventstore.Store     = (*Store)(nil)
	_ eventstore.StreamIDs = (*Store)(nil)
	_ prometheus.Collector = (*Store)(nil)
)

// StreamIDsOnly implements eventstore.StreamIDs. What is behind the connection
// may look further, as the project's own server does; EventStoreDB does not.
func (s *Store) StreamIDsOnly() bool { return true }

// Open connects and makes sure that the server answers. The context bounds only that.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if opts.Timeout < 0 || opts.IDWindow < 0 {
		return nil, invalid("a timeout of %v and an id window of %d", opts.Timeout, opts.IDWindow)
	}
	config, err := client.ParseConnectionString(opts.ConnectionString)
	if err != nil {
		// The text may hold a password, so that it is not repeated.
		return nil, invalid("the connection string is not one of EventStoreDB")
	}
	s := &Store{log: opts.Logger, timeout: opts.Timeout, window: opts.IDWindow, metrics: NewMetrics(), closing: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.timeout == 0 {
		s.timeout = defaultTimeout
	}
	if s.window == 0 {
		s.window = defaultIDWindow
	}
	if s.tails, err = lru.New[string, *tail](tailsKept); err != nil {
		return nil, err
	}
	s.turns.waiting = map[string]*turn{}
	if s.link, err = newLink(config, s.timeout, s.log, s.metrics, s.closing); err != nil {
		return nil, err
	}
	if _, _, err := s.Head(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Describe and Collect implement prometheus.Collector: whoever serves metrics
// registers the store.
func (s *Store) Describe(to chan<- *prometheus.Desc) { s.metrics.Describe(to) }

// Collect implements prometheus.Collector.
func (s *Store) Collect(to chan<- prometheus.Metric) { s.metrics.Collect(to) }

// Close implements eventstore.Store: it ends subscriptions and calls that run.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		s.closed = s.link.close()
	})
	return s.closed
}

// bounded gives a call without deadline one.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, s.timeout, same(ErrTimeout, "the event store did not answer within %v", s.timeout))
}

func (s *Store) open(ctx context.Context) error {
	select {
	case <-s.closing:
		return eventstore.ErrClosed
	default:
		return ctx.Err()
	}
}

// Head implements eventstore.Store.
func (s *Store) Head(ctx context.Context) (position uint64, ok bool, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	for e, err := range s.ReadAll(ctx, eventstore.AllRead{Direction: eventstore.Backwards, Limit: 1}) {
		return e.Position, err == nil, err
	}
	return 0, false, nil
}

// Metadata implements eventstore.Store.
func (s *Store) Metadata(ctx context.Context, stream string) (eventstore.StreamMetadata, error) {
	if err := checkMetadataTarget(stream); err != nil {
		return eventstore.StreamMetadata{}, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	read := eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}
	for e, err := range s.ReadStream(ctx, metadataPrefix+stream, read) {
		switch {
		case fault.CodeOf(err) == eventstore.ErrStreamNotFound.Code:
			return eventstore.StreamMetadata{}, nil
		case err != nil:
			return eventstore.StreamMetadata{}, err
		}
		return eventstore.StreamMetadata{Custom: e.Data, Revision: e.Revision, Exists: true}, nil
	}
	return eventstore.StreamMetadata{}, nil
}

// SetMetadata implements eventstore.Store.
func (s *Store) SetMetadata(
	ctx context.Context, stream string, expected event.Expected, id uuid.UUID, custom []byte,
) (event.Written, error) {
	if err := checkMetadataTarget(stream); err != nil {
		return event.Written{}, err
	}
	if !validJSON(custom) {
		return event.Written{}, invalid("stream %q: metadata is not JSON", stream)
	}
	return s.submit(ctx, metadataPrefix+stream, expected, []eventstore.Proposed{{ID: id, Type: metadataType, Data: custom}})
}
