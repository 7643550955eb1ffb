// Package keys keeps the keys under which personal data is sealed: one key for
// each person, so that destroying it erases the person and nothing else
// (crypto-shredding; Luật Bảo vệ dữ liệu cá nhân 91/2025/QH15, art. 14).
//
// # How a key is kept, and how it is destroyed
//
// A person's key is wrapped by the key of one of 256 shards, and that by the
// master key (the port Master: a file here, a KMS elsewhere). Destroying a
// person's key wraps every other key of its shard anew under a fresh shard key
// and destroys the old shard key. So no remnant that a store leaves in its old
// files or logs can be opened again, even by somebody who has the master key. A
// copy of the keys that was made before the erasure still opens what it opened
// then: backups of keys are kept apart and have a retention of their own.
//
// # Where keys are kept
//
// Folder keeps them in a folder that one process has open, Shared in NATS
// JetStream for any number of processes.
package keys

import (
	"context"

	"dossierledger/domain/fault"
)

// Vault seals and opens values under the keys of persons. It is safe for
// concurrent use. Every implementation passes one contract test.
type Vault interface {
	// Seal encrypts a value under the subject's key, making the key at first use.
	// bound is authenticated with it: the value opens only with the same bytes.
	// ErrErased where the subject's key was destroyed.
	Seal(ctx context.Context, subject string, clear, bound []byte) ([]byte, error)
	// Unseal decrypts a value. ErrErased where the subject's key was destroyed.
	Unseal(ctx context.Context, subject string, sealed, bound []byte) ([]byte, error)
	// Erase destroys the subject's key for ever and returns when that is durable.
	// A subject that never had a key is marked as erased too. Again is a no-op.
	// Where it fails or the process dies, the key is wholly there or gone, and
	// another call finishes what was begun.
	Erase(ctx context.Context, subject string) error
	// Knows reports whether a person has a key here, or had one that was destroyed.
	Knows(ctx context.Context, subject string) (bool, error)
	// Close releases what the vault holds. Again is a no-op.
	Close() error
}

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

func checkSubject(subject string) error {
	if subject == "" || len(subject) > maxSubject {
		return fault.New(fault.Invalid, "personal.subject", "the pseudonym of a person has 1 to %d bytes", maxSubject)
	}
	return nil
}
