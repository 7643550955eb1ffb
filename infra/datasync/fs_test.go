package datasync

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestFilesThatAreWrittenAreSyncedAside(t *testing.T) {
	dir := t.TempDir()
	path, old := filepath.Join(dir, "log"), filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("what was there"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (vfs.File, error){
		"create":     func() (vfs.File, error) { return FS.Create(path, vfs.WriteCategoryUnspecified) },
		"read-write": func() (vfs.File, error) { return FS.OpenReadWrite(path, vfs.WriteCategoryUnspecified) },
		"reuse":      func() (vfs.File, error) { return FS.ReuseForWrite(old, path, vfs.WriteCategoryUnspecified) },
	} {
		f, err := open()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, is := f.(file); !is {
			t.Errorf("%s: a %T", name, f)
		}
		if _, err := f.Write([]byte(name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 3 {
			if err := f.SyncData(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(got, []byte(name)) {
			t.Errorf("%s: there is %q, %v", name, got, err)
		}
	}
}

func TestMoreSyncsAtOnceThanAreDoneAside(t *testing.T) {
	var all sync.WaitGroup
	for i := range 4 * 4 {
		all.Go(func() {
			f, err := FS.Create(filepath.Join(t.TempDir(), "log"), vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				if _, err := f.Write(bytes.Repeat([]byte{byte(i)}, 5000)); err != nil {
					t.Error(err)
				}
				if err := f.SyncData(); err != nil {
					t.Error(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// What cannot be synced says so, as it does without this package.
func TestAFileThatCannotBeSyncedFails(t *testing.T) {
	f, err := FS.Create(filepath.Join(t.TempDir(), "log"), vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.SyncData(); err == nil {
		t.Error("a file that is closed was synced")
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = read.Close(), write.Close() }() // nothing was written
	if done, err := syncAside(write.Fd()); done {
		t.Errorf("a pipe was synced: %v", err)
	}
	if err := syscall.Fsync(int(write.Fd())); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a pipe can be synced: %v", err)
	}
}
