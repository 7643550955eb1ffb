package esdbserver

import (
	"context"
	"encoding/json"
	"hash/fnv"

	"dossierledger/infra/eventstore"
)

// The strategies by which a group chooses the subscriber for an event.
const (
	roundRobin          = "RoundRobin"
	dispatchToSingle    = "DispatchToSingle"
	pinnedToStream      = "Pinned"
	pinnedByCorrelation = "PinnedByCorrelation"
)

// buckets are what pinned events are spread over, as in EventStoreDB.
const buckets = 1024

func knownStrategy(name string) bool {
	switch name {
	case roundRobin, dispatchToSingle, pinnedToStream, pinnedByCorrelation:
		return true
	}
	return false
}

func (g *group) pinned() bool {
	return g.config.Settings.Strategy == pinnedToStream || g.config.Settings.Strategy == pinnedByCorrelation
}

func (c *consumer) hasRoom() bool { return c.inFlight < c.slots && c.dropped == nil }

func (g *group) anyRoom() bool {
	for _, c := range g.consumers {
		if c.hasRoom() {
			return true
		}
	}
	return false
}

// choose finds the subscriber for a message, or nil while none may have it.
func (g *group) choose(m *message) *consumer {
	if g.pinned() {
		// Events of one stream go to one subscriber for as long as the subscribers
		// stay the same; when it has no room, they wait for it.
		if c := g.consumers[int(bucket(m.pin))%len(g.consumers)]; c.hasRoom() {
			return c
		}
		return nil
	}
	first := 0
	if g.config.Settings.Strategy != dispatchToSingle {
		first = g.turn
	}
	for i := range g.consumers {
		at := (first + i) % len(g.consumers)
		if c := g.consumers[at]; c.hasRoom() {
			g.turn = at + 1
			return c
		}
	}
	return nil
}

func bucket(pin string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(pin))
	return h.Sum32() % buckets
}

// pin is what keeps events together: the stream that an event is of, also where a
// link stands for it, or the correlation that its metadata names.
func (g *group) pin(ctx context.Context, e *eventstore.Recorded) (string, error) {
	if !g.pinned() {
		return "", nil
	}
	stream, _, linked := linkTarget(e.Data)
	if e.Type != linkType || !linked {
		stream = e.Stream
	}
	if g.config.Settings.Strategy != pinnedByCorrelation {
		return stream, nil
	}
	if g.config.Settings.ResolveLinks {
		r, err := g.server.resolve(ctx, caller{admin: true}, e)
		if err != nil {
			return "", err
		}
		if r.event != nil {
			e = r.event
		}
	}
	var meta struct {
		Correlation string `json:"$correlationId"`
	}
	if json.Unmarshal(e.Metadata, &meta) == nil && meta.Correlation != "" {
		return meta.Correlation, nil
	}
	return stream, nil
}
