package bus_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/google/uuid"
)

// appender publishes Watermill messages as events: the topic is the stream.
type appender struct {
	store  eventstore.Store
	closed atomic.Bool
}

func (a *appender) Publish(topic string, messages ...*message.Message) error {
	if a.closed.Load() {
		return errors.New("closed")
	}
	for _, m := range messages {
		metadata, err := json.Marshal(m.Metadata)
		if err != nil {
			return err
		}
		_, err = a.store.Append(m.Context(), topic, event.Any, eventstore.Proposed{
			ID: uuid.NewSHA1(uuid.Nil, []byte(topic+m.UUID)), Type: m.UUID, Data: m.Payload, Metadata: metadata,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *appender) Close() error {
	a.closed.Store(true)
	return nil
}

// eachEvent makes a message of each event.
func eachEvent(_ string, p bus.Page) (*message.Message, error) {
	m := message.NewMessage("", nil)
	for _, e := range p.Recorded {
		m.UUID, m.Payload = e.Type, e.Data
		if err := json.Unmarshal(e.Metadata, &m.Metadata); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// TestWatermillsOwnSuite holds the subscriber to the contract of Watermill, with
// a message an event. Consumer groups are not claimed: whoever subscribes gets
// everything, from where it says.
func TestWatermillsOwnSuite(t *testing.T) {
	store := openStore(t)
	construct := func(t *testing.T) (message.Publisher, message.Subscriber) {
		sub, err := bus.NewSubscriber(store, bus.Config{PageEvents: 1, EventsOnly: true, Message: eachEvent, RedeliverAfter: 1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return &appender{store: store}, sub
	}
	features := tests.Features{
		ConsumerGroups: false, ExactlyOnceDelivery: false, GuaranteedOrder: true, Persistent: true,
		NewSubscriberReceivesOldMessages: true, ForceShort: true,
	}
	tests.TestPubSub(t, features, construct, nil)
}
