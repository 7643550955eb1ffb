package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/access"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/backup"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/transfer"
	"dossierledger/infra/keys"
)

// RestoreConfig says what is restored. Config names the data folder.
type RestoreConfig struct {
	Config
	// Events and Keys are the places of the backups; one of them may be nil. With
	// NATSFile keys are restored to NATS, in which there must be none.
	Events, Keys backup.Place
	// Point is where the events end.
	Point backup.Point
	// Progress is told how many of how many steps are done.
	Progress func(done, total uint64)
}

// Restored says what a restored ledger holds.
type Restored struct {
	Data   string          `json:"data"`
	Events *RestoredEvents `json:"events,omitempty"`
	Keys   *RestoredKeys   `json:"keys,omitempty"`
	// Erased are the persons whose erasure is recorded in the backup of the events,
	// before or behind the point.
	Erased int `json:"erased"`
	// Notes say what the two backups do not have in common.
	Notes []string `json:"notes"`
}

// RestoredEvents are the events of a restored ledger.
type RestoredEvents struct {
	From     string `json:"from"`
	Manifest int    `json:"manifest"`
	transfer.Result
	// LastPosition is that of the last event in the ledger that was backed up.
	LastPosition   uint64    `json:"last_position"`
	LastRecordedAt time.Time `json:"last_recorded_at,omitzero"`
}

// RestoredKeys are the keys of a restored ledger.
type RestoredKeys struct {
	From     string    `json:"from"`
	Snapshot string    `json:"snapshot"`
	MadeAt   time.Time `json:"made_at"`
	Persons  uint64    `json:"persons"`
}

// ErrRestoring is for a data folder in which a restore has not come to its end.
var ErrRestoring = fault.New(fault.Unavailable, "restore.unfinished", "a restore of this ledger was broken off")

const planName = "restoring.json"

// plan is what a restore is about to make of a folder. It lies there from before
// the first change until the last, and keeps the folder from being opened.
type plan struct {
	Events   string     `json:"events,omitempty"`
	Manifest int        `json:"manifest,omitempty"`
	Hash     string     `json:"hash,omitempty"`
	At       *time.Time `json:"at,omitempty"`
	Position *uint64    `json:"position,omitempty"`
	Keys     string     `json:"keys,omitempty"`
	Snapshot string     `json:"snapshot,omitempty"`
	KeysHash string     `json:"keys_hash,omitempty"`
}

// sameOrder says whether two plans carry out the same order, perhaps with backups
// that have gone on in between.
func (p plan) sameOrder(other plan) bool {
	if p.At != nil && other.At != nil && p.At.Equal(*other.At) {
		other.At = p.At
	}
	if p.Position != nil && other.Position != nil && *p.Position == *other.Position {
		other.Position = p.Position
	}
	return p.Events == other.Events && p.Keys == other.Keys && p.At == other.At && p.Position == other.Position
}

// checkRestored refuses a data folder that a restore has not finished.
func checkRestored(data string) error {
	if _, err := os.Stat(filepath.Join(data, planName)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fault.New(ErrRestoring.Kind, ErrRestoring.Code,
			"a restore into %s was broken off: run the same restore again, it goes on where it stopped, or empty the folder", data), err)
	}
	return nil
}

// Restore makes a ledger of backups in a folder that is empty, or in which the same
// restore was broken off. Everything is held to its hashes, and the events are read
// back and compared. Persons whose erasure is recorded in the backup of events are
// erased in the restored keys, even where it was recorded behind the point.
func Restore(ctx context.Context, config RestoreConfig) (done Restored, err error) {
	r := &restore{RestoreConfig: config, erased: map[string]bool{}, registry: Registry()}
	if r.Data, err = filepath.Abs(r.Data); err != nil {
		return done, fmt.Errorf("data folder: %w", err)
	}
	done.Data, done.Notes = r.Data, []string{}
	if err := r.prepare(ctx); err != nil {
		return done, err
	}
	finish := func() error { return nil }
	if r.log != nil {
		into, err := embedded.OpenImport(ctx, embedded.Options{Dir: filepath.Join(r.Data, "events"), Logger: r.Logger, Now: r.Now})
		if err != nil {
			return done, err
		}
		defer func() { err = errors.Join(err, into.Close()) }()
		finish = func() error { return into.Finish(ctx) }
		if done.Events, err = r.restoreEvents(ctx, into); err != nil {
			return done, err
		}
	}
	if r.snapshot != nil {
		if done.Keys, err = r.restoreKeys(ctx); err != nil {
			return done, err
		}
	}
	if err := errors.Join(finish(), r.endPlan()); err != nil {
		return done, err
	}
	done.Erased = len(r.erased)
	done.Notes = append(done.Notes, notes(done)...)
	return done, nil
}

