package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

func storeWith(t *testing.T, dir string, events int) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		p := eventstore.Proposed{ID: uuid.New(), Type: "a.v1", Data: fmt.Appendf(nil, "%d %s", i, uuid.New())}
		if _, err := s.Append(t.Context(), fmt.Sprint("s-", i%3), event.Any, p); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestDamagedRecordIsReportedWithItsPlaceAndNeverServed(t *testing.T) {
	for name, damage := range map[string]func(record, other []byte){
		"a changed bit":                func(record, _ []byte) { record[len(record)-1] ^= 1 },
		"a changed size":               func(record, _ []byte) { record[3] ^= 0x40 },
		"a changed position":           func(record, _ []byte) { record[positionOffset+7] ^= 2 },
		"a record whose end is lost":   func(record, _ []byte) { clear(record[len(record)-3:]) },
		"another event's record":       func(record, other []byte) { copy(record, other) },
		"a record of which is nothing": func(record, _ []byte) { clear(record) },
	} {
		t.Run(name, func(t *testing.T) {
			s := storeWith(t, t.TempDir(), 12)
			defer closeStore(t, s)
			change(t, s, 5, 8, damage)
			holdDamage(t, s, "forwards", 5, "position 5", s.ReadAll(t.Context(), eventstore.AllRead{}))
			// Backwards, where a record begins can be told only from those before it.
			behind := 6
			if name == "a changed size" || name == "a record of which is nothing" {
				behind = 0
			}
			holdDamage(t, s, "backwards", behind, "position 5",
				s.ReadAll(t.Context(), eventstore.AllRead{Direction: eventstore.Backwards}))
			holdDamage(t, s, "filtered out", 2, "position 5",
				s.ReadAll(t.Context(), eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: []string{"s-0"}}}))
			holdDamage(t, s, "its stream", 1, "position 5", s.ReadStream(t.Context(), "s-2", eventstore.StreamRead{}))
			sub, err := s.Subscribe(t.Context(), eventstore.SubscribeTo{})
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				if d, err := sub.Next(t.Context()); err != nil || d.Event == nil {
					t.Fatalf("an event before the damage: %+v, %v", d, err)
				}
			}
			for range 2 {
				if d, err := sub.Next(t.Context()); !errors.Is(err, eventstore.ErrCorrupt) {
					t.Fatalf("subscription at the damage: %+v, %v", d, err)
				}
			}
		})
	}
}

func holdDamage(
	t *testing.T, _ *Store, what string, sound int, place string, events func(func(eventstore.Recorded, error) bool),
) {
	t.Helper()
	n := 0
	var last error
	for _, err := range events {
		if last = err; err == nil {
			n++
		}
	}
	if !errors.Is(last, eventstore.ErrCorrupt) || fault.KindOf(last) != fault.Corrupt || !strings.Contains(last.Error(), place) {
		t.Errorf("%s: the last error is %v, want ErrCorrupt at %s", what, last, place)
	}
	if n != sound {
		t.Errorf("%s: %d events were served, %d are sound", what, n, sound)
	}
}

