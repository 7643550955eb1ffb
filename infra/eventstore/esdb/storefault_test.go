package esdb_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdbserver"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
)

// failing is a store that has lost its disk: it answers with one refusal.
type failing struct {
	eventstore.Store
	refusal error
}

func (f failing) Append(context.Context, string, event.Expected, ...eventstore.Proposed) (event.Written, error) {
	return event.Written{}, f.refusal
}

func (f failing) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	if read.Direction == eventstore.Backwards {
		return f.Store.ReadAll(ctx, read)
	}
	return func(yield func(eventstore.Recorded, error) bool) { yield(eventstore.Recorded{}, f.refusal) }
}

// serve puts a server in front of a store until the test ends, and tells where it is.
func serve(t testing.TB, store eventstore.Store) (url string) {
	t.Helper()
	server, err := esdbserver.New(store, esdbserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := esdbtest.Listen(t, "127.0.0.1:0")
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return "esdb://" + l.Addr().String() + "?tls=false"
}

// TestFaultsOfTheStoreKeepTheirType follows a refusal from the engine behind the
// server to the caller of the adapter.
func TestFaultsOfTheStoreKeepTheirType(t *testing.T) {
	t.Parallel()
	for _, refusal := range []*fault.Error{eventstore.ErrFull, eventstore.ErrCorrupt, eventstore.ErrInvalid} {
		n := esdbtest.StartNode(t)
		s := open(t, serve(t, failing{n.Store, fault.New(refusal.Kind, refusal.Code, "position 17")}))
		if _, err := s.Append(t.Context(), "a", event.Any, proposed("1")); !errors.Is(err, refusal) {
			t.Errorf("append: %v, want %s", err, refusal.Code)
		}
		for e, err := range s.ReadAll(t.Context(), eventstore.AllRead{}) {
			if !errors.Is(err, refusal) {
				t.Errorf("read: %+v, %v, want %s", e, err, refusal.Code)
			}
		}
	}
}
