package embedded

import (
	"errors"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// reserve extends a file by blocks that read as zeros.
func reserve(f vfs.File, offset, size int64) error {
	if f.Fd() == vfs.InvalidFd {
		return errors.ErrUnsupported
	}
	return syscall.Fallocate(int(f.Fd()), 0, offset, size)
}
