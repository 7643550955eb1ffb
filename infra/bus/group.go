package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
)

// GroupConfig says what a GroupSubscriber delivers.
type GroupConfig struct {
	// Group names the group; with Resolve it may be empty.
	Group string
	// Resolve says what a topic is. Nil: the stream of that name, shared by Group.
	Resolve func(topic string) eventstore.Group
	// RedeliverAfter is the pause before an event that was refused is given back.
	RedeliverAfter time.Duration
	// ReconnectMax bounds the pause between attempts to join again after the
	// connection broke; the first one is a hundredth of it.
	ReconnectMax time.Duration
	// Logger gets what goes wrong; nil is slog.Default.
	Logger *slog.Logger
}

// GroupSubscriber is a Watermill subscriber for competing consumers: all that
// subscribe to a topic with the same group, in this process or others, share its
// events. A message is one event, see EachEvent, and carries a page of it alone.
//
// Ack is the end of it. Nack gives the event back, for this consumer or another,
// until the group's retries are used up; the store then parks it. Park does so at
// once. Each subscription has one message at a time, and works through events in
// the order in which it is given them; between consumers, and around what is given
// again, there is no order. After a crash what was acknowledged last may come again.
type GroupSubscriber struct {
	groups  eventstore.Groups
	config  GroupConfig
	closing context.Context
	close   context.CancelFunc
	mu      sync.Mutex // orders Subscribe against Close
	running sync.WaitGroup
}

var (
	_ message.Subscriber           = (*GroupSubscriber)(nil)
	_ message.SubscribeInitializer = (*GroupSubscriber)(nil)
)

// NewGroupSubscriber makes a subscriber over a store's groups.
func NewGroupSubscriber(groups eventstore.Groups, config GroupConfig) (*GroupSubscriber, error) {
	if groups == nil {
		return nil, errors.New("bus: a subscriber of a group needs a store that has groups")
	}
	if config.Group == "" && config.Resolve == nil {
		return nil, errors.New("bus: a subscriber of a group needs its name")
	}
	if config.RedeliverAfter < 0 || config.ReconnectMax < 0 {
		return nil, errors.New("bus: a pause is negative")
	}
	config.RedeliverAfter = orDefault(config.RedeliverAfter, DefaultRedeliverAfter)
	config.ReconnectMax = orDefault(config.ReconnectMax, DefaultReconnectMax)
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Resolve == nil {
		name := config.Group
		config.Resolve = func(topic string) eventstore.Group { return eventstore.Group{Name: name, Stream: topic} }
	}
	s := &GroupSubscriber{groups: groups, config: config}
	s.closing, s.close = context.WithCancel(context.Background())
	return s, nil
}

// SubscribeInitialize implements message.SubscribeInitializer: it makes the group.
func (s *GroupSubscriber) SubscribeInitialize(topic string) error {
	if err := s.groups.EnsureGroup(s.closing, s.config.Resolve(topic)); err != nil {
		return fmt.Errorf("bus: topic %q: %w", topic, err)
	}
	return nil
}

