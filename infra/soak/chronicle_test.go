package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"dossierledger/infra/eventstore"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
)

// place is where an event is, and of which type it is. Positions are the store's
// own; in EventStoreDB's protocol they are one higher.
type place struct {
	stream             string
	revision, position uint64
	kind               string
}

// seen is an event as a reader was given it.
type seen struct {
	place
	id         uuid.UUID
	recordedAt time.Time // in microseconds, which every interface tells
	content    uint64    // hash of data and metadata
}

// chronicle is a log of events, each once, in order.
type chronicle struct {
	mu      sync.Mutex
	events  []seen
	byID    map[uuid.UUID]int
	next    map[string]uint64 // revision that each stream has next
	doubled []string
	wrong   []string
}

func newChronicle() *chronicle {
	return &chronicle{byID: map[uuid.UUID]int{}, next: map[string]uint64{}}
}

func (c *chronicle) find(id uuid.UUID) (seen, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.byID[id]
	if !ok {
		return seen{}, false
	}
	return c.events[i], true
}

func (c *chronicle) last() (position uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) == 0 {
		return 0, false
	}
	return c.events[len(c.events)-1].position, true
}

func (c *chronicle) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

// add takes the next event. whole says that no position may be left out.
func (c *chronicle) add(e seen, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	complain := func(format string, args ...any) { c.wrong = append(c.wrong, fmt.Sprintf(format, args...)) }
	if n := len(c.events); n > 0 {
		before := c.events[n-1]
		switch {
		case e.position <= before.position:
			complain("position %d comes after %d", e.position, before.position)
		case whole && e.position != before.position+1:
			complain("gap: position %d comes after %d", e.position, before.position)
		case e.recordedAt.Before(before.recordedAt):
			complain("position %d was recorded at %s, %d at %s", e.position, e.recordedAt, before.position, before.recordedAt)
		}
	} else if whole && e.position != 0 {
		complain("gap: the log begins at %d", e.position)
	}
	if want := c.next[e.stream]; e.revision != want {
		complain("%s has revision %d where %d is next", e.stream, e.revision, want)
	}
	c.next[e.stream] = e.revision + 1
	if i, twice := c.byID[e.id]; twice {
		c.doubled = append(c.doubled, fmt.Sprintf("id %s is at %d and at %d", e.id, c.events[i].position, e.position))
	}
	c.byID[e.id] = len(c.events)
	c.events = append(c.events, e)
}

// compare tells where two logs differ.
func (c *chronicle) compare(what string, other *chronicle) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	for i := range min(len(c.events), len(other.events)) {
		a, b := c.events[i], other.events[i]
		if a.place != b.place || a.id != b.id || !a.recordedAt.Equal(b.recordedAt) || a.content != b.content {
			return []string{fmt.Sprintf("%s: event %d is %+v and %+v", what, i, a.place, b.place)}
		}
	}
	if len(c.events) != len(other.events) {
		return []string{fmt.Sprintf("%s: %d events and %d", what, len(c.events), len(other.events))}
	}
	return nil
}

// subscriber follows the events with EventStoreDB's own client, keeps a
// checkpoint, and when its connection is gone begins again behind that. What
// comes between its checkpoint and what it has seen must come again, the same
// and in the same order; everything else exactly once.
type subscriber struct {
	name       string
	connection string
	prefix     string // of the streams that it wants; empty is everything
	every      int    // it saves its checkpoint after so many events
	chronicle  *chronicle

	mu sync.Mutex
	// saved is how many events lie before the checkpoint; at is the place in the
	// log, which may be further on, where the filter let nothing pass.
	saved   int
	at      *esdb.Position
	figures subscriptionFigures
	wrong   []string
	// reached is the place up to which everything was seen.
	reached uint64

	stop context.CancelFunc
	done sync.WaitGroup
}

type subscriptionFigures struct {
	Name   string `json:"name"`
	Events int    `json:"events"`
	// Resumed counts how often it began again at its checkpoint; Redelivered are
	// events that came again because they lie behind the checkpoint.
	Resumed     int `json:"resumed"`
	Redelivered int `json:"redelivered_behind_checkpoint"`
	Gaps        int `json:"gaps"`
	Duplicates  int `json:"duplicates"`
}

func newSubscriber(name, connection, prefix string, every int) *subscriber {
	return &subscriber{name: name, connection: connection, prefix: prefix, every: every, chronicle: newChronicle(), figures: subscriptionFigures{Name: name}}
}

