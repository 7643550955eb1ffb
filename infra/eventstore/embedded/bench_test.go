package embedded_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/google/uuid"
)

// sample makes an event of about 500 bytes as the ledger writes them.
func sample(n uint64) eventstore.Proposed {
	id := uuid.New()
	return eventstore.Proposed{
		ID:   id,
		Type: "dossier.step-started.v1",
		Data: fmt.Appendf(nil, `{"code":"000.00.01.H01-261123-%04d","step":"appraisal","department":"land-registry",`+
			`"officer":"o-%x","due":"2026-11-%02dT09:30:00Z","sequence":%d,"note":"%x"}`, n%10000, id[:4], 1+n%28, n, id[:]),
		Metadata: fmt.Appendf(nil, `{"occurred_at":"2026-11-23T08:%02d:%02dZ","actor":{"id":"o-%x","role":"officer",`+
			`"agency":"000.00.01.H01","department":"land-registry"},"correlation":"%s","causation":"%s","trace":"%x"}`,
			n%60, n%59, id[4:8], uuid.New(), uuid.New(), id[:]),
	}
}

func payload(events []eventstore.Proposed) (size int) {
	for i := range events {
		size += len(events[i].Data) + len(events[i].Metadata)
	}
	return size
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ writers, batch int }{{1, 1}, {64, 1}, {64, 10}} {
		b.Run(fmt.Sprintf("writers=%d/batch=%d", c.writers, c.batch), func(b *testing.B) {
			s := open(b, embedded.Options{Dir: b.TempDir()})
			defer mustClose(b, s)
			// Events are made beforehand, so that only the store is measured.
			batches := make([][]eventstore.Proposed, b.N)
			for i := range batches {
				for j := range c.batch {
					batches[i] = append(batches[i], sample(uint64(i*c.batch+j)))
				}
			}
			b.SetBytes(int64(payload(batches[0])))
			b.ResetTimer()
			spread(b, c.writers, func(writer, i int) error {
				stream := fmt.Sprintf("dossier-%d-%d", writer, i/(20*c.writers))
				_, err := s.Append(context.Background(), stream, event.Any, batches[i]...)
				return err
			})
			b.ReportMetric(float64(b.N*c.batch)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// spread runs b.N calls on some goroutines.
func spread(b *testing.B, workers int, call func(worker, i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				if err := call(w, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkBareFile is the yardstick of BenchmarkAppend: the same payload
// appended to one file with grouped fdatasync, nothing checked and no index.
func BenchmarkBareFile(b *testing.B) {
	for _, c := range []struct{ writers, batch int }{{1, 1}, {64, 1}, {64, 10}} {
		b.Run(fmt.Sprintf("writers=%d/batch=%d", c.writers, c.batch), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			records := make([][]byte, b.N)
			for i := range records {
				for j := range c.batch {
					e := sample(uint64(i*c.batch + j))
					records[i] = append(append(records[i], e.Data...), e.Metadata...)
				}
			}
			g := newBareFile(f)
			defer g.stop()
			b.SetBytes(int64(len(records[0])))
			b.ResetTimer()
			spread(b, c.writers, func(_, i int) error { return g.append(records[i]) })
			b.ReportMetric(float64(b.N*c.batch)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

type bareWrite struct {
	data []byte
	done chan error
}

type bareFile struct {
	file  *os.File
	queue chan bareWrite
	ended chan struct{}
}

func newBareFile(f *os.File) *bareFile {
	g := &bareFile{file: f, queue: make(chan bareWrite, 1024), ended: make(chan struct{})}
	go g.run()
	return g
}

func (g *bareFile) append(data []byte) error {
	w := bareWrite{data, make(chan error, 1)}
	g.queue <- w
	return <-w.done
}

func (g *bareFile) stop() {
	close(g.queue)
	<-g.ended
}

func (g *bareFile) run() {
	defer close(g.ended)
	var buffer []byte
	for first := range g.queue {
		group := []bareWrite{first}
		buffer = append(buffer[:0], first.data...)
		for more := true; more; {
			select {
			case w := <-g.queue:
				group = append(group, w)
				buffer = append(buffer, w.data...)
			default:
				more = false
			}
		}
		_, err := g.file.Write(buffer)
		if err == nil {
			err = fdatasync(g.file)
		}
		for _, w := range group {
			w.done <- err
		}
	}
}

// filled returns a store with n events in streams of 20, written in turns so
// that a stream's events lie apart.
func filled(b *testing.B, n int) (s *embedded.Store, streams int, size int64) {
	b.Helper()
	dir := b.TempDir()
	s = open(b, embedded.Options{Dir: dir})
	const together = 500
	var bytes atomic.Int64
	var wg sync.WaitGroup
	streams = n / 20
	for w := range 64 {
		wg.Go(func() {
			for first := w * together; first < streams; first += 64 * together {
				for revision := range 20 {
					for stream := first; stream < min(first+together, streams); stream++ {
						e := sample(uint64(stream*20 + revision))
						bytes.Add(int64(len(e.Data) + len(e.Metadata)))
						if _, err := s.Append(context.Background(), streamName(stream), event.Any, e); err != nil {
							b.Error(err)
							return
						}
					}
				}
			}
		})
	}
	wg.Wait()
	mustClose(b, s)
	b.ReportMetric(float64(diskUse(b, dir))/float64(bytes.Load()), "disk/payload")
	return open(b, embedded.Options{Dir: dir}), streams, bytes.Load()
}

func streamName(n int) string { return fmt.Sprintf("dossier-000.00.01.H01-261123-%06d", n) }

func diskUse(b *testing.B, dir string) (size int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

const benchEvents = 1_000_000

func BenchmarkRead(b *testing.B) {
	events := benchEvents
	if testing.Short() {
		events = 100_000
	}
	s, streams, size := filled(b, events)
	defer mustClose(b, s)
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			n := 0
			for _, err := range s.ReadAll(context.Background(), eventstore.AllRead{}) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != streams*20 {
				b.Fatalf("%d events", n)
			}
		}
		b.ReportMetric(float64(b.N*streams*20)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("streams/readers=16", func(b *testing.B) {
		spread(b, 16, func(_, i int) error {
			n := 0
			for _, err := range s.ReadStream(context.Background(), streamName(i*7919%streams), eventstore.StreamRead{}) {
				if err != nil {
					return err
				}
				n++
			}
			if n != 20 {
				return fmt.Errorf("%d events", n)
			}
			return nil
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "streams/s")
	})
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := open(b, embedded.Options{Dir: dir})
	for i := range 200 {
		batch := make([]eventstore.Proposed, 1000)
		for j := range batch {
			batch[j] = sample(uint64(i*1000 + j))
		}
		if _, err := s.Append(context.Background(), fmt.Sprint("s", i), event.Any, batch...); err != nil {
			b.Fatal(err)
		}
	}
	mustClose(b, s)
	for b.Loop() {
		mustClose(b, open(b, embedded.Options{Dir: dir}))
	}
}
