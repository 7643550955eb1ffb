package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// node is a server of EventStoreDB's protocol that can be stopped and started
// again, with a client's store in front.
type node struct {
	*esdb.Store
	server *esdbtest.Node
}

func startNode(t testing.TB) *node {
	t.Helper()
	n := &node{server: esdbtest.StartNode(t)}
	n.Store = connect(t, n.server.URL())
	return n
}

func connect(t testing.TB, url string) *esdb.Store {
	t.Helper()
	s, err := esdb.Open(context.Background(), esdb.Options{ConnectionString: url})
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

func consumer(t testing.TB, s *esdb.Store, config bus.GroupConfig) *bus.GroupSubscriber {
	t.Helper()
	config.Logger = slog.New(slog.DiscardHandler)
	if config.Group == "" && config.Resolve == nil {
		config.Group = "workers"
	}
	sub, err := bus.NewGroupSubscriber(s, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
	})
	return sub
}

func consume(t testing.TB, s *bus.GroupSubscriber, topic string) <-chan *message.Message {
	t.Helper()
	messages, err := s.Subscribe(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// TestWatermillsOwnSuiteForCompetingConsumers is the suite over persistent
// subscriptions. Consumers share what comes, so that nobody sees what another of
// the group has done already, and order is not claimed.
func TestWatermillsOwnSuiteForCompetingConsumers(t *testing.T) {
	n := startNode(t)
	forGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		sub, err := bus.NewGroupSubscriber(n.Store, bus.GroupConfig{RedeliverAfter: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
			Resolve: func(topic string) eventstore.Group {
				// The suite refuses one message a hundred times, and wants it all the same.
				return eventstore.Group{Name: group, Stream: topic, Retries: 1000}
			}})
		if err != nil {
			t.Fatal(err)
		}
		return publisher(t, n.Store), sub
	}
	features := tests.Features{
		ConsumerGroups: true, ExactlyOnceDelivery: false, GuaranteedOrder: false, Persistent: true,
		NewSubscriberReceivesOldMessages: false, ForceShort: true,
	}
	tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) { return forGroup(t, "default") }, forGroup)
}

func TestConsumersOfAGroupShareTheEventsAndGroupsDoNot(t *testing.T) {
	n := startNode(t)
	appendTo(t, n, "s", 60, 10)
	for _, group := range []string{"one", "other"} {
		var mu sync.Mutex
		var all []uint64
		shares := map[int]int{}
		done := make(chan struct{})
		var sharing sync.WaitGroup // nobody is done with their first before everybody has one
		sharing.Add(3)
		for i := range 3 {
			messages := consume(t, consumer(t, n.Store, bus.GroupConfig{Group: group}), "s")
			go func() {
				first := sync.OnceFunc(func() { sharing.Done(); sharing.Wait() })
				for m := range messages {
					page, _ := bus.PageOf(m)
					mu.Lock()
					all = append(all, page.Recorded[0].Revision)
					shares[i]++
					if len(all) == 60 {
						close(done)
					}
					mu.Unlock()
					first()
					m.Ack()
				}
			}()
		}
		select {
		case <-done:
		case <-time.After(2 * time.Minute):
			t.Fatalf("group %s got %d of 60 events", group, len(all))
		}
		slices.Sort(all)
		if len(slices.Compact(all)) != 60 || len(shares) != 3 {
			t.Errorf("group %s: %d different events, shared as %v", group, len(slices.Compact(all)), shares)
		}
	}
}

func TestWhatIsRefusedTooOftenOrForGoodIsParked(t *testing.T) {
	n := startNode(t)
	appendTo(t, n, "s", 3, 10)
	sub := consumer(t, n.Store, bus.GroupConfig{RedeliverAfter: time.Millisecond, Resolve: func(topic string) eventstore.Group {
		return eventstore.Group{Name: "workers", Stream: topic, Retries: 2}
	}})
	messages := consume(t, sub, "s")
	var times [3]int
	for len(parked(t, n)) < 2 || times[2] == 0 {
		select {
		case m := <-messages:
			page, _ := bus.PageOf(m)
			revision := page.Recorded[0].Revision
			times[revision]++
			switch revision {
			case 0:
				m.Nack()
			case 1:
				if !bus.Park(m, "it names no procedure") {
					t.Error("it was not parked")
				}
			default:
				m.Ack()
				if bus.Park(m, "too late") {
					t.Error("what was acknowledged was parked")
				}
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
	if times != [3]int{3, 1, 1} {
		t.Errorf("the events came %v times; want three, one and one", times)
	}
	if got := fmt.Sprint(parked(t, n)); got != "[0@s 1@s]" && got != "[1@s 0@s]" {
		t.Errorf("parked were %s", got)
	}
	plain := message.NewMessage("1", nil)
	if bus.Park(plain, "it comes from elsewhere") {
		t.Error("a message of another subscriber was parked")
	}
}

// parked lists the links to the events that the group of stream s has put aside.
func parked(t testing.TB, n *node) []string {
	t.Helper()
	var links []string
	for e, err := range n.server.Store.ReadAll(t.Context(), eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: []string{"$persistentsubscription-s::workers-parked"}}}) {
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, string(e.Data))
	}
	return links
}

