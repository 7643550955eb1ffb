package esdb_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
)

// silent is after what silence an impatient adapter takes a server for away, as no
// server is that answers.
const silent = 4 * time.Second

// impatient opens an adapter through the proxy that takes a server for away that
// has been silent for a moment.
func impatient(t *testing.T, p *proxy) *esdb.Store {
	t.Helper()
	s, err := esdb.Open(t.Context(), esdb.Options{ConnectionString: "esdb://" + p.address() + "?tls=false", Timeout: silent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// within fails the test rather than letting it hang, long after what is promised.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// filled appends events to a stream, more than a connection takes ahead.
func filled(t *testing.T, n *esdbtest.Node, stream string, count int) {
	t.Helper()
	data := make([]byte, 4<<10)
	for i := 0; i < count; i += 500 {
		batch := make([]eventstore.Proposed, 500)
		for j := range batch {
			batch[j] = proposed(string(data))
		}
		if _, err := n.Store.Append(t.Context(), stream, event.Any, batch...); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAReadThatFallsSilentEnds silences the network in the middle of reads that have
// no deadline, once for good and once for the connections that are open.
func TestAReadThatFallsSilentEnds(t *testing.T) {
	t.Parallel()
	const count = 3000
	n := esdbtest.StartNode(t)
	filled(t, n, "a", count)
	for _, forGood := range []bool{true, false} {
		for name, read := range map[string]func(*esdb.Store) func(func(eventstore.Recorded, error) bool){
			"stream": func(s *esdb.Store) func(func(eventstore.Recorded, error) bool) {
				return s.ReadStream(within(t), "a", eventstore.StreamRead{})
			},
			"all": func(s *esdb.Store) func(func(eventstore.Recorded, error) bool) {
				return s.ReadAll(within(t), eventstore.AllRead{})
			},
			"filtered": func(s *esdb.Store) func(func(eventstore.Recorded, error) bool) {
				return s.ReadAll(within(t), eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: []string{"a"}}})
			},
		} {
			t.Run(fmt.Sprintf("%s, for good %v", name, forGood), func(t *testing.T) {
				t.Parallel()
				p := startProxy(t, n.Address)
				s := impatient(t, p)
				seen := 0
				var failed error
				for e, err := range read(s) {
					if err != nil {
						failed = err
						break
					}
					if e.Revision != uint64(seen) {
						t.Fatalf("revision %d after %d events", e.Revision, seen)
					}
					if seen++; seen == 10 {
						p.silence(forGood)
					}
				}
				switch {
				case !forGood && (failed != nil || seen != count):
					t.Errorf("%d events of %d, then %v", seen, count, failed)
				case forGood && (fault.KindOf(failed) != fault.Unavailable || seen == count):
					t.Errorf("%d events of %d, then %v; want an error of the kind unavailable", seen, count, failed)
				}
			})
		}
	}
}

// TestASilentConnectionIsGivenUp silences the connection under subscriptions that
// wait and under appends.
func TestASilentConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	p := startProxy(t, n.Address)
	s := impatient(t, p)
	ctx := within(t)
	for i := range 3 {
		if _, err := n.Store.Append(ctx, "a", event.Any, proposed(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	subs := []eventstore.SubscribeTo{{Stream: "a"}, {}, {Filter: eventstore.Filter{StreamPrefixes: []string{"a"}}}}
	var opened []eventstore.Subscription
	for _, to := range subs {
		sub, err := s.Subscribe(ctx, to)
		if err != nil {
			t.Fatal(err)
		}
		expectEvents(ctx, t, sub, 0, 3)
		opened = append(opened, sub)
	}
	// Whoever waits on the connection that was made silent would wait for ever.
	p.silence(false)
	for i := range 3 {
		if _, err := n.Store.Append(ctx, "a", event.Any, proposed(fmt.Sprint(3+i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range opened {
		expectEvents(ctx, t, sub, 3, 6)
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
	}
	p.silence(true)
	if _, err := s.Append(t.Context(), "b", event.Any, proposed("1")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("append: %v", err)
	}
	p.deaf.Store(false)
	p.cut()
	if _, err := s.Append(ctx, "b", event.Any, proposed("2")); err != nil {
		t.Errorf("append when the network is back: %v", err)
	}
}

// expectEvents takes the events from one revision to before another, each once.
func expectEvents(ctx context.Context, t *testing.T, sub eventstore.Subscription, from, to uint64) {
	t.Helper()
	for from < to {
		d, err := sub.Next(ctx)
		if err != nil {
			t.Fatalf("before revision %d: %v", from, err)
		}
		if d.Event == nil {
			continue
		}
		if d.Event.Revision != from {
			t.Fatalf("revision %d, want %d", d.Event.Revision, from)
		}
		from++
	}
}

// TestASilentConnectionEndsAMembership has a consumer of a group wait on a
// connection that was made silent: it must learn of it, and be able to join again.
func TestASilentConnectionEndsAMembership(t *testing.T) {
	t.Parallel()
	n := esdbtest.StartNode(t)
	p := startProxy(t, n.Address)
	s := impatient(t, p)
	ctx := within(t)
	group := eventstore.Group{Name: "g", Stream: "a"}
	if err := s.EnsureGroup(ctx, group); err != nil {
		t.Fatal(err)
	}
	m, err := s.JoinGroup(ctx, group, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.silence(false)
	if _, err := n.Store.Append(ctx, "a", event.Any, proposed("1")); err != nil {
		t.Fatal(err)
	}
	if e, err := m.Next(ctx); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("%v, %v; want an error of the kind unavailable", e, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	p.silence(true)
	if _, err := s.JoinGroup(ctx, group, 1); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v; want an error of the kind unavailable", err)
	}
}
