package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/backup"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/ledger"
)

// sealedValue is a personal value of an event that was stored.
type sealedValue struct {
	event   event.Event
	subject string
}

// sealedValues gives one event with a personal value for each of n persons, 0 for all.
func sealedValues(t *testing.T, l *ledger.Ledger, n int) (values []sealedValue) {
	t.Helper()
	seen := map[string]bool{}
	for e, err := range l.Journal.ReadAll(t.Context(), nil, dossier.StreamPrefix) {
		if err != nil {
			t.Fatal(err)
		}
		submitted, ok := e.Payload.(dossier.Submitted)
		if !ok || submitted.Summary.Subject == "" || seen[submitted.Summary.Subject] {
			continue
		}
		seen[submitted.Summary.Subject] = true
		if values = append(values, sealedValue{e, submitted.Summary.Subject}); len(values) == n {
			return values
		}
	}
	if n > 0 {
		t.Fatalf("only %d persons with a personal value", len(values))
	}
	return values
}

// readable says whether a personal value can be read, was erased, or why else not.
func (v sealedValue) readable(t *testing.T, l *ledger.Ledger) string {
	t.Helper()
	e, err := l.Journal.Reveal(t.Context(), v.event)
	if err != nil {
		return fault.CodeOf(err)
	}
	switch summary := e.Payload.(dossier.Submitted).Summary; {
	case summary.Erased:
		return "erased"
	case summary.Text != "":
		return "read"
	}
	return "empty"
}

func erase(t *testing.T, l *ledger.Ledger, subject string) {
	t.Helper()
	req := commands.Request{Actor: event.Actor{ID: "admin", Role: event.RoleAdmin}}
	if err := l.Erasures.Erase(t.Context(), req, subject, "request"); err != nil {
		t.Fatal(err)
	}
}

func place(t *testing.T, name string) backup.Place {
	t.Helper()
	f, err := backup.OpenFolder(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func silent(uint64, uint64) {}

func backUpBoth(t *testing.T, l *ledger.Ledger, events, snapshots backup.Place) {
	t.Helper()
	if _, err := ledger.BackUpEvents(t.Context(), l.Config, events, silent); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.BackUpKeys(t.Context(), l.Config, snapshots, 0); err != nil {
		t.Fatal(err)
	}
}

func restoreInto(t *testing.T, from *ledger.Ledger, config ledger.RestoreConfig) (*ledger.Ledger, ledger.Restored) {
	t.Helper()
	config.Data, config.Progress = filepath.Join(t.TempDir(), "restored"), silent
	restored, err := ledger.Restore(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), ledger.Config{Data: config.Data, MasterKeyFile: filepath.Join(from.Config.Data, "master.key")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, restored
}

// Keys and events of different moments make a state that is defined: whoever is
// erased anywhere in the backup of the events, or in that of the keys, is erased;
// of the others, those are read whose key is in the snapshot.
func TestEventsAndKeysOfDifferentMoments(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "data"))
	simulate(t, l, 5, 12)
	events, early, late := place(t, "events"), place(t, "early"), place(t, "late")
	values := sealedValues(t, l, 4)
	before, then, after, kept := values[0], values[1], values[2], values[3]
	erase(t, l, before.subject)
	backUpBoth(t, l, events, early)
	head, _, err := l.Store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	erase(t, l, then.subject)
	simulate(t, l, 6, 12)
	var newcomer sealedValue
	for _, v := range sealedValues(t, l, 0) {
		if v.event.Position > head {
			newcomer = v
		}
	}
	if newcomer.subject == "" {
		t.Fatal("nobody new was simulated")
	}
	backUpBoth(t, l, events, late)
	erase(t, l, after.subject) // in no backup of the events, and in no snapshot

	for name, c := range map[string]struct {
		point backup.Point
		keys  backup.Place
		want  map[string]string
		notes string
	}{
		"everything, with the newest keys": {backup.Point{}, late,
			map[string]string{"before": "erased", "then": "erased", "after": "read", "kept": "read", "newcomer": "read"}, ""},
		"everything, with older keys": {backup.Point{}, early,
			map[string]string{"before": "erased", "then": "erased", "after": "read", "kept": "read", "newcomer": "personal.unknown-subject"}, "older than the last event"},
		"an earlier point, with the newest keys": {backup.Point{At: &at}, late,
			map[string]string{"before": "erased", "then": "erased", "after": "read", "kept": "read"}, ""},
		"an earlier point, with keys from before an erasure": {backup.Point{At: &at}, early,
			map[string]string{"before": "erased", "then": "erased", "after": "read", "kept": "read"}, ""},
		"an earlier position, with keys from before an erasure": {backup.Point{Position: &head}, early,
			map[string]string{"before": "erased", "then": "erased", "after": "read", "kept": "read"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			restored, told := restoreInto(t, l, ledger.RestoreConfig{Events: events, Keys: c.keys, Point: c.point})
			for who, v := range map[string]sealedValue{"before": before, "then": then, "after": after, "kept": kept, "newcomer": newcomer} {
				want, ok := c.want[who]
				if !ok {
					continue
				}
				if got := v.readable(t, restored); got != want {
					t.Errorf("%s: %s, want %s", who, got, want)
				}
			}
			if told.Erased != 2 || (c.notes == "") != (len(told.Notes) == 0) || !strings.Contains(fmt.Sprint(told.Notes), c.notes) {
				t.Errorf("%+v", told)
			}
			if c.point != (backup.Point{}) && (told.Events.LastPosition != head || told.Events.Events != head+1) {
				t.Errorf("the point is position %d, restored was %+v", head, told.Events)
			}
		})
	}
	t.Run("events without keys", func(t *testing.T) {
		config := ledger.RestoreConfig{Events: events, Config: ledger.Config{Data: filepath.Join(t.TempDir(), "bare")}, Progress: silent}
		if told, err := ledger.Restore(t.Context(), config); err != nil || !strings.Contains(fmt.Sprint(told.Notes), "no keys") {
			t.Errorf("%+v, %v", told, err)
		}
		// Keys can follow into the same folder, and then the master key is asked for
		// rather than made.
		follow := ledger.RestoreConfig{Keys: late, Config: config.Config, Progress: silent}
		if told, err := ledger.Restore(t.Context(), follow); err != nil || told.Keys == nil {
			t.Errorf("%+v, %v", told, err)
		}
		if _, err := ledger.Restore(t.Context(), follow); fault.CodeOf(err) != "restore.not-empty" {
			t.Errorf("keys are written over: %v", err)
		}
		if _, err := ledger.Open(t.Context(), config.Config); fault.CodeOf(err) != "keys.no-master" {
			t.Errorf("%v", err)
		}
	})
}

func TestARestoredLedgerIsTheOneThatWasBackedUp(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "data"))
	simulate(t, l, 5, 10)
	events, snapshots := place(t, "events"), place(t, "keys")
	backUpBoth(t, l, events, snapshots)
	restored, said := restoreInto(t, l, ledger.RestoreConfig{Events: events, Keys: snapshots})
	want, got := eventstore.NewDigest(), eventstore.NewDigest()
	for e, err := range l.Store.ReadAll(t.Context(), eventstore.AllRead{}) {
		if err != nil {
			t.Fatal(err)
		}
		want.Add(&e)
	}
	n := uint64(0)
	// Opening a ledger may add to it, behind what was restored.
	for e, err := range restored.Store.ReadAll(t.Context(), eventstore.AllRead{Limit: int(want.Count())}) {
		if err != nil || e.Position != n {
			t.Fatalf("position %d, %v", e.Position, err)
		}
		n++
		got.Add(&e)
	}
	if got.Sum() != want.Sum() || said.Events.Hash != want.String() {
		t.Errorf("%d events were backed up and %d restored, or others: %+v", want.Count(), got.Count(), said.Events)
	}
	first, _ := told(t, l)
	second, _ := told(t, restored)
	if !slices.Equal(first, second) {
		t.Error("the dossiers tell another story")
	}
	// It goes on as a ledger.
	simulate(t, restored, 9, 3)
}

