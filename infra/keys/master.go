package keys

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dossierledger/domain/fault"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// FileMaster is a master key held in a file: 32 random bytes in base64. The file
// is for its owner alone (mode 0600) and belongs on another medium than the ledger.
type FileMaster struct{ aead tink.AEAD }

// ReadMaster reads a master key file. It refuses one that others can read.
func ReadMaster(path string) (*FileMaster, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("keys: master key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Invalid, "keys.master-open", "the master key file %s can be read by others: run chmod 600 on it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("keys: master key file: %w", err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != keySize {
		return nil, fault.New(fault.Invalid, "keys.master-malformed", "the master key file %s must hold %d random bytes in base64", path, keySize)
	}
	aead, err := subtle.NewXChaCha20Poly1305(raw)
	if err != nil {
		return nil, fmt.Errorf("keys: master key: %w", err)
	}
	return &FileMaster{aead: aead}, nil
}

// MakeMaster writes a new master key file. It never replaces one that exists, and
// when it returns the file is there whole, whatever happens to the machine.
func MakeMaster(path string) error {
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return fmt.Errorf("keys: random: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // for its owner alone
	if err != nil {
		return fmt.Errorf("keys: make master key file: %w", err)
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(raw) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		return fmt.Errorf("keys: make master key file: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// Wrap implements Master.
func (m *FileMaster) Wrap(_ context.Context, key, bound []byte) ([]byte, error) {
	wrapped, err := m.aead.Encrypt(key, bound)
	if err != nil {
		return nil, fmt.Errorf("keys: wrap: %w", err)
	}
	return wrapped, nil
}

// Unwrap implements Master. ErrWrongMaster where the key does not fit.
func (m *FileMaster) Unwrap(_ context.Context, wrapped, bound []byte) ([]byte, error) {
	key, err := m.aead.Decrypt(wrapped, bound)
	if err != nil {
		return nil, ErrWrongMaster
	}
	return key, nil
}
