// Package keys keeps the keys under which personal data is sealed: one key for
// each person, so that destroying it erases the person and nothing else
// (crypto-shredding; Luật Bảo vệ dữ liệu cá nhân 91/2025/QH15, art. 14).
//
// # How a key is kept, and how it is destroyed
//
// A person's key is wrapped by the key of one of 256 shards, and that by the
// master key (the port Master: a file here, a KMS elsewhere). Destroying a
// person's key wraps every other key of its shard anew under a fresh shard key
// and destroys the old shard key's file. So no remnant that a log-structured
// store leaves in its old files or logs can be opened again, even by somebody
// who has the master key. A copy of the key folder that was made before the
// erasure still opens what it opened then: backups of keys are kept apart and
// have a retention of their own.
//
// If the process dies while a key is destroyed, the next Open finishes or
// discards the step: the person's key is then either wholly there or gone.
package keys

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"sync"

	"dossierledger/domain/fault"
	"github.com/cockroachdb/pebble/v2"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Refusals of the vault.
var (
	// ErrErased is for a person whose key was destroyed: nothing sealed for them
	// can be read, and nothing new can be sealed under the same pseudonym.
	ErrErased = fault.New(fault.Erased, "personal.erased", "the personal data of this person was erased")
	// ErrUnknownSubject is for a sealed value whose key was never in this vault.
	ErrUnknownSubject = fault.New(fault.Corrupt, "personal.unknown-subject", "there is no key for this person in the key store")
	// ErrWrongMaster is for a key store that another master key made.
	ErrWrongMaster = fault.New(fault.Corrupt, "keys.wrong-master", "the master key does not open this key store")
	// ErrBroken is for a sealed value that does not open: damaged, or moved from its place.
	ErrBroken = fault.New(fault.Corrupt, "personal.broken", "a sealed value is damaged or not in the place it was sealed for")
)

// Master wraps the keys of the shards. A master key held in a file is FileMaster;
// a key management service implements the same two calls.
type Master interface {
	// Wrap and Unwrap are authenticated encryption bound to the context bytes.
	Wrap(ctx context.Context, key, bound []byte) ([]byte, error)
	Unwrap(ctx context.Context, wrapped, bound []byte) ([]byte, error)
}

const (
	shards      = 256
	keySize     = 32
	maxOpenKeys = 100_000 // bounds memory: about 20 MB
	maxSubject  = 256
)

// Vault seals and opens values under the keys of persons. It is safe for
// concurrent use. One process has a folder open at a time.
type Vault struct {
	dir    string
	master Master
	db     *pebble.DB
	close  func() error

	mu     sync.RWMutex
	shard  [shards]*shardKey
	opened map[string]tink.AEAD
}

type shardKey struct {
	epoch uint64
	aead  tink.AEAD
}

