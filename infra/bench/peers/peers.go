package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/bench"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"golang.org/x/sync/errgroup"
)

var peers = bench.Benchmark{
	Name: "peers",
	About: "The embedded store beside NATS JetStream with sync always and PostgreSQL with message-db's write_message: events of about 500 bytes, " +
		"each durable before the answer and appended with the exact revision that it expects; and reading all of them in order.",
	Defaults: bench.Parameters{Events: 100_000, Repetitions: 3},
	Run: func(ctx context.Context, r *bench.Run) error {
		available := []peer{jetStream{}}
		postgres, err := findPostgreSQL()
		if err != nil {
			r.Say("PostgreSQL is left out: %v", err)
		} else {
			available = append(available, postgres)
		}
		for _, p := range available {
			if err := compare(ctx, r, p); err != nil {
				return fmt.Errorf("%s: %w", p.name(), err)
			}
		}
		return nil
	},
}

// peer is a store of events that can be started in a folder of its own.
type peer interface {
	name() string
	// open starts it, for some writers.
	open(ctx context.Context, dir string, writers int) (running, error)
}

// running is a started peer.
type running interface {
	// append stores an event in a stream after a number of earlier ones, durably,
	// or fails where there are more or fewer.
	append(ctx context.Context, writer int, stream string, after int, e eventstore.Proposed) error
	// scan reads all events in order and counts them.
	scan(ctx context.Context) (int, error)
	close() error
}

// streamEvents is how long a stream becomes.
const streamEvents = 20

// compare measures the ledger's store beside one peer.
func compare(ctx context.Context, r *bench.Run, p peer) error {
	ours := ledgerStore{}
	for _, c := range []struct{ writers, share int }{{64, 1}, {1, 20}} {
		events := max(c.writers, r.Events/c.share/c.writers*c.writers)
		// A peer is slower by far: a tenth of the events takes it longer still.
		fewer := max(c.writers, events/10/c.writers*c.writers)
		err := r.Compare(ctx, bench.Pair{
			Name: fmt.Sprintf("%s: %d writers × 1 event", p.name(), c.writers), Unit: "events/s",
			Subject:  bench.Side{Name: ours.name(), Measure: appending(r, ours, c.writers, events)},
			Baseline: bench.Side{Name: p.name(), Measure: appending(r, p, c.writers, fewer)},
			Goals:    goalsFor(c.writers),
		})
		if err != nil {
			return err
		}
	}
	return r.Compare(ctx, bench.Pair{
		Name: p.name() + ": reading everything", Unit: "events/s",
		Subject:  bench.Side{Name: ours.name(), Measure: scanning(r, ours, r.Events)},
		Baseline: bench.Side{Name: p.name(), Measure: scanning(r, p, max(64, r.Events/10))},
	})
}

// goalsFor sets the goal for many writers; a lone one waits for the disk, which
// is the same for all.
func goalsFor(writers int) []bench.Goal {
	if writers == 1 {
		return nil
	}
	return []bench.Goal{bench.RatioAtLeast(12)}
}

// started opens a peer in a new folder of the run and has something done with it.
func started(ctx context.Context, r *bench.Run, p peer, writers int, use func(running) error) (err error) {
	dir, err := r.Folder("peer")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	opened, err := p.open(ctx, dir, writers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close()) }()
	return use(opened)
}

// fill has writers append events beside each other and tells how long it took.
func fill(ctx context.Context, to running, writers, events int) (time.Duration, error) {
	batches := make([][]eventstore.Proposed, writers)
	for w := range batches {
		batches[w] = bench.SampleEvents(uint64(w), events/writers)
	}
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for w, batch := range batches {
		group.Go(func() error {
			for i, e := range batch {
				if err := to.append(ctx, w, fmt.Sprintf("dossier-%d-%d", w, i/streamEvents), i%streamEvents, e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return time.Since(began), err
}

func appending(r *bench.Run, p peer, writers, events int) func(context.Context) (bench.Sample, error) {
	return func(ctx context.Context) (s bench.Sample, err error) {
		err = started(ctx, r, p, writers, func(to running) error {
			took, err := fill(ctx, to, writers, events)
			s = bench.Rate(events/writers*writers, took)
			return err
		})
		return s, err
	}
}

func scanning(r *bench.Run, p peer, events int) func(context.Context) (bench.Sample, error) {
	return func(ctx context.Context) (s bench.Sample, err error) {
		const writers = 64
		err = started(ctx, r, p, writers, func(from running) error {
			if _, err := fill(ctx, from, writers, events); err != nil {
				return err
			}
			began := time.Now()
			n, err := from.scan(ctx)
			s = bench.Rate(n, time.Since(began))
			if want := events / writers * writers; err == nil && n != want {
				err = fmt.Errorf("%d events were read of %d", n, want)
			}
			return err
		})
		return s, err
	}
}

// ledgerStore is the ledger's own store.
type ledgerStore struct{}

func (ledgerStore) name() string { return "embedded store" }

func (ledgerStore) open(ctx context.Context, dir string, _ int) (running, error) {
	store, err := embedded.Open(ctx, embedded.Options{Dir: dir})
	return ledgerRunning{store}, err
}

type ledgerRunning struct{ store *embedded.Store }

func (l ledgerRunning) append(ctx context.Context, _ int, stream string, after int, e eventstore.Proposed) error {
	expected := event.None
	if after > 0 {
		expected = event.Exact(uint64(after - 1))
	}
	_, err := l.store.Append(ctx, stream, expected, e)
	return err
}

func (l ledgerRunning) scan(ctx context.Context) (n int, err error) {
	for _, err := range l.store.ReadAll(ctx, eventstore.AllRead{}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (l ledgerRunning) close() error { return l.store.Close() }
