package esdb

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"dossierledger/infra/eventstore"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

var _ eventstore.Groups = (*Store)(nil)

// EnsureGroup implements eventstore.Groups: a group is a persistent subscription.
// In one of the whole ledger the events of one stream go to one consumer, as long
// as the consumers stay the same. The credentials must be those of an administrator.
func (s *Store) EnsureGroup(ctx context.Context, group eventstore.Group) (err error) {
	if err := checkGroup(group); err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	ctx, end := s.observed(ctx, "ensure-group", group.Stream, 0)
	defer func() { end(err) }()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	_, err = again(ctx, s.link, func() (struct{}, error) {
		return call(ctx, s.link, group.Stream, func(struct{}) {}, func(ctx context.Context, c *client.Client) (struct{}, error) {
			err := s.createGroup(ctx, c, group)
			var known *client.Error
			if errors.As(err, &known) && known.Code() == client.ErrorCodeResourceAlreadyExists {
				err = nil
			}
			return struct{}{}, err
		})
	})
	return err
}

func (s *Store) createGroup(ctx context.Context, c *client.Client, group eventstore.Group) error {
	settings := client.SubscriptionSettingsDefault()
	if group.Retries > 0 {
		settings.MaxRetryCount = int32(min(group.Retries, math.MaxInt32))
	}
	if group.AnswerWithin > 0 {
		settings.MessageTimeout = int32(min(group.AnswerWithin.Milliseconds(), math.MaxInt32))
	}
	if group.Stream != "" {
		return c.CreatePersistentSubscription(ctx, group.Stream, group.Name,
			client.PersistentStreamSubscriptionOptions{Settings: &settings, StartFrom: client.Start{}, Deadline: &s.timeout})
	}
	settings.ConsumerStrategyName = client.ConsumerStrategyPinned
	return c.CreatePersistentSubscriptionToAll(ctx, group.Name, client.PersistentAllSubscriptionOptions{
		Settings: &settings, StartFrom: client.Start{}, Filter: matcher{filter: group.Filter}.onServer(), Deadline: &s.timeout})
}

// checkGroup refuses what the server would understand otherwise.
func checkGroup(group eventstore.Group) error {
	if err := eventstore.CheckName("group name", group.Name, eventstore.MaxStreamName); err != nil {
		return err
	}
	if group.Retries < 0 || group.AnswerWithin < 0 || group.AnswerWithin > 0 && group.AnswerWithin < time.Millisecond {
		return invalid("group %q: %d retries, answers within %v", group.Name, group.Retries, group.AnswerWithin)
	}
	f := group.Filter
	lists := 0
	for _, list := range [][]string{f.StreamPrefixes, f.TypePrefixes} {
		if len(list) > 0 {
			lists++
		}
	}
	if f.StreamPattern != nil || f.TypePattern != nil || lists > 1 || group.Stream != "" && lists > 0 {
		return invalid("group %q: a group has one stream, or one list of prefixes of the whole ledger", group.Name)
	}
	if group.Stream != "" {
		return eventstore.CheckName("stream name", group.Stream, eventstore.MaxStreamName)
	}
	return nil
}

// membership is one consumer of a persistent subscription, on one connection.
type membership struct {
	store   *Store
	group   eventstore.Group
	session *session
	from    *client.PersistentSubscription
	life    context.Context
	cancel  context.CancelFunc
	events  chan *client.PersistentSubscriptionEvent

	mu sync.Mutex // orders answers, and guards waiting
	// waiting are the events that were delivered and not answered for: an answer
	// has to name them as the server does.
	waiting map[uuid.UUID]*client.ResolvedEvent
}

// JoinGroup implements eventstore.Groups.
func (s *Store) JoinGroup(ctx context.Context, group eventstore.Group, ahead int) (_ eventstore.Membership, err error) {
	if err := checkGroup(group); err != nil {
		return nil, err
	}
	if ahead < 1 || ahead > math.MaxInt32 {
		return nil, invalid("group %q: %d events ahead", group.Name, ahead)
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	session, err := s.link.enter()
	if err != nil {
		return nil, err
	}
	m := &membership{store: s, group: group, session: session, events: make(chan *client.PersistentSubscriptionEvent), waiting: map[uuid.UUID]*client.ResolvedEvent{}}
	m.life, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	opened := make(chan error, 1)
	waiting := session.wait()
	go m.receive(uint32(ahead), opened)
	select {
	case err = <-opened:
		if err != nil {
			err = translated(ctx, group.Stream, err)
			s.link.lost(session, err)
		}
	case <-ctx.Done():
		s.link.vain(waiting)
		err = ended(ctx)
	case <-session.gone:
		err = errLost
	case <-s.closing:
		err = eventstore.ErrClosed
	}
	if err != nil {
		m.cancel()
		return nil, err
	}
	return m, nil
}

// receive joins and hands over what comes until the connection or membership
// ends. The client's own Close is not for use while it receives; its context is.
func (m *membership) receive(ahead uint32, opened chan<- error) {
	defer m.session.calls.Done()
	m.session.following.Add(1)
	defer m.session.following.Add(-1)
	options := client.SubscribeToPersistentSubscriptionOptions{BufferSize: ahead}
	var err error
	if m.group.Stream != "" {
		m.from, err = m.session.client.SubscribeToPersistentSubscription(m.life, m.group.Stream, m.group.Name, options)
	} else {
		m.from, err = m.session.client.SubscribeToPersistentSubscriptionToAll(m.life, m.group.Name, options)
	}
	opened <- err
	if err != nil {
		return
	}
	for {
		e := m.from.Recv()
		if e.SubscriptionDropped == nil {
			m.session.heard.Add(1)
		}
		select {
		case m.events <- e:
		case <-m.life.Done():
			return
		}
		if e.SubscriptionDropped != nil {
			return
		}
	}
}

// Next implements eventstore.Membership.
func (m *membership) Next(ctx context.Context) (eventstore.Recorded, error) {
	select {
	case e := <-m.events:
		if e.SubscriptionDropped != nil {
			err := translated(ctx, m.group.Stream, e.SubscriptionDropped.Error)
			if err == nil {
				err = errLost
			}
			m.store.link.lost(m.session, err)
			return eventstore.Recorded{}, err
		}
		got := e.EventAppeared.Event
		recorded, err := recorded(got)
		if err != nil {
			return eventstore.Recorded{}, err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.waiting[recorded.ID] = got
		return recorded, nil
	case <-ctx.Done():
		return eventstore.Recorded{}, ctx.Err()
	case <-m.session.gone:
		return eventstore.Recorded{}, errLost
	case <-m.life.Done():
		return eventstore.Recorded{}, eventstore.ErrClosed
	case <-m.store.closing:
		return eventstore.Recorded{}, eventstore.ErrClosed
	}
}

// Answer implements eventstore.Membership.
func (m *membership) Answer(id uuid.UUID, answer eventstore.Answer, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.waiting[id]
	if e == nil {
		return invalid("event %s is not one that waits for an answer", id)
	}
	delete(m.waiting, id)
	var err error
	switch answer {
	case eventstore.Done:
		err = m.from.Ack(e)
	case eventstore.Retry:
		err = m.from.Nack(reason, client.NackActionRetry, e)
	case eventstore.Park:
		err = m.from.Nack(reason, client.NackActionPark, e)
	default:
		err = invalid("an answer %d", answer)
	}
	if err != nil {
		return translated(m.life, m.group.Stream, err)
	}
	return nil
}

// Close implements eventstore.Membership.
func (m *membership) Close() error {
	m.cancel()
	return nil
}
