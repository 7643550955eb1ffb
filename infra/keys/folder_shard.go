package keys

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dossierledger/domain/fault"
	"github.com/cockroachdb/pebble/v2"
)

// A shard's file holds its epoch (8 bytes) and its wrapped key. The epoch in
// force is kept with the records ('e' shard), so that both change in one step.

func (v *Folder) shardPath(shard byte) string {
	return filepath.Join(v.dir, "shards", fmt.Sprintf("%02x", shard))
}

// loadShard reads a shard's key and finishes or discards a turn that was cut off.
func (v *Folder) loadShard(ctx context.Context, shard byte) error {
	epoch, exists, err := epochIn(v.db, shard)
	if err != nil {
		return err
	}
	path, next := v.shardPath(shard), v.shardPath(shard)+".next"
	if !exists {
		// Whatever file is here never came into force.
		return errors.Join(destroy(path), destroy(next))
	}
	if key, err := v.readShard(ctx, shard, next); err == nil && key.epoch == epoch {
		v.shard[shard].Store(key)
		return v.replaceShard(shard)
	}
	key, err := v.readShard(ctx, shard, path)
	if err != nil {
		return err
	}
	if key.epoch != epoch {
		return fault.New(fault.Corrupt, "keys.damaged", "the key file of shard %02x is of epoch %d, its records are of epoch %d", shard, key.epoch, epoch)
	}
	v.shard[shard].Store(key)
	return destroy(next)
}

// shardFor gives a shard's key, making it at first use.
func (v *Folder) shardFor(ctx context.Context, shard byte) (*shardKey, error) {
	if key := v.shard[shard].Load(); key != nil {
		return key, nil
	}
	v.sharding.Lock()
	defer v.sharding.Unlock()
	if key := v.shard[shard].Load(); key != nil {
		return key, nil
	}
	key, err := v.writeShard(ctx, shard, v.shardPath(shard), 1)
	if err != nil {
		return nil, err
	}
	if err := v.db.Set(epochKey(shard), binary.BigEndian.AppendUint64(nil, 1), pebble.Sync); err != nil {
		return nil, fmt.Errorf("keys: store: %w", err)
	}
	v.shard[shard].Store(key)
	return key, nil
}

// turnShard gives a shard a fresh key, wraps all its records anew but the
// victim's, which becomes a tombstone, and destroys the old key.
func (v *Folder) turnShard(ctx context.Context, shard byte, victim string) error {
	old, err := v.shardFor(ctx, shard)
	if err != nil {
		return err
	}
	fresh, err := v.writeShard(ctx, shard, v.shardPath(shard)+".next", old.epoch+1)
	if err != nil {
		return err
	}
	batch := v.db.NewBatch()
	defer func() { _ = batch.Close() }() // closing a committed or unused batch has nothing to report
	if err := v.rewrap(batch, shard, fresh, victim); err != nil {
		return errors.Join(err, destroy(v.shardPath(shard)+".next"))
	}
	if err := batch.Set(recordKey(victim), nil, nil); err != nil {
		return fmt.Errorf("keys: erase: %w", err)
	}
	if err := batch.Set(epochKey(shard), binary.BigEndian.AppendUint64(nil, fresh.epoch), nil); err != nil {
		return fmt.Errorf("keys: erase: %w", err)
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("keys: erase: %w", err)
	}
	v.shard[shard].Store(fresh)
	return v.replaceShard(shard)
}

func (v *Folder) rewrap(batch *pebble.Batch, shard byte, fresh *shardKey, victim string) error {
	prefix := []byte{'s', shard}
	it, err := v.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: upper(prefix)})
	if err != nil {
		return fmt.Errorf("keys: erase: %w", err)
	}
	defer func() { _ = it.Close() }() // the iteration's error is read below
	for it.First(); it.Valid(); it.Next() {
		subject := string(it.Key()[2:])
		if subject == victim || len(it.Value()) == 0 {
			continue
		}
		raw, err := v.shard[shard].Load().unwrap(subject, it.Value())
		if err != nil {
			return err
		}
		record, err := fresh.wrap(subject, raw)
		if err != nil {
			return err
		}
		if err := batch.Set(recordKey(subject), record, nil); err != nil {
			return fmt.Errorf("keys: erase: %w", err)
		}
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("keys: erase: %w", err)
	}
	return nil
}

// replaceShard destroys the old key file and puts the next one in its place.
func (v *Folder) replaceShard(shard byte) error {
	path := v.shardPath(shard)
	if err := destroy(path); err != nil {
		return err
	}
	if err := os.Rename(path+".next", path); err != nil {
		return fmt.Errorf("keys: replace shard key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func epochIn(db pebble.Reader, shard byte) (epoch uint64, exists bool, err error) {
	value, closer, err := db.Get(epochKey(shard))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("keys: read: %w", err)
	}
	if len(value) == 8 {
		epoch = binary.BigEndian.Uint64(value)
	}
	if err := closer.Close(); err != nil {
		return 0, false, fmt.Errorf("keys: read: %w", err)
	}
	return epoch, true, nil
}

func epochKey(shard byte) []byte { return []byte{'e', shard} }

func (v *Folder) readShard(ctx context.Context, shard byte, path string) (*shardKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("keys: read shard key: %w", err)
	}
	if len(data) < 8 {
		return nil, fault.New(fault.Corrupt, "keys.damaged", "the key file %s is damaged", path)
	}
	return openShardKey(ctx, v.master, shard, binary.BigEndian.Uint64(data), data[8:])
}

func (v *Folder) writeShard(ctx context.Context, shard byte, path string, epoch uint64) (*shardKey, error) {
	key, wrapped, err := makeShardKey(ctx, v.master, shard, epoch)
	if err != nil {
		return nil, err
	}
	return key, writeSynced(path, append(binary.BigEndian.AppendUint64(nil, epoch), wrapped...))
}

func upper(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// destroy overwrites a file with random bytes before it removes it. That it is
// gone from the medium as well is up to the file system; that nothing else was
// wrapped by it is what makes the rest unreadable.
func destroy(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("keys: destroy: %w", err)
	}
	noise := make([]byte, info.Size())
	if _, err := rand.Read(noise); err != nil {
		return fmt.Errorf("keys: random: %w", err)
	}
	if err := writeSynced(path, noise); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("keys: destroy: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("keys: write: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("keys: write: %w", cerr)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("keys: write: %w", err)
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return fmt.Errorf("keys: write: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("keys: write: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("keys: sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
