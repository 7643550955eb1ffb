package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
)

// ErrClosed is the refusal of a subscriber or publisher that was closed.
var ErrClosed = fault.New(fault.Unavailable, "bus.closed", "the subscriber or publisher is closed")

// Subscriber is a Watermill subscriber over an event store. Every Subscribe is a
// subscription of its own: two of one topic both get everything.
type Subscriber struct {
	store   eventstore.Store
	config  Config
	closing context.Context
	close   context.CancelFunc
	mu      sync.Mutex // orders Subscribe against Close
	running sync.WaitGroup
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber makes a subscriber over a store, which stays the caller's to close.
func NewSubscriber(store eventstore.Store, config Config) (*Subscriber, error) {
	if store == nil {
		return nil, errors.New("bus: a subscriber needs an event store")
	}
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Subscriber{store: store, config: config.withDefaults()}
	s.closing, s.close = context.WithCancel(context.Background())
	return s, nil
}

// Subscribe implements message.Subscriber. The channel is closed when ctx ends,
// when the subscriber is closed, or when the store is.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if s.closing.Err() != nil {
		return nil, ErrClosed
	}
	to, err := s.config.Resolve(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("bus: topic %q: %w", topic, err)
	}
	to.Lent = s.config.Decode != nil // of what is decoded, nothing else is kept
	source, err := s.store.Subscribe(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("bus: topic %q: %w", topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() != nil {
		return nil, errors.Join(ErrClosed, source.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closing, cancel)
	out := make(chan *message.Message)
	pages := newBuffer(s.config)
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer close(out)
		defer stop()
		var reading sync.WaitGroup
		reading.Go(func() {
			defer cancel()
			s.read(ctx, topic, source, to, pages)
		})
		s.deliver(ctx, topic, pages, out)
		cancel()
		reading.Wait()
	}()
	return out, nil
}

// Close implements message.Subscriber. It waits until every subscription has
// ended; a message that is being worked on is not waited for, and will come again.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.close()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// read fills the buffer from the store until ctx ends or the store is closed. A
// subscription that breaks is opened again behind what was read.
func (s *Subscriber) read(ctx context.Context, topic string, source eventstore.Subscription, to eventstore.SubscribeTo, pages *buffer) {
	log := s.config.Logger.With("topic", topic)
	pause := s.config.ReconnectMax / 100
	for {
		if source != nil {
			seen, err := s.drain(ctx, source, &to, pages)
			if closeErr := source.Close(); closeErr != nil {
				log.WarnContext(ctx, "closing a subscription", "error", closeErr)
			}
			if ctx.Err() != nil || errors.Is(err, eventstore.ErrClosed) {
				return
			}
			if seen {
				pause = s.config.ReconnectMax / 100
			}
			log.WarnContext(ctx, "the subscription broke and is opened again", "error", err, "pause", pause)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, s.config.ReconnectMax)
		var err error
		if source, err = s.store.Subscribe(ctx, to); err != nil {
			source = nil
			if ctx.Err() != nil || errors.Is(err, eventstore.ErrClosed) {
				return
			}
			log.WarnContext(ctx, "the subscription cannot be opened", "error", err, "pause", pause)
		}
	}
}

// drain moves deliveries into the buffer until one fails, and keeps in `to`
// where to go on.
func (s *Subscriber) drain(ctx context.Context, source eventstore.Subscription, to *eventstore.SubscribeTo, pages *buffer) (seen bool, err error) {
	var after uint64 // the revision or position that was read last
	moved := false
	defer func() {
		switch {
		case moved && to.Stream != "":
			to.AfterRevision = &after
		case moved:
			to.AfterPosition = &after
		}
	}()
	for {
		d, err := source.Next(ctx)
		if err != nil {
			return seen, err
		}
		if err := pages.put(ctx, d); err != nil {
			return seen, err
		}
		seen = true
		switch {
		case d.Event != nil && to.Stream != "":
			after, moved = d.Event.Revision, true
		case d.Event != nil:
			after, moved = d.Event.Position, true
		case d.Checkpoint != nil && to.Stream == "":
			after, moved = *d.Checkpoint, true
		}
	}
}

// deliver hands out pages one at a time until ctx ends.
func (s *Subscriber) deliver(ctx context.Context, topic string, pages *buffer, out chan<- *message.Message) {
	for {
		page, err := pages.take(ctx)
		if err != nil {
			return
		}
		if s.config.EventsOnly && page.Len() == 0 && page.Broken == nil {
			pages.giveBack(page)
			continue
		}
		for {
			acked, err := s.handOver(ctx, topic, page, out)
			if err != nil {
				if ctx.Err() == nil {
					s.config.Logger.ErrorContext(ctx, "a page cannot be delivered", "topic", topic, "error", err)
				}
				return
			}
			if acked {
				pages.giveBack(page)
				break
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(s.config.RedeliverAfter):
			}
		}
	}
}

// handOver delivers a page once and waits for the answer.
func (s *Subscriber) handOver(ctx context.Context, topic string, page Page, out chan<- *message.Message) (acked bool, err error) {
	messageCtx, cancel := context.WithCancel(ctx)
	defer cancel() // the contract of Watermill: answered messages have an ended context
	m, err := s.config.Message(topic, page)
	if err != nil {
		return false, err
	}
	m.SetContext(context.WithValue(messageCtx, pageKey{}, page))
	select {
	case out <- m:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case <-m.Acked():
		return true, nil
	case <-m.Nacked():
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
