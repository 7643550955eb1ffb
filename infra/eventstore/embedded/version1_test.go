package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"
)

// version1Golden was written by the store as it was before version 2, and left as
// a crash leaves it: a part is in a table, a part in the engine's log.
const version1Golden = "testdata/version1"

// version1Batches are the appends that the golden directory is of.
func version1Batches(each func(stream string, batch []eventstore.Proposed)) {
	for i := range 20 {
		batch := make([]eventstore.Proposed, 1+i%3)
		for j := range batch {
			batch[j] = eventstore.Proposed{
				ID:   uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%d-%d", i, j)),
				Type: fmt.Sprintf("sample.v%d", j), Data: fmt.Appendf(nil, `{"batch":%d,"event":%d}`, i, j),
			}
			if j == 1 {
				batch[j].Metadata = []byte(`{"of":"one"}`)
			}
		}
		each(fmt.Sprintf("dossier-%d", i%4), batch)
		if i == 11 {
			each("$$dossier-1", []eventstore.Proposed{{ID: uuid.NewSHA1(uuid.NameSpaceURL, []byte("m")), Type: metadataType, Data: []byte(`{"x":1}`)}})
		}
	}
}

func TestAStoreOfVersion1IsConverted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	if err := os.CopyFS(dir, os.DirFS(version1Golden)); err != nil {
		t.Fatal(err)
	}
	for opened := range 2 {
		s, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		holdVersion1(t, s)
		if n := s.Opening().Converted; (n == 40) != (opened == 0) {
			t.Errorf("opening %d converted %d events", opened, n)
		}
		closeStore(t, s)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range names {
		if n := e.Name(); n != formatName && n != indexName && n != watermarkName && n != "LOCK" && n != version1Barrier && !strings.HasSuffix(n, segmentSuffix) {
			t.Errorf("%s is left of version 1", n)
		}
	}
	// A program of version 1 does what this does.
	if db, err := pebble.Open(dir, &pebble.Options{Logger: silent{}}); err == nil {
		t.Errorf("version 1 opens it again: %v", db.Close())
	}
}

// holdVersion1 holds that a store has the golden events, and knows them by stream,
// by id, and by their metadata.
func holdVersion1(t *testing.T, s *Store) {
	t.Helper()
	events := map[uint64]eventstore.Recorded{}
	last := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	for e, err := range s.ReadAll(t.Context(), eventstore.AllRead{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.RecordedAt.Before(last) || e.RecordedAt.Nanosecond() != 0 || e.RecordedAt.Sub(last) > time.Minute {
			t.Errorf("position %d was recorded at %v, after %v", e.Position, e.RecordedAt, last)
		}
		last = e.RecordedAt
		events[e.Position] = e
	}
	position, revisions := uint64(0), map[string]uint64{}
	version1Batches(func(stream string, batch []eventstore.Proposed) {
		for _, p := range batch {
			e := events[position]
			if e.ID != p.ID || e.Stream != stream || e.Revision != revisions[stream] || e.Type != p.Type ||
				string(e.Data) != string(p.Data) || string(e.Metadata) != string(p.Metadata) {
				t.Fatalf("position %d is %+v, want %+v of %s", position, e, p, stream)
			}
			position++
			revisions[stream]++
		}
		if strings.HasPrefix(stream, systemPrefix) {
			return
		}
		w, err := s.Append(t.Context(), stream, event.None, batch...)
		if err != nil || !w.Repeated || w.Position != position-1 || w.Revision != revisions[stream]-1 {
			t.Errorf("a batch of version 1 again: %+v, %v", w, err)
		}
	})
	if len(events) != int(position) {
		t.Errorf("%d events, want %d", len(events), position)
	}
	for stream, want := range revisions {
		n := uint64(0)
		for e, err := range s.ReadStream(t.Context(), stream, eventstore.StreamRead{}) {
			if err != nil || e.Revision != n {
				t.Fatalf("stream %s: %+v, %v", stream, e, err)
			}
			n++
		}
		if n != want {
			t.Errorf("stream %s has %d events, want %d", stream, n, want)
		}
	}
	if m, err := s.Metadata(t.Context(), "dossier-1"); err != nil || string(m.Custom) != `{"x":1}` {
		t.Errorf("metadata: %+v, %v", m, err)
	}
}

// version1Store fills a directory as version 1 did.
func version1Store(t testing.TB, disk vfs.FS, dir string, format []byte, events int) {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{FS: disk, Logger: silent{}, FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, value []byte) {
		if err := db.Set(key, value, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	put([]byte{version1Format}, format)
	for i := range events {
		id := uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, i))
		raw := append([]byte{version1, 0, 0, 0, 0}, id[:]...)
		raw = binary.BigEndian.AppendUint64(raw, uint64(1_700_000_000_000_000_000+i))
		raw = binary.AppendUvarint(raw, uint64(i/7))
		for _, field := range []string{fmt.Sprint("s-", i%7), "sample.v1", strings.Repeat(fmt.Sprint(i, " "), 20)} {
			raw = append(binary.AppendUvarint(raw, uint64(len(field))), field...)
		}
		binary.BigEndian.PutUint32(raw[1:], version1CRC(uint64(i), raw))
		put(binary.BigEndian.AppendUint64([]byte{version1Record}, uint64(i)), raw)
	}
	if err := errors.Join(db.LogData(nil, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A conversion that is broken off at any point, with the disk keeping a random
// part of what was not synced, loses nothing and comes to its end the next time.
func TestAConversionThatIsBrokenOffBeginsAgain(t *testing.T) {
	const events = 20_000
	disk := vfs.NewCrashableMem()
	version1Store(t, disk, "ledger", []byte{version1}, events)
	if d, err := disk.OpenDir(""); err != nil || d.Sync() != nil {
		t.Fatal(err)
	}
	for attempt := range 6 {
		seed := rand.Uint64()
		chance := rand.New(rand.NewPCG(seed, 0))
		kept := make(chan *vfs.MemFS, 1)
		begun := disk
		time.AfterFunc(time.Duration(chance.IntN(60))*time.Millisecond, func() {
			kept <- begun.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: chance.IntN(101), RNG: chance})
		})
		s, err := Open(t.Context(), Options{Dir: "ledger", FS: disk, SegmentBytes: 256 << 10})
		if err != nil {
			t.Fatalf("attempt %d: %v", attempt, err)
		}
		disk = <-kept
		closeStore(t, s)
		again := disk.CrashClone(vfs.CrashCloneCfg{})
		if s, err = Open(t.Context(), Options{Dir: "ledger", FS: again, SegmentBytes: 256 << 10}); err != nil {
			t.Fatalf("attempt %d, seed %d: %v", attempt, seed, err)
		}
		n := 0
		for e, err := range s.ReadAll(t.Context(), eventstore.AllRead{}) {
			if err != nil || e.ID != uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, n)) {
				t.Fatalf("attempt %d, seed %d: event %d: %+v, %v", attempt, seed, n, e, err)
			}
			n++
		}
		if n != events {
			t.Fatalf("attempt %d, seed %d: %d events, want %d", attempt, seed, n, events)
		}
		closeStore(t, s)
	}
}