func TestAGroupOfTheWholeLedgerGivesAStreamToOneConsumer(t *testing.T) {
	n := startNode(t)
	for i := range 12 {
		appendTo(t, n, fmt.Sprint("wanted-", i), 5, 10)
		appendTo(t, n, fmt.Sprint("other-", i), 1, 10)
	}
	config := bus.GroupConfig{Resolve: func(topic string) eventstore.Group {
		return eventstore.Group{Name: topic, Filter: eventstore.Filter{StreamPrefixes: []string{"wanted-"}}}
	}}
	type sight struct{ stream, consumer string }
	seen := make(chan sight)
	for i := range 2 {
		messages := consume(t, consumer(t, n.Store, config), "everything")
		go func() {
			for m := range messages {
				seen <- sight{m.Metadata.Get(bus.MetadataStream), fmt.Sprint(i)}
				m.Ack()
			}
		}()
	}
	by := map[string]map[string]bool{}
	for range 60 {
		select {
		case s := <-seen:
			if by[s.stream] == nil {
				by[s.stream] = map[string]bool{}
			}
			by[s.stream][s.consumer] = true
		case <-time.After(2 * time.Minute):
			t.Fatalf("not all events came: %v", by)
		}
	}
	// The first consumer was there alone for a moment, so one stream may have had both.
	both := 0
	for _, consumers := range by {
		if len(consumers) > 1 {
			both++
		}
	}
	if len(by) != 12 || both > 1 {
		t.Errorf("%d streams came, %d of them to both consumers", len(by), both)
	}
}

func TestAGroupGoesOnAfterTheServerWasAway(t *testing.T) {
	n := startNode(t)
	messages := consume(t, consumer(t, n.Store, bus.GroupConfig{ReconnectMax: 100 * time.Millisecond}), "s")
	seen := map[uint64]bool{}
	for round := range 3 {
		appendTo(t, n, "s", 10, 10)
		for len(seen) < 10*(round+1) {
			select {
			case m := <-messages:
				page, _ := bus.PageOf(m)
				seen[page.Recorded[0].Revision] = true
				m.Ack()
			case <-time.After(2 * time.Minute):
				t.Fatalf("after %d restarts %d events came", round, len(seen))
			}
		}
		n.server.Stop(t)
		time.Sleep(20 * time.Millisecond)
		n.server.Start(t)
	}
}

func TestAWrongGroupIsRefused(t *testing.T) {
	n := startNode(t)
	if _, err := bus.NewGroupSubscriber(n.Store, bus.GroupConfig{}); err == nil {
		t.Error("a subscriber of a group without name was made")
	}
	if _, err := bus.NewGroupSubscriber(nil, bus.GroupConfig{Group: "g"}); err == nil {
		t.Error("a subscriber without groups was made")
	}
	for _, group := range []eventstore.Group{
		{Name: ""}, {Name: "g", Retries: -1}, {Name: "g", AnswerWithin: time.Microsecond},
		{Name: "g", Stream: "s", Filter: eventstore.Filter{StreamPrefixes: []string{"s"}}},
		{Name: "g", Filter: eventstore.Filter{StreamPrefixes: []string{"s"}, TypePrefixes: []string{"t"}}},
	} {
		if err := n.EnsureGroup(t.Context(), group); err == nil {
			t.Errorf("the group %+v was made", group)
		}
	}
	if _, err := n.JoinGroup(t.Context(), eventstore.Group{Name: "nobody", Stream: "s"}, 1); err == nil {
		t.Error("a group that does not exist was joined")
	}
}