// change damages the record of a position on the disk; other is another's, cut or
// filled to the same size.
func change(t *testing.T, s *Store, position, other uint64, damage func(record, other []byte)) {
	t.Helper()
	at := func(position uint64) (offset int64, raw []byte) {
		c := s.events.cursor(windowBytes)
		defer c.release()
		if err := s.find(c, position); err != nil {
			t.Fatal(err)
		}
		raw, err := c.frame()
		if err != nil {
			t.Fatal(err)
		}
		return c.offset, append([]byte(nil), raw...)
	}
	offset, raw := at(position)
	_, replacement := at(other)
	damage(raw, replacement)
	if _, err := s.events.active().file.WriteAt(raw, offset); err != nil {
		t.Fatal(err)
	}
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// A byte of the log changed on disk is either found or was not in use: what is
// served is what was written.
func TestChangedBytesOfTheLogAreFoundAndNeverServed(t *testing.T) {
	master := t.TempDir()
	s := storeWith(t, master, 200)
	want := contents(t, s)
	closeStore(t, s)
	found := 0
	damagedCopies(t, master, ".", segmentSuffix, func(dir string) {
		if foundOrSame(t, dir, want) {
			found++
		}
	})
	if found < 15 {
		t.Fatalf("of 20 changed bytes %d were found", found)
	}
}

// A byte of the index changed on disk is reported or was not in use; it never
// keeps what is in the log from being read, and is made good by opening again.
func TestChangedBytesOfTheIndexAreFoundAndMadeGood(t *testing.T) {
	master := t.TempDir()
	s := storeWith(t, master, 200)
	want := contents(t, s)
	closeStore(t, s)
	found := 0
	for _, kind := range []string{".sst", ""} {
		damagedCopies(t, master, indexName, kind, func(dir string) {
			s, err := Open(t.Context(), Options{Dir: dir})
			if err != nil {
				t.Fatalf("open with a damaged index: %v", err)
			}
			if got := contents(t, s); !slices.Equal(got, want) {
				t.Fatalf("with a damaged index %d events are served, %d were written", len(got), len(want))
			}
			err = readStreams(t, s, len(want))
			again := s.Opening().IndexMadeAgain
			closeStore(t, s)
			if err == nil {
				if again != "" {
					found++
				}
				return
			}
			if !errors.Is(err, eventstore.ErrCorrupt) || !strings.Contains(err.Error(), "index") {
				t.Fatalf("read by a damaged index: %v, want ErrCorrupt of the index", err)
			}
			found++
			if s, err = Open(t.Context(), Options{Dir: dir}); err != nil {
				t.Fatal(err)
			}
			defer closeStore(t, s)
			if s.Opening().IndexMadeAgain == "" {
				t.Error("the damaged index was not made again")
			}
			if err := readStreams(t, s, len(want)); err != nil {
				t.Errorf("with the index made again: %v", err)
			}
		})
	}
	if found == 0 {
		t.Fatal("no changed byte was found, the test has tested nothing")
	}
}

// damagedCopies changes one byte of the largest file of a kind, in one copy of a
// directory after the other.
func damagedCopies(t *testing.T, master, folder, kind string, each func(dir string)) {
	t.Helper()
	name := filepath.Join(folder, largest(t, filepath.Join(master, folder), kind))
	size := fileSize(t, filepath.Join(master, name))
	for offset := size / 40; offset < size; offset += size / 20 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(master)); err != nil {
			t.Fatal(err)
		}
		flip(t, filepath.Join(dir, name), offset)
		each(dir)
	}
}

// readStreams reads the streams of storeWith, which hold some events together.
func readStreams(t *testing.T, s *Store, want int) error {
	t.Helper()
	n := 0
	for i := range 3 {
		stream, revision := fmt.Sprint("s-", i), uint64(0)
		for e, err := range s.ReadStream(t.Context(), stream, eventstore.StreamRead{}) {
			if err != nil {
				return err
			}
			if e.Stream != stream || e.Revision != revision {
				t.Fatalf("revision %d of %s is served as revision %d of %s", e.Revision, e.Stream, revision, stream)
			}
			revision++
			n++
		}
	}
	if n != want {
		t.Fatalf("%d events are in the streams and no error, %d were written", n, want)
	}
	return nil
}

func contents(t *testing.T, s *Store) (out []string) {
	t.Helper()
	for e, err := range s.ReadAll(t.Context(), eventstore.AllRead{}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(e))
	}
	return out
}

// foundOrSame opens a damaged copy. Everything served must be as it was, and
// what is not served must be reported.
func foundOrSame(t *testing.T, dir string, want []string) (found bool) {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		if !errors.Is(err, eventstore.ErrCorrupt) {
			t.Fatalf("open a damaged store: %v, want ErrCorrupt", err)
		}
		return true
	}
	defer closeStore(t, s)
	n := 0
	for e, err := range s.ReadAll(context.Background(), eventstore.AllRead{}) {
		if err != nil {
			if !errors.Is(err, eventstore.ErrCorrupt) {
				t.Fatalf("read a damaged store: %v, want ErrCorrupt", err)
			}
			return true
		}
		if got := fmt.Sprint(e); got != want[n] {
			t.Fatalf("served %s, written was %s", got, want[n])
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("%d of %d events and no error", n, len(want))
	}
	return false
}

func largest(t *testing.T, dir, kind string) (name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	best := int64(-1)
	for _, e := range entries {
		if size := fileSize(t, filepath.Join(dir, e.Name())); strings.HasSuffix(e.Name(), kind) && size > best {
			name, best = e.Name(), size
		}
	}
	return name
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func flip(t *testing.T, path string, offset int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[offset] ^= 0x40
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
