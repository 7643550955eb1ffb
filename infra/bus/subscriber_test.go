package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

func openStore(t testing.TB) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(context.Background(), embedded.Options{Dir: t.TempDir()})
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

func appendTo(t testing.TB, s eventstore.Store, stream string, n, size int) {
	t.Helper()
	batch := make([]eventstore.Proposed, n)
	for i := range batch {
		batch[i] = eventstore.Proposed{ID: uuid.New(), Type: "test.v1", Data: make([]byte, size), Metadata: []byte("{}")}
	}
	if _, err := s.Append(context.Background(), stream, event.Any, batch...); err != nil {
		t.Error(err)
	}
}

func everything(context.Context, string) (eventstore.SubscribeTo, error) {
	return eventstore.SubscribeTo{}, nil
}

func subscribe(t testing.TB, s eventstore.Store, config bus.Config) (<-chan *message.Message, *bus.Subscriber) {
	t.Helper()
	if config.Resolve == nil {
		config.Resolve = everything
	}
	config.Logger = slog.New(slog.DiscardHandler)
	sub, err := bus.NewSubscriber(s, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
	})
	messages, err := sub.Subscribe(context.Background(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	return messages, sub
}

func next(t testing.TB, messages <-chan *message.Message) (*message.Message, bus.Page) {
	t.Helper()
	select {
	case m, ok := <-messages:
		if !ok {
			t.Fatal("the channel was closed")
		}
		page, ok := bus.PageOf(m)
		if !ok {
			t.Fatal("a message without a page")
		}
		return m, page
	case <-time.After(2 * time.Minute):
		t.Fatal("no message came")
	}
	return nil, bus.Page{}
}

func TestEveryEventComesOnceAndInOrderWhileWritersWrite(t *testing.T) {
	t.Run("as it is stored", func(t *testing.T) { comesOnceAndInOrder(t, bus.Config{}) })
	t.Run("decoded", func(t *testing.T) {
		comesOnceAndInOrder(t, bus.Config{Decode: func(r eventstore.Recorded) (event.Event, error) {
			return event.Event{Position: r.Position}, nil
		}})
	})
}

// positions are those of a page's events.
func positions(page bus.Page) (all []uint64) {
	for _, e := range page.Recorded {
		all = append(all, e.Position)
	}
	for _, e := range page.Events {
		all = append(all, e.Position)
	}
	return all
}

func comesOnceAndInOrder(t *testing.T, config bus.Config) {
	store := openStore(t)
	appendTo(t, store, "before", 100, 10)
	config.PageEvents, config.PageBytes = 7, 60
	messages, _ := subscribe(t, store, config)
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for range 25 {
				appendTo(t, store, fmt.Sprint("s-", i), 3, 10)
			}
		})
	}
	want := uint64(0)
	for want < 400 {
		m, page := next(t, messages)
		if page.Len() > 5 {
			t.Fatalf("a page of %d events of 12 bytes; at most 60 bytes were asked for", page.Len())
		}
		for _, position := range positions(page) {
			if position != want {
				t.Fatalf("position %d, want %d", position, want)
			}
			want++
		}
		if page.Len() > 0 && page.Position != want-1 {
			t.Fatalf("the page says it ends at %d, but it ends at %d", page.Position, want-1)
		}
		m.Ack()
	}
	writers.Wait()
}

func TestARefusedPageComesAgainAndNothingElseInBetween(t *testing.T) {
	store := openStore(t)
	appendTo(t, store, "a", 5, 10)
	messages, _ := subscribe(t, store, bus.Config{PageEvents: 2, RedeliverAfter: time.Millisecond})
	var seen []uint64
	for len(seen) < 5 {
		var id string
		for attempt := range 3 {
			m, page := next(t, messages)
			if attempt > 0 && m.UUID != id {
				t.Fatalf("after a refusal came %s, want %s again", m.UUID, id)
			}
			id = m.UUID
			if attempt < 2 {
				m.Nack()
				continue
			}
			for _, e := range page.Recorded {
				seen = append(seen, e.Position)
			}
			m.Ack()
			select {
			case <-m.Context().Done():
			case <-time.After(2 * time.Minute):
				t.Fatal("the context of an answered message goes on")
			}
		}
	}
	for i, position := range seen {
		if position != uint64(i) {
			t.Fatalf("seen: %v", seen)
		}
	}
}

