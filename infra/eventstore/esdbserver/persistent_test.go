package esdbserver_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

func settings(change func(*esdb.PersistentSubscriptionSettings)) *esdb.PersistentSubscriptionSettings {
	s := esdb.SubscriptionSettingsDefault()
	s.CheckpointLowerBound, s.CheckpointAfter = 1, 100
	change(&s)
	return &s
}

// worker takes events from a group and does with each what it is told, until it
// is stopped. That is done by its context: the client's Close must not be called
// while another goroutine receives.
func worker(
	t testing.TB, c *esdb.Client, stream, group string, slots uint32, do func(*esdb.PersistentSubscription, *esdb.ResolvedEvent, int),
) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	sub, err := c.SubscribeToPersistentSubscription(ctx, stream, group,
		esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: slots})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			e := sub.Recv()
			if e.SubscriptionDropped != nil {
				return
			}
			do(sub, e.EventAppeared.Event, e.EventAppeared.RetryCount)
		}
	}()
	return cancel
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for range 4800 { // two minutes: a busy machine is no failure
		if holds() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}

// seen counts what workers were given.
type seen struct {
	mu    sync.Mutex
	count map[string]int
	by    map[string]string
}

func newSeen() *seen { return &seen{count: map[string]int{}, by: map[string]string{}} }

func (s *seen) note(e *esdb.ResolvedEvent, worker string) (times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := e.Event.EventID.String()
	s.count[id]++
	s.by[id] = worker
	return s.count[id]
}

func (s *seen) events() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.count)
}

