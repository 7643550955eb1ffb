package bus_test

import (
	"log/slog"
	"testing"

	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

func publisher(t testing.TB, s eventstore.Store) *bus.Publisher {
	t.Helper()
	p, err := bus.NewPublisher(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestWatermillsOwnSuite holds publisher and subscriber to the contract of
// Watermill, with a message an event. Consumer groups are not claimed: whoever
// subscribes gets everything, from where it says.
func TestWatermillsOwnSuite(t *testing.T) {
	store := openStore(t)
	construct := func(t *testing.T) (message.Publisher, message.Subscriber) {
		sub, err := bus.NewSubscriber(store, bus.Config{PageEvents: 1, EventsOnly: true, Message: bus.EachEvent, RedeliverAfter: 1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return publisher(t, store), sub
	}
	features := tests.Features{
		ConsumerGroups: false, ExactlyOnceDelivery: false, GuaranteedOrder: true, Persistent: true,
		NewSubscriberReceivesOldMessages: true, ForceShort: true,
	}
	tests.TestPubSub(t, features, construct, nil)
}