func TestAPageIsWhatIsThere(t *testing.T) {
	store := openStore(t)
	appendTo(t, store, "a", 10, 10)
	messages, _ := subscribe(t, store, bus.Config{PageEvents: 8, Linger: time.Hour})
	m, page := next(t, messages)
	if len(page.Recorded) != 8 || page.CaughtUp {
		t.Fatalf("first %d events, caught up %v; want a full page", len(page.Recorded), page.CaughtUp)
	}
	m.Ack()
	// What is left does not wait for more, although there would be an hour.
	m, page = next(t, messages)
	if len(page.Recorded) != 2 || !page.CaughtUp {
		t.Fatalf("then %d events, caught up %v; want the rest", len(page.Recorded), page.CaughtUp)
	}
	var told bus.Coordinates
	if err := json.Unmarshal(m.Payload, &told); err != nil {
		t.Fatal(err)
	}
	if want := (bus.Coordinates{Topic: "topic", Events: 2, FirstPosition: 8, Position: 9, CaughtUp: true}); told != want {
		t.Errorf("the payload says %+v, want %+v", told, want)
	}
	if m.Metadata.Get(bus.MetadataPosition) != "9" || m.Metadata.Get(bus.MetadataEvents) != "2" || m.Metadata.Get(bus.MetadataTopic) != "topic" {
		t.Errorf("metadata %v", m.Metadata)
	}
	// While one is being worked on, the next page grows.
	for range 3 {
		appendTo(t, store, "a", 1, 10)
	}
	time.Sleep(50 * time.Millisecond)
	m.Ack()
	for seen := 0; seen < 3; {
		m, page = next(t, messages)
		seen += len(page.Recorded)
		m.Ack()
	}
}

func TestAFullPageAtTheEndOfTheLogIsFollowedByWordOfIt(t *testing.T) {
	store := openStore(t)
	messages, _ := subscribe(t, store, bus.Config{PageEvents: 2})
	m, _ := next(t, messages)
	m.Ack()
	for range 3 {
		appendTo(t, store, "a", 2, 10)
		// The two may come in one page, which is full, or in two that are not.
		for seen, caughtUp := 0, false; seen < 2 || !caughtUp; {
			m, page := next(t, messages)
			seen, caughtUp = seen+len(page.Recorded), page.CaughtUp
			m.Ack()
			if seen > 2 {
				t.Fatalf("%d events came, 2 were appended", seen)
			}
		}
	}
}

func TestAnEmptyLogTellsOnceThatItIsAllThereIs(t *testing.T) {
	messages, _ := subscribe(t, openStore(t), bus.Config{})
	m, page := next(t, messages)
	if !page.CaughtUp || page.HasPosition || len(page.Recorded) != 0 {
		t.Errorf("%+v", page)
	}
	m.Ack()
	select {
	case <-messages:
		t.Error("it was told twice")
	case <-time.After(50 * time.Millisecond):
	}
}

func TestProgressOverWhatIsFilteredOutIsTold(t *testing.T) {
	store := openStore(t)
	appendTo(t, store, "wanted", 1, 10)
	for range 5 {
		appendTo(t, store, "other", 50, 10)
	}
	messages, _ := subscribe(t, store, bus.Config{Linger: time.Millisecond, Resolve: func(context.Context, string) (eventstore.SubscribeTo, error) {
		return eventstore.SubscribeTo{CheckpointEvery: 100, Filter: eventstore.Filter{StreamPrefixes: []string{"wanted"}}}, nil
	}})
	events := 0
	for position := uint64(0); position < 200; {
		m, page := next(t, messages)
		events += len(page.Recorded)
		if page.HasPosition {
			if page.Position < position {
				t.Fatalf("from %d back to %d", position, page.Position)
			}
			position = page.Position
		}
		m.Ack()
	}
	if events != 1 {
		t.Errorf("%d events, want 1", events)
	}
}