// Open opens or makes the key store in a folder.
func Open(ctx context.Context, dir string, master Master) (*Vault, error) {
	if err := os.MkdirAll(filepath.Join(dir, "shards"), 0o700); err != nil {
		return nil, fmt.Errorf("keys: make folder: %w", err)
	}
	db, err := pebble.Open(filepath.Join(dir, "wrapped"), &pebble.Options{Logger: quiet{}})
	if err != nil {
		return nil, fmt.Errorf("keys: open %s: %w", dir, err)
	}
	v := &Vault{dir: dir, master: master, db: db, opened: map[string]tink.AEAD{}}
	v.close = sync.OnceValue(db.Close)
	for i := range shards {
		if err := v.loadShard(ctx, byte(i)); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return v, nil
}

// Close releases the folder. Again is a no-op.
func (v *Vault) Close() error { return v.close() }

// Seal encrypts a value under the subject's key, making the key at first use.
// bound is authenticated with it: the value opens only with the same bytes.
func (v *Vault) Seal(ctx context.Context, subject string, clear, bound []byte) ([]byte, error) {
	key, err := v.key(ctx, subject, true)
	if err != nil {
		return nil, err
	}
	sealed, err := key.Encrypt(clear, bound)
	if err != nil {
		return nil, fmt.Errorf("keys: seal: %w", err)
	}
	return sealed, nil
}

// Unseal decrypts a value. ErrErased where the subject's key was destroyed.
func (v *Vault) Unseal(ctx context.Context, subject string, sealed, bound []byte) ([]byte, error) {
	key, err := v.key(ctx, subject, false)
	if err != nil {
		return nil, err
	}
	clear, err := key.Decrypt(sealed, bound)
	if err != nil {
		return nil, ErrBroken
	}
	return clear, nil
}

// Erase destroys the subject's key for ever and returns when that is durable. A
// subject that never had a key is marked as erased too. Again is a no-op.
func (v *Vault) Erase(ctx context.Context, subject string) error {
	if err := checkSubject(subject); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch _, err := v.wrapped(subject); {
	case errors.Is(err, ErrErased):
		return nil
	case err != nil && !errors.Is(err, ErrUnknownSubject):
		return err
	}
	delete(v.opened, subject)
	return v.turnShard(ctx, shardOf(subject), subject)
}

// Knows reports whether a person has a key here, or had one that was destroyed.
func (v *Vault) Knows(subject string) (bool, error) {
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
func (v *Vault) key(ctx context.Context, subject string, make bool) (tink.AEAD, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	v.mu.RLock()
	key, ok := v.opened[subject]
	v.mu.RUnlock()
	if ok {
		return key, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if key, ok := v.opened[subject]; ok {
		return key, nil
	}
	raw, err := v.wrapped(subject)
	switch {
	case errors.Is(err, ErrUnknownSubject) && make:
		raw, err = v.newKey(ctx, subject)
	case err == nil:
		raw, err = v.unwrap(subject, raw)
	}
	if err != nil {
		return nil, err
	}
	key, err = subtle.NewXChaCha20Poly1305(raw)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if len(v.opened) >= maxOpenKeys {
		clear(v.opened) // rare, and cheaper than keeping an order of use
	}
	v.opened[subject] = key
	return key, nil
}

func (v *Vault) newKey(ctx context.Context, subject string) ([]byte, error) {
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("keys: random: %w", err)
	}
	shard, err := v.shardFor(ctx, shardOf(subject))
	if err != nil {
		return nil, err
	}
	record, err := wrapRecord(shard, subject, raw)
	if err != nil {
		return nil, err
	}
	if err := v.db.Set(recordKey(subject), record, pebble.Sync); err != nil {
		return nil, fmt.Errorf("keys: store: %w", err)
	}
	return raw, nil
}

// wrapped reads a subject's record: ErrUnknownSubject, ErrErased or the bytes.
func (v *Vault) wrapped(subject string) ([]byte, error) {
	value, closer, err := v.db.Get(recordKey(subject))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrUnknownSubject
	}
	if err != nil {
		return nil, fmt.Errorf("keys: read: %w", err)
	}
	record := append([]byte(nil), value...)
	if err := closer.Close(); err != nil {
		return nil, fmt.Errorf("keys: read: %w", err)
	}
	if len(record) == 0 {
		return nil, ErrErased
	}
	return record, nil
}

func (v *Vault) unwrap(subject string, record []byte) ([]byte, error) {
	shard := v.shard[shardOf(subject)]
	if shard == nil || len(record) < 8 || binary.BigEndian.Uint64(record) != shard.epoch {
		return nil, fault.New(fault.Corrupt, "keys.damaged", "the key record of a person does not belong to its shard's key")
	}
	raw, err := shard.aead.Decrypt(record[8:], []byte(subject))
	if err != nil {
		return nil, fault.New(fault.Corrupt, "keys.damaged", "the key record of a person is damaged")
	}
	return raw, nil
}

func wrapRecord(shard *shardKey, subject string, raw []byte) ([]byte, error) {
	sealed, err := shard.aead.Encrypt(raw, []byte(subject))
	if err != nil {
		return nil, fmt.Errorf("keys: wrap: %w", err)
	}
	return append(binary.BigEndian.AppendUint64(nil, shard.epoch), sealed...), nil
}

// Records are keyed by shard first, so that a shard is one range: 's' shard subject.
func recordKey(subject string) []byte {
	return append([]byte{'s', shardOf(subject)}, subject...)
}

func shardOf(subject string) byte {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject)) // a hash never fails
	sum := h.Sum32()
	return byte(sum ^ sum>>8 ^ sum>>16 ^ sum>>24)
}

func checkSubject(subject string) error {
	if subject == "" || len(subject) > maxSubject {
		return fault.New(fault.Invalid, "personal.subject", "the pseudonym of a person has 1 to %d bytes", maxSubject)
	}
	return nil
}

// quiet keeps Pebble's chatter out of the log; its errors come back from calls.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("keys: store failed: "+format, args...))
}
