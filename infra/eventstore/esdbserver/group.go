package esdbserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

// group is one persistent subscription: its subscribers share the events of a
// stream, each event goes to one of them until it is acknowledged, skipped or
// parked. Delivery is at least once: what was acknowledged behind the checkpoint
// is delivered again after a crash.
type group struct {
	server *Server
	key    groupKey
	config groupConfig
	filter eventstore.Filter

	life   context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	started bool
	stopped error
	live    bool
	// window holds what was fetched and not passed by the checkpoint, in order.
	window []*message
	// waiting are those that are to be sent, in order.
	waiting []*message
	sent    map[uuid.UUID]*message
	// room is signalled when the window may have become shorter.
	room      chan struct{}
	consumers []*consumer
	turn      int

	progress
	parking
	items, itemsSince int64
}

// message is one event on its way to a subscriber.
type message struct {
	event eventstore.Recorded
	// at is the event's revision, or its position in a group of $all.
	at      uint64
	done    bool
	retries int32
	// pin, where the strategy pins, is what keeps the message with others.
	pin string
	// replay is set for an event that was parked.
	replay *replay
	to     *consumer
	since  time.Time
}

// consumer is one connected subscriber.
type consumer struct {
	id       string
	login    string
	name     string
	from     string
	slots    int
	inFlight int
	items    int64
	queue    []*message
	wake     chan struct{}
	dropped  error
	// times are kept where the group's settings ask for extra statistics.
	times times
}

// historyMax bounds a group's window, whatever a client asks.
const historyMax = 10_000

func newGroup(ctx context.Context, s *Server, config groupConfig) (*group, error) {
	filter, err := config.Filter.made()
	if err != nil {
		return nil, err
	}
	g := &group{server: s, key: groupKey{config.Stream, config.Group}, config: config, filter: filter,
		sent: map[uuid.UUID]*message{}, room: make(chan struct{}, 1)}
	g.life, g.cancel = context.WithCancel(context.Background())
	if err := g.loadProgress(ctx); err != nil {
		return nil, err
	}
	return g, g.loadParked(ctx)
}

// connect adds a subscriber.
func (g *group) connect(c *consumer) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped != nil {
		return g.stopped
	}
	if limit := int(g.config.Settings.MaxSubscribers); limit > 0 && len(g.consumers) >= limit {
		return groupRefusal(codes.FailedPrecondition,
			"Maximum subscriptions reached for subscription group %s on stream %s.", "maximum-subscribers-reached", g.key)
	}
	g.consumers = append(g.consumers, c)
	if !g.started {
		g.started = true
		g.work.Go(g.fetch)
		g.work.Go(g.tend)
	}
	g.dispatch()
	return nil
}

// leave takes a subscriber out; what it had not finished goes to others.
func (g *group) leave(c *consumer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.consumers, c)
	if i < 0 {
		return
	}
	g.consumers = slices.Delete(g.consumers, i, i+1)
	for id, m := range g.sent {
		if m.to == c {
			delete(g.sent, id)
			g.put(m)
		}
	}
	g.dispatch()
}

// put queues a message at its place in order: one that comes back is older than
// those that were not sent yet, and a parked one that is replayed after a restart
// can be newer than what is read from the stream again.
func (g *group) put(m *message) {
	m.to = nil
	i, _ := slices.BinarySearchFunc(g.waiting, m.at, func(w *message, at uint64) int {
		switch {
		case w.at < at:
			return -1
		case w.at > at:
			return 1
		}
		return 0
	})
	g.waiting = slices.Insert(g.waiting, i, m)
}

