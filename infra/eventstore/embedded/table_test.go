package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"weak"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// written is a batch and where it is.
type written struct {
	stream string
	batch  []eventstore.Proposed
	at     event.Written
}

// appended appends batches to streams of which every third is new.
func appended(t *testing.T, s *Store, batches int, id func() uuid.UUID) (all []written) {
	t.Helper()
	for i := range batches {
		w := written{stream: fmt.Sprint("s-", uuid.NewString()), batch: make([]eventstore.Proposed, 1+i%4)}
		if i%3 != 0 {
			w.stream = all[i*i%len(all)].stream
		}
		for j := range w.batch {
			w.batch[j] = eventstore.Proposed{ID: id(), Type: "a.v1", Data: fmt.Append(nil, i, j)}
		}
		var err error
		if w.at, err = s.Append(t.Context(), w.stream, event.Any, w.batch...); err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

// holdIDs holds that a store knows every id and where it is, and streams that are
// there from those that are not.
func holdIDs(t *testing.T, s *Store, all []written, id func() uuid.UUID) {
	t.Helper()
	for i, w := range all {
		again, err := s.Append(t.Context(), w.stream, event.Any, w.batch...)
		if err != nil || !again.Repeated || again.Position != w.at.Position || again.Revision != w.at.Revision {
			t.Fatalf("batch %d of %d again: %+v, %v; it was %+v", i, len(all), again, err, w.at)
		}
		_, err = s.Append(t.Context(), "elsewhere", event.Any, w.batch[len(w.batch)-1])
		if used, ok := errors.AsType[*eventstore.IDReused](err); !ok || used.Stream != w.stream || used.Revision != w.at.Revision {
			t.Fatalf("an id of batch %d elsewhere: %v", i, err)
		}
		var wrong *event.WrongRevision
		if _, err = s.Append(t.Context(), w.stream, event.None, eventstore.Proposed{ID: id(), Type: "a.v1"}); !errors.As(err, &wrong) || !wrong.Exists {
			t.Fatalf("the stream of batch %d as a new one: %v", i, err)
		}
		if _, err = s.Append(t.Context(), w.stream+"-", event.Exists, eventstore.Proposed{ID: id(), Type: "a.v1"}); !errors.As(err, &wrong) || wrong.Exists {
			t.Fatalf("a stream that is not there: %v", err)
		}
	}
}

// given tables of few events, so that they are put together many times, then every
// id and every stream is known: at once, after closing, after a crash at which
// nothing or a part was in tables, and with ids that all have one fingerprint.
func TestEveryIDIsKnownWhereverTheIndexHasIt(t *testing.T) {
	for _, events := range []uint64{3, 40, 1 << 17} {
		for _, same := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d events a table, the same fingerprint: %t", events, same), func(t *testing.T) {
				disk := vfs.NewCrashableMem()
				opts := Options{Dir: "ledger", FS: disk, SegmentBytes: 20_000, tableEvents: events}
				s := opens(t, opts)
				id, batches := uuid.New, 160
				if same {
					batches = 14
					log := s.events.id
					id = func() uuid.UUID {
						id := uuid.New()
						copy(id[:8], log[:8])
						return id
					}
					if a, b := s.index.fingers.id(id()), s.index.fingers.id(id()); a != b {
						t.Fatalf("fingerprints %d and %d", a, b)
					}
				}
				all := appended(t, s, batches/2, id)
				holdIDs(t, s, all, id)
				closeStore(t, s)
				s = opens(t, opts)
				all = append(all, appended(t, s, batches/2, id)...)
				holdIDs(t, s, all, id)
				opts.FS = disk.CrashClone(vfs.CrashCloneCfg{})
				closeStore(t, s)
				holdTables(t, s)
				for range 2 {
					s = opens(t, opts)
					opts.Reading = true // the second one
					if why := s.Opening().IndexMadeAgain; why != "" {
						t.Fatalf("the index was made again: %s", why)
					}
					holdIDs(t, s, all, id)
					closeStore(t, s)
				}
				if err := opts.FS.RemoveAll("ledger/" + indexName); err != nil {
					t.Fatal(err)
				}
				s = opens(t, opts)
				holdIDs(t, s, all, id)
				closeStore(t, s)
				holdTables(t, s)
			})
		}
	}
}