// restore is one restore on its way.
type restore struct {
	RestoreConfig
	log      *backup.Log
	snapshot *backup.Snapshot
	registry *event.Registry
	erased   map[string]bool
}

// prepare opens the backups, looks at the folder and writes the plan.
func (r *restore) prepare(ctx context.Context) (err error) {
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	mine := plan{At: r.Point.At, Position: r.Point.Position}
	if r.Events != nil {
		mine.Events = r.Events.String()
	}
	if r.Keys != nil {
		mine.Keys = r.Keys.String()
	}
	begun, err := r.readPlan()
	if err != nil {
		return err
	}
	pinned := plan{}
	if begun != nil {
		if !begun.sameOrder(mine) {
			return fault.New(fault.Conflict, "restore.other", "another restore was begun in %s: finish it with the same backups and point, or empty the folder", r.Data)
		}
		pinned = *begun
	} else if err := r.checkEmpty(); err != nil {
		return err
	}
	if r.Events != nil {
		if r.log, err = backup.OpenLog(ctx, r.Events, pinned.Manifest); err != nil {
			return err
		}
		mine.Manifest, mine.Hash = r.log.Manifest()
	}
	if r.Keys != nil {
		if r.snapshot, err = backup.OpenSnapshot(ctx, r.Keys, pinned.Snapshot); err != nil {
			return err
		}
		mine.Snapshot, mine.KeysHash = r.snapshot.Name(), r.snapshot.Hash()
	}
	if begun == nil {
		return r.writePlan(mine)
	}
	if begun.Hash != mine.Hash || begun.KeysHash != mine.KeysHash {
		return fault.New(fault.Conflict, "restore.other", "the backup is not the one with which the restore in %s was begun: empty the folder and begin anew", r.Data)
	}
	return nil
}

// checkEmpty refuses to write over anything. The master key may lie there already.
func (r *restore) checkEmpty() error {
	if r.Events == nil && r.NATSFile != "" {
		return nil // NATS itself is looked at
	}
	if r.Events == nil {
		if _, err := os.Lstat(filepath.Join(r.Data, "keys")); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fault.New(fault.Conflict, "restore.not-empty", "there are keys in %s; nothing is written over them", r.Data), err)
		}
		return nil
	}
	entries, err := os.ReadDir(r.Data)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "master.key" && e.Name() != "lost+found" {
			return fault.New(fault.Conflict, "restore.not-empty", "%s is not empty: it holds %s; nothing is written over a ledger", r.Data, e.Name())
		}
	}
	return nil
}

func (r *restore) readPlan() (*plan, error) {
	text, err := os.ReadFile(filepath.Join(r.Data, planName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	var p plan
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fault.New(fault.Corrupt, "restore.plan", "%s in %s is damaged: empty the folder and begin anew", planName, r.Data)
	}
	return &p, nil
}

func (r *restore) writePlan(p plan) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	path := filepath.Join(r.Data, planName)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return r.syncData()
}

