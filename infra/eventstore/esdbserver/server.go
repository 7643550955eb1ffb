package esdbserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	gossipapi "github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	persistentapi "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	featuresapi "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/keepalive"
)

// SystemWriter is what a store offers beyond the port when streams that begin
// with "$" can be written. Without it appends to those that do not begin with
// "$$" are denied, persistent subscriptions are not offered, because they keep
// their state there, and the event that holds a stream's metadata has no
// metadata of its own.
type SystemWriter interface {
	AppendSystem(ctx context.Context, stream string, expected event.Expected, events ...eventstore.Proposed) (event.Written, error)
	AppendMetadata(ctx context.Context, stream string, expected event.Expected, metadata eventstore.Proposed) (event.Written, error)
}

// metadataWatcher is a store that tells when the metadata of any stream has changed.
type metadataWatcher interface {
	// MetadataChanges is another number after a change than before it.
	MetadataChanges() uint64
}

// Options say how a store is served.
type Options struct {
	// TLS is the server's certificate; nil serves in clear text. Where it verifies
	// certificates of clients (ClientCAs, ClientAuth), the common name of one is the
	// login of who calls, and takes the place of a password.
	TLS *tls.Config
	// Users are those who may call, by login. Empty lets everybody do everything,
	// as EventStoreDB's --insecure does.
	Users map[string]User
	// ReadOnly offers reading and catch-up subscriptions only; every call that
	// would change something is denied.
	ReadOnly bool
	// MaxAppendBytes bounds data and metadata of one append; 0, or more than
	// eventstore.MaxBatchSize, is that limit.
	MaxAppendBytes int
	// ListUsers writes the logins to the stream $users, which clients' tools read to
	// see that a node is ready.
	ListUsers bool
	// IDsPerStream lets an event id be in several streams, as in EventStoreDB. Without,
	// an append of one that is in another stream is refused.
	IDsPerStream bool
	// Advertise is the host and port that gossip tells; empty is the address that
	// is listened on.
	Advertise string
	// Logger takes the server's messages; nil discards them.
	Logger *slog.Logger
}

// Version is what the server says that it is: the EventStoreDB release whose
// protocol it speaks.
const Version = "24.10.0"

const (
	// maxMessageBytes bounds one message of a client; an append is larger than its data.
	maxMessageBytes = 17 << 20
	// stopGrace is how long calls that run may take to end.
	stopGrace = 5 * time.Second
	// streamLocks is how many locks streams share.
	streamLocks = 256
)

// Server serves a store. It does not close the store.
type Server struct {
	store    eventstore.Store
	system   SystemWriter
	opts     Options
	log      *slog.Logger
	accounts accounts
	instance uuid.UUID
	grpc     *grpc.Server
	// locks keep appends to a stream from its deletion.
	locks [streamLocks]sync.RWMutex
	// alive are streams that are there and not tombstoned, with the count of changes
	// at which they had no metadata; see plain.
	alive   *lru.Cache[string, uint64]
	changes metadataWatcher
	// running ends when the server is closed; halt ends it.
	running context.Context
	halt    context.CancelFunc

	mu        sync.Mutex
	advertise string
	closed    bool

	groups *groups
}

// New makes a server of a store. Serve starts it. It fails when the options
// contradict each other.
func New(store eventstore.Store, opts Options) (*Server, error) {
	if store == nil {
		return nil, fault.New(fault.Invalid, "esdbserver.options", "the EventStoreDB server needs a store")
	}
	if opts.MaxAppendBytes < 0 {
		return nil, fault.New(fault.Invalid, "esdbserver.options", "a largest append of %d bytes", opts.MaxAppendBytes)
	}
	if opts.MaxAppendBytes == 0 || opts.MaxAppendBytes > eventstore.MaxBatchSize {
		opts.MaxAppendBytes = eventstore.MaxBatchSize
	}
	accounts, err := newAccounts(opts.Users, opts.TLS != nil && opts.TLS.ClientCAs != nil)
	if err != nil {
		return nil, err
	}
	s := &Server{store: store, opts: opts, log: opts.Logger, accounts: accounts, instance: uuid.New(),
		advertise: opts.Advertise}
	s.running, s.halt = context.WithCancel(context.Background())
	if s.alive, err = lru.New[string, uint64](aliveKept); err != nil {
		return nil, err
	}
	s.system, _ = store.(SystemWriter)
	s.changes, _ = store.(metadataWatcher)
	if opts.IDsPerStream {
		p := perStream{Store: store, system: s.system}
		if s.store = p; s.system != nil {
			s.system = p
		}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.groups = newGroups(s)
	config := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.NumStreamWorkers(64),
		grpc.ForceServerCodecV2(codec{encoding.GetCodecV2(proto.Name)}),
		grpc.UnaryInterceptor(s.admitUnary),
		grpc.StreamInterceptor(s.admitStream),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
	}
	if opts.TLS != nil {
		config = append(config, grpc.Creds(credentials.NewTLS(opts.TLS)))
	}
	s.grpc = grpc.NewServer(config...)
	featuresapi.RegisterServerFeaturesServer(s.grpc, features{server: s})
	gossipapi.RegisterGossipServer(s.grpc, gossip{server: s})
	streamsapi.RegisterStreamsServer(s.grpc, &streams{Server: s})
	persistentapi.RegisterPersistentSubscriptionsServer(s.grpc, &persistent{Server: s})
	return s, nil
}

// Serve takes connections of the listener until Close; it can be called for
// several listeners. It returns nil after Close.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.advertise == "" {
		s.advertise = l.Addr().String()
	}
	s.mu.Unlock()
	s.announceUsers()
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve EventStoreDB's protocol on %s: %w", l.Addr(), err)
	}
	return nil
}

// Close ends subscriptions, lets other calls end for a few seconds, writes the
// checkpoints of persistent subscriptions and closes all connections.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.halt()
	s.mu.Unlock()
	stopped := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(stopped)
	}()
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
		s.grpc.Stop()
		<-stopped
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	return s.groups.stop(ctx)
}

// life is the context of a long call: it ends with the call and with the server.
func (s *Server) life(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.running, func() { cancel(errStopping) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

var errStopping = errors.New("the server is stopping")
