package embedded_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/storetest"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

func openImport(t testing.TB, opts embedded.Options) *embedded.Import {
	t.Helper()
	m, err := embedded.OpenImport(t.Context(), opts)
	if err != nil {
		t.Fatalf("open an import: %v", err)
	}
	return m
}

func done(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holds that a log holds these events, and nothing else, at positions from 0.
func holds(t testing.TB, got func(func(eventstore.Recorded, error) bool), want []eventstore.Recorded) {
	t.Helper()
	n := 0
	for e, err := range got {
		if err != nil {
			t.Fatalf("after %d events: %v", n, err)
		}
		if n == len(want) {
			t.Fatalf("there are more than %d events", n)
		}
		w := want[n]
		if e.ID != w.ID || e.Type != w.Type || e.Stream != w.Stream || e.Revision != w.Revision || e.Position != uint64(n) ||
			!e.RecordedAt.Equal(w.RecordedAt) || !bytes.Equal(e.Data, w.Data) || !bytes.Equal(e.Metadata, w.Metadata) {
			t.Fatalf("event %d is %+v, want %+v", n, e, w)
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("%d events, want %d", n, len(want))
	}
}

func TestAnImportIsWhatWasAddedAndThenAnOrdinaryStore(t *testing.T) {
	dir := t.TempDir()
	log := slices.Collect(storetest.Log(1, 3000))
	m := openImport(t, embedded.Options{Dir: dir})
	for batch := range slices.Chunk(log, 700) {
		done(t, m.Add(t.Context(), batch...))
	}
	holds(t, m.ReadAll(t.Context(), eventstore.AllRead{}), log)
	done(t, m.Finish(t.Context()))
	done(t, m.Close())

	s := open(t, embedded.Options{Dir: dir, Now: func() time.Time { return log[len(log)-1].RecordedAt.Add(-time.Hour) }})
	defer mustClose(t, s)
	holds(t, s.ReadAll(t.Context(), eventstore.AllRead{}), log)
	last := log[len(log)-1]
	read := 0
	for e, err := range s.ReadStream(t.Context(), last.Stream, eventstore.StreamRead{}) {
		done(t, err)
		if e.Stream != last.Stream || e.Revision != uint64(read) {
			t.Fatalf("%+v as revision %d", e, read)
		}
		read++
	}
	if uint64(read) != last.Revision+1 {
		t.Errorf("the stream has %d events, want %d", read, last.Revision+1)
	}
	// The first event again is a repetition, and a new one goes behind the last,
	// never before it in time.
	first := eventstore.Proposed{ID: log[0].ID, Type: log[0].Type, Data: log[0].Data, Metadata: log[0].Metadata}
	if w, err := s.Append(t.Context(), log[0].Stream, event.None, first); err != nil || !w.Repeated || w.Position != 0 {
		t.Errorf("the first event again: %+v, %v", w, err)
	}
	w, err := s.Append(t.Context(), last.Stream, event.Exact(last.Revision), eventstore.Proposed{ID: uuid.New(), Type: "a"})
	if err != nil || w.Position != uint64(len(log)) {
		t.Errorf("a new event: %+v, %v", w, err)
	}
	for e, err := range s.ReadAll(t.Context(), eventstore.AllRead{Direction: eventstore.Backwards, Limit: 1}) {
		if err != nil || e.RecordedAt.Before(last.RecordedAt) {
			t.Errorf("recorded at %v after %v, %v", e.RecordedAt, last.RecordedAt, err)
		}
	}
}

func TestAnImportTakesStreamsOfTheStoreAndTimesThatGoBack(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC)
	log := []eventstore.Recorded{
		{ID: uuid.New(), Stream: "a", Type: "t", RecordedAt: at},
		{ID: uuid.New(), Stream: "$$a", Type: "$metadata", Data: []byte(`{"x":1}`), Metadata: []byte("m"), RecordedAt: at.Add(-time.Second)},
		{ID: uuid.New(), Stream: "$state", Type: "t", Data: []byte{0}, RecordedAt: at},
	}
	dir := t.TempDir()
	m := openImport(t, embedded.Options{Dir: dir})
	done(t, m.Add(t.Context(), log...))
	done(t, m.Finish(t.Context()))
	done(t, m.Close())
	s := open(t, embedded.Options{Dir: dir})
	defer mustClose(t, s)
	holds(t, s.ReadAll(t.Context(), eventstore.AllRead{}), log)
	if meta, err := s.Metadata(t.Context(), "a"); err != nil || string(meta.Custom) != `{"x":1}` {
		t.Errorf("%+v, %v", meta, err)
	}
}

func TestWhatDoesNotFitIsRefusedAndTheRestOfItsBatchWithIt(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC)
	of := func(stream string, revision uint64) eventstore.Recorded {
		return eventstore.Recorded{ID: uuid.New(), Stream: stream, Revision: revision, Type: "t", RecordedAt: at}
	}
	first := of("a", 0)
	m := openImport(t, embedded.Options{Dir: t.TempDir()})
	done(t, m.Add(t.Context(), first))
	twin, other, untyped, untimed := of("b", 0), of("b", 0), of("b", 0), of("b", 0)
	twin.ID, untyped.Type, untimed.RecordedAt = first.ID, "", time.Time{}
	for name, c := range map[string]struct {
		batch []eventstore.Recorded
		code  string
	}{
		"a stream that begins late":   {[]eventstore.Recorded{of("new", 0), of("b", 1)}, "eventstore.gap"},
		"a revision left out":         {[]eventstore.Recorded{of("a", 2)}, "eventstore.gap"},
		"a revision twice":            {[]eventstore.Recorded{of("a", 0)}, "eventstore.gap"},
		"an id that is there":         {[]eventstore.Recorded{twin}, eventstore.ErrIDReused.Code},
		"an id twice in one batch":    {[]eventstore.Recorded{other, {ID: other.ID, Stream: "c", Type: "t", RecordedAt: at}}, eventstore.ErrIDReused.Code},
		"no type":                     {[]eventstore.Recorded{untyped}, eventstore.ErrInvalid.Code},
		"a time that cannot be held":  {[]eventstore.Recorded{untimed}, eventstore.ErrInvalid.Code},
		"more data than is allowed":   {[]eventstore.Recorded{{ID: uuid.New(), Stream: "b", Type: "t", RecordedAt: at, Data: make([]byte, eventstore.MaxEventSize+1)}}, eventstore.ErrTooLarge.Code},
		"an id twice in one run of b": {[]eventstore.Recorded{other, {ID: other.ID, Stream: "b", Revision: 1, Type: "t", RecordedAt: at}}, eventstore.ErrInvalid.Code},
	} {
		if err := m.Add(t.Context(), c.batch...); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	second := of("a", 1)
	done(t, m.Add(t.Context(), other, second)) // its id was refused with its batch only
	holds(t, m.ReadAll(t.Context(), eventstore.AllRead{}), []eventstore.Recorded{first, other, second})
	done(t, m.Close())
}

func TestAnUnfinishedImportIsOpenedByAnImportOnly(t *testing.T) {
	dir := t.TempDir()
	log := slices.Collect(storetest.Log(2, 50))
	m := openImport(t, embedded.Options{Dir: dir})
	if m.Unfinished() {
		t.Error("a new import is called unfinished")
	}
	done(t, m.Add(t.Context(), log[:20]...))
	if _, err := embedded.OpenImport(t.Context(), embedded.Options{Dir: dir}); !errors.Is(err, eventstore.ErrLocked) {
		t.Errorf("a second import of the same folder: %v", err)
	}
	done(t, m.Close())
	if s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir}); !errors.Is(err, embedded.ErrUnfinished) {
		t.Fatalf("%v, %v", s, err)
	}
	m = openImport(t, embedded.Options{Dir: dir})
	if !m.Unfinished() {
		t.Error("an import that was broken off is not called unfinished")
	}
	holds(t, m.ReadAll(t.Context(), eventstore.AllRead{}), log[:20])
	done(t, m.Add(t.Context(), log[20:]...))
	done(t, m.Finish(t.Context()))
	done(t, m.Close())
	s := open(t, embedded.Options{Dir: dir})
	holds(t, s.ReadAll(t.Context(), eventstore.AllRead{}), log)
	mustClose(t, s)
}