// dispatch sends what waits to subscribers that have room; g.mu is held.
func (g *group) dispatch() {
	if g.stopped != nil || !g.anyRoom() {
		return
	}
	pinned := g.pinned()
	kept := g.waiting[:0]
	for i, m := range g.waiting {
		if g.sent[m.event.ID] != nil {
			// The event is out already: a parked one can also come from the stream,
			// after a restart. Answers name events, so one waits for the other.
			kept = append(kept, m)
			continue
		}
		c := g.choose(m)
		if c == nil {
			kept = append(kept, m)
			if !pinned || !g.anyRoom() {
				kept = append(kept, g.waiting[i+1:]...)
				break
			}
			continue
		}
		m.to, m.since = c, time.Now()
		g.sent[m.event.ID] = m
		c.inFlight++
		c.items++
		c.queue = append(c.queue, m)
		g.items++
		g.itemsSince++
		signal(c.wake)
	}
	clear(g.waiting[len(kept):])
	g.waiting = kept
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// delivery is a message as it goes to a subscriber now.
type delivery struct {
	event   *eventstore.Recorded
	retries int32
}

// take gives a subscriber what is queued for it, waiting if nothing is.
func (g *group) take(ctx context.Context, c *consumer) ([]delivery, error) {
	for {
		queue, dropped := g.queued(c)
		if dropped != nil {
			return nil, dropped
		}
		if len(queue) > 0 {
			return queue, nil
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (g *group) queued(c *consumer) (queue []delivery, dropped error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range c.queue {
		queue = append(queue, delivery{event: &m.event, retries: m.retries})
	}
	c.queue = nil
	return queue, c.dropped
}

// settled takes an answer of a subscriber to its message; g.mu is held. An answer
// to what is not its own any more has no effect.
func (g *group) settled(c *consumer, id uuid.UUID) *message {
	m := g.sent[id]
	if m == nil || m.to != c {
		return nil
	}
	delete(g.sent, id)
	c.inFlight--
	if g.config.Settings.ExtraStatistics {
		c.times.note(time.Since(m.since))
	}
	return m
}

func (g *group) ack(c *consumer, ids []uuid.UUID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		if m := g.settled(c, id); m != nil {
			g.finish(m)
		}
	}
	g.dispatch()
}

// Answers of a subscriber that could not handle an event.
const (
	nackUnknown = iota
	nackPark
	nackRetry
	nackSkip
	nackStop
)

func (g *group) nack(c *consumer, ids []uuid.UUID, action int, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		m := g.settled(c, id)
		if m == nil {
			continue
		}
		switch action {
		case nackPark:
			g.park(m, "Client explicitly NAK'ed message.\n"+reason)
		case nackSkip:
			g.finish(m)
		case nackStop:
			g.put(m)
			c.dropped = groupRefusal(codes.Canceled, "Subscription group %s on stream %s was dropped.",
				"persistent-subscription-dropped", g.key)
			signal(c.wake)
		default:
			g.retry(m)
		}
	}
	g.dispatch()
}

// retry sends a message again, or parks it when that was done often enough.
func (g *group) retry(m *message) {
	if m.retries >= g.config.Settings.MaxRetryCount {
		g.park(m, fmt.Sprintf("Reached retry count of %d", g.config.Settings.MaxRetryCount))
		return
	}
	m.retries++
	g.put(m)
}

// finish notes that a message needs nothing more.
func (g *group) finish(m *message) {
	m.done = true
	if m.replay != nil {
		g.replayed(m.replay)
		return
	}
	g.advance()
}

// fetch reads the source into the window, no faster than it is worked off.
func (g *group) fetch() {
	pause := 50 * time.Millisecond
	for g.life.Err() == nil {
		err := g.fetchOnce()
		if g.life.Err() != nil {
			return
		}
		g.server.log.Warn("persistent subscription reads again", "group", g.key.name, "stream", g.key.stream, "error", err)
		select {
		case <-time.After(pause):
		case <-g.life.Done():
		}
		pause = min(2*pause, 5*time.Second)
	}
}

func (g *group) fetchOnce() (err error) {
	to := eventstore.SubscribeTo{Filter: g.filter}
	g.mu.Lock()
	after := g.fetched
	g.mu.Unlock()
	if g.key.stream == allStream {
		to.AfterPosition = after
	} else {
		st, err := g.server.state(g.life, g.key.stream)
		if err != nil {
			return err
		}
		to.Stream, to.AfterRevision = g.key.stream, st.from(after)
	}
	sub, err := g.server.store.Subscribe(g.life, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sub.Close()) }()
	for {
		d, err := sub.Next(g.life)
		if err != nil {
			return err
		}
		if err := g.waitRoom(); err != nil {
			return err
		}
		pin := ""
		if d.Event != nil {
			if pin, err = g.pin(g.life, d.Event); err != nil {
				return err
			}
		}
		g.mu.Lock()
		switch {
		case d.Event != nil:
			m := &message{event: *d.Event, at: g.place(d.Event), pin: pin}
			g.fetched = &m.at
			g.window = append(g.window, m)
			if m.event.Type == tombstoneType || g.ownState(m.event.Stream) {
				g.finish(m)
				break
			}
			g.put(m)
			g.dispatch()
		case d.Checkpoint != nil:
			at := *d.Checkpoint
			g.fetched = &at
			g.window = append(g.window, &message{at: at, done: true})
			g.advance()
		case d.CaughtUp:
			g.live = true
		}
		g.mu.Unlock()
	}
}

// ownState keeps a group of $all from the events that groups write themselves,
// which would follow one another without end.
func (g *group) ownState(stream string) bool {
	return g.key.stream == allStream && (hasStatePrefix(stream) || stream == configStream)
}

func (g *group) place(e *eventstore.Recorded) uint64 {
	if g.key.stream == allStream {
		return e.Position
	}
	return e.Revision
}

func (g *group) windowMax() int {
	return int(min(max(g.config.Settings.HistoryBuffer, 1), historyMax))
}

func (g *group) waitRoom() error {
	for {
		g.mu.Lock()
		short := len(g.window) < g.windowMax()
		g.mu.Unlock()
		if short {
			return nil
		}
		select {
		case <-g.room:
		case <-g.life.Done():
			return g.life.Err()
		}
	}
}

// tending is how often timeouts and checkpoints are looked at.
const tending = 100 * time.Millisecond

// tend repeats what was not answered in time and writes checkpoints.
func (g *group) tend() {
	tick := time.NewTicker(tending)
	defer tick.Stop()
	last := time.Now()
	every := max(time.Duration(g.config.Settings.CheckpointAfterMS)*time.Millisecond, tending)
	for {
		select {
		case <-tick.C:
		case <-g.life.Done():
			return
		}
		g.expire()
		timed := time.Since(last) >= every
		if timed {
			last = time.Now()
		}
		if err := g.writeProgress(g.life, func(count int64) bool {
			return count >= int64(max(g.config.Settings.MaxCheckpoint, 1)) ||
				timed && count >= int64(max(g.config.Settings.MinCheckpoint, 1))
		}); err != nil && g.life.Err() == nil {
			g.server.log.Warn("persistent subscription could not write its checkpoint",
				"group", g.key.name, "stream", g.key.stream, "error", err)
		}
	}
}

// expire takes back what was not answered in time.
func (g *group) expire() {
	timeout := time.Duration(g.config.Settings.MessageTimeoutMS) * time.Millisecond
	if timeout <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var late []*message
	for _, m := range g.sent {
		if time.Since(m.since) > timeout {
			late = append(late, m)
		}
	}
	slices.SortFunc(late, func(a, b *message) int { return int(a.since.Sub(b.since)) })
	for _, m := range late {
		delete(g.sent, m.event.ID)
		m.to.inFlight--
		m.to.queue = slices.DeleteFunc(m.to.queue, func(q *message) bool { return q == m })
		g.retry(m)
	}
	if len(late) > 0 {
		g.dispatch()
	}
}

// stop drops the subscribers, ends the work and writes the checkpoint.
func (g *group) stop(ctx context.Context, why error) error {
	g.mu.Lock()
	g.stopped = why
	for _, c := range g.consumers {
		c.dropped = why
		signal(c.wake)
	}
	g.mu.Unlock()
	g.cancel()
	g.work.Wait()
	return g.writeProgress(ctx, func(int64) bool { return true })
}

// appendState writes to one of the group's own streams.
func (g *group) appendState(ctx context.Context, suffix string, e eventstore.Proposed) (event.Written, error) {
	e.ID = uuid.New()
	return g.server.system.AppendSystem(ctx, g.key.stateStream(suffix), event.Any, e)
}
