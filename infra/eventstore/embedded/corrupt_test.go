package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
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
	for name, damage := range map[string]func(t *testing.T, db *pebble.DB, key, value []byte){
		"a changed bit": func(t *testing.T, db *pebble.DB, key, value []byte) {
			value[len(value)-1] ^= 1
			set(t, db, key, value)
		},
		"a record cut short": func(t *testing.T, db *pebble.DB, key, value []byte) {
			set(t, db, key, value[:len(value)-3])
		},
		"an empty record": func(t *testing.T, db *pebble.DB, key, _ []byte) { set(t, db, key, nil) },
		"another event's record": func(t *testing.T, db *pebble.DB, key, _ []byte) {
			set(t, db, key, get(t, db, recordKey(8)))
		},
		"a missing record": func(t *testing.T, db *pebble.DB, key, _ []byte) {
			if err := db.Delete(key, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := storeWith(t, t.TempDir(), 12)
			defer closeStore(t, s)
			damage(t, s.db, recordKey(5), get(t, s.db, recordKey(5)))
			holdDamage(t, s, "forwards", 5, "position 5", s.ReadAll(t.Context(), eventstore.AllRead{}))
			holdDamage(t, s, "backwards", 6, "position 5",
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

func get(t *testing.T, db *pebble.DB, key []byte) []byte {
	t.Helper()
	value, closer, err := db.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	return append([]byte(nil), value...)
}

func set(t *testing.T, db *pebble.DB, key, value []byte) {
	t.Helper()
	if err := db.Set(key, value, pebble.Sync); err != nil {
		t.Fatal(err)
	}
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// A byte of a file changed on disk is either found or was not in use: what is
// served is what was written.
func TestChangedBytesOfFilesAreFoundAndNeverServed(t *testing.T) {
	for _, kind := range []string{".sst", ".log"} {
		t.Run(kind, func(t *testing.T) {
			master := t.TempDir()
			s := storeWith(t, master, 200)
			want := contents(t, s)
			if kind == ".sst" {
				if err := s.db.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			closeStore(t, s)
			name := largest(t, master, kind)
			size := fileSize(t, filepath.Join(master, name))
			found := 0
			for offset := size / 40; offset < size; offset += size / 20 {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(master)); err != nil {
					t.Fatal(err)
				}
				flip(t, filepath.Join(dir, name), offset)
				if foundOrSame(t, dir, want) {
					found++
				}
			}
			if found == 0 {
				t.Fatal("no changed byte was found, the test has tested nothing")
			}
		})
	}
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