func (s *subscriber) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.done.Go(func() {
		for ctx.Err() == nil {
			s.follow(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

func (s *subscriber) end() {
	s.stop()
	s.done.Wait()
}

// dial makes a client of its own, that looks for the server once: the next one is
// made anyway.
func dial(connection string) (*esdb.Client, error) {
	config, err := esdb.ParseConnectionString(connection)
	if err != nil {
		return nil, err
	}
	config.Logger = esdb.NoopLogging()
	config.MaxDiscoverAttempts, config.DiscoveryInterval, config.GossipTimeout = 1, 50, 10
	config.KeepAliveInterval, config.KeepAliveTimeout = 5*time.Second, 10*time.Second
	return esdb.NewClient(config)
}

func (s *subscriber) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := dial(s.connection)
	if err != nil {
		s.note(func() { s.wrong = append(s.wrong, err.Error()) })
		return
	}
	defer func() { _ = client.Close() }() // its connection may be cut
	options := esdb.SubscribeToAllOptions{From: esdb.Start{}, MaxSearchWindow: 50, CheckpointInterval: 1}
	if s.prefix != "" {
		options.Filter = &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{s.prefix}}
	}
	s.mu.Lock()
	if s.at != nil {
		options.From = *s.at
	}
	cursor := s.saved
	s.mu.Unlock()
	subscription, err := client.SubscribeToAll(ctx, options)
	if err != nil {
		return
	}
	s.note(func() { s.figures.Resumed++ })
	// Recv does not end with the context where the connection hangs.
	context.AfterFunc(ctx, func() { _ = subscription.Close() })
	for ctx.Err() == nil {
		switch e := subscription.Recv(); {
		case e.SubscriptionDropped != nil:
			return
		case e.EventAppeared != nil:
			s.take(recorded(e.EventAppeared), cursor)
			cursor++
		case e.CheckPointReached != nil:
			s.checkpoint(*e.CheckPointReached, cursor)
		}
	}
}

func digest(data, metadata []byte) uint64 {
	h := xxhash.New()
	for _, part := range [][]byte{data, {0}, metadata} {
		_, _ = h.Write(part) // a hash never fails
	}
	return h.Sum64()
}

func recorded(e *esdb.ResolvedEvent) seen {
	r := e.Event
	return seen{
		place: place{stream: r.StreamID, revision: r.EventNumber, position: r.Position.Commit - 1, kind: r.EventType},
		id:    r.EventID, recordedAt: r.CreatedDate.Truncate(time.Microsecond), content: digest(r.Data, r.UserMetadata),
	}
}

// take notes an event that came as the cursor-th.
func (s *subscriber) take(e seen, cursor int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cursor < s.chronicle.size() {
		s.chronicle.mu.Lock()
		known := s.chronicle.events[cursor]
		s.chronicle.mu.Unlock()
		switch {
		case known.place == e.place && known.id == e.id && known.content == e.content:
			s.figures.Redelivered++
		case e.position < known.position:
			s.figures.Duplicates++
			s.wrong = append(s.wrong, fmt.Sprintf("%s: position %d came again, behind its checkpoint %d is next", s.name, e.position, known.position))
		default:
			s.figures.Gaps++
			s.wrong = append(s.wrong, fmt.Sprintf("%s: %+v came where %+v had been", s.name, e.place, known.place))
		}
	} else {
		before := len(s.chronicle.wrong)
		s.chronicle.add(e, s.prefix == "")
		for _, wrong := range s.chronicle.wrong[before:] {
			s.figures.Gaps++
			s.wrong = append(s.wrong, s.name+": "+wrong)
		}
		s.figures.Events++
	}
	s.reached = max(s.reached, e.position)
	if (cursor+1)%s.every == 0 {
		s.saved, s.at = cursor+1, &esdb.Position{Commit: e.position + 1, Prepare: e.position + 1}
	}
}

// checkpoint notes that nothing else comes up to a position.
func (s *subscriber) checkpoint(at esdb.Position, cursor int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached = max(s.reached, at.Commit-min(at.Commit, 1))
	if cursor >= s.chronicle.size() {
		s.saved, s.at = cursor, &at
	}
}

func (s *subscriber) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// waitFor waits until everything up to a position was seen.
func (s *subscriber) waitFor(t *testing.T, position uint64, patience time.Duration) bool {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s.mu.Lock()
		reached, any := s.reached, s.chronicle.size() > 0
		s.mu.Unlock()
		if any && reached >= position {
			return true
		}
		if time.Now().After(deadline) {
			t.Errorf("subscriber %s has come to %d and not to %d, of which somebody was told %s ago", s.name, reached, position, patience)
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// readBack reads the whole log anew, with EventStoreDB's own client.
func readBack(ctx context.Context, connection string) (*chronicle, error) {
	client, err := dial(connection)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	log := newChronicle()
	from, err := client.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.Start{}, Direction: esdb.Forwards}, 1<<62)
	if err != nil {
		return log, err
	}
	defer from.Close()
	for {
		e, err := from.Recv()
		if errors.Is(err, io.EOF) {
			return log, nil
		}
		if err != nil {
			return log, err
		}
		log.add(recorded(e), true)
	}
}

// readStore reads a whole store in this process.
func readStore(ctx context.Context, store eventstore.Store) (*chronicle, error) {
	log := newChronicle()
	for e, err := range store.ReadAll(ctx, eventstore.AllRead{}) {
		if err != nil {
			return log, err
		}
		log.add(seen{
			place: place{stream: e.Stream, revision: e.Revision, position: e.Position, kind: e.Type},
			id:    e.ID, recordedAt: e.RecordedAt.Truncate(time.Microsecond), content: digest(e.Data, e.Metadata),
		}, true)
	}
	return log, nil
}

// own leaves out the store's own events, which a filter by prefix never shows.
func (c *chronicle) own(prefix string) *chronicle {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := newChronicle()
	for _, e := range c.events {
		if strings.HasPrefix(e.stream, prefix) {
			out.add(e, false)
		}
	}
	return out
}

// before gives the part of a log that lies before a position.
func (c *chronicle) before(position uint64) *chronicle {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := newChronicle()
	for _, e := range c.events {
		if e.position < position {
			out.add(e, false)
		}
	}
	return out
}
