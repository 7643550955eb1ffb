package keys

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"

	"dossierledger/domain/fault"
	"github.com/cockroachdb/pebble/v2"
)

// Wrapped is one part of a copy of a vault: a shard's key, wrapped by the master
// key, or what the vault holds of one person.
type Wrapped struct {
	Shard byte
	// Epoch and Key are those of the shard where Subject is empty.
	Epoch uint64
	Key   []byte
	// Subject is a person and Record their key as the shard's key wraps it; a record
	// of no bytes is that of a person who was erased.
	Subject string
	Record  []byte
}

// Copier is a vault that can be copied while it is in use. What is handed over is
// the vault as it was at one moment; it opens nothing without the master key.
type Copier interface {
	Copy(ctx context.Context, each func(Wrapped) error) error
}

// Refusals of copying.
var (
	// ErrNone is for a folder that holds no keys.
	ErrNone = fault.New(fault.NotFound, "keys.none", "there are no keys in the folder")
	// ErrLocked is for a folder that another process has open.
	ErrLocked = fault.New(fault.Unavailable, "keys.locked", "another process has the keys open")
)

var _ Copier = (*Folder)(nil)

// Copy implements Copier. Erasures and new persons wait only while the shards'
// keys are read, not while the persons are handed over.
func (v *Folder) Copy(ctx context.Context, each func(Wrapped) error) error {
	v.using.RLock()
	records := v.db.NewSnapshot()
	shardKeys, err := v.shardKeys(records)
	v.using.RUnlock()
	if err == nil {
		err = handOver(ctx, shardKeys, records, each)
	}
	return errors.Join(err, records.Close())
}

// CopyFolder copies a vault in a folder that nobody has open. It needs no master key.
func CopyFolder(ctx context.Context, dir string, each func(Wrapped) error) (err error) {
	wrapped := filepath.Join(dir, "wrapped")
	if _, err := os.Stat(wrapped); errors.Is(err, fs.ErrNotExist) {
		return fault.New(ErrNone.Kind, ErrNone.Code, "there are no keys in %s", dir)
	}
	db, err := pebble.Open(wrapped, &pebble.Options{Logger: quiet{}, ReadOnly: true})
	// Pebble tells a lock of its own process by text only.
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) || err != nil && err.Error() == "lock held by current process" {
		return fault.New(ErrLocked.Kind, ErrLocked.Code, "another process has the keys in %s open", dir)
	}
	if err != nil {
		return fmt.Errorf("keys: open %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	v := &Folder{dir: dir, db: db}
	return v.Copy(ctx, each)
}

// ClosedFolder is a folder of keys that nobody has open, for copying.
type ClosedFolder string

// Copy implements Copier, as CopyFolder does.
func (dir ClosedFolder) Copy(ctx context.Context, each func(Wrapped) error) error {
	return CopyFolder(ctx, string(dir), each)
}

// shardKeys are the shards' keys in force in a snapshot. No key is destroyed while
// using is held, and one that is made is in its file before its epoch is told.
func (v *Folder) shardKeys(records *pebble.Snapshot) (shardKeys []Wrapped, err error) {
	for i := range shards {
		shard := byte(i)
		epoch, exists, err := epochIn(records, shard)
		if err != nil {
			return nil, err
		}
		if !exists {
			continue
		}
		key, err := v.keyFile(shard, epoch)
		if err != nil {
			return nil, err
		}
		shardKeys = append(shardKeys, Wrapped{Shard: shard, Epoch: epoch, Key: key})
	}
	return shardKeys, nil
}

// keyFile reads the wrapped key of a shard's epoch; a turn that was cut off after
// it came into force leaves it in the next file.
func (v *Folder) keyFile(shard byte, epoch uint64) ([]byte, error) {
	for _, path := range []string{v.shardPath(shard), v.shardPath(shard) + ".next"} {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("keys: read shard key: %w", err)
		}
		if len(data) > 8 && binary.BigEndian.Uint64(data) == epoch {
			return data[8:], nil
		}
	}
	return nil, fault.New(fault.Corrupt, "keys.damaged", "there is no key file of epoch %d of shard %02x", epoch, shard)
}

func handOver(ctx context.Context, shardKeys []Wrapped, records *pebble.Snapshot, each func(Wrapped) error) error {
	for _, key := range shardKeys {
		if err := each(key); err != nil {
			return err
		}
	}
	it, err := records.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: []byte{'s'}, UpperBound: []byte{'s' + 1}})
	if err != nil {
		return fmt.Errorf("keys: read: %w", err)
	}
	for it.First(); it.Valid() && err == nil; it.Next() {
		if err = ctx.Err(); err == nil {
			key := it.Key()
			err = each(Wrapped{Shard: key[1], Subject: string(key[2:]), Record: append([]byte(nil), it.Value()...)})
		}
	}
	return errors.Join(err, it.Close())
}

// RestoreFolder makes a vault in a folder that is not there yet from a copy. Those
// who are erased are erased in it, whatever the copy holds: their keys are not
// written at all. It needs no master key; the vault opens with the one that the
// copied vault had. If it fails or the process dies, the folder is worthless.
func RestoreFolder(ctx context.Context, dir string, parts iter.Seq2[Wrapped, error], erased iter.Seq[string]) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("keys: make folder: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("keys: make folder: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "shards"), 0o700); err != nil {
		return fmt.Errorf("keys: make folder: %w", err)
	}
	db, err := pebble.Open(filepath.Join(dir, "wrapped"), &pebble.Options{Logger: quiet{}})
	if err != nil {
		return fmt.Errorf("keys: open %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	v := &Folder{dir: dir, db: db}
	gone := map[string]bool{}
	for subject := range erased {
		gone[subject] = true
		if err := v.put(recordKey(subject), nil); err != nil {
			return err
		}
	}
	for part, err := range parts {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := v.restore(part, gone); err != nil {
			return err
		}
	}
	if err := db.LogData(nil, pebble.Sync); err != nil {
		return fmt.Errorf("keys: store: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

func (v *Folder) restore(part Wrapped, gone map[string]bool) error {
	switch {
	case part.Subject == "" && part.Epoch == 0, part.Subject != "" && part.Shard != shardOf(part.Subject):
		return fault.New(fault.Corrupt, "keys.damaged", "the copy of the keys holds something of shard %02x that does not belong there", part.Shard)
	case part.Subject == "":
		epoch := binary.BigEndian.AppendUint64(nil, part.Epoch)
		if err := writeSynced(v.shardPath(part.Shard), append(epoch, part.Key...)); err != nil {
			return err
		}
		return v.put(epochKey(part.Shard), epoch)
	case gone[part.Subject]:
		return nil
	}
	return v.put(recordKey(part.Subject), part.Record)
}

func (v *Folder) put(key, value []byte) error {
	if err := v.db.Set(key, value, pebble.NoSync); err != nil {
		return fmt.Errorf("keys: store: %w", err)
	}
	return nil
}

// quiet keeps Pebble's chatter out of the log while a copy is made; its errors
// come back from calls.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("keys: store failed: "+format, args...))
}
