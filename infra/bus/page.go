package bus

import (
	"encoding/json"
	"fmt"
	"strconv"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
)

// Page is an ordered, gapless part of what a subscription delivers. Its lists are
// the consumer's until the message is answered: later pages are put into them.
type Page struct {
	// Recorded are the events as the store has them; with Config.Decode there are
	// Events in their place.
	Recorded []eventstore.Recorded
	Events   []event.Event
	// Broken is set in place of events when the next one could not be decoded.
	Broken *Broken
	// Position is that of the last event, or further where what follows was
	// filtered out: everything up to it was delivered or is not for this consumer.
	Position uint64
	// CaughtUp is true when the page holds all that was in the store at the time.
	CaughtUp bool
	// Empty pages that tell only of having caught up may have no position.
	HasPosition bool
}

// Len is how many events a page holds.
func (p Page) Len() int { return len(p.Recorded) + len(p.Events) }

// first is the position of a page's first event, or that of the page.
func (p Page) first() uint64 {
	switch {
	case len(p.Recorded) > 0:
		return p.Recorded[0].Position
	case len(p.Events) > 0:
		return p.Events[0].Position
	}
	return p.Position
}

// Broken is an event that could not be decoded.
type Broken struct {
	Recorded eventstore.Recorded
	Err      error
}

// Error implements error.
func (b *Broken) Error() string {
	return fmt.Sprintf("bus: %s@%d cannot be decoded: %v", b.Recorded.Stream, b.Recorded.Revision, b.Err)
}

// Unwrap gives the cause.
func (b *Broken) Unwrap() error { return b.Err }

// Coordinates is the payload of a page's message, as JSON: enough to read the
// page from the store again.
type Coordinates struct {
	Topic         string `json:"topic"`
	Events        int    `json:"events"`
	FirstPosition uint64 `json:"first_position"`
	// Position is Page.Position.
	Position uint64 `json:"position"`
	CaughtUp bool   `json:"caught_up"`
}

// The metadata of a page's message.
const (
	MetadataTopic    = "topic"
	MetadataEvents   = "events"
	MetadataPosition = "position"
)

type pageKey struct{}

// PageOf gives the page that a message carries. It is false for a message that
// did not come from a Subscriber of this package, or lost its context.
func PageOf(m *message.Message) (Page, bool) {
	page, ok := m.Context().Value(pageKey{}).(Page)
	return page, ok
}

// coordinates makes a message that names the page's place in the log.
func coordinates(topic string, p Page) (*message.Message, error) {
	c := Coordinates{Topic: topic, Events: p.Len(), FirstPosition: p.first(), Position: p.Position, CaughtUp: p.CaughtUp}
	payload, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("bus: coordinates of a page: %w", err)
	}
	m := message.NewMessage(fmt.Sprintf("%s/%d-%d", topic, c.FirstPosition, c.Position), payload)
	m.Metadata.Set(MetadataTopic, topic)
	m.Metadata.Set(MetadataEvents, strconv.Itoa(c.Events))
	m.Metadata.Set(MetadataPosition, strconv.FormatUint(c.Position, 10))
	return m, nil
}
