package embedded

import (
	"context"
	"math"
	"sync"

	"dossierledger/infra/eventstore"
)

// checkpointEvery is the default of SubscribeTo.CheckpointEvery.
const checkpointEvery = 1000

// Subscribe implements eventstore.Store. The context bounds only the opening.
// A subscription has no goroutine and no queue: it reads on from the store
// when Next is called, so that a slow consumer costs nothing and can neither
// hold up writers nor lose events.
func (s *Store) Subscribe(ctx context.Context, to eventstore.SubscribeTo) (eventstore.Subscription, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-s.closing:
		return nil, closedFault()
	default:
	}
	if to.CheckpointEvery < 0 {
		return nil, invalid("a subscription with a checkpoint every %d events", to.CheckpointEvery)
	}
	sub := &subscription{store: s, turn: make(chan struct{}, 1), closed: make(chan struct{})}
	if to.Stream == "" {
		if to.AfterRevision != nil {
			return nil, invalid("a subscription to the whole ledger begins after a position, not a revision")
		}
		sub.source = newAllSource(s, to)
		return sub, nil
	}
	if to.AfterPosition != nil {
		return nil, invalid("a subscription to stream %q begins after a revision, not a position", to.Stream)
	}
	if err := checkStreamRead(to.Stream, eventstore.StreamRead{}); err != nil {
		return nil, err
	}
	sub.source = newStreamSource(s, to)
	return sub, nil
}

// source reads on in a subscription's range.
type source interface {
	// fill returns what comes next below the horizon, in a slice that the next call
	// uses again; a checkpoint that is not nil comes after the events. atEnd says that
	// nothing more is below it.
	fill(ctx context.Context, horizon uint64) (events []eventstore.Recorded, checkpoint *uint64, atEnd bool, err error)
	// join begins to wait at the end for more, leave ends it.
	join() (woken <-chan struct{})
	leave()
}

type allSource struct {
	scan    *allScan
	lookout *lookout
}

func newAllSource(s *Store, to eventstore.SubscribeTo) *allSource {
	scan := newAllScan(s, to.Filter)
	scan.made.lent = to.Lent
	if to.AfterPosition != nil {
		scan.low = min(*to.AfterPosition, math.MaxUint64-1) + 1
	}
	scan.skipMax = to.CheckpointEvery
	if scan.skipMax == 0 {
		scan.skipMax = checkpointEvery
	}
	return &allSource{scan: scan, lookout: newLookout(to.Filter.StreamPrefixes)}
}

func (a *allSource) fill(
	ctx context.Context, horizon uint64,
) (events []eventstore.Recorded, checkpoint *uint64, atEnd bool, err error) {
	a.scan.high = horizon
	if a.scan.done() {
		return nil, nil, true, nil
	}
	events, err = a.scan.chunk(ctx, chunkEventsMax)
	if a.scan.skipped >= a.scan.skipMax {
		a.scan.skipped = 0
		last := a.scan.low - 1
		checkpoint = &last
	}
	return events, checkpoint, a.scan.done(), err
}

func (a *allSource) join() (woken <-chan struct{}) {
	a.lookout.next, a.lookout.left = a.scan.low, a.scan.skipMax-a.scan.skipped
	a.scan.store.watches.lookOut(a.lookout)
	return a.lookout.woken
}

func (a *allSource) leave() {
	a.scan.store.watches.forget(a.lookout)
	a.scan.passBy(a.lookout.next, a.lookout.offset)
}

type streamSource struct {
	scan *streamScan
	at   *watch
}

func newStreamSource(s *Store, to eventstore.SubscribeTo) *streamSource {
	scan := newStreamScan(s, to.Stream)
	scan.made.lent = to.Lent
	if to.AfterRevision != nil {
		scan.from = min(*to.AfterRevision, maxOrdinal-1) + 1
	}
	return &streamSource{scan: scan}
}

func (c *streamSource) fill(
	ctx context.Context, horizon uint64,
) (events []eventstore.Recorded, checkpoint *uint64, atEnd bool, err error) {
	c.scan.horizon, c.scan.ended = horizon, false
	events, err = c.scan.chunk(ctx, chunkEventsMax)
	return events, nil, c.scan.ended, err
}

func (c *streamSource) join() (woken <-chan struct{}) {
	c.at = c.scan.store.watches.join(c.scan.stream)
	return c.at.woken
}

func (c *streamSource) leave() { c.scan.store.watches.leave(c.scan.stream, c.at) }

type subscription struct {
	store  *Store
	source source
	// turn is held by the Next that runs.
	turn   chan struct{}
	once   sync.Once
	closed chan struct{}

	events     []eventstore.Recorded
	checkpoint *uint64
	broken     error
	live       bool
}

// Next implements eventstore.Subscription.
func (sub *subscription) Next(ctx context.Context) (eventstore.Delivery, error) {
	select {
	case sub.turn <- struct{}{}:
	case <-ctx.Done():
		return eventstore.Delivery{}, ctx.Err()
	case <-sub.closed:
		return eventstore.Delivery{}, closedFault()
	}
	defer func() { <-sub.turn }()
	for {
		if err := sub.stopped(ctx); err != nil {
			return eventstore.Delivery{}, err
		}
		if d, ok := sub.pending(); ok {
			return d, nil
		}
		if sub.broken != nil {
			return eventstore.Delivery{}, sub.broken
		}
		horizon := sub.store.next.Load()
		atEnd, err := sub.refill(ctx, horizon)
		if err != nil {
			return eventstore.Delivery{}, err
		}
		if !atEnd {
			sub.live = false
			continue
		}
		if len(sub.events) > 0 || sub.checkpoint != nil || sub.broken != nil {
			continue
		}
		if !sub.live {
			sub.live = true
			return eventstore.Delivery{CaughtUp: true}, nil
		}
		sub.wait(ctx, horizon)
	}
}

func (sub *subscription) stopped(ctx context.Context) error {
	select {
	case <-sub.closed:
		return closedFault()
	case <-sub.store.closing:
		return closedFault()
	default:
		return ctx.Err()
	}
}

func (sub *subscription) pending() (eventstore.Delivery, bool) {
	if len(sub.events) > 0 {
		e := &sub.events[0]
		sub.events = sub.events[1:]
		return eventstore.Delivery{Event: e}, true
	}
	if sub.checkpoint != nil {
		c := sub.checkpoint
		sub.checkpoint = nil
		return eventstore.Delivery{Checkpoint: c}, true
	}
	return eventstore.Delivery{}, false
}

// refill reads the next chunk. An error of this call's context leaves the
// subscription whole; any other is kept and told after the events before it.
func (sub *subscription) refill(ctx context.Context, horizon uint64) (atEnd bool, err error) {
	events, checkpoint, atEnd, err := sub.source.fill(ctx, horizon)
	if err != nil && ctx.Err() != nil && len(events) == 0 {
		return false, ctx.Err()
	}
	sub.events, sub.checkpoint, sub.broken = events, checkpoint, err
	return atEnd || err != nil, nil
}

// wait returns when something may have come behind the horizon, or to stop.
func (sub *subscription) wait(ctx context.Context, horizon uint64) {
	woken := sub.source.join()
	defer sub.source.leave()
	if sub.store.next.Load() != horizon {
		return
	}
	select {
	case <-woken:
	case <-ctx.Done():
	case <-sub.closed:
	case <-sub.store.closing:
	}
}

// Close implements eventstore.Subscription.
func (sub *subscription) Close() error {
	sub.once.Do(func() { close(sub.closed) })
	return nil
}
