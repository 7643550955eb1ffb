package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
)

// Defaults of Config.
const (
	DefaultPageEvents     = 4096
	DefaultPageBytes      = 16 << 20
	DefaultLinger         = 200 * time.Millisecond
	DefaultRedeliverAfter = 100 * time.Millisecond
	DefaultReconnectMax   = 30 * time.Second
)

// Config says what a Subscriber delivers. The zero Config is usable: it reads
// streams by name, from their beginning.
type Config struct {
	// Resolve says what a topic subscribes to, and behind which place. It is asked
	// once for each Subscribe. Nil: a topic is the name of a stream, from its start.
	Resolve func(ctx context.Context, topic string) (eventstore.SubscribeTo, error)
	// Decode, where set, turns stored events into domain events while the page
	// before is being worked on, and pages hold those alone. An event that cannot be
	// decoded comes by itself, as Page.Broken, after everything before it. What Decode
	// gives must share no bytes with what it was given.
	Decode func(eventstore.Recorded) (event.Event, error)
	// Message makes the message of a page, without its context. It must give the
	// same UUID whenever the same page comes again. Nil: the payload is the page's
	// Coordinates. With PageEvents 1 it can make a message of each event.
	Message func(topic string, p Page) (*message.Message, error)
	// EventsOnly leaves out pages without events, for consumers that keep no
	// checkpoint over what is not for them.
	EventsOnly bool
	// PageEvents and PageBytes (data and metadata) bound a page; one event is
	// delivered whatever its size. As much again is read ahead.
	PageEvents int
	PageBytes  int
	// Linger is how long a page may wait to be filled while the subscription
	// catches up. It delays nothing once the end of the log was reached.
	Linger time.Duration
	// RedeliverAfter is the pause before a page that was refused comes again, so
	// that a failing consumer does not spin.
	RedeliverAfter time.Duration
	// ReconnectMax bounds the pause between attempts to open a broken
	// subscription again; the first one is a hundredth of it.
	ReconnectMax time.Duration
	// Logger gets what goes wrong; nil is slog.Default.
	Logger *slog.Logger
}

// Validate reports what cannot be right.
func (c Config) Validate() error {
	var errs []error
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"PageEvents", int64(c.PageEvents)}, {"PageBytes", int64(c.PageBytes)}, {"Linger", int64(c.Linger)},
		{"RedeliverAfter", int64(c.RedeliverAfter)}, {"ReconnectMax", int64(c.ReconnectMax)},
	} {
		if limit.value < 0 {
			errs = append(errs, fmt.Errorf("bus: %s is negative", limit.name))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	c.PageEvents = orDefault(c.PageEvents, DefaultPageEvents)
	c.PageBytes = orDefault(c.PageBytes, DefaultPageBytes)
	c.Linger = orDefault(c.Linger, DefaultLinger)
	c.RedeliverAfter = orDefault(c.RedeliverAfter, DefaultRedeliverAfter)
	c.ReconnectMax = orDefault(c.ReconnectMax, DefaultReconnectMax)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Message == nil {
		c.Message = coordinates
	}
	if c.Resolve == nil {
		c.Resolve = func(_ context.Context, topic string) (eventstore.SubscribeTo, error) {
			return eventstore.SubscribeTo{Stream: topic}, nil
		}
	}
	return c
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