func TestPinnedEventsOfAStreamStayWithOneSubscriber(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	pinned := settings(func(s *esdb.PersistentSubscriptionSettings) { s.ConsumerStrategyName = esdb.ConsumerStrategyPinned })
	if err := c.CreatePersistentSubscriptionToAll(ctx, "g", esdb.PersistentAllSubscriptionOptions{Settings: pinned, StartFrom: esdb.Start{},
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"s-"}}}); err != nil {
		t.Fatal(err)
	}
	const streams, each = 20, 10
	got := newSeen()
	byStream := map[string]string{}
	order := map[string]uint64{}
	var mu sync.Mutex
	for i := range 3 {
		name := fmt.Sprint("worker ", i)
		running, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		sub, err := c.SubscribeToPersistentSubscriptionToAll(running, "g", esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: 2})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				e := sub.Recv()
				if e.SubscriptionDropped != nil {
					return
				}
				ev := e.EventAppeared.Event
				mu.Lock()
				if by, ok := byStream[ev.Event.StreamID]; ok && by != name {
					t.Errorf("stream %s went to %s and %s", ev.Event.StreamID, by, name)
				}
				if ev.Event.EventNumber != order[ev.Event.StreamID] {
					t.Errorf("%s@%d, want %d", ev.Event.StreamID, ev.Event.EventNumber, order[ev.Event.StreamID])
				}
				order[ev.Event.StreamID]++
				byStream[ev.Event.StreamID] = name
				mu.Unlock()
				got.note(ev, name)
				if err := sub.Ack(ev); err != nil {
					return
				}
			}
		}()
	}
	for range each {
		for s := range streams {
			if _, err := c.AppendToStream(ctx, fmt.Sprint("s-", s), esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "all events", func() bool { return got.events() == streams*each })
	workers := map[string]bool{}
	mu.Lock()
	defer mu.Unlock()
	for _, w := range byStream {
		workers[w] = true
	}
	if len(workers) != 3 {
		t.Errorf("%d of 3 subscribers had work", len(workers))
	}
}

func TestDispatchToSingleFillsOneSubscriberFirst(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	single := settings(func(s *esdb.PersistentSubscriptionSettings) {
		s.ConsumerStrategyName = esdb.ConsumerStrategyDispatchToSingle
	})
	if err := c.CreatePersistentSubscription(ctx, "a", "g", esdb.PersistentStreamSubscriptionOptions{Settings: single, StartFrom: esdb.Start{}}); err != nil {
		t.Fatal(err)
	}
	first, second := newSeen(), newSeen()
	worker(t, c, "a", "g", 6, func(_ *esdb.PersistentSubscription, e *esdb.ResolvedEvent, _ int) { first.note(e, "") })
	worker(t, c, "a", "g", 6, func(_ *esdb.PersistentSubscription, e *esdb.ResolvedEvent, _ int) { second.note(e, "") })
	for range 8 {
		if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "6 for the first and 2 for the second", func() bool { return first.events() == 6 && second.events() == 2 })
}

func TestWhatIsNotAnsweredIsSentAgainAndParkedInTheEnd(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	quick := settings(func(s *esdb.PersistentSubscriptionSettings) { s.MessageTimeout, s.MaxRetryCount = 1000, 2 })
	if err := c.CreatePersistentSubscription(ctx, "a", "g", esdb.PersistentStreamSubscriptionOptions{Settings: quick, StartFrom: esdb.Start{}}); err != nil {
		t.Fatal(err)
	}
	got := newSeen()
	var retries []int
	var mu sync.Mutex
	worker(t, c, "a", "g", 1, func(sub *esdb.PersistentSubscription, e *esdb.ResolvedEvent, retry int) {
		got.note(e, "")
		mu.Lock()
		defer mu.Unlock()
		if e.Event.EventType == "never.v1" {
			retries = append(retries, retry)
		} else if err := sub.Ack(e); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, one("never.v1"), one("good.v1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one parked, one done", func() bool {
		info, err := c.GetPersistentSubscriptionInfo(ctx, "a", "g", esdb.GetPersistentSubscriptionOptions{})
		return err == nil && info.Stats.ParkedMessagesCount == 1 && info.Stats.LastCheckpointedEventRevision != nil &&
			*info.Stats.LastCheckpointedEventRevision == 1
	})
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(retries) != "[0 1 2]" {
		t.Errorf("retries %v", retries)
	}
}

func TestWhatASubscriberHadGoesToAnother(t *testing.T) {
	n := esdbtest.StartNode(t)
	c, ctx := connect(t, n.URL()), t.Context()
	if err := c.CreatePersistentSubscription(ctx, "a", "g", esdb.PersistentStreamSubscriptionOptions{
		Settings: settings(func(*esdb.PersistentSubscriptionSettings) {}), StartFrom: esdb.Start{}}); err != nil {
		t.Fatal(err)
	}
	held, done := newSeen(), newSeen()
	stop := worker(t, c, "a", "g", 10, func(_ *esdb.PersistentSubscription, e *esdb.ResolvedEvent, _ int) { held.note(e, "") })
	for range 5 {
		if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, one("a.v1")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "5 held", func() bool { return held.events() == 5 })
	stop()
	worker(t, c, "a", "g", 10, func(sub *esdb.PersistentSubscription, e *esdb.ResolvedEvent, _ int) {
		done.note(e, "")
		if err := sub.Ack(e); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "5 done", func() bool { return done.events() == 5 })
}

// TestAGroupBeginsWhereItWasMade holds that "from the end" means the end when the
// group was made, not when its first subscriber came; restarts change nothing.
func TestAGroupBeginsWhereItWasMade(t *testing.T) {
	n := esdbtest.StartNode(t)
	ctx := t.Context()
	c := connect(t, n.URL())
	if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, one("before.v1")); err != nil {
		t.Fatal(err)
	}
	if err := c.CreatePersistentSubscription(ctx, "a", "g", esdb.PersistentStreamSubscriptionOptions{StartFrom: esdb.End{}}); err != nil {
		t.Fatal(err)
	}
	if err := c.CreatePersistentSubscription(ctx, "a", "from 2", esdb.PersistentStreamSubscriptionOptions{StartFrom: esdb.Revision(2)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, one("after.v1"), one("later.v1")); err != nil {
		t.Fatal(err)
	}
	n.Restart(t)
	c = connect(t, n.URL())
	for group, want := range map[string]string{"g": "after.v1", "from 2": "later.v1"} {
		got := make(chan string, 10)
		worker(t, c, "a", group, 1, func(_ *esdb.PersistentSubscription, e *esdb.ResolvedEvent, _ int) { got <- e.Event.EventType })
		if kind := <-got; kind != want {
			t.Errorf("group %s begins with %s, want %s", group, kind, want)
		}
	}
}

// TestAGroupGoesOnBehindItsCheckpoint works through a stream with many restarts:
// every event is done at least once, and those before a checkpoint once only.
func TestAGroupGoesOnBehindItsCheckpoint(t *testing.T) {
	n := esdbtest.StartNode(t)
	ctx := t.Context()
	c := connect(t, n.URL())
	if err := c.CreatePersistentSubscription(ctx, "a", "g", esdb.PersistentStreamSubscriptionOptions{
		Settings: settings(func(*esdb.PersistentSubscriptionSettings) {}), StartFrom: esdb.Start{}}); err != nil {
		t.Fatal(err)
	}
	const total = 300
	var batch []esdb.EventData
	for range total {
		batch = append(batch, one("a.v1"))
	}
	if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{}, batch...); err != nil {
		t.Fatal(err)
	}
	got := newSeen()
	for round := 0; got.events() < total; round++ {
		if round > 20 {
			t.Fatalf("%d of %d events after %d rounds", got.events(), total, round)
		}
		c := connect(t, n.URL())
		start := got.events()
		enough := make(chan struct{})
		var once sync.Once
		worker(t, c, "a", "g", 10, func(sub *esdb.PersistentSubscription, e *esdb.ResolvedEvent, _ int) {
			got.note(e, "")
			if sub.Ack(e) != nil || got.events() >= min(start+70, total) {
				once.Do(func() { close(enough) })
			}
		})
		<-enough
		n.Restart(t)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	again := 0
	for _, times := range got.count {
		again += times - 1
	}
	if again > 5*10 {
		t.Errorf("%d events came again over 5 orderly restarts with 10 in flight", again)
	}
}