func TestNothingIsWrittenOverALedger(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "data"))
	events, snapshots := place(t, "events"), place(t, "keys")
	backUpBoth(t, l, events, snapshots)
	for name, file := range map[string]string{"a ledger": "events/CURRENT", "read models": "clickhouse/x", "something else": "notes.txt"} {
		data := t.TempDir()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(data, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ledger.Restore(t.Context(), ledger.RestoreConfig{Config: ledger.Config{Data: data}, Events: events, Keys: snapshots, Progress: silent})
		if fault.CodeOf(err) != "restore.not-empty" {
			t.Errorf("over %s: %v", name, err)
		}
	}
}

func TestARestoreThatWasBrokenOffIsFinishedByTheSameOrderOnly(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "data"))
	simulate(t, l, 5, 5)
	events, snapshots := place(t, "events"), place(t, "keys")
	backUpBoth(t, l, events, snapshots)
	data := filepath.Join(t.TempDir(), "restored")
	config := ledger.RestoreConfig{Config: ledger.Config{Data: data}, Events: events, Keys: snapshots, Progress: silent}
	broken := config
	broken.Keys = brokenKeys{snapshots}
	if _, err := ledger.Restore(t.Context(), broken); !errors.Is(err, backup.ErrDamaged) {
		t.Fatalf("%v", err)
	}
	if _, err := ledger.Open(t.Context(), config.Config); !errors.Is(err, ledger.ErrRestoring) {
		t.Errorf("half a ledger is opened: %v", err)
	}
	position := uint64(3)
	other := config
	other.Point.Position = &position
	if _, err := ledger.Restore(t.Context(), other); fault.CodeOf(err) != "restore.other" {
		t.Errorf("another point: %v", err)
	}
	// What the backup has got since is not part of the restore that was begun.
	simulate(t, l, 7, 2)
	backUpBoth(t, l, events, snapshots)
	done, err := ledger.Restore(t.Context(), config)
	if err != nil || done.Events.Manifest != 1 || done.Events.Present != done.Events.Events {
		t.Errorf("%+v, %v", done.Events, err)
	}
	restored, err := ledger.Open(t.Context(), ledger.Config{Data: data, MasterKeyFile: filepath.Join(l.Config.Data, "master.key")})
	if err != nil {
		t.Fatal(err)
	}
	if err := restored.Close(); err != nil {
		t.Error(err)
	}
}

// brokenKeys is a place whose keys cannot be read, but for their manifest.
type brokenKeys struct{ backup.Place }

func (b brokenKeys) Get(ctx context.Context, name string) ([]byte, error) {
	data, err := b.Place.Get(ctx, name)
	if strings.HasSuffix(name, ".zst") && len(data) > 0 {
		data[len(data)/2] ^= 1
	}
	return data, err
}
