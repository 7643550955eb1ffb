package keys

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"dossierledger/domain/fault"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// shardKey is the key of a shard in one epoch; each erasure begins a new one.
type shardKey struct {
	epoch uint64
	aead  tink.AEAD
}

// makeShardKey makes the key of a new epoch, and its form wrapped by the master key.
func makeShardKey(ctx context.Context, master Master, shard byte, epoch uint64) (key *shardKey, wrapped []byte, err error) {
	raw, err := randomKey()
	if err != nil {
		return nil, nil, err
	}
	if wrapped, err = master.Wrap(ctx, raw, shardBound(shard, epoch)); err != nil {
		return nil, nil, err
	}
	aead, err := aeadOf(raw)
	return &shardKey{epoch: epoch, aead: aead}, wrapped, err
}

// openShardKey opens a wrapped shard key. ErrWrongMaster where another master key made it.
func openShardKey(ctx context.Context, master Master, shard byte, epoch uint64, wrapped []byte) (*shardKey, error) {
	raw, err := master.Unwrap(ctx, wrapped, shardBound(shard, epoch))
	if err != nil {
		return nil, err
	}
	aead, err := aeadOf(raw)
	return &shardKey{epoch: epoch, aead: aead}, err
}

func shardBound(shard byte, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'k', shard}, epoch)
}

// A person's record is the epoch of the shard key that wraps it (8 bytes) and
// the wrapped key; a record of no bytes is that of a person who was erased.

func (k *shardKey) wrap(subject string, raw []byte) ([]byte, error) {
	sealed, err := k.aead.Encrypt(raw, []byte(subject))
	if err != nil {
		return nil, fmt.Errorf("keys: wrap: %w", err)
	}
	return append(binary.BigEndian.AppendUint64(nil, k.epoch), sealed...), nil
}

func (k *shardKey) unwrap(subject string, record []byte) ([]byte, error) {
	if k == nil || len(record) < 8 || binary.BigEndian.Uint64(record) != k.epoch {
		return nil, fault.New(fault.Corrupt, "keys.damaged", "the key record of a person does not belong to its shard's key")
	}
	raw, err := k.aead.Decrypt(record[8:], []byte(subject))
	if err != nil {
		return nil, fault.New(fault.Corrupt, "keys.damaged", "the key record of a person is damaged")
	}
	return raw, nil
}

func randomKey() ([]byte, error) {
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("keys: random: %w", err)
	}
	return raw, nil
}

func aeadOf(raw []byte) (tink.AEAD, error) {
	aead, err := subtle.NewXChaCha20Poly1305(raw)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return aead, nil
}

func sealWith(key tink.AEAD, clear, bound []byte) ([]byte, error) {
	sealed, err := key.Encrypt(clear, bound)
	if err != nil {
		return nil, fmt.Errorf("keys: seal: %w", err)
	}
	return sealed, nil
}

func unsealWith(key tink.AEAD, sealed, bound []byte) ([]byte, error) {
	clear, err := key.Decrypt(sealed, bound)
	if err != nil {
		return nil, ErrBroken
	}
	return clear, nil
}

func shardOf(subject string) byte {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject)) // a hash never fails
	sum := h.Sum32()
	return byte(sum ^ sum>>8 ^ sum>>16 ^ sum>>24)
}
