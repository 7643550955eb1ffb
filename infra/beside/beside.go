// Package beside lets a second process read a ledger that another one has open:
// its events, and its keys, wrapped as they are kept. The one that has it open
// answers on a socket in the data folder, so that who may read the folder may
// ask, and nobody else: nothing listens on a network, and there is no password.
//
// It is read only. A stream of events or keys has a marked end: one that breaks
// off, because the process stops, is an error for who reads it.
package beside

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"dossierledger/domain/fault"
)

// ErrNotOffered is for a data folder in which no process answers.
var ErrNotOffered = fault.New(fault.Unavailable, "beside.not-offered", "no process offers this ledger for reading")

const (
	folderName = "run"
	socketName = "ledger.sock"
	// pathMax is the longest name of a socket that every system takes.
	pathMax = 100
)

// address is where a data folder's socket is reached. A socket's name is bounded
// far below that of a file; where it is longer, the folder is named by a file that
// is open meanwhile, which Linux allows.
func address(data string) (path string, release func() error, err error) {
	folder := filepath.Join(data, folderName)
	path = filepath.Join(folder, socketName)
	if len(path) <= pathMax {
		return path, func() error { return nil }, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the name of the socket %s is too long for this system", path)
	}
	open, err := os.Open(folder)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil, notOffered(data)
	}
	if err != nil {
		return "", nil, fmt.Errorf("socket of the ledger: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", open.Fd(), socketName), open.Close, nil
}

func notOffered(data string) error {
	return fault.New(ErrNotOffered.Kind, ErrNotOffered.Code, "no process offers the ledger in %s for reading", data)
}