// The index of an import may reach the disk before the log. A crash then leaves a
// hole in the log before the index's end, and behind the hole nothing is kept.
func TestAHoleBeforeTheEndOfAnImportsIndexIsItsEnd(t *testing.T) {
	dir := t.TempDir()
	log := slices.Collect(storetest.Log(2, 3000))
	m := openImport(t, embedded.Options{Dir: dir}.WithTables(300))
	done(t, m.Add(t.Context(), log...))
	done(t, m.Close())
	done(t, os.Remove(filepath.Join(dir, "SYNCED"))) // as before anything was settled
	segments, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	raw, err := os.ReadFile(segments[0])
	done(t, err)
	at := bytes.Index(raw, log[1000].ID[:])
	copy(raw[at:], make([]byte, 8<<10))
	done(t, os.WriteFile(segments[0], raw, 0o600))

	m = openImport(t, embedded.Options{Dir: dir}.WithTables(300))
	head, _, err := m.Head(t.Context())
	done(t, err)
	// Events that came as one batch go together.
	if there := int(head) + 1; there > 1000 || there < 900 {
		t.Fatalf("%d events are left before a hole at the thousandth", there)
	}
	holds(t, m.ReadAll(t.Context(), eventstore.AllRead{}), log[:head+1])
	done(t, m.Add(t.Context(), log[head+1:]...))
	done(t, m.Finish(t.Context()))
	done(t, m.Close())
	s := open(t, embedded.Options{Dir: dir})
	holds(t, s.ReadAll(t.Context(), eventstore.AllRead{}), log)
	mustClose(t, s)
}

