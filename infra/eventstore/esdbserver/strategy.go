package esdbserver

import (
	"encoding/json"
	"hash/fnv"
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
		if c := g.consumers[int(bucket(g.pin(m)))%len(g.consumers)]; c.hasRoom() {
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

// pin is what keeps events together.
func (g *group) pin(m *message) string {
	if g.config.Settings.Strategy == pinnedByCorrelation {
		var meta struct {
			Correlation string `json:"$correlationId"`
		}
		if json.Unmarshal(m.event.Metadata, &meta) == nil && meta.Correlation != "" {
			return meta.Correlation
		}
	}
	return m.event.Stream
}