func TestAStoreOfVersion1ThatCannotBeConvertedIsRefused(t *testing.T) {
	open := func(disk vfs.FS) error {
		s, err := Open(context.Background(), Options{Dir: "ledger", FS: disk})
		if err == nil {
			closeStore(t, s)
		}
		return err
	}
	disk := vfs.NewMem()
	version1Store(t, disk, "ledger", []byte{version1, version1Unfinished}, 100)
	if err := open(disk); !errors.Is(err, ErrUnfinished) {
		t.Errorf("an unfinished import: %v", err)
	}
	if err := open(disk); !errors.Is(err, ErrUnfinished) {
		t.Errorf("an unfinished import, converted: %v", err)
	}
	disk = vfs.NewMem()
	version1Store(t, disk, "ledger", []byte{9}, 100)
	if err := open(disk); err == nil || !strings.Contains(err.Error(), "09") {
		t.Errorf("another version: %v", err)
	}
	disk = vfs.NewMem()
	version1Store(t, disk, "ledger", []byte{version1}, 100)
	db, err := pebble.Open("ledger", &pebble.Options{FS: disk, Logger: silent{}, FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Delete(binary.BigEndian.AppendUint64([]byte{version1Record}, 40), pebble.Sync)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := open(disk); !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), "position 40") {
			t.Errorf("a record is missing: %v", err)
		}
	}
}

// Without room for the segments or for the index the old files stay as they are,
// and with room the conversion comes to its end.
func TestAConversionWithoutRoomSaysSoAndLosesNothing(t *testing.T) {
	for _, kind := range []string{segmentSuffix, ".sst"} {
		disk := vfs.NewMem()
		version1Store(t, disk, "ledger", []byte{version1}, 3000)
		full := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if strings.HasSuffix(op.Path, kind) && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				return syscall.ENOSPC
			}
			return nil
		}))
		if s, err := Open(t.Context(), Options{Dir: "ledger", FS: full}); !errors.Is(err, eventstore.ErrFull) {
			t.Fatalf("%s: %v, %v, want ErrFull", kind, s, err)
		}
		s := opens(t, Options{Dir: "ledger", FS: disk})
		if n := len(contents(t, s)); n != 3000 || s.Opening().Converted != 3000 {
			t.Errorf("%s: %d events, %d converted", kind, n, s.Opening().Converted)
		}
		closeStore(t, s)
	}
}
