//go:build unix

package chdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"dossierledger/domain/fault"
)

// lockFile is in the engine's directory, beside its own files.
const lockFile = "ledger.lock"

// lockDirectory takes the directory for this process, until the file is closed
// or the process ends in whatever way. The engine has a lock of its own, but
// says on standard error only that it did not get it.
func lockDirectory(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fault.New(fault.Unavailable, CodeStart, "the engine's directory cannot be locked: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close() // nothing was written; the lock's error is the one to tell
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fault.New(fault.Conflict, CodeLocked, "another process runs the embedded ClickHouse engine on %s", dir)
	}
	return nil, fmt.Errorf("locking the engine's directory: %w", err)
}