func TestAnEventThatCannotBeDecodedComesAloneAfterThoseBeforeIt(t *testing.T) {
	store := openStore(t)
	for i := range 6 {
		if _, err := store.Append(t.Context(), "a", event.Any, eventstore.Proposed{ID: uuid.New(), Type: "test.v1", Data: fmt.Append(nil, i), Metadata: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	bad := errors.New("bad")
	messages, _ := subscribe(t, store, bus.Config{Decode: func(r eventstore.Recorded) (event.Event, error) {
		if r.Position == 3 {
			return event.Event{}, bad
		}
		return event.Event{ID: r.ID, Position: r.Position}, nil
	}})
	var got []string
	for len(got) < 3 {
		m, page := next(t, messages)
		switch {
		case page.Broken != nil:
			if !errors.Is(page.Broken, bad) || len(page.Events) > 0 {
				t.Errorf("%+v", page)
			}
			got = append(got, fmt.Sprintf("broken %d: %s", page.Broken.Recorded.Position, page.Broken.Recorded.Data))
		case len(page.Events) > 0:
			if len(page.Recorded) > 0 {
				t.Errorf("%d events come as they are stored beside %d decoded", len(page.Recorded), len(page.Events))
			}
			got = append(got, fmt.Sprint(page.Events[0].Position, "-", page.Position))
		}
		m.Ack()
	}
	if fmt.Sprint(got) != "[0-2 broken 3: 3 4-5]" {
		t.Errorf("%v", got)
	}
}

// brittle is a real store whose subscriptions break.
type brittle struct{ eventstore.Store }

func (b brittle) Subscribe(ctx context.Context, to eventstore.SubscribeTo) (eventstore.Subscription, error) {
	if rand.IntN(3) == 0 {
		return nil, errors.New("cannot be opened")
	}
	s, err := b.Store.Subscribe(ctx, to)
	return brittleSubscription{s}, err
}

type brittleSubscription struct{ eventstore.Subscription }

func (b brittleSubscription) Next(ctx context.Context) (eventstore.Delivery, error) {
	if rand.IntN(20) == 0 {
		return eventstore.Delivery{}, errors.New("broke")
	}
	return b.Subscription.Next(ctx)
}

func TestABrokenSubscriptionGoesOnWithoutGapOrDuplicate(t *testing.T) {
	store := openStore(t)
	appendTo(t, store, "a", 300, 10)
	for name, to := range map[string]eventstore.SubscribeTo{"one stream": {Stream: "a"}, "the whole ledger": {}} {
		t.Run(name, func(t *testing.T) {
			config := bus.Config{PageEvents: 9, ReconnectMax: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
				Resolve: func(context.Context, string) (eventstore.SubscribeTo, error) { return to, nil }}
			sub, err := bus.NewSubscriber(brittle{store}, config)
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Close()
			var messages <-chan *message.Message
			for messages == nil {
				messages, _ = sub.Subscribe(context.Background(), "topic") // that it fails is the point
			}
			for want := uint64(0); want < 300; {
				m, page := next(t, messages)
				for _, e := range page.Recorded {
					if e.Revision != want {
						t.Fatalf("revision %d, want %d", e.Revision, want)
					}
					want++
				}
				m.Ack()
			}
		})
	}
}

func TestWhatIsClosedEnds(t *testing.T) {
	store := openStore(t)
	appendTo(t, store, "a", 5, 10)
	messages, sub := subscribe(t, store, bus.Config{PageEvents: 1})
	next(t, messages) // and never answered
	closed := make(chan error, 2)
	for range 2 {
		go func() { closed <- sub.Close() }()
	}
	for range 2 {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
	if _, ok := <-messages; ok {
		t.Error("a message came after closing")
	}
	if _, err := sub.Subscribe(t.Context(), "topic"); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("subscribing to a closed subscriber: %v", err)
	}
}

func TestASubscriptionEndsWithItsContextAndWithTheStore(t *testing.T) {
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := bus.NewSubscriber(store, bus.Config{Resolve: everything, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first, err := sub.Subscribe(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	second, err := sub.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := next(t, second)
	m.Ack()
	cancel()
	drain(t, first)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	drain(t, second)
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
}

func drain(t *testing.T, messages <-chan *message.Message) {
	t.Helper()
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				return
			}
			m.Ack()
		case <-time.After(2 * time.Minute):
			t.Fatal("the channel stays open")
		}
	}
}

func TestAWrongConfigurationIsRefused(t *testing.T) {
	if _, err := bus.NewSubscriber(nil, bus.Config{}); err == nil {
		t.Error("a subscriber without a store was made")
	}
	if _, err := bus.NewSubscriber(openStore(t), bus.Config{PageEvents: -1}); err == nil {
		t.Error("pages of -1 events were taken")
	}
}
