package bus_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

func messages(n int) []*message.Message {
	out := make([]*message.Message, n)
	for i := range out {
		out[i] = message.NewMessage(uuid.NewString(), []byte(fmt.Sprint(i)))
		out[i].Metadata.Set("place", fmt.Sprint(i))
	}
	return out
}

func stream(t testing.TB, s eventstore.Store, name string) []eventstore.Recorded {
	t.Helper()
	var events []eventstore.Recorded
	for e, err := range s.ReadStream(t.Context(), name, eventstore.StreamRead{}) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func TestPublishingAgainAddsNothing(t *testing.T) {
	store := openStore(t)
	p := publisher(t, store)
	batch := messages(3)
	for range 2 {
		if err := p.Publish("a", batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Publish("b", batch...); err != nil { // to another topic it is something else
		t.Fatal(err)
	}
	if a, b := len(stream(t, store, "a")), len(stream(t, store, "b")); a != 3 || b != 3 {
		t.Errorf("%d and %d events", a, b)
	}
	if err := p.Publish("a", append(messages(1), batch[0])...); fault.CodeOf(err) != eventstore.ErrIDReused.Code {
		t.Errorf("a part of it with something new: %v", err)
	}
}

func TestOneCallIsAllOrNothing(t *testing.T) {
	store := openStore(t)
	p := publisher(t, store)
	batch := messages(3)
	batch[2].Payload = make([]byte, eventstore.MaxEventSize)
	if err := p.Publish("a", batch...); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("too large: %v", err)
	}
	if err := p.Publish("a"); err != nil {
		t.Errorf("nothing: %v", err)
	}
	if head, ok, err := store.Head(t.Context()); ok || err != nil {
		t.Errorf("something was stored, up to %d (%v)", head, err)
	}
	// Whoever publishes at once keeps each call together.
	var publishing sync.WaitGroup
	for range 8 {
		publishing.Go(func() {
			if err := p.Publish("b", messages(5)...); err != nil {
				t.Error(err)
			}
		})
	}
	publishing.Wait()
	for i, e := range stream(t, store, "b") {
		if string(e.Data) != fmt.Sprint(i%5) {
			t.Fatalf("event %d is %s", i, e.Data)
		}
	}
}

func TestWhatWasPublishedComesBackAndCanBePassedOn(t *testing.T) {
	store := openStore(t)
	p := publisher(t, store)
	sent := messages(1)[0]
	sent.Metadata.Set(bus.MetadataType, "letter.sent.v1")
	if err := p.Publish("a", sent); err != nil {
		t.Fatal(err)
	}
	config := bus.Config{PageEvents: 1, EventsOnly: true, Message: bus.EachEvent}
	incoming, _ := subscribe(t, store, config)
	got, page := next(t, incoming)
	got.Ack()
	if got.UUID != sent.UUID || string(got.Payload) != "0" || got.Metadata.Get("place") != "0" {
		t.Errorf("%s came back as %s %s %v", sent.UUID, got.UUID, got.Payload, got.Metadata)
	}
	if page.Recorded[0].Type != "letter.sent.v1" || got.Metadata.Get(bus.MetadataStream) != "a" || got.Metadata.Get(bus.MetadataRevision) != "0" {
		t.Errorf("%+v, %v", page.Recorded[0], got.Metadata)
	}
	if err := p.Publish("b", got.Copy()); err != nil {
		t.Fatal(err)
	}
	again, page := next(t, incoming)
	again.Ack()
	if again.UUID != sent.UUID || page.Recorded[0].Type != "letter.sent.v1" || again.Metadata.Get(bus.MetadataStream) != "b" {
		t.Errorf("passed on it is %s, %s, %v", again.UUID, page.Recorded[0].Type, again.Metadata)
	}
	// What nobody published has the id of the event, and metadata as it is.
	odd := eventstore.Proposed{ID: uuid.New(), Type: "x.v1", Data: []byte("x"), Metadata: []byte(`{"actor":{"id":"o-1"},"note":"n"}`)}
	if _, err := store.Append(t.Context(), "c", event.Any, odd); err != nil {
		t.Fatal(err)
	}
	plain, _ := next(t, incoming)
	plain.Ack()
	if plain.UUID != odd.ID.String() || plain.Metadata.Get("actor") != `{"id":"o-1"}` || plain.Metadata.Get("note") != "n" {
		t.Errorf("%s %v", plain.UUID, plain.Metadata)
	}
}

func TestAClosedPublisherPublishesNothing(t *testing.T) {
	store := openStore(t)
	p := publisher(t, store)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.Publish("a", messages(1)...); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := bus.NewPublisher(nil); err == nil {
		t.Error("a publisher without a store was made")
	}
}
