package esdb

import (
	"context"
	"math"
	"sync"
	"time"

	"dossierledger/infra/eventstore"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

const (
	// checkpointEvery is the default of SubscribeTo.CheckpointEvery.
	checkpointEvery = 1000
	// deliverAhead is how many deliveries wait for the consumer; behind them the
	// connection's own limits hold the server back.
	deliverAhead = 32
)

// Subscribe implements eventstore.Store. The subscription is opened at the server
// in the background: a server that is away is waited for without limit, and what
// it refuses comes from Next.
func (s *Store) Subscribe(ctx context.Context, to eventstore.SubscribeTo) (eventstore.Subscription, error) {
	if err := checkSubscription(to); err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	if to.CheckpointEvery == 0 {
		to.CheckpointEvery = checkpointEvery
	}
	// Lent numbers may change while the subscription runs.
	if to.AfterPosition != nil {
		after := *to.AfterPosition
		to.AfterPosition = &after
	}
	if to.AfterRevision != nil {
		after := *to.AfterRevision
		to.AfterRevision = &after
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	sub := &subscription{store: s, to: to, filter: matcher{filter: to.Filter}, life: life, cancel: cancel,
		deliveries: make(chan eventstore.Delivery, deliverAhead), ended: make(chan struct{})}
	go sub.run()
	return sub, nil
}

type subscription struct {
	store  *Store
	to     eventstore.SubscribeTo
	filter matcher
	// skipped counts the events that were left out here since the last delivery.
	skipped int

	life       context.Context
	cancel     context.CancelFunc
	deliveries chan eventstore.Delivery
	once       sync.Once
	// ended is closed behind the last delivery; broken says why, then.
	ended  chan struct{}
	broken error
}

// Next implements eventstore.Subscription.
func (sub *subscription) Next(ctx context.Context) (eventstore.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return eventstore.Delivery{}, err
	}
	select {
	case <-sub.life.Done():
		return eventstore.Delivery{}, eventstore.ErrClosed
	case <-sub.store.closing:
		return eventstore.Delivery{}, eventstore.ErrClosed
	default:
	}
	select {
	case d := <-sub.deliveries:
		return d, nil
	default:
	}
	select {
	case d := <-sub.deliveries:
		return d, nil
	case <-ctx.Done():
		return eventstore.Delivery{}, ctx.Err()
	case <-sub.life.Done():
		return eventstore.Delivery{}, eventstore.ErrClosed
	case <-sub.store.closing:
		return eventstore.Delivery{}, eventstore.ErrClosed
	case <-sub.ended:
		select {
		case d := <-sub.deliveries:
			return d, nil
		default:
			return eventstore.Delivery{}, sub.broken
		}
	}
}

// Close implements eventstore.Subscription.
func (sub *subscription) Close() error {
	sub.once.Do(sub.cancel)
	return nil
}

// run subscribes, and again behind what was delivered when the connection is lost.
func (sub *subscription) run() {
	defer close(sub.ended)
	pause := pauseMin
	for {
		progress, err := sub.follow()
		switch {
		case sub.life.Err() != nil || sub.store.open(sub.life) != nil:
			sub.broken = eventstore.ErrClosed
			return
		case !transient(err):
			sub.broken = err
			return
		}
		if progress {
			pause = pauseMin
		}
		sub.store.metrics.resumed.Inc()
		sub.store.log.Info("subscription to the event store is opened again", "stream", sub.to.Stream, "error", err)
		select {
		case <-time.After(pause):
		case <-sub.life.Done():
		case <-sub.store.closing:
		}
		pause = min(2*pause, pauseMax)
	}
}

// follow delivers from one connection until it ends.
func (sub *subscription) follow() (progress bool, err error) {
	session, err := sub.store.link.enter()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(sub.life)
	events := make(chan *client.SubscriptionEvent)
	opened := make(chan struct{})
	defer cancel()
	session.following.Add(1)
	go func() {
		defer session.calls.Done()
		defer session.following.Add(-1)
		hand := func(e *client.SubscriptionEvent) bool {
			select {
			case events <- e:
				return true
			case <-ctx.Done():
				return false
			}
		}
		from, err := sub.openAt(ctx, session.client)
		if err != nil {
			hand(&client.SubscriptionEvent{SubscriptionDropped: &client.SubscriptionDropped{Error: err}})
			return
		}
		close(opened)
		defer func() {
			if err := from.Close(); err != nil {
				sub.store.log.Warn("subscription to the event store did not close", "error", err)
			}
		}()
		for {
			e := from.Recv()
			if e.SubscriptionDropped == nil {
				session.heard.Add(1)
			}
			if !hand(e) || e.SubscriptionDropped != nil {
				return
			}
		}
	}()
	waiting := session.wait()
	opening := time.NewTimer(sub.store.timeout)
	defer opening.Stop()
	for {
		select {
		case <-opened:
			opening.Stop()
			opened = nil
		case <-opening.C:
			sub.store.link.vain(waiting)
			return progress, same(ErrTimeout, "the event store did not open a subscription within %v", sub.store.timeout)
		case e := <-events:
			if e.SubscriptionDropped != nil {
				err := translated(ctx, sub.to.Stream, e.SubscriptionDropped.Error)
				if err == nil {
					err = errLost
				}
				sub.store.link.lost(session, err)
				return progress, err
			}
			d, ok, err := sub.delivery(e)
			if err != nil {
				return progress, err
			}
			if ok && !sub.deliver(d) {
				return progress, eventstore.ErrClosed
			}
			progress = progress || ok
		case <-session.gone:
			return progress, errLost
		case <-sub.life.Done():
			return progress, eventstore.ErrClosed
		case <-sub.store.closing:
			return progress, eventstore.ErrClosed
		}
	}
}

func (sub *subscription) openAt(ctx context.Context, c *client.Client) (*client.Subscription, error) {
	if sub.to.Stream != "" {
		opts := client.SubscribeToStreamOptions{From: client.Start{}, RequiresLeader: true}
		if sub.to.AfterRevision != nil {
			opts.From = client.Revision(min(*sub.to.AfterRevision, math.MaxInt64))
		}
		return c.SubscribeToStream(ctx, sub.to.Stream, opts)
	}
	opts := client.SubscribeToAllOptions{From: client.Start{}, RequiresLeader: true, Filter: sub.filter.onServer(),
		MaxSearchWindow: min(sub.to.CheckpointEvery, math.MaxInt32), CheckpointInterval: 1}
	if sub.to.AfterPosition != nil {
		opts.From = client.Position{Commit: *sub.to.AfterPosition, Prepare: *sub.to.AfterPosition}
	}
	return c.SubscribeToAll(ctx, opts)
}

// delivery makes what the client received into what the port delivers, and moves
// the place from which a new connection goes on.
func (sub *subscription) delivery(from *client.SubscriptionEvent) (d eventstore.Delivery, ok bool, err error) {
	switch {
	case from.EventAppeared != nil:
		e, err := recorded(from.EventAppeared)
		if err != nil {
			return d, false, err
		}
		if sub.to.Stream != "" {
			if sub.to.AfterRevision != nil && e.Revision <= *sub.to.AfterRevision {
				return d, false, nil
			}
			sub.to.AfterRevision = &e.Revision
			own := e
			return eventstore.Delivery{Event: &own}, true, nil
		}
		if sub.passed(e.Position) {
			return d, false, nil
		}
		at := e.Position
		sub.to.AfterPosition = &at
		if sub.filter.matches(&e) {
			sub.skipped = 0
			return eventstore.Delivery{Event: &e}, true, nil
		}
		if sub.skipped++; sub.skipped < sub.to.CheckpointEvery {
			return d, false, nil
		}
		sub.skipped = 0
		told := at
		return eventstore.Delivery{Checkpoint: &told}, true, nil
	case from.CheckPointReached != nil:
		at := from.CheckPointReached.Commit
		if sub.passed(at) {
			return d, false, nil
		}
		told := at
		sub.to.AfterPosition = &at
		sub.skipped = 0
		return eventstore.Delivery{Checkpoint: &told}, true, nil
	case from.CaughtUp != nil:
		return eventstore.Delivery{CaughtUp: true}, true, nil
	}
	return d, false, nil
}

// passed says whether a position has been delivered already.
func (sub *subscription) passed(position uint64) bool {
	return sub.to.AfterPosition != nil && position <= *sub.to.AfterPosition
}

func (sub *subscription) deliver(d eventstore.Delivery) bool {
	select {
	case sub.deliveries <- d:
		return true
	case <-sub.life.Done():
		return false
	case <-sub.store.closing:
		return false
	}
}
