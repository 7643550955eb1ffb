package embedded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"dossierledger/domain/fault"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The file FORMAT says which layout a directory has. It is the last thing that is
// written when a directory is made or converted.
const (
	formatName       = "FORMAT"
	formatFinished   = "dossierledger event store 2\n"
	formatUnfinished = "dossierledger event store 2, unfinished copy\n"
)

// readFormat says what the directory is; there is false when it has no FORMAT.
func readFormat(disk vfs.FS, dir string) (unfinished, there bool, err error) {
	f, err := disk.Open(disk.PathJoin(dir, formatName))
	if isNotExist(err) {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("read the format: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err = errors.Join(err, f.Close()); err != nil {
		return false, false, fmt.Errorf("read the format: %w", err)
	}
	switch string(text) {
	case formatFinished:
		return false, true, nil
	case formatUnfinished:
		return true, true, nil
	}
	return false, true, fault.New(fault.Unavailable, "eventstore.format",
		"the event store in %s has the format %q, this program knows %q", dir, strings.TrimSpace(string(text)), strings.TrimSpace(formatFinished))
}

// writeFormat says durably what the directory is.
func writeFormat(disk vfs.FS, dir string, unfinished bool) error {
	text := formatFinished
	if unfinished {
		text = formatUnfinished
	}
	path := disk.PathJoin(dir, formatName)
	f, err := disk.Create(path+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := disk.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(disk, dir)
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