// holdTables holds that a closed store's tables are few, and have every position.
func holdTables(t *testing.T, s *Store) {
	t.Helper()
	l := *s.index.tables.Load()
	if next := s.next.Load(); l.tabled() != next {
		t.Errorf("the tables end before position %d, the log before %d", l.tabled(), next)
	}
	perLevel := map[int]int{}
	for i, table := range l {
		if i > 0 && table.first != l[i-1].next || i == 0 && table.first != 0 {
			t.Errorf("table %d begins at position %d", i, table.first)
		}
		perLevel[table.level(s.tableEvents)]++
	}
	for level, n := range perLevel {
		if n >= mergeTables && level < mergeLevels {
			t.Errorf("%d tables of level %d", n, level)
		}
	}
}

// Tables that are put together while ids are looked for are looked into again.
func TestALookUpDoesNotMissWhatIsBeingPutTogether(t *testing.T) {
	s := opens(t, Options{Dir: "ledger", FS: vfs.NewMem()})
	defer closeStore(t, s)
	x := s.index
	x.tableEvents = 16
	id := func(n uint64) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n)) }
	var ready, ended = make(chan uint64, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for known := range ready {
			for n := range known {
				if at, err := x.positions(x.fingers.id(id(n))); err != nil || !slices.Contains(at, n) {
					t.Errorf("position %d is said to be at %v, %v", n, at, err)
					return
				}
			}
		}
	}()
	pending := sightings{}
	for n := range uint64(4000) {
		pending.add(x.fingers.id(id(n)), n)
		if pending.next-pending.first < x.tableEvents {
			continue
		}
		if err := x.keep(pending, nil); err != nil {
			t.Fatal(err)
		}
		pending = sightings{first: n + 1}
		select {
		case ready <- n:
		default:
		}
	}
	close(ready)
	<-ended
}

// Of tables that were put together nothing stays in memory: what a long import
// holds does not grow with all the tables that there ever were.
func TestNothingHoldsTablesThatArePutTogether(t *testing.T) {
	s := opens(t, Options{Dir: "ledger", FS: vfs.NewMem()})
	defer closeStore(t, s)
	x := s.index
	x.tableEvents = 16
	seen := map[weak.Pointer[table]]bool{}
	pending := sightings{}
	for n := range uint64(2000) {
		pending.add(x.fingers.id(uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n))), n)
		if pending.next-pending.first < x.tableEvents {
			continue
		}
		if err := x.keep(pending, nil); err != nil {
			t.Fatal(err)
		}
		for _, table := range *x.tables.Load() {
			seen[weak.Make(table)] = true
		}
		pending = sightings{first: n + 1}
	}
	runtime.GC()
	held := 0
	for table := range seen {
		if table.Value() != nil {
			held++
		}
	}
	if now := len(*x.tables.Load()); held > now || len(seen) <= now {
		t.Errorf("%d of %d tables are held, and %d are in use", held, len(seen), now)
	}
}

