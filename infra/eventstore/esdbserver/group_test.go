package esdbserver

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// groupModel drives a group by chance and knows what must hold.
type groupModel struct {
	store     *embedded.Store
	server    *Server
	ctx       context.Context
	key       groupKey
	appended  []uuid.UUID
	finished  map[uuid.UUID]bool
	consumers []*consumer
	held      map[*consumer][]delivery
}

func (m *groupModel) group(t rapid.TB) *group {
	g, err := m.server.groups.find(m.ctx, m.key)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (m *groupModel) append(t rapid.TB, n int) {
	batch := make([]eventstore.Proposed, n)
	for i := range batch {
		batch[i] = eventstore.Proposed{ID: uuid.New(), Type: "a.v1"}
		m.appended = append(m.appended, batch[i].ID)
	}
	if _, err := m.store.Append(m.ctx, m.key.stream, event.Any, batch...); err != nil {
		t.Fatal(err)
	}
}

func (m *groupModel) connect(t rapid.TB, slots int32) *consumer {
	c := newConsumer(m.ctx, slots)
	if err := m.group(t).connect(c); err != nil {
		t.Fatal(err)
	}
	m.consumers = append(m.consumers, c)
	return c
}

// take moves what is queued for a consumer into its hands.
func (m *groupModel) take(t rapid.TB, c *consumer, within time.Duration) {
	ctx, cancel := context.WithTimeout(m.ctx, within)
	defer cancel()
	got, err := m.group(t).take(ctx, c)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	m.held[c] = append(m.held[c], got...)
}

// patience bounds the waits for what must come.
const patience = 2 * time.Minute

// until waits for what must come to hold.
func (m *groupModel) until(t rapid.TB, what string, holds func(*group) bool) {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		g := m.group(t)
		g.mu.Lock()
		held := holds(g)
		g.mu.Unlock()
		if held {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// holds checks what must be true at any moment.
func (m *groupModel) holds(t *rapid.T) {
	g := m.group(t)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.window {
		if !w.done && g.passed != nil && w.at <= *g.passed {
			t.Fatalf("the checkpoint %d has passed %d, which is not finished", *g.passed, w.at)
		}
	}
	for _, c := range g.consumers {
		n := 0
		for _, s := range g.sent {
			if s.to == c {
				n++
			}
		}
		if n != c.inFlight || n > c.slots {
			t.Fatalf("a subscriber with %d places has %d events in flight and counts %d", c.slots, n, c.inFlight)
		}
	}
	for i := 1; i < len(g.waiting); i++ {
		if g.waiting[i].at < g.waiting[i-1].at {
			t.Fatalf("revision %d waits behind %d", g.waiting[i].at, g.waiting[i-1].at)
		}
	}
}

func (m *groupModel) step(t *rapid.T) {
	var c *consumer
	if len(m.consumers) > 0 {
		c = m.consumers[rapid.IntRange(0, len(m.consumers)-1).Draw(t, "consumer")]
	}
	switch op := rapid.IntRange(0, 9).Draw(t, "operation"); {
	case op <= 1:
		m.append(t, rapid.IntRange(1, 5).Draw(t, "events"))
	case op == 2 || c == nil:
		m.connect(t, rapid.Int32Range(1, 4).Draw(t, "slots"))
	case op == 3:
		m.group(t).leave(c)
		delete(m.held, c)
		for i := range m.consumers {
			if m.consumers[i] == c {
				m.consumers = append(m.consumers[:i], m.consumers[i+1:]...)
				break
			}
		}
	case op == 4:
		if err := m.group(t).replayParked(m.ctx, rapid.Int64Range(0, 3).Draw(t, "limit")); err != nil {
			t.Fatal(err)
		}
	case op == 5:
		// The subsystem starts again: subscribers are dropped, acknowledged events
		// behind the checkpoint may come again, nothing else is forgotten.
		if err := m.server.groups.restart(m.ctx); err != nil {
			t.Fatal(err)
		}
		m.consumers, m.held = nil, map[*consumer][]delivery{}
	default:
		m.take(t, c, 2*time.Millisecond)
		for _, got := range m.held[c] {
			id := got.event.ID
			switch rapid.IntRange(0, 4).Draw(t, "answer") {
			case 0, 1:
				m.group(t).ack(c, []uuid.UUID{id})
				m.finished[id] = true
			case 2:
				m.group(t).nack(c, []uuid.UUID{id}, nackSkip, "")
				m.finished[id] = true
			case 3:
				m.group(t).nack(c, []uuid.UUID{id}, nackPark, "later")
			case 4:
				m.group(t).nack(c, []uuid.UUID{id}, nackRetry, "again")
			}
		}
		m.held[c] = nil
	}
	m.holds(t)
}

// drain finishes everything, the parked events too.
func (m *groupModel) drain(t *rapid.T) {
	for _, c := range m.consumers {
		m.group(t).leave(c)
	}
	c := m.connect(t, 100)
	for deadline := time.Now().Add(patience); ; {
		if err := m.group(t).replayParked(m.ctx, 0); err != nil {
			t.Fatal(err)
		}
		m.take(t, c, 5*time.Millisecond)
		for _, got := range m.held[c] {
			m.group(t).ack(c, []uuid.UUID{got.event.ID})
			m.finished[got.event.ID] = true
		}
		m.held[c] = nil
		g := m.group(t)
		g.mu.Lock()
		passed := len(m.appended) == 0 || (g.passed != nil && *g.passed == uint64(len(m.appended)-1))
		empty := g.first == g.next && len(g.sent) == 0 && len(g.waiting) == 0
		g.mu.Unlock()
		if passed && empty {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d events finished, passed %v, parked %d of %d", len(m.finished), len(m.appended), passed, g.first, g.next)
		}
	}
}

// newGroupModel creates a group on the stream "work" of a new store.
func newGroupModel(t rapid.TB, settings groupSettings) *groupModel {
	store, err := embedded.Open(context.Background(), embedded.Options{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	server, err := New(store, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := &groupModel{store: store, server: server, key: groupKey{"work", "g"}, finished: map[uuid.UUID]bool{},
		held: map[*consumer][]delivery{},
		ctx:  context.WithValue(context.Background(), callerKey{}, caller{login: "test", admin: true})}
	if err := server.groups.create(m.ctx, groupConfig{Stream: "work", Group: "g", Start: startBegin, Settings: settings}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *groupModel) close(t rapid.TB) {
	if err := errors.Join(m.server.Close(), m.store.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestAReplayIsSentInItsPlace holds that parked events that are replayed do not
// overtake older ones that are read from the stream again after a restart.
func TestAReplayIsSentInItsPlace(t *testing.T) {
	const events = 8
	m := newGroupModel(t, groupSettings{MaxRetryCount: 2, MinCheckpoint: 1, MaxCheckpoint: 4, HistoryBuffer: 2 * events, Strategy: roundRobin})
	defer m.close(t)
	m.append(t, events)
	c := m.connect(t, events)
	for len(m.held[c]) < events {
		m.take(t, c, patience)
	}
	for _, got := range m.held[c][events-2:] {
		m.group(t).nack(c, []uuid.UUID{got.event.ID}, nackPark, "later")
	}
	m.until(t, "both are parked", func(g *group) bool { return g.next == 2 })
	if err := m.server.groups.restart(m.ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.group(t).replayParked(m.ctx, 0); err != nil {
		t.Fatal(err)
	}
	m.consumers, m.held = nil, map[*consumer][]delivery{}
	c = m.connect(t, 1)
	m.until(t, "the stream is read again", func(g *group) bool { return len(g.window) == events })
	var sent []uint64
	for len(sent) < events+2 {
		m.take(t, c, patience)
		for _, got := range m.held[c] {
			sent = append(sent, got.event.Revision)
			m.group(t).ack(c, []uuid.UUID{got.event.ID})
		}
		m.held[c] = nil
	}
	// The first had gone out before the stream was read. Both come twice: parked,
	// and from the stream, since the checkpoint had not passed them.
	if want := []uint64{6, 0, 1, 2, 3, 4, 5, 6, 7, 7}; !slices.Equal(sent, want) {
		t.Fatalf("sent %v, want %v", sent, want)
	}
}

// TestAGroupFinishesEveryEvent holds that whatever subscribers do, every event is
// finished in the end, and that a checkpoint never passes one that is not.
func TestAGroupFinishesEveryEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newGroupModel(t, groupSettings{MaxRetryCount: 2, MinCheckpoint: 1, MaxCheckpoint: 4, HistoryBuffer: 8,
			Strategy: rapid.SampledFrom([]string{roundRobin, dispatchToSingle, pinnedToStream}).Draw(t, "strategy")})
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			m.step(t)
		}
		m.drain(t)
		for _, id := range m.appended {
			if !m.finished[id] {
				t.Fatalf("event %s was never finished", id)
			}
		}
		m.close(t)
	})
}
