package bus

import (
	"errors"
	"fmt"
	"sync"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/telemetry"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Publisher is a Watermill publisher into an event store: a topic is a stream, a
// message is an event of it, see EachEvent for the way back.
type Publisher struct {
	store eventstore.Store

	mu      sync.RWMutex // held for reading while publishing
	closing bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher into a store, which stays the caller's to close.
func NewPublisher(store eventstore.Store) (*Publisher, error) {
	if store == nil {
		return nil, errors.New("bus: a publisher needs an event store")
	}
	return &Publisher{store: store}, nil
}

// Publish implements message.Publisher. The messages of one call are one append:
// all or none of them, in their order, and durable when it returns; more than the
// store takes in one append is refused with eventstore.ErrTooLarge. The same call
// again adds nothing, so that a publisher that got no answer can repeat it; one
// that repeats only a part together with something new is refused. The context is
// the first message's.
func (p *Publisher) Publish(topic string, messages ...*message.Message) (err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closing {
		return ErrClosed
	}
	if len(messages) == 0 {
		return nil
	}
	events := make([]eventstore.Proposed, len(messages))
	for i, m := range messages {
		if events[i], err = messageEvent(topic, m); err != nil {
			return err
		}
	}
	// A topic may name a dossier, so the span does not tell it.
	ctx, span := tracer.Start(messages[0].Context(), "bus publish", trace.WithAttributes(attribute.Int("ledger.events", len(messages))))
	defer func() { telemetry.End(span, err) }()
	if _, err := p.store.Append(ctx, topic, event.Any, events...); err != nil {
		return fmt.Errorf("bus: publish to %q: %w", topic, err)
	}
	return nil
}

// Close implements message.Publisher. It waits for what is being published.
func (p *Publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	return nil
}