// What a crash leaves of a table that was not finished is gone at the next opening,
// and what is broken off when the store is closed at once.
func TestUnfinishedTablesAreRemoved(t *testing.T) {
	opts := Options{Dir: "ledger", FS: vfs.NewMem(), tableEvents: 8}
	s := opens(t, opts)
	appended(t, s, 20, uuid.New)
	closeStore(t, s)
	s = opens(t, opts)
	x := s.index
	chunks := func() (n int) {
		it, err := x.family(familyTable)
		if err != nil {
			t.Fatal(err)
		}
		for valid := it.First(); valid; valid = it.Next() {
			n++
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	want := chunks()
	closed := make(chan struct{})
	close(closed)
	x.tableEvents = 1 << 10 // all are of one level
	before := x.tables.Load()
	if done, err := x.merge(closed); !done || err != nil {
		t.Fatal(done, err)
	}
	if n := chunks(); n != want || x.tables.Load() != before {
		t.Errorf("%d chunks after putting together was broken off, want %d", n, want)
	}
	w := x.newTable(nil, 0, 5, 5)
	for i := range 3 {
		if err := w.add(sight(fingerprint(i+1), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.endChunk(), w.apply()); err != nil {
		t.Fatal(err)
	}
	if n := chunks(); n != want+1 {
		t.Fatalf("%d chunks, want %d and a part of a table", n, want)
	}
	if err := w.finish(); !errors.Is(err, errIndexShape) {
		t.Errorf("a table of which a part is missing: %v", err)
	}
	closeStore(t, s)
	s = opens(t, opts)
	defer closeStore(t, s)
	if x = s.index; chunks() != want {
		t.Errorf("%d chunks after opening, want %d", chunks(), want)
	}
}

// A list of tables, or a table, that does not fit is an index that is made again.
func TestTablesThatDoNotFitAreMadeAgain(t *testing.T) {
	for name, damage := range map[string]func(x *index) error{
		"no list": func(x *index) error { return x.db.Set([]byte{familyTables}, []byte{1}, pebble.NoSync) },
		"a list that is longer than the log": func(x *index) error {
			return x.db.Set([]byte{familyTables}, tables{{first: 0, next: 1000, prints: 1000}}.encode(), pebble.NoSync)
		},
		"a table of which a part is missing": func(x *index) error {
			return x.db.DeleteRange(chunkKey(0, 0), chunkKey(0, 1), pebble.NoSync)
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := Options{Dir: "ledger", FS: vfs.NewMem()}
			s := opens(t, opts)
			all := appended(t, s, 50, uuid.New)
			closeStore(t, s)
			s = opens(t, opts)
			if err := damage(s.index); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			s = opens(t, opts)
			if name == "a table of which a part is missing" {
				// It is seen while the store is open.
				if _, err := s.Append(t.Context(), "new", event.Any, all[0].batch...); !errors.Is(err, eventstore.ErrCorrupt) {
					t.Errorf("an id of the table: %v, want ErrCorrupt", err)
				}
				if err := s.index.readFilters(nil); !errors.Is(err, errIndexShape) {
					t.Errorf("the table is read: %v", err)
				}
				closeStore(t, s)
				s = opens(t, opts)
			}
			defer closeStore(t, s)
			if s.Opening().IndexMadeAgain == "" {
				t.Error("the index was not made again")
			}
			holdIDs(t, s, all, uuid.New)
		})
	}
}

func TestTheListOfTablesIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l tables
		for range rapid.IntRange(0, 40).Draw(t, "tables") {
			count := rapid.Uint64Range(1, 1<<offsetBits).Draw(t, "events")
			l = append(l, &table{number: rapid.Uint64().Draw(t, "number"), first: l.tabled(), next: l.tabled() + count,
				prints: count + rapid.Uint64Range(0, count).Draw(t, "streams")})
		}
		raw := l.encode()
		got, ok := decodeTables(raw)
		if !ok || len(got) != len(l) || string(got.encode()) != string(raw) {
			t.Fatalf("%d tables of %d, %t", len(got), len(l), ok)
		}
		for i := range l {
			if got[i].first != l[i].first || got[i].next != l[i].next {
				t.Fatalf("table %d: %d to %d, want %d to %d", i, got[i].first, got[i].next, l[i].first, l[i].next)
			}
		}
		if cut := len(raw) - 1; cut > 0 {
			if short, ok := decodeTables(raw[:cut]); ok && len(short) == len(l) {
				t.Fatal("a list that is cut is read as the whole")
			}
		}
	})
}

func TestSightingsAreSortedByFingerprint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sightings{first: 7}
		few := rapid.Uint64Range(1, 1<<printBits-1).Draw(t, "few")
		for i := range rapid.IntRange(0, 300).Draw(t, "n") {
			s.add(fingerprint(rapid.Uint64Range(1, few).Draw(t, "print")), 7+uint64(i))
		}
		want := slices.Sorted(slices.Values(s.all))
		if s.sort(); !slices.Equal(s.all, want) {
			t.Fatalf("%v, want %v", s.all, want)
		}
	})
}

// The index of a store of before tables is made again from the log.
func TestAnIndexOfTheFirstLayoutIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	if err := os.CopyFS(dir, os.DirFS("testdata/index1")); err != nil {
		t.Fatal(err)
	}
	for opened := range 2 {
		s := opens(t, Options{Dir: dir})
		if again := s.Opening().IndexMadeAgain; again != indexOther && opened == 0 || again != "" && opened == 1 {
			t.Errorf("opening %d made the index again: %q", opened, again)
		}
		holdVersion1(t, s)
		closeStore(t, s)
	}
}
