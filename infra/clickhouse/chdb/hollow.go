package chdb

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"dossierledger/domain/fault"
)

// whole looks for tables without a definition: on a full disk the engine leaves
// the file of a table that it makes empty or cut off, says that the table was made,
// and does not start again.
func whole(dir string) error {
	for _, pattern := range []string{"metadata/*.sql", "metadata/*/*.sql", "store/*/*/*.sql"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fmt.Errorf("looking for definitions of tables: %w", err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("reading the definition of a table: %w", err)
			}
			if err == nil && !bytes.HasSuffix(text, []byte{'\n'}) {
				return fault.New(fault.Unavailable, CodeHollow, "the definition of a table in %s has no end, as a full disk leaves it", path)
			}
		}
	}
	return nil
}

// Clear removes everything in an engine's directory that no process uses. Faults:
// CodeLocked.
func Clear(dir string) error {
	lock, err := lockDirectory(dir)
	if err != nil {
		return err
	}
	return errors.Join(clearOut(dir), lock.Close())
}

// clearOut removes everything but the lock, which the caller holds.
func clearOut(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() == lockFile {
			continue
		}
		if rerr := os.RemoveAll(filepath.Join(dir, e.Name())); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	if err != nil {
		return fmt.Errorf("clearing the engine's directory: %w", err)
	}
	return nil
}
