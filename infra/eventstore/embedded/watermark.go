package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"dossierledger/infra/room"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// watermark is a small file beside the engine's that says up to where the
// ledger was known to be synced. A damaged byte near the end of the engine's
// log looks to the engine like a write that a crash tore off, and it drops what
// follows. With the mark the store sees that acknowledged events are missing
// and refuses to open, rather than to give their positions away a second time.
//
// The mark is written after the sync that it tells of and is itself not synced:
// it can be old, and then says less, but never says too much.
type watermark struct {
	file    vfs.File
	written uint64
}

const (
	watermarkName = "SYNCED"
	watermarkSize = 8 + 4
)

// openWatermark returns the mark and the position before which everything must be there.
func openWatermark(fs vfs.FS, dir string) (*watermark, uint64, error) {
	f, err := fs.OpenReadWrite(fs.PathJoin(dir, watermarkName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, 0, fmt.Errorf("open the mark of what is synced: %w", err)
	}
	var raw [watermarkSize]byte
	if _, err := f.ReadAt(raw[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, errors.Join(fmt.Errorf("read the mark of what is synced: %w", err), f.Close())
	}
	next := binary.BigEndian.Uint64(raw[:])
	if binary.BigEndian.Uint32(raw[8:]) != crc32.Checksum(raw[:8], castagnoli) {
		// A crash tore the mark itself: it says nothing.
		next = 0
	}
	return &watermark{file: f}, next, nil
}

// set notes that everything before next is synced.
func (w *watermark) set(next uint64) error {
	if next == w.written {
		return nil
	}
	var raw [watermarkSize]byte
	binary.BigEndian.PutUint64(raw[:], next)
	binary.BigEndian.PutUint32(raw[8:], crc32.Checksum(raw[:8], castagnoli))
	if _, err := w.file.WriteAt(raw[:], 0); room.NoRoom(err) {
		return nil // An old mark only says less.
	} else if err != nil {
		return fmt.Errorf("write the mark of what is synced: %w", err)
	}
	w.written = next
	return nil
}
