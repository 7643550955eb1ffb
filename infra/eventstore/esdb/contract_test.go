package esdb_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/storetest"
	"github.com/google/uuid"
)

// node is an EventStoreDB in this process that can be stopped and started again.
type node struct {
	dir     string
	address string
	opts    esdbserver.Options
	store   *embedded.Store
	server  *esdbserver.Server
	done    chan error
}

func startNode(t testing.TB, opts ...esdbserver.Options) *node {
	n := &node{dir: t.TempDir(), address: "127.0.0.1:0"}
	if len(opts) > 0 {
		n.opts = opts[0]
	}
	n.start(t)
	t.Cleanup(func() { n.stop(t) })
	return n
}

func (n *node) start(t testing.TB) {
	t.Helper()
	var err error
	if n.store, err = embedded.Open(context.Background(), embedded.Options{Dir: n.dir}); err != nil {
		t.Fatal(err)
	}
	if n.server, err = esdbserver.New(n.store, n.opts); err != nil {
		t.Fatal(err)
	}
	l := listen(t, n.address)
	n.address = l.Addr().String()
	n.done = make(chan error, 1)
	go func() { n.done <- n.server.Serve(l) }()
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the address %s does not become free", address)
	return nil
}

func (n *node) stop(t testing.TB) {
	t.Helper()
	if n.server == nil {
		return
	}
	if err := n.server.Close(); err != nil {
		t.Errorf("close the server: %v", err)
	}
	if err := <-n.done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := n.store.Close(); err != nil {
		t.Errorf("close the store: %v", err)
	}
	n.server = nil
}

func (n *node) restart(t testing.TB) {
	t.Helper()
	n.stop(t)
	n.start(t)
}

func (n *node) connectionString() string { return "esdb://" + n.address + "?tls=false" }

func open(t testing.TB, connection string) *esdb.Store {
	t.Helper()
	s, err := esdb.Open(t.Context(), esdb.Options{ConnectionString: connection})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// TestContract holds the adapter, in front of the project's own server, to the
// port's promises. Stopping and starting is the server's, under an adapter that
// has to find it again; the store is the same.
func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		n := startNode(t)
		s := open(t, n.connectionString())
		return storetest.Harness{Store: s, Reopen: func(t testing.TB) eventstore.Store {
			n.restart(t)
			return s
		}}
	})
}

// TestContractNewClient is the same with a new adapter after each restart, which
// knows nothing of what was written before, and a server that takes an id in
// several streams, as EventStoreDB does.
func TestContractNewClient(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		n := startNode(t, esdbserver.Options{IDsPerStream: true})
		return storetest.Harness{Store: open(t, n.connectionString()), StreamIDsOnly: true, Reopen: func(t testing.TB) eventstore.Store {
			n.restart(t)
			return open(t, n.connectionString())
		}}
	})
}

// TestContractAmongOthers runs the promises on a server that is never empty, while it
// writes events of its own and others write theirs: positions are then not
// consecutive, and the whole ledger holds system events.
func TestContractAmongOthers(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		n := startNode(t, esdbserver.Options{IDsPerStream: true, ListUsers: true})
		writeBeside(t, n)
		return storetest.Harness{Store: open(t, n.connectionString()), StreamIDsOnly: true,
			Reopen: func(t testing.TB) eventstore.Store { return open(t, n.connectionString()) }}
	})
}

// writeBeside writes system events and streams of others, some at once and more
// while the test runs.
func writeBeside(t testing.TB, n *node) {
	t.Helper()
	write := func(ctx context.Context, i int) error {
		stats := eventstore.Proposed{ID: uuid.New(), Type: "$statsCollected", Data: []byte(`{"sys-freeMem":1}`)}
		_, err := n.store.AppendSystem(ctx, "$stats-127.0.0.1:2113", event.Any, stats)
		if err != nil {
			return err
		}
		_, err = n.store.Append(ctx, fmt.Sprintf("others-%d", i), event.None, proposed("1"), proposed("2"))
		return err
	}
	if err := write(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan error, 1)
	go func() {
		var err error
		for i := 1; i < 200 && err == nil; i++ {
			time.Sleep(5 * time.Millisecond)
			err = write(ctx, i)
		}
		written <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-written; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestContractElsewhere runs the promises on a real EventStoreDB or KurrentDB.
func TestContractElsewhere(t *testing.T) {
	connection := os.Getenv("LEDGER_TEST_ESDB")
	if connection == "" {
		t.Skip("LEDGER_TEST_ESDB names no EventStoreDB")
	}
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		return storetest.Harness{Store: open(t, connection), StreamIDsOnly: true,
			Reopen: func(t testing.TB) eventstore.Store { return open(t, connection) }}
	})
}
