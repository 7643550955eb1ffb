package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"dossierledger/domain/fault"
	"dossierledger/infra/datasync"
	"dossierledger/infra/room"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/sync/singleflight"
)

// cacheBytes bounds the memory for what is read of the records' files. Each new
// person is looked for first and is nowhere, which filters of 10 bits for each record
// tell: with them in memory that costs the same for the first person and for one
// behind some ten millions; otherwise it takes a read of the disk.
const cacheBytes = 64 << 20

// Folder is a Vault in a folder, which one process has open at a time. If the
// process dies while a key is destroyed, the next OpenFolder finishes or
// discards the step.
type Folder struct {
	dir    string
	master Master
	db     *pebble.DB
	fs     vfs.FS
	disk   *room.Disk
	close  func() error

	// using is held shared by whoever reads or makes keys, and alone by whoever
	// destroys one. New keys of different persons are therefore synced together.
	using  sync.RWMutex
	closed bool
	opened *lru.Cache[string, tink.AEAD]
	making singleflight.Group // by subject

	sharding sync.Mutex // makes shards one after the other
	shard    [shards]atomic.Pointer[shardKey]
}

var _ Vault = (*Folder)(nil)

// OpenFolder opens or makes the key store in a folder.
func OpenFolder(ctx context.Context, dir string, master Master) (*Folder, error) {
	return openFolder(ctx, dir, master, datasync.FS)
}

// openFolder opens a folder whose records are on a file system; the files of the
// shards are always on the machine's.
func openFolder(ctx context.Context, dir string, master Master, fs vfs.FS) (*Folder, error) {
	if err := os.MkdirAll(filepath.Join(dir, "shards"), 0o700); err != nil {
		return nil, fullOr(dir, fmt.Errorf("keys: make folder: %w", err))
	}
	disk := room.New()
	// What Pebble has to say comes back from calls.
	logger := room.Logger{Log: slog.New(slog.DiscardHandler), Store: "key store", Disk: disk}
	opts := &pebble.Options{FS: disk.Over(fs), Logger: logger, CacheSize: cacheBytes}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy, opts.Levels[i].FilterType = bloom.FilterPolicy(10), pebble.TableFilter
	}
	db, err := pebble.Open(filepath.Join(dir, "wrapped"), opts)
	if err != nil {
		return nil, fullOr(dir, fmt.Errorf("keys: open %s: %w", dir, err))
	}
	opened, err := lru.New[string, tink.AEAD](maxOpenKeys)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keys: %w", err), db.Close())
	}
	v := &Folder{dir: dir, master: master, db: db, fs: fs, disk: disk, opened: opened}
	v.close = sync.OnceValue(v.shut)
	for i := range shards {
		if err := v.loadShard(ctx, byte(i)); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	disk.Opened()
	return v, nil
}

// Close implements Vault.
func (v *Folder) Close() error { return v.close() }

// Seal implements Vault.
func (v *Folder) Seal(ctx context.Context, subject string, clear, bound []byte) ([]byte, error) {
	key, err := v.key(ctx, subject, true)
	if err != nil {
		return nil, err
	}
	return sealWith(key, clear, bound)
}

// Unseal implements Vault.
func (v *Folder) Unseal(ctx context.Context, subject string, sealed, bound []byte) ([]byte, error) {
	key, err := v.key(ctx, subject, false)
	if err != nil {
		return nil, err
	}
	return unsealWith(key, sealed, bound)
}

// Erase implements Vault.
func (v *Folder) Erase(ctx context.Context, subject string) error {
	if err := checkSubject(subject); err != nil {
		return err
	}
	if err := v.hasRoom(); err != nil {
		return err
	}
	v.using.Lock()
	defer v.using.Unlock()
	switch _, err := v.wrapped(subject); {
	case errors.Is(err, ErrErased):
		return nil
	case err != nil && !errors.Is(err, ErrUnknownSubject):
		return err
	}
	v.opened.Remove(subject)
	return v.turnShard(ctx, shardOf(subject), subject)
}

// Knows implements Vault.
func (v *Folder) Knows(_ context.Context, subject string) (bool, error) {
	if err := checkSubject(subject); err != nil {
		return false, err
	}
	switch _, err := v.wrapped(subject); {
	case errors.Is(err, ErrUnknownSubject):
		return false, nil
	case err != nil && !errors.Is(err, ErrErased):
		return false, err
	}
	return true, nil
}

// key gives the AEAD of a subject from memory or the store.
func (v *Folder) key(ctx context.Context, subject string, make bool) (tink.AEAD, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	if key, ok := v.opened.Get(subject); ok {
		return key, nil
	}
	if !make {
		return v.open(ctx, subject, false)
	}
	// Those who want a new person's key at once get the same one, and whoever
	// asked first may go away meanwhile.
	alarm := v.disk.Alarm()
	made := v.making.DoChan(subject, func() (any, error) { return v.open(context.WithoutCancel(ctx), subject, true) })
	key, err := v.await(ctx, made, alarm)
	if err != nil {
		return nil, err
	}
	return key.(tink.AEAD), nil
}

// open reads a subject's key, or makes it.
func (v *Folder) open(ctx context.Context, subject string, make bool) (tink.AEAD, error) {
	v.using.RLock()
	defer v.using.RUnlock()
	if v.closed {
		return nil, fault.New(ErrSick.Kind, ErrSick.Code, "the key store in %s is closed", v.dir)
	}
	raw, err := v.wrapped(subject)
	switch {
	case errors.Is(err, ErrUnknownSubject) && make:
		raw, err = v.newKey(ctx, subject)
	case err == nil:
		raw, err = v.shard[shardOf(subject)].Load().unwrap(subject, raw)
	}
	if err != nil {
		return nil, err
	}
	key, err := aeadOf(raw)
	if err != nil {
		return nil, err
	}
	v.opened.Add(subject, key)
	return key, nil
}

func (v *Folder) newKey(ctx context.Context, subject string) ([]byte, error) {
	if err := v.hasRoom(); err != nil {
		return nil, err
	}
	raw, err := randomKey()
	if err != nil {
		return nil, err
	}
	shard, err := v.shardFor(ctx, shardOf(subject))
	if err != nil {
		return nil, err
	}
	record, err := shard.wrap(subject, raw)
	if err != nil {
		return nil, err
	}
	if err := v.db.Set(recordKey(subject), record, pebble.Sync); err != nil {
		return nil, fmt.Errorf("keys: store: %w", err)
	}
	return raw, nil
}

// wrapped reads a subject's record: ErrUnknownSubject, ErrErased or the bytes.
func (v *Folder) wrapped(subject string) ([]byte, error) {
	// Get does not ask the filters of the lowest level, where nearly everything is.
	it, err := v.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return nil, fmt.Errorf("keys: read: %w", err)
	}
	key := recordKey(subject)
	var record []byte
	found := it.SeekPrefixGE(key) && bytes.Equal(it.Key(), key)
	if found {
		record = bytes.Clone(it.Value())
	}
	switch err := it.Close(); { // tells what seeking failed with
	case err != nil:
		return nil, fmt.Errorf("keys: read: %w", err)
	case !found:
		return nil, ErrUnknownSubject
	case len(record) == 0:
		return nil, ErrErased
	}
	return record, nil
}

// Records are keyed by shard first, so that a shard is one range: 's' shard subject.
func recordKey(subject string) []byte {
	return append([]byte{'s', shardOf(subject)}, subject...)
}