// The disk keeps what was synced and a random part of what was not. What is left
// of an import is a prefix of what was added, with everything that was settled.
func TestACrashedImportIsAPrefixAndKeepsWhatWasSettled(t *testing.T) {
	crashes := 20
	if testing.Short() {
		crashes = 4
	}
	log := slices.Collect(storetest.Log(3, 6000))
	for crash := range crashes {
		seed := rand.Uint64()
		chance := rand.New(rand.NewPCG(seed, 1))
		disk := vfs.NewCrashableMem()
		m := openImport(t, embedded.Options{Dir: "ledger", FS: disk, SegmentBytes: 200 << 10}.WithTables(300))
		added, settled := 0, 0
		for end := 1 + chance.IntN(len(log)-1); added < end; {
			next := min(end, added+1+chance.IntN(400))
			done(t, m.Add(t.Context(), log[added:next]...))
			if added = next; chance.IntN(8) == 0 {
				done(t, m.Settle(t.Context()))
				settled = added
			}
		}
		kept := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: chance.IntN(101), RNG: chance})
		done(t, m.Close())
		m = openImport(t, embedded.Options{Dir: "ledger", FS: kept}.WithTables(300))
		there := 0
		if head, ok, err := m.Head(t.Context()); err != nil {
			t.Fatal(err)
		} else if ok {
			there = int(head) + 1
		}
		if there < settled || there > added {
			t.Fatalf("seed %d: %d events are left of %d, %d were settled", seed, there, added, settled)
		}
		holds(t, m.ReadAll(t.Context(), eventstore.AllRead{}), log[:there])
		done(t, m.Add(t.Context(), log[there:]...))
		done(t, m.Finish(t.Context()))
		done(t, m.Close())
		s := open(t, embedded.Options{Dir: "ledger", FS: kept})
		holds(t, s.ReadAll(t.Context(), eventstore.AllRead{}), log)
		mustClose(t, s)
		t.Logf("crash %d (seed %d): %d added, %d settled, %d left", crash, seed, added, settled, there)
	}
}

func BenchmarkImport(b *testing.B) {
	log := slices.Collect(storetest.Log(1, 200_000))
	for b.Loop() {
		m := openImport(b, embedded.Options{Dir: b.TempDir()})
		for batch := range slices.Chunk(log, 4096) {
			done(b, m.Add(b.Context(), batch...))
		}
		done(b, m.Finish(b.Context()))
		done(b, m.Close())
	}
	b.ReportMetric(float64(b.N*len(log))/b.Elapsed().Seconds(), "events/s")
}
