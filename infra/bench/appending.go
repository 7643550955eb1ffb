package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"golang.org/x/sync/errgroup"
)

var appending = Benchmark{
	Name: "append",
	About: "Appends to the embedded store, durable before the answer and each with the exact revision that it expects, " +
		"against a bare file that is only appended to, with one fdatasync for all that wait.",
	Defaults: Parameters{Events: 200_000, Repetitions: 5},
	Run: func(ctx context.Context, r *Run) error {
		for _, c := range []struct {
			writers, batch int
			events         int
			goal           float64
		}{
			{writers: 1, batch: 1, events: r.Events / 20, goal: 0.9},
			{writers: 64, batch: 1, events: r.Events, goal: 0.65},
			{writers: 64, batch: 10, events: r.Events, goal: 0.6},
		} {
			work := newAppends(0, c.writers, c.batch, c.events)
			err := r.Compare(ctx, Pair{
				Name: fmt.Sprintf("%d writers × %d events", c.writers, c.batch), Unit: "events/s",
				Subject:  Side{"embedded store", func(ctx context.Context) (Sample, error) { return work.toStore(ctx, r) }},
				Baseline: Side{"bare file", func(ctx context.Context) (Sample, error) { return work.toFile(ctx, r) }},
				Goals:    []Goal{RatioAtLeast(c.goal)},
			})
			if err != nil {
				return err
			}
		}
		return nil
	},
}

// streamEvents is how long a dossier's stream becomes.
const streamEvents = 20

// appends are batches for some writers, made beforehand, so that only their
// appending is measured.
type appends struct {
	series  int
	batches [][][]eventstore.Proposed // by writer
	bare    [][][]byte                // the same as one piece of bytes each
	events  int
}

// newAppends makes appends of about some events. Those of different series have
// other ids and other streams, so that one store takes them all.
func newAppends(series, writers, batch, events int) *appends {
	a := &appends{series: series, batches: make([][][]eventstore.Proposed, writers), bare: make([][][]byte, writers)}
	made := newSamples(uint64(series)<<32 | uint64(writers))
	for range max(1, events/batch/writers) {
		for w := range writers {
			b := made.batch(batch)
			var bytes []byte
			for i := range b {
				bytes = append(append(bytes, b[i].Data...), b[i].Metadata...)
			}
			a.batches[w], a.bare[w] = append(a.batches[w], b), append(a.bare[w], bytes)
			a.events += batch
		}
	}
	return a
}

// drawn are the same batches under ids that follow from nothing, as those of
// commands without an Idempotency-Key do.
func (a *appends) drawn() *appends {
	d := &appends{series: a.series, batches: make([][][]eventstore.Proposed, len(a.batches)), bare: a.bare, events: a.events}
	for w, batches := range a.batches {
		for _, b := range batches {
			b = slices.Clone(b)
			for i := range b {
				b[i].ID[6] = b[i].ID[6]&0x0f | 0x40
			}
			d.batches[w] = append(d.batches[w], b)
		}
	}
	return d
}

// spread has every writer do its pieces one after the other, and all beside
// each other.
func (a *appends) spread(ctx context.Context, write func(ctx context.Context, writer, piece int) error) (Sample, error) {
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for w := range a.batches {
		group.Go(func() error {
			for i := range a.batches[w] {
				if err := write(ctx, w, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Sample{}, err
	}
	return Rate(a.events, time.Since(began)), nil
}

func (a *appends) toStore(ctx context.Context, r *Run) (sample Sample, err error) {
	dir, err := r.Folder("store")
	if err != nil {
		return sample, err
	}
	store, err := embedded.Open(ctx, embedded.Options{Dir: dir})
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, store.Close(), os.RemoveAll(dir)) }()
	return a.toAny(ctx, store)
}

// place is the stream of a writer's piece and the revision that it begins at.
func (a *appends) place(writer, piece int) (stream string, first int) {
	first = piece * len(a.batches[writer][piece])
	return fmt.Sprintf("dossier-%d-%d-%d", a.series, writer, first/streamEvents), first % streamEvents
}

// toAny appends to a store that is open.
func (a *appends) toAny(ctx context.Context, store eventstore.Store) (Sample, error) {
	return a.spread(ctx, func(ctx context.Context, writer, piece int) error {
		stream, at := a.place(writer, piece)
		expected := event.None
		if at > 0 {
			expected = event.Exact(uint64(at - 1))
		}
		_, err := store.Append(ctx, stream, expected, a.batches[writer][piece]...)
		return err
	})
}

func (a *appends) toFile(ctx context.Context, r *Run) (sample Sample, err error) {
	file, err := openBareFile(r.File("bare"))
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, file.remove()) }()
	return a.spread(ctx, func(_ context.Context, writer, piece int) error { return file.append(a.bare[writer][piece]) })
}
