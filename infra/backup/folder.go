package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dossierledger/domain/fault"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Folder is a Place in a file system. What is being written lies in the folder
// "unfinished" until it is synced.
type Folder struct{ dir string }

var _ Place = Folder{}

// OpenFolder is the place in a folder, which need not be there yet.
func OpenFolder(dir string) (Folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Folder{}, fmt.Errorf("backup: %w", err)
	}
	return Folder{dir}, nil
}

// String implements Place.
func (f Folder) String() string { return f.dir }

func (f Folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

const unfinishedFolder = "unfinished"

// Lock implements Place. The lock ends with the process. What a killed backup had
// begun to write is removed.
func (f Folder) Lock(context.Context) (release func() error, err error) {
	if err := f.makeFolder(f.path(unfinishedFolder)); err != nil {
		return nil, err
	}
	lock, err := vfs.Default.Lock(f.path("lock"))
	if err != nil {
		return nil, fault.New(ErrBusy.Kind, ErrBusy.Code, "another backup writes to %s, or it cannot be locked: %w", f, err)
	}
	left, err := os.ReadDir(f.path(unfinishedFolder))
	for _, file := range left {
		err = errors.Join(err, os.Remove(filepath.Join(f.path(unfinishedFolder), file.Name())))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("backup: %w", err), lock.Close())
	}
	return lock.Close, nil
}

// makeFolder makes a folder and those above it, durably.
func (f Folder) makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := f.makeFolder(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("backup: %w", err)
	}
	return syncFolder(above)
}

// Put implements Place. The caller has locked the place.
func (f Folder) Put(_ context.Context, name string, data []byte) error {
	path := f.path(name)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("backup: %s: %w", path, fs.ErrExist)
	}
	if err := f.makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	file, err := os.CreateTemp(f.path(unfinishedFolder), filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("backup: write %s: %w", path, errors.Join(err, os.Remove(file.Name())))
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("backup: sync %s: %w", dir, err)
	}
	return nil
}

// Get implements Place.
func (f Folder) Get(_ context.Context, name string) ([]byte, error) {
	data, err := os.ReadFile(f.path(name))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return data, nil
}

// List implements Place.
func (f Folder) List(_ context.Context, prefix string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(f.path(prefix), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !entry.IsDir():
			names = append(names, prefix+filepath.ToSlash(strings.TrimPrefix(path, f.path(prefix)+string(filepath.Separator))))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

// Remove implements Place. A folder that becomes empty is removed too.
func (f Folder) Remove(_ context.Context, name string) error {
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	above := filepath.Dir(f.path(name))
	if left, err := os.ReadDir(above); err == nil && len(left) == 0 {
		if err := os.Remove(above); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	return nil
}
