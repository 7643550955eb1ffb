package esdbserver

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// parking is what a group keeps of the events that could not be handled. They
// are links in a stream of their own, of which those before first are done with.
type parking struct {
	first, next uint64
	// replaying is behind the last that is being replayed.
	replaying uint64
	// replays are those that are not done with, in order.
	replays []*replay
	// toPark are messages that wait for being stored, in order.
	toPark []parkedMessage
}

// replay is one replay of parked events. Only when all of them are finished or
// parked again are they done with: a crash before that leaves them parked.
type replay struct {
	end  uint64
	open int
}

func (g *group) loadParked(ctx context.Context) error {
	st, err := g.server.state(ctx, g.key.stateStream(parkedSuffix))
	if err != nil {
		return err
	}
	if st.exists {
		g.next = st.last + 1
	}
	g.first = min(st.first, g.next)
	g.replaying = g.first
	return nil
}

type parkedNote struct {
	Added  time.Time `json:"added"`
	Reason string    `json:"reason"`
	// At is the event's revision, or position in a group of $all.
	At uint64 `json:"at"`
}

// park puts a message away behind those that were parked before it; g.mu is held.
// It counts as finished when that is stored, and is sent again if it cannot be.
func (g *group) park(m *message, reason string) {
	if g.stopped != nil {
		return
	}
	g.toPark = append(g.toPark, parkedMessage{m, parkedNote{Added: time.Now().UTC(), Reason: reason, At: m.at}})
	if len(g.toPark) == 1 {
		g.work.Go(g.storeParked)
	}
}

// parkedMessage waits for being stored.
type parkedMessage struct {
	message *message
	note    parkedNote
}

// parkedAtOnce bounds what is stored in one append.
const parkedAtOnce = 100

// storeParked stores what is to be parked, in order, until nothing is left. What is
// being stored stays in the list, so that this runs once.
func (g *group) storeParked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.toPark) > 0 {
		some := g.toPark[:min(len(g.toPark), parkedAtOnce)]
		g.mu.Unlock()
		w, err := g.appendParked(some)
		g.mu.Lock()
		g.toPark = g.toPark[len(some):]
		if err == nil {
			g.next = max(g.next, w.Revision+1)
		} else {
			g.server.log.Warn("persistent subscription could not park events",
				"group", g.key.name, "stream", g.key.stream, "events", len(some), "error", err)
		}
		for _, parked := range some {
			if err == nil {
				g.finish(parked.message)
			} else {
				g.put(parked.message)
			}
		}
		g.dispatch()
	}
}

func (g *group) appendParked(some []parkedMessage) (event.Written, error) {
	links := make([]eventstore.Proposed, len(some))
	for i, parked := range some {
		note, err := json.Marshal(parked.note)
		if err != nil {
			return event.Written{}, err
		}
		links[i] = eventstore.Proposed{ID: uuid.New(), Type: linkType, Data: linkTo(&parked.message.event), Metadata: note}
	}
	return g.server.system.AppendSystem(g.life, g.key.stateStream(parkedSuffix), event.Any, links...)
}

// replayParked sends parked events again, at most limit of them where it is not 0.
func (g *group) replayParked(ctx context.Context, limit int64) error {
	g.mu.Lock()
	from, next := max(g.first, g.replaying), g.next
	g.mu.Unlock()
	if limit > 0 && next-from > uint64(limit) {
		next = from + uint64(limit)
	}
	if from >= next {
		return nil
	}
	r := &replay{end: next}
	var found []*message
	read := eventstore.StreamRead{From: &from, Limit: int(next - from)}
	for e, err := range g.server.store.ReadStream(ctx, g.key.stateStream(parkedSuffix), read) {
		if err != nil {
			return err
		}
		m, err := g.unparked(ctx, &e)
		if err != nil {
			return err
		}
		m.replay = r
		found = append(found, m)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.replaying > from {
		return nil // somebody else was quicker
	}
	g.replaying = next
	r.open = len(found)
	g.replays = append(g.replays, r)
	for _, m := range found {
		g.put(m)
	}
	g.dispatch()
	return nil
}

// unparked reads the event that a link stands for.
func (g *group) unparked(ctx context.Context, link *eventstore.Recorded) (*message, error) {
	stream, revision, ok := linkTarget(link.Data)
	if !ok {
		return nil, fault.New(fault.Corrupt, eventstore.ErrCorrupt.Code,
			"revision %d of stream %s is not a link", link.Revision, link.Stream)
	}
	for e, err := range g.server.store.ReadStream(ctx, stream, eventstore.StreamRead{From: &revision, Limit: 1}) {
		if err != nil {
			return nil, err
		}
		pin, err := g.pin(ctx, &e)
		return &message{event: e, at: g.place(&e), pin: pin}, err
	}
	return nil, fault.New(fault.Corrupt, eventstore.ErrCorrupt.Code,
		"revision %d of stream %s links to revision %d of %s, which is not there", link.Revision, link.Stream, revision, stream)
}

// replayed notes that one event of a replay is finished; g.mu is held. A later
// replay that is finished waits for those before it, since what is done with is
// one place in the stream.
func (g *group) replayed(r *replay) {
	r.open--
	before := g.first
	for len(g.replays) > 0 && g.replays[0].open == 0 {
		g.first = g.replays[0].end
		g.replays = g.replays[1:]
	}
	if g.first == before || g.stopped != nil {
		return
	}
	end := g.first
	g.work.Go(func() {
		if err := g.hideParked(end); err != nil {
			g.server.log.Warn("persistent subscription could not note a replay",
				"group", g.key.name, "stream", g.key.stream, "error", err)
		}
	})
}

// hideParked notes in the store what is done with. Another note may come in
// between; the one that says more stays.
func (g *group) hideParked(before uint64) error {
	stream := g.key.stateStream(parkedSuffix)
	for {
		st, err := g.server.state(g.life, stream)
		if err != nil || st.first >= before {
			return err
		}
		_, err = g.server.setTruncation(g.life, stream, st.meta, before)
		var wrong *event.WrongRevision
		if !errors.As(err, &wrong) {
			return err
		}
	}
}