// Subscribe implements message.Subscriber; the group is made where it is not
// there. The channel is closed when ctx ends, when the subscriber is closed, or
// when the store is.
func (s *GroupSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if s.closing.Err() != nil {
		return nil, ErrClosed
	}
	group := s.config.Resolve(topic)
	if err := s.groups.EnsureGroup(ctx, group); err != nil {
		return nil, fmt.Errorf("bus: topic %q: %w", topic, err)
	}
	member, err := s.groups.JoinGroup(ctx, group, 1)
	if err != nil {
		return nil, fmt.Errorf("bus: topic %q: %w", topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() != nil {
		return nil, errors.Join(ErrClosed, member.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closing, cancel)
	out := make(chan *message.Message)
	s.running.Go(func() {
		defer close(out)
		defer stop()
		defer cancel()
		s.consume(ctx, topic, group, member, out)
	})
	return out, nil
}

// Close implements message.Subscriber. It waits until every subscription has left
// its group; a message that is being worked on is not waited for, and goes to
// another consumer.
func (s *GroupSubscriber) Close() error {
	s.mu.Lock()
	s.close()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// consume works through what the group gives until ctx ends or the store is
// closed, and joins again when the connection breaks.
func (s *GroupSubscriber) consume(ctx context.Context, topic string, group eventstore.Group, member eventstore.Membership, out chan<- *message.Message) {
	log := s.config.Logger.With("topic", topic, "group", group.Name)
	pause := s.config.ReconnectMax / 100
	for {
		worked, err := s.work(ctx, member, out)
		if closeErr := member.Close(); closeErr != nil {
			log.WarnContext(ctx, "leaving a group", "error", closeErr)
		}
		if worked {
			pause = s.config.ReconnectMax / 100
		}
		for {
			if ctx.Err() != nil || errors.Is(err, eventstore.ErrClosed) {
				return
			}
			log.WarnContext(ctx, "the group is joined again", "error", err, "pause", pause)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, s.config.ReconnectMax)
			if member, err = s.groups.JoinGroup(ctx, group, 1); err == nil {
				break
			}
		}
	}
}

// work delivers the events of one membership until it breaks.
func (s *GroupSubscriber) work(ctx context.Context, member eventstore.Membership, out chan<- *message.Message) (worked bool, err error) {
	for {
		e, err := member.Next(ctx)
		if err != nil {
			return worked, err
		}
		answer, reason, err := s.handOver(ctx, e, out)
		if err != nil {
			return worked, err
		}
		worked = true
		if answer == eventstore.Retry {
			select {
			case <-ctx.Done():
				return worked, ctx.Err()
			case <-time.After(s.config.RedeliverAfter):
			}
		}
		if err := member.Answer(e.ID, answer, reason); err != nil {
			return worked, err
		}
	}
}

// handOver delivers an event once and waits for the answer. One of which no
// message can be made is parked.
func (s *GroupSubscriber) handOver(ctx context.Context, e eventstore.Recorded, out chan<- *message.Message) (eventstore.Answer, string, error) {
	m, err := eventMessage(e)
	if err != nil {
		s.config.Logger.ErrorContext(ctx, "an event cannot be delivered and is parked", "stream", e.Stream, "revision", e.Revision, "error", err)
		return eventstore.Park, err.Error(), nil
	}
	var parked parking
	messageCtx, cancel := context.WithCancel(context.WithValue(ctx, parkingKey{}, &parked))
	defer cancel() // the contract of Watermill: answered messages have an ended context
	m.SetContext(context.WithValue(messageCtx, pageKey{}, Page{Recorded: []eventstore.Recorded{e}}))
	select {
	case out <- m:
	case <-ctx.Done():
		return 0, "", ctx.Err()
	}
	select {
	case <-m.Acked():
		return eventstore.Done, "", nil
	case <-m.Nacked():
		if reason, asked := parked.reason(); asked {
			return eventstore.Park, reason, nil
		}
		return eventstore.Retry, "refused by the consumer", nil
	case <-ctx.Done():
		return 0, "", ctx.Err()
	}
}

type parkingKey struct{}

// parking is where a consumer notes that a message is to be parked.
type parking struct {
	mu  sync.Mutex
	why *string
}

func (p *parking) reason() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == nil {
		return "", false
	}
	return *p.why, true
}

// Park refuses a message of a GroupSubscriber for good: the store puts its event
// aside, with the reason, for a person to look at. It is false, and nothing is
// done, where the message came from elsewhere or was acknowledged before.
func Park(m *message.Message, reason string) bool {
	p, ok := m.Context().Value(parkingKey{}).(*parking)
	if !ok || m.Context().Err() != nil {
		return false
	}
	p.mu.Lock()
	p.why = &reason
	p.mu.Unlock()
	return m.Nack()
}
