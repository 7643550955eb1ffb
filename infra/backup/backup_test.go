package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/backup"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/storetest"
	"dossierledger/infra/keys"
	"github.com/google/uuid"
)

func done(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// filled adds events to a store that nobody has open and opens it.
func filled(t testing.TB, dir string, log []eventstore.Recorded) *embedded.Store {
	t.Helper()
	m, err := embedded.OpenImport(t.Context(), embedded.Options{Dir: dir})
	done(t, err)
	for batch := range slices.Chunk(log, 4000) {
		done(t, m.Add(t.Context(), batch...))
	}
	done(t, errors.Join(m.Finish(t.Context()), m.Close()))
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	done(t, err)
	return s
}

func folder(t testing.TB, dir string) backup.Folder {
	t.Helper()
	f, err := backup.OpenFolder(dir)
	done(t, err)
	return f
}

func backUp(t testing.TB, from backup.Source, to backup.Place) backup.Taken {
	t.Helper()
	taken, err := backup.Events(t.Context(), from, to, backup.EventsOptions{Engine: backup.EngineEmbedded})
	done(t, err)
	return taken
}

func read(t testing.TB, from backup.Place) []eventstore.Recorded {
	t.Helper()
	log, err := backup.OpenLog(t.Context(), from, 0)
	done(t, err)
	var all []eventstore.Recorded
	for e, err := range log.Read(t.Context()) {
		done(t, err)
		all = append(all, e)
	}
	return all
}

func TestABackupIsIncrementalAndGivesTheLogBack(t *testing.T) {
	dir, to := t.TempDir(), folder(t, filepath.Join(t.TempDir(), "new", "backup"))
	log := slices.Collect(storetest.Log(1, 9000))
	total := 0
	for i, upTo := range []int{1, 1, 4000, 4001, 9000} {
		s := filled(t, dir, log[total:upTo])
		taken := backUp(t, s, to)
		if taken.Events != uint64(upTo-total) || taken.Total != uint64(upTo) || taken.LastPosition != uint64(upTo-1) {
			t.Errorf("run %d: %+v", i, taken)
		}
		if upTo == total && (taken.Segments != 0 || taken.Bytes != 0) {
			t.Errorf("nothing was new, and %+v", taken)
		}
		total = upTo
		done(t, s.Close())
		if got := read(t, to); !reflect.DeepEqual(got, log[:upTo]) {
			t.Fatalf("run %d: %d events are read back, other than the %d that were there", i, len(got), upTo)
		}
	}
	if names, err := to.List(t.Context(), "manifests/"); err != nil || len(names) != 4 {
		t.Errorf("%v, %v", names, err)
	}
}

func TestManySegmentsAreOneLog(t *testing.T) {
	log := slices.Collect(storetest.Log(1, 3000))
	s := filled(t, t.TempDir(), log)
	defer s.Close()
	to := folder(t, t.TempDir())
	taken, err := backup.Events(t.Context(), s, to, backup.EventsOptions{Engine: backup.EngineEmbedded}.InSegmentsOf(40<<10))
	done(t, err)
	if taken.Segments < 40 || taken.Manifest != (taken.Segments+15)/16 || taken.Events != uint64(len(log)) {
		t.Errorf("%+v", taken)
	}
	if !reflect.DeepEqual(read(t, to), log) {
		t.Error("another log is read back")
	}
}

// While a ledger takes appends, every backup of it is a beginning of what it is in
// the end.
func TestABackupOfAGrowingLedgerIsABeginningOfIt(t *testing.T) {
	s := filled(t, t.TempDir(), nil)
	defer s.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			e := eventstore.Proposed{ID: uuid.New(), Type: "t", Data: fmt.Appendf(nil, "%d", i)}
			if _, err := s.Append(context.Background(), fmt.Sprint("s-", i%7), event.Any, e); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	to := folder(t, t.TempDir())
	var ends []int
	for last := uint64(0); len(ends) < 6; {
		if head, _, err := s.Head(t.Context()); err != nil {
			t.Fatal(err)
		} else if head <= last {
			time.Sleep(time.Millisecond) // until something was appended
			continue
		}
		taken := backUp(t, s, to)
		last = taken.LastPosition
		ends = append(ends, int(taken.Total))
	}
	close(stop)
	<-stopped
	var all []eventstore.Recorded
	for e, err := range s.ReadAll(t.Context(), eventstore.AllRead{}) {
		done(t, err)
		all = append(all, e)
	}
	got := read(t, to)
	if len(got) == 0 || len(got) != ends[len(ends)-1] || !slices.IsSorted(ends) || !reflect.DeepEqual(got, all[:len(got)]) {
		t.Errorf("%d events in backups that ended at %v, of %d", len(got), ends, len(all))
	}
}

func TestAnotherLedgerIsNotAddedToABackup(t *testing.T) {
	log := slices.Collect(storetest.Log(1, 100))
	to := folder(t, t.TempDir())
	s := filled(t, t.TempDir(), log)
	backUp(t, s, to)
	done(t, s.Close())
	other := slices.Clone(log)
	other[99].ID = uuid.New()
	for name, log := range map[string][]eventstore.Recorded{"a ledger that went back": log[:99], "a ledger with another end": other, "an empty ledger": nil} {
		s := filled(t, t.TempDir(), log)
		if _, err := backup.Events(t.Context(), s, to, backup.EventsOptions{Engine: backup.EngineEmbedded}); !errors.Is(err, backup.ErrOtherLedger) {
			t.Errorf("%s: %v", name, err)
		}
		done(t, s.Close())
	}
	if !reflect.DeepEqual(read(t, to), log) {
		t.Error("the backup was changed")
	}
}

// Whatever happens to an object, it is found and named, and nothing that was
// damaged is given out.
func TestDamageIsFoundAndNamed(t *testing.T) {
	log := slices.Collect(storetest.Log(1, 300))
	make3 := func(t *testing.T) (backup.Folder, string) {
		dir, store := t.TempDir(), t.TempDir()
		for i := range 3 {
			s := filled(t, store, log[i*100:(i+1)*100])
			backUp(t, s, folder(t, dir))
			done(t, s.Close())
		}
		return folder(t, dir), dir
	}
	second := func(t *testing.T, dir, of string) string {
		paths, err := filepath.Glob(filepath.Join(dir, of, "*"))
		done(t, err)
		return paths[1]
	}
	for name, damage := range map[string]func(t *testing.T, dir string) (path string){
		"a segment that is missing": func(t *testing.T, dir string) string {
			path := second(t, dir, "segments")
			done(t, os.Remove(path))
			return path
		},
		"a segment with another byte": func(t *testing.T, dir string) string { return flip(t, second(t, dir, "segments")) },
		"a segment cut short":         func(t *testing.T, dir string) string { return cut(t, second(t, dir, "segments")) },
		"an empty segment": func(t *testing.T, dir string) string {
			path := second(t, dir, "segments")
			done(t, os.Truncate(path, 0))
			return path
		},
		"another segment in its place": func(t *testing.T, dir string) string {
			path := second(t, dir, "segments")
			first, err := filepath.Glob(filepath.Join(dir, "segments", "000000000000-*"))
			done(t, err)
			text, err := os.ReadFile(first[0])
			done(t, err)
			done(t, os.WriteFile(path, text, 0o600))
			return path
		},
		"a manifest that is missing": func(t *testing.T, dir string) string {
			path := second(t, dir, "manifests")
			done(t, os.Remove(path))
			return path
		},
		"a manifest with another byte": func(t *testing.T, dir string) string { return flip(t, second(t, dir, "manifests")) },
		"the last manifest with another byte": func(t *testing.T, dir string) string {
			return flip(t, filepath.Join(dir, "manifests", "00000003.json"))
		},
		"a manifest cut short": func(t *testing.T, dir string) string { return cut(t, second(t, dir, "manifests")) },
	} {
		t.Run(name, func(t *testing.T) {
			place, dir := make3(t)
			named := filepath.Base(damage(t, dir))
			var given []eventstore.Recorded
			opened, err := backup.OpenLog(t.Context(), place, 0)
			if err == nil {
				for e, readErr := range opened.Read(t.Context()) {
					if err = readErr; err == nil {
						given = append(given, e)
					}
				}
				defects, checkErr := opened.Check(t.Context())
				if checkErr != nil || len(defects) != 1 || !strings.Contains(defects[0].Error(), named) {
					t.Errorf("a check finds %v, %v", defects, checkErr)
				}
			}
			if !errors.Is(err, backup.ErrDamaged) || !strings.Contains(err.Error(), named) {
				t.Errorf("%s: %v", named, err)
			}
			if len(given) > 100 || !reflect.DeepEqual(given, slices.Clip(log[:len(given)])) && len(given) > 0 {
				t.Errorf("%d events were given before it", len(given))
			}
		})
	}
}

func flip(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	done(t, err)
	// A byte that a hash or a number is made of, or one of packed events.
	at := len(text) / 2
	if text[at]++; text[at] == '"' || text[at] == '\\' {
		text[at]++
	}
	done(t, os.WriteFile(path, text, 0o600))
	return path
}

func cut(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	done(t, err)
	done(t, os.Truncate(path, info.Size()-3))
	return path
}

func TestAPointInTime(t *testing.T) {
	log := slices.Collect(storetest.Log(1, 500))
	s := filled(t, t.TempDir(), log)
	defer s.Close()
	place := folder(t, t.TempDir())
	backUp(t, s, place)
	opened, err := backup.OpenLog(t.Context(), place, 0)
	done(t, err)
	for n := 0; n < len(log); n += 37 {
		at, position := log[n].RecordedAt, log[n].Position
		for _, point := range []backup.Point{{At: &at}, {Position: &position}} {
			seen := 0
			until := &backup.Until{Log: opened, Point: point, Seen: func(*eventstore.Recorded) { seen++ }}
			var got []eventstore.Recorded
			for e, err := range until.ReadAll(t.Context(), eventstore.AllRead{}) {
				done(t, err)
				got = append(got, e)
			}
			want := n + 1
			for point.At != nil && want < len(log) && !log[want].RecordedAt.After(at) {
				want++
			}
			if !reflect.DeepEqual(got, log[:want]) || seen != len(log) || until.Last.ID != log[want-1].ID {
				t.Errorf("%d events up to event %d, want %d; %d were seen", len(got), n, want, seen)
			}
		}
	}
}

func TestTwoBackupsToOnePlaceTakeTurns(t *testing.T) {
	s := filled(t, t.TempDir(), slices.Collect(storetest.Log(1, 10)))
	defer s.Close()
	place := folder(t, t.TempDir())
	release, err := place.Lock(t.Context())
	done(t, err)
	if _, err := backup.Events(t.Context(), s, place, backup.EventsOptions{}); !errors.Is(err, backup.ErrBusy) {
		t.Errorf("%v", err)
	}
	done(t, release())
	backUp(t, s, place)
}

// vault hands over made-up keys.
type vault []keys.Wrapped

func (v vault) Copy(_ context.Context, each func(keys.Wrapped) error) error {
	for _, w := range v {
		if err := each(w); err != nil {
			return err
		}
	}
	return nil
}

func someKeys(n int) (v vault) {
	v = append(v, keys.Wrapped{Shard: 7, Epoch: 3, Key: []byte("wrapped")})
	for i := range n {
		v = append(v, keys.Wrapped{Shard: 7, Subject: fmt.Sprint("p-", i), Record: bytes.Repeat([]byte{byte(i)}, 80)})
	}
	return append(v, keys.Wrapped{Shard: 7, Subject: "gone"})
}

func TestSnapshotsOfKeys(t *testing.T) {
	place := folder(t, t.TempDir())
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	take := func(n, keep int) backup.KeysTaken {
		now = now.Add(time.Hour)
		taken, err := backup.Keys(t.Context(), someKeys(n), place, backup.KeysOptions{Keep: keep, Now: func() time.Time { return now }})
		done(t, err)
		return taken
	}
	first := take(10, 0)
	if first.Persons != 10 || first.Erased != 1 || len(first.Removed) != 0 {
		t.Errorf("%+v", first)
	}
	second := take(200_000, 0) // more than one part
	last := take(20, 0)
	for name, want := range map[string]int{"": 20, first.Snapshot: 10, second.Snapshot: 200_000} {
		s, err := backup.OpenSnapshot(t.Context(), place, name)
		done(t, err)
		var got vault
		for w, err := range s.Read(t.Context()) {
			done(t, err)
			got = append(got, w)
		}
		if !reflect.DeepEqual(got, append(someKeys(want)[:want+1], keys.Wrapped{Shard: 7, Subject: "gone"})) {
			t.Errorf("snapshot %q: %d keys", name, len(got))
		}
	}
	taken := take(5, 2)
	if len(taken.Removed) != 2 || slices.Contains(taken.Removed, last.Snapshot) {
		t.Errorf("%+v", taken)
	}
	if names, err := place.List(t.Context(), "snapshots/"); err != nil || len(names) != 4 {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := backup.OpenSnapshot(t.Context(), place, first.Snapshot); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("a removed snapshot: %v", err)
	}
}

func TestASnapshotWithoutItsEndDoesNotCount(t *testing.T) {
	dir := t.TempDir()
	place := folder(t, dir)
	whole, err := backup.Keys(t.Context(), someKeys(3), place, backup.KeysOptions{})
	done(t, err)
	done(t, os.MkdirAll(filepath.Join(dir, "snapshots", "99990101T000000.000000000Z"), 0o700))
	done(t, os.WriteFile(filepath.Join(dir, "snapshots", "99990101T000000.000000000Z", "000000.zst"), nil, 0o600))
	s, err := backup.OpenSnapshot(t.Context(), place, "")
	done(t, err)
	if s.Name() != whole.Snapshot {
		t.Errorf("%s is taken for the newest", s.Name())
	}
	flip(t, filepath.Join(dir, "snapshots", whole.Snapshot, "000000.zst"))
	defects, err := s.Check(t.Context())
	if err != nil || len(defects) != 1 || !strings.Contains(defects[0].Error(), whole.Snapshot+"/000000.zst") {
		t.Errorf("%v, %v", defects, err)
	}
}

func TestEventsAndKeysDoNotLieTogether(t *testing.T) {
	s := filled(t, t.TempDir(), slices.Collect(storetest.Log(1, 10)))
	defer s.Close()
	events, snapshots := folder(t, t.TempDir()), folder(t, t.TempDir())
	backUp(t, s, events)
	_, err := backup.Keys(t.Context(), someKeys(1), snapshots, backup.KeysOptions{})
	done(t, err)
	if _, err := backup.Keys(t.Context(), someKeys(1), events, backup.KeysOptions{}); !errors.Is(err, backup.ErrKind) {
		t.Errorf("keys to events: %v", err)
	}
	if _, err := backup.Events(t.Context(), s, snapshots, backup.EventsOptions{}); !errors.Is(err, backup.ErrKind) {
		t.Errorf("events to keys: %v", err)
	}
	if _, err := backup.OpenLog(t.Context(), snapshots, 0); !errors.Is(err, backup.ErrKind) {
		t.Errorf("keys for events: %v", err)
	}
	if _, err := backup.OpenSnapshot(t.Context(), events, ""); !errors.Is(err, backup.ErrKind) {
		t.Errorf("events for keys: %v", err)
	}
	if _, err := backup.OpenLog(t.Context(), folder(t, filepath.Join(t.TempDir(), "none")), 0); !errors.Is(err, backup.ErrNone) {
		t.Errorf("no backup: %v", err)
	}
}

// failing is a ledger that breaks off.
type failing struct {
	backup.Source
	after int
}

func (f failing) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		n := 0
		for e, err := range f.Source.ReadAll(ctx, read) {
			if n++; n > f.after && read.Direction == eventstore.Forwards {
				yield(eventstore.Recorded{}, eventstore.ErrCorrupt)
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func TestARunThatFailsLeavesABeginning(t *testing.T) {
	log := slices.Collect(storetest.Log(1, 2000))
	s := filled(t, t.TempDir(), log)
	defer s.Close()
	to := folder(t, t.TempDir())
	_, err := backup.Events(t.Context(), failing{s, 1900}, to, backup.EventsOptions{Engine: backup.EngineEmbedded}.InSegmentsOf(40<<10))
	if !errors.Is(err, eventstore.ErrCorrupt) {
		t.Fatalf("%v", err)
	}
	if got := read(t, to); len(got) == 0 || !reflect.DeepEqual(got, log[:len(got)]) {
		t.Errorf("%d events are read back", len(got))
	}
	taken, err := backup.Events(t.Context(), s, to, backup.EventsOptions{Engine: backup.EngineEmbedded}.InSegmentsOf(40<<10))
	if err != nil || taken.Events >= uint64(len(log)) {
		t.Errorf("%+v, %v", taken, err)
	}
	if !reflect.DeepEqual(read(t, to), log) {
		t.Error("another log is read back")
	}
}
