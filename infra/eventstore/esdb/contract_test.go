package esdb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"dossierledger/infra/eventstore/storetest"
	"github.com/google/uuid"
)

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
		n := esdbtest.StartNode(t)
		s := open(t, n.URL())
		return storetest.Harness{Store: s, Reopen: func(t testing.TB) eventstore.Store {
			n.Restart(t)
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
		n := esdbtest.StartNode(t, esdbserver.Options{IDsPerStream: true})
		return storetest.Harness{Store: open(t, n.URL()), StreamIDsOnly: true, Reopen: func(t testing.TB) eventstore.Store {
			n.Restart(t)
			return open(t, n.URL())
		}}
	})
}

// TestContractAmongOthers runs the promises on a server that is never empty, while it
// writes events of its own and others write theirs: positions are then not
// consecutive, and the whole ledger holds system events.
func TestContractAmongOthers(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		n := esdbtest.StartNode(t, esdbserver.Options{IDsPerStream: true, ListUsers: true})
		writeBeside(t, n)
		return storetest.Harness{Store: open(t, n.URL()), StreamIDsOnly: true,
			Reopen: func(t testing.TB) eventstore.Store { return open(t, n.URL()) }}
	})
}

// writeBeside writes system events and streams of others, some at once and more
// while the test runs.
func writeBeside(t testing.TB, n *esdbtest.Node) {
	t.Helper()
	write := func(ctx context.Context, i int) error {
		stats := eventstore.Proposed{ID: uuid.New(), Type: "$statsCollected", Data: []byte(`{"sys-freeMem":1}`)}
		_, err := n.Store.AppendSystem(ctx, "$stats-127.0.0.1:2113", event.Any, stats)
		if err != nil {
			return err
		}
		_, err = n.Store.Append(ctx, fmt.Sprintf("others-%d", i), event.None, proposed("1"), proposed("2"))
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
