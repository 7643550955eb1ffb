package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

var eventStoreDBGrowth = Benchmark{
	Name: "eventstoredb-growth",
	About: "What an event costs over EventStoreDB's protocol as the store below grows, in CPU time of client and server together: " +
		"appended alone by the official client, by the ledger's adapter with ids that were drawn, and read among everything there is by both.",
	Defaults: Parameters{Events: 1_000_000, Clients: 64, Repetitions: 3},
	Run: func(ctx context.Context, r *Run) (err error) {
		n, err := r.startNode(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, n.stop()) }()
		g := &nodeGrowing{node: n, run: r}
		for _, size := range decades(r.Events, min(r.Events, 100)) {
			if err := g.measureAt(ctx, size); err != nil {
				return fmt.Errorf("at %d events: %w", size, err)
			}
		}
		return nil
	},
}

// nodeGrowing is a server of EventStoreDB's protocol whose store grows.
type nodeGrowing struct {
	*node
	run    *Run
	series int // of appends so far
}

// next makes appends that the store does not have yet.
func (g *nodeGrowing) next(writers, batch, events int) *appends {
	g.series++
	return newAppends(g.series, writers, batch, events)
}

// fillTogether is how many events are made before they are appended: so many fit
// into memory easily.
const fillTogether = 50_000

// fill appends to the store itself until there are about so many events, and tells
// how many there are then.
func (g *nodeGrowing) fill(ctx context.Context, size int) (events int, err error) {
	for {
		if events, err = eventsIn(ctx, g.store); err != nil || events >= size {
			return events, err
		}
		if _, err := g.next(readWriters, 10, min(fillTogether, size-events)).toAny(ctx, g.store); err != nil {
			return 0, err
		}
	}
}

// measureAt lets the store grow and measures what an event costs in it.
func (g *nodeGrowing) measureAt(ctx context.Context, size int) error {
	events, err := g.fill(ctx, size)
	if err != nil {
		return err
	}
	if err := atRest(ctx); err != nil {
		return err
	}
	// What is appended is little beside what is there, and reads beside it come to
	// as many events at each size, as far as the largest allows.
	passes := max(1, min(g.run.Events, 1_000_000)/events)
	for _, c := range []struct {
		name string
		read func(ctx context.Context, address string, events, passes int) (Sample, error)
	}{
		{"an event of reading everything, official client", readWithClient},
		{"an event of reading everything, adapter", readThroughAdapter},
	} {
		runtime.GC()
		cost, err := cpuMicros(passes*events, func() error {
			_, err := c.read(ctx, g.at, events, passes)
			return err
		})
		if err != nil {
			return err
		}
		g.run.Point(c.name, "µs of CPU", ExponentAtMost(0.1), events, cost)
	}
	return errors.Join(
		g.appendCost(ctx, "an append, official client", events, func(a *appends) error {
			_, err := a.withClient(ctx, g.at)
			return err
		}),
		g.appendCost(ctx, "an append, adapter, ids that were drawn", events, func(a *appends) error {
			_, err := a.drawn().withAdapter(ctx, g.at)
			return err
		}))
}

// appendCost notes what an append of one event costs.
func (g *nodeGrowing) appendCost(ctx context.Context, name string, size int, write func(*appends) error) error {
	return g.run.Grow(ctx, name, "µs of CPU", ExponentAtMost(0.1), size, func(context.Context) (float64, error) {
		a := g.next(g.run.Clients, 1, min(5000, size/2))
		runtime.GC()
		return cpuMicros(a.events, func() error { return write(a) })
	})
}
