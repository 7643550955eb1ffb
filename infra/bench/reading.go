package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"golang.org/x/sync/errgroup"
)

var reading = Benchmark{
	Name: "read",
	About: "Reads of the embedded store, whose streams of 20 events were written in turns: everything in order, whole streams at random, and opening it; " +
		"against a bare file that has the same payloads behind each other, read in large pieces and at random places.",
	Defaults: Parameters{Events: 1_000_000, Clients: 16, Repetitions: 5},
	Run: func(ctx context.Context, r *Run) error {
		least := min(r.Events, streamEvents)
		for _, size := range decades(r.Events, least) {
			if err := measureReads(ctx, r, size); err != nil {
				return err
			}
		}
		return nil
	},
}

// readWork is a store and a bare file with the same payloads.
type readWork struct {
	dir string
	// killed has the store's files as they were before it was closed.
	killed  string
	streams int
	bare    *os.File
	// pieces are where the payloads of each stream's events are in the file.
	pieces [][]piece
	// payload is the bytes of data and metadata.
	payload int64
}

type piece struct {
	offset int64
	size   int
}

func measureReads(ctx context.Context, r *Run, size int) (err error) {
	r.Say("%s events are written", thousands(int64(size)))
	began := time.Now()
	work, err := writeForReading(ctx, r, size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.remove()) }()
	events := work.streams * streamEvents
	r.Point("an append, 64 writers", "µs", ExponentAtMost(0.1), events, float64(time.Since(began).Microseconds())/float64(events))
	last := size == r.Events
	store, err := embedded.Open(ctx, embedded.Options{Dir: work.dir})
	if err != nil {
		return err
	}
	scans := Pair{
		Name: "everything, in order", Unit: "events/s",
		Subject:  Side{"embedded store", func(ctx context.Context) (Sample, error) { return work.scan(ctx, store) }},
		Baseline: Side{"bare file", func(context.Context) (Sample, error) { return work.scanBare() }},
		Goals:    []Goal{AtLeast(2_000_000)},
	}
	streams := Pair{
		Name: fmt.Sprintf("streams of %d, %d readers", streamEvents, r.Clients), Unit: "streams/s",
		Subject: Side{"embedded store", func(ctx context.Context) (Sample, error) {
			return work.random(ctx, r.Clients, func(ctx context.Context, n int) error { return work.readStream(ctx, store, n) })
		}},
		Baseline: Side{"bare file", func(ctx context.Context) (Sample, error) { return work.random(ctx, r.Clients, work.readBare) }},
		Goals:    []Goal{AtLeast(15_000)},
	}
	if last {
		err = errors.Join(r.Compare(ctx, scans), r.Compare(ctx, streams))
	}
	grow := func(name, unit string, limit float64, cost func(ctx context.Context) (float64, error)) {
		if err == nil {
			err = r.Grow(ctx, name, unit, ExponentAtMost(limit), events, cost)
		}
	}
	grow("an event of a scan", "ns", 0.1, func(ctx context.Context) (float64, error) {
		s, err := work.scan(ctx, store)
		return 1e9 / s.Value, err
	})
	grow("a stream", "µs", 0.2, func(ctx context.Context) (float64, error) {
		s, err := streams.Subject.Measure(ctx)
		return 1e6 / s.Value, err
	})
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	grow("opening", "ms", 0.3, func(ctx context.Context) (float64, error) {
		s, err := work.open(ctx)
		return 1000 * s.Value, err
	})
	grow("bytes on disk for one of payload", "", 0.1, func(context.Context) (float64, error) { return work.onDisk() })
	if err != nil || !last {
		return err
	}
	err = r.Compare(ctx, Pair{Name: "opening", Unit: "s", Goals: []Goal{AtMost(1)},
		Subject: Side{"embedded store", work.open}})
	if err != nil {
		return err
	}
	err = r.Compare(ctx, Pair{Name: "opening after a kill", Unit: "s", Goals: []Goal{AtMost(1)},
		Subject: Side{"embedded store", func(ctx context.Context) (Sample, error) { return work.openKilled(ctx, r) }}})
	if err != nil {
		return err
	}
	return r.Compare(ctx, Pair{Name: "bytes on disk, of the payload's", Unit: "×", Goals: []Goal{AtMost(1.4)},
		Subject: Side{"embedded store", func(context.Context) (Sample, error) {
			ratio, err := work.onDisk()
			return Sample{Value: ratio}, err
		}}})
}

const (
	readWriters = 64
	// readTogether is how many streams of one writer grow at the same time.
	readTogether = 100
)

