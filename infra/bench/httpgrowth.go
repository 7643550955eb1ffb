package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
)

var httpGrowth = Benchmark{
	Name: "http-growth",
	About: "What a request over HTTP costs as the ledger grows by histories taken over: the CPU time of clients and ledger together, " +
		"and within what time 99 of 100 are answered. What is received was submitted before the ledger grew and is not remembered; " +
		"timelines are those of dossiers that were asked for before, and of cases that never were.",
	Defaults: Parameters{Events: 1_000_000, Clients: 64, Repetitions: 3},
	Run: func(ctx context.Context, r *Run) (err error) {
		w, err := newHTTPWork(ctx, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		g := &httpGrowing{httpWork: w, requests: min(1000, max(2, r.Events/100)), fill: newFill(r.Events)}
		if g.regulars, err = w.citizens("regular", r.Clients); err != nil {
			return err
		}
		// What is received at the first size.
		if _, err := g.submitted(ctx, g.requests*r.Repetitions); err != nil {
			return err
		}
		for _, size := range decades(r.Events, min(r.Events, 100)) {
			if err := g.measureAt(ctx, size); err != nil {
				return err
			}
		}
		return nil
	},
}

// httpGrowing is a served ledger whose store grows.
type httpGrowing struct {
	*httpWork
	regulars []session
	fill     *fill
	// requests is how many there are in each repetition. They are few, for the
	// ledger grows by them as well.
	requests int
	// asked is how many cases there were when timelines of some were last asked for,
	// and anew how many of the newer ones' were since.
	asked, anew int
}

// submitted hands in dossiers by people who did so before.
func (g *httpGrowing) submitted(ctx context.Context, n int) (Sample, error) {
	return g.submit(ctx, g.regulars, g.agencies, n)
}

// measureAt lets the ledger grow and measures what requests cost on it.
func (g *httpGrowing) measureAt(ctx context.Context, size int) error {
	g.asked, g.anew = g.fill.cases, 0
	// At least as many cases as there are timelines asked for.
	events, err := g.fill.upTo(ctx, g.Ledger, size, g.requests/2*g.run.Repetitions)
	if err != nil {
		return err
	}
	if err := atRest(ctx); err != nil {
		return err
	}
	for _, c := range []struct {
		name     string
		requests int
		prepare  func(ctx context.Context) error
		send     func(ctx context.Context, n int) (Sample, error)
	}{
		{name: "submit", requests: g.requests, send: g.submitted},
		{name: "receive what is not remembered", requests: g.requests, prepare: g.forget, send: g.receiveFirst},
		{name: "timeline asked for before", requests: 5 * g.requests, prepare: g.askBefore, send: g.timelinesAgain},
		{name: "timeline never asked for before", requests: g.requests / 2, send: g.timelinesAnew},
	} {
		if err := g.cost(ctx, events, c.name, c.requests, c.prepare, c.send); err != nil {
			return fmt.Errorf("%s at %d events: %w", c.name, events, err)
		}
	}
	return nil
}

// cost notes what n requests cost each; prepare, where not nil, is not measured.
func (g *httpGrowing) cost(
	ctx context.Context, size int, name string, n int, prepare func(ctx context.Context) error, send func(ctx context.Context, n int) (Sample, error),
) error {
	var costs, times []float64
	for range g.run.Repetitions {
		if prepare != nil {
			if err := prepare(ctx); err != nil {
				return err
			}
		}
		runtime.GC() // what others left behind is not this one's to clear
		var sample Sample
		cost, err := cpuMicros(n, func() (err error) {
			sample, err = send(ctx, n)
			return err
		})
		if err != nil {
			return err
		}
		costs, times = append(costs, cost), append(times, sample.Figures["p99_ms"])
	}
	g.run.Point(name, "µs of CPU", ExponentAtMost(0.1), size, costs...)
	g.run.Point(name+", 99 of 100 within", "ms", ExponentAtMost(0.2), size, times...)
	return nil
}

// forget has the ledger remember as many states of other dossiers as it can.
func (g *httpGrowing) forget(context.Context) error {
	for i := range commands.StatesKept {
		g.Dossiers.States().Share(fmt.Sprint("forgotten-", i), &dossier.State{})
	}
	return nil
}

// timelinesAgain asks for the timelines of dossiers that were submitted last, which
// askBefore has done before.
func (g *httpGrowing) timelinesAgain(ctx context.Context, n int) (Sample, error) {
	return g.timelines(ctx, n, min(g.requests, len(g.codes)))
}

func (g *httpGrowing) askBefore(ctx context.Context) error {
	_, err := g.timelinesAgain(ctx, 5*g.requests)
	return err
}

// timelinesAnew asks for those of cases from all over what came last.
func (g *httpGrowing) timelinesAnew(ctx context.Context, n int) (Sample, error) {
	newer, wanted, first := g.fill.cases-g.asked, n*g.run.Repetitions, g.anew
	g.anew += n
	return load(ctx, g.addr, g.run.Clients, n, func(i int) shot {
		return timelineOf(caseID(g.asked + (first+i)*newer/wanted))
	}, nil)
}