// endPlan lets the folder be opened.
func (r *restore) endPlan() error {
	if err := os.Remove(filepath.Join(r.Data, planName)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return r.syncData()
}

func (r *restore) syncData() error {
	d, err := os.Open(r.Data)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// unfinished is an import that is finished later.
type unfinished struct{ *embedded.Import }

// Finish does nothing: the keys come first.
func (unfinished) Finish(ctx context.Context) error { return ctx.Err() }

func (r *restore) restoreEvents(ctx context.Context, into *embedded.Import) (*RestoredEvents, error) {
	from := &backup.Until{Log: r.log, Point: r.Point}
	if r.snapshot != nil {
		from.Seen = r.note
	}
	result, err := transfer.Copy(ctx, from, unfinished{into}, transfer.Options{
		LedgerOnly: r.log.Engine() == backup.EngineESDB,
		Progress:   func(events uint64) { r.Progress(events, 2*r.log.Events()) },
	})
	if err != nil {
		return nil, err
	}
	number, _ := r.log.Manifest()
	return &RestoredEvents{From: r.Events.String(), Manifest: number, Result: result,
		LastPosition: from.Last.Position, LastRecordedAt: from.Last.RecordedAt}, nil
}

// note remembers who was erased.
func (r *restore) note(e *eventstore.Recorded) {
	if !strings.HasPrefix(e.Stream, access.ErasurePrefix) {
		return
	}
	payload, err := r.registry.Decode(e.Type, e.Data)
	if erased, ok := payload.(access.PersonalDataErased); ok && err == nil {
		r.erased[erased.Subject] = true
	}
}

func (r *restore) restoreKeys(ctx context.Context) (*RestoredKeys, error) {
	restored := &RestoredKeys{From: r.Keys.String(), Snapshot: r.snapshot.Name(), MadeAt: r.snapshot.MadeAt(), Persons: r.snapshot.Persons()}
	if r.NATSFile != "" {
		shared, closing, err := openSharedKeys(ctx, r.Config, "ledger restore")
		if err != nil {
			return nil, err
		}
		_, err = shared.RestoreFrom(ctx, r.snapshot.Read(ctx), maps.Keys(r.erased))
		return restored, errors.Join(err, closing())
	}
	dir := filepath.Join(r.Data, "keys")
	// What is there was begun under the same plan.
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if err := keys.RestoreFolder(ctx, dir, r.snapshot.Read(ctx), maps.Keys(r.erased)); err != nil {
		return nil, err
	}
	return restored, nil
}

func notes(done Restored) []string {
	if done.Events != nil && done.Events.Events == 0 {
		return []string{"the backup has no event before this point: the ledger is empty"}
	}
	switch {
	case done.Keys == nil:
		return []string{"no keys were restored: personal values cannot be read without them"}
	case done.Events == nil:
		return []string{"no events were restored: erasures that the event store records are carried out when the ledger is opened"}
	case done.Keys.MadeAt.Before(done.Events.LastRecordedAt):
		return []string{fmt.Sprintf("the keys are of %s, older than the last event: personal values of whoever the ledger first heard of since then cannot be read",
			done.Keys.MadeAt.Format(time.RFC3339))}
	}
	return nil
}

// CheckedBackup says what reading a backup found.
type CheckedBackup struct {
	Place   string   `json:"place"`
	Events  uint64   `json:"events,omitempty"`
	Persons uint64   `json:"persons,omitempty"`
	Chain   string   `json:"chain,omitempty"`
	Defects []string `json:"defects"`
}

// CheckBackups reads everything in the places of backups, holds it to its hashes
// and restores nothing.
func CheckBackups(ctx context.Context, events, snapshots backup.Place) ([]CheckedBackup, error) {
	var all []CheckedBackup
	note := func(c CheckedBackup, defects []error, err error) error {
		c.Defects = []string{}
		if errors.Is(err, backup.ErrDamaged) {
			defects, err = append(defects, err), nil
		}
		for _, d := range slices.Clip(defects) {
			c.Defects = append(c.Defects, d.Error())
		}
		all = append(all, c)
		return err
	}
	if events != nil {
		c := CheckedBackup{Place: events.String()}
		log, err := backup.OpenLog(ctx, events, 0)
		var defects []error
		if err == nil {
			c.Events, c.Chain = log.Events(), log.Chain()
			defects, err = log.Check(ctx)
		}
		if err := note(c, defects, err); err != nil {
			return all, err
		}
	}
	if snapshots != nil {
		c := CheckedBackup{Place: snapshots.String()}
		snapshot, err := backup.OpenSnapshot(ctx, snapshots, "")
		var defects []error
		if err == nil {
			c.Persons = snapshot.Persons()
			defects, err = snapshot.Check(ctx)
		}
		if err := note(c, defects, err); err != nil {
			return all, err
		}
	}
	return all, nil
}
