package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"dossierledger/domain/fault"
)

// Place is where backups lie. Names are relative, with slashes. An object is there
// whole or not at all, durable when Put returns, and is not changed.
type Place interface {
	// String names the place to people, without secrets.
	String() string
	// Lock keeps other backups out of the place, as far as it can: ErrBusy. It makes
	// the place where it is not there.
	Lock(ctx context.Context) (release func() error, err error)
	// Put writes an object. Where it is there already: fs.ErrExist.
	Put(ctx context.Context, name string, data []byte) error
	// Get reads an object. Where it is not there: fs.ErrNotExist.
	Get(ctx context.Context, name string) ([]byte, error)
	// List names the objects under a prefix that ends in a slash, in order.
	List(ctx context.Context, prefix string) ([]string, error)
	// Remove removes an object; one that is not there is none of its business.
	Remove(ctx context.Context, name string) error
}

// Refusals of backups.
var (
	// ErrBusy is for a place that another backup writes to.
	ErrBusy = fault.New(fault.Conflict, "backup.busy", "another backup writes to this place")
	// ErrKind is for a place that holds a backup of the other kind.
	ErrKind = fault.New(fault.Conflict, "backup.kind", "the place holds a backup of another kind: events and keys are kept apart")
	// ErrNone is for a place without a backup.
	ErrNone = fault.New(fault.NotFound, "backup.none", "there is no backup in this place")
	// ErrOtherLedger is for a ledger that the backup is not a beginning of.
	ErrOtherLedger = fault.New(fault.Conflict, "backup.other-ledger", "the backup is of another ledger")
	// ErrDamaged is for a backup of which something is damaged or missing.
	ErrDamaged = fault.New(fault.Corrupt, "backup.damaged", "a part of the backup is damaged or missing")
)

// damaged says what is wrong with an object and where it is.
func damaged(place Place, name, format string, args ...any) error {
	return fault.New(ErrDamaged.Kind, ErrDamaged.Code, "%s in %s %w", name, place, fmt.Errorf(format, args...))
}

const (
	format     = 1
	markerName = "backup.json"
	kindEvents = "events"
	kindKeys   = "keys"
)

// marker says what lies in a place.
type marker struct {
	Format int    `json:"format"`
	Kind   string `json:"kind"`
}

// claim makes a place one for a kind of backup, or holds that it is. The caller
// has locked it.
func claim(ctx context.Context, place Place, kind string) error {
	err := checkKind(ctx, place, kind)
	if !errors.Is(err, ErrNone) {
		return err
	}
	text, err := json.Marshal(marker{Format: format, Kind: kind})
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return place.Put(ctx, markerName, append(text, '\n'))
}

func checkKind(ctx context.Context, place Place, kind string) error {
	text, err := place.Get(ctx, markerName)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(ErrNone.Kind, ErrNone.Code, "there is no backup in %s", place)
	}
	if err != nil {
		return err
	}
	var m marker
	if err := json.Unmarshal(text, &m); err != nil || m.Kind == "" {
		return damaged(place, markerName, "is not what a backup has there")
	}
	switch {
	case m.Format != format:
		return fault.New(fault.Unavailable, "backup.format", "the backup in %s has format %d, this program knows format %d", place, m.Format, format)
	case m.Kind != kind:
		return fault.New(ErrKind.Kind, ErrKind.Code, "%s holds a backup of %s, not of %s: these are kept apart", place, m.Kind, kind)
	}
	return nil
}

// sealed is how a manifest lies in its object: with its hash, so that damage to
// the last one of a chain is found too.
type sealed struct {
	SHA256   string          `json:"sha256"`
	Manifest json.RawMessage `json:"manifest"`
}

// seal gives the object of a manifest and the manifest's hash.
func seal(manifest any) (object []byte, hash string, err error) {
	text, err := json.Marshal(manifest)
	if err != nil {
		return nil, "", fmt.Errorf("backup: %w", err)
	}
	hash = hashOf(text)
	object, err = json.Marshal(sealed{SHA256: hash, Manifest: text})
	if err != nil {
		return nil, "", fmt.Errorf("backup: %w", err)
	}
	return append(object, '\n'), hash, nil
}

// unseal reads a manifest that must be there and be what was written.
func unseal(ctx context.Context, place Place, name string, into any) (hash string, err error) {
	object, err := get(ctx, place, name)
	if err != nil {
		return "", err
	}
	var s sealed
	if err := json.Unmarshal(object, &s); err != nil {
		return "", damaged(place, name, "cannot be read: %w", err)
	}
	if hash = hashOf(s.Manifest); hash != s.SHA256 {
		return "", damaged(place, name, "has the SHA-256 %s where it says %s", hash, s.SHA256)
	}
	if err := json.Unmarshal(s.Manifest, into); err != nil {
		return "", damaged(place, name, "cannot be read: %w", err)
	}
	return hash, nil
}

// get reads an object that must be there.
func get(ctx context.Context, place Place, name string) ([]byte, error) {
	object, err := place.Get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged(place, name, "is missing")
	}
	return object, err
}

// put writes an object whose name tells its content. One that is there already, left
// over by a run that was killed, is held to be the same.
func put(ctx context.Context, place Place, name string, data []byte) error {
	err := place.Put(ctx, name, data)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, err := get(ctx, place, name)
	if err == nil && hashOf(there) != hashOf(data) {
		return damaged(place, name, "was left over by another run and is damaged: remove it and run again")
	}
	return err
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