func writeForReading(ctx context.Context, r *Run, size int) (w *readWork, err error) {
	w = &readWork{streams: max(1, size/streamEvents)}
	if w.dir, err = r.Folder("store"); err != nil {
		return nil, err
	}
	store, err := embedded.Open(ctx, embedded.Options{Dir: w.dir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if w.bare, err = os.Create(r.File(fmt.Sprint("bare-", size))); err != nil {
		return nil, err
	}
	w.pieces = make([][]piece, w.streams)
	var end atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for writer := range readWriters {
		group.Go(func() error {
			made := newSamples(uint64(writer))
			for first := writer * readTogether; first < w.streams; first += readWriters * readTogether {
				for revision := range streamEvents {
					for stream := first; stream < min(first+readTogether, w.streams); stream++ {
						e := made.next()
						payload := slices.Concat(e.Data, e.Metadata)
						at := end.Add(int64(len(payload))) - int64(len(payload))
						if _, err := w.bare.WriteAt(payload, at); err != nil {
							return err
						}
						w.pieces[stream] = append(w.pieces[stream], piece{at, len(payload)})
						expected := event.None
						if revision > 0 {
							expected = event.Exact(uint64(revision - 1))
						}
						if _, err := store.Append(ctx, readStreamName(stream), expected, e); err != nil {
							return err
						}
					}
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	w.payload = end.Load()
	if w.killed, err = r.Folder("killed"); err != nil {
		return nil, err
	}
	return w, errors.Join(w.bare.Sync(), copyRunning(w.killed, w.dir))
}

// copyRunning copies the files of a store that is open, as a kill leaves them. The
// index may put its tables into others meanwhile; then it is tried again.
func copyRunning(to, from string) (err error) {
	for range 10 {
		if err = os.CopyFS(to, os.DirFS(from)); err == nil {
			return nil
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func readStreamName(n int) string { return fmt.Sprintf("dossier-000.00.01.H01-261123-%06d", n) }

func (w *readWork) remove() error {
	return errors.Join(w.bare.Close(), os.Remove(w.bare.Name()), os.RemoveAll(w.dir), os.RemoveAll(w.killed))
}

func (w *readWork) scan(ctx context.Context, store *embedded.Store) (Sample, error) {
	began, n := time.Now(), 0
	for _, err := range store.ReadAll(ctx, eventstore.AllRead{}) {
		if err != nil {
			return Sample{}, err
		}
		n++
	}
	if want := w.streams * streamEvents; n != want {
		return Sample{}, fmt.Errorf("%d events were read, %d were written", n, want)
	}
	return Rate(n, time.Since(began)), nil
}

// scanBare reads the payloads' bytes; nothing is looked for in them.
func (w *readWork) scanBare() (Sample, error) {
	began, buffer := time.Now(), make([]byte, 256<<10)
	for offset := int64(0); offset < w.payload; {
		n, err := w.bare.ReadAt(buffer[:min(int64(len(buffer)), w.payload-offset)], offset)
		if err != nil {
			return Sample{}, err
		}
		offset += int64(n)
	}
	return Rate(w.streams*streamEvents, time.Since(began)), nil
}

// randomReads is how many streams each reader reads.
const randomReads = 1000

// random has readers read streams at random, beside each other.
func (w *readWork) random(ctx context.Context, readers int, read func(ctx context.Context, stream int) error) (Sample, error) {
	each := min(randomReads, w.streams)
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for reader := range readers {
		group.Go(func() error {
			chance := rand.New(rand.NewPCG(uint64(reader), 0))
			for range each {
				if err := read(ctx, chance.IntN(w.streams)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Sample{}, err
	}
	return Rate(readers*each, time.Since(began)), nil
}

func (w *readWork) readStream(ctx context.Context, store *embedded.Store, stream int) error {
	n := 0
	for _, err := range store.ReadStream(ctx, readStreamName(stream), eventstore.StreamRead{}) {
		if err != nil {
			return err
		}
		n++
	}
	if n != streamEvents {
		return fmt.Errorf("stream %d has %d events, %d were written", stream, n, streamEvents)
	}
	return nil
}

// readBare reads the payloads of a stream's events where they lie.
func (w *readWork) readBare(_ context.Context, stream int) error {
	for _, p := range w.pieces[stream] {
		if _, err := w.bare.ReadAt(make([]byte, p.size), p.offset); err != nil {
			return err
		}
	}
	return nil
}

func (w *readWork) open(ctx context.Context) (Sample, error) { return timeOpening(ctx, w.dir) }

func (w *readWork) openKilled(ctx context.Context, r *Run) (sample Sample, err error) {
	dir, err := r.Folder("killed")
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.CopyFS(dir, os.DirFS(w.killed)); err != nil {
		return sample, err
	}
	return timeOpening(ctx, dir)
}

func timeOpening(ctx context.Context, dir string) (Sample, error) {
	began := time.Now()
	store, err := embedded.Open(ctx, embedded.Options{Dir: dir})
	if err != nil {
		return Sample{}, err
	}
	took := time.Since(began)
	return Seconds(took), store.Close()
}

// onDisk is what the closed store takes, of what data and metadata are.
func (w *readWork) onDisk() (float64, error) {
	size, err := folderBytes(w.dir)
	return float64(size) / float64(w.payload), err
}
