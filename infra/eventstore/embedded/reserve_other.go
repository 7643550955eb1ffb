//go:build !linux

package embedded

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// reserve extends a file by blocks that read as zeros.
func reserve(vfs.File, int64, int64) error { return errors.ErrUnsupported }
