package keys

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// folderOn opens a key store on a disk whose writes fail as fails says.
func folderOn(t *testing.T, dir string, fails func(errorfs.Op) error) *Folder {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := MakeMaster(path); err != nil {
		t.Fatal(err)
	}
	master, err := ReadMaster(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := openFolder(t.Context(), dir, master, errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(fails)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func writes(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFilePreallocate
}

// Without room a new person's key is refused, nobody hangs, keys that are there
// go on, and with room it goes on by itself: with the key that was being written.
func TestAFullDiskRefusesNewKeysAndGoesOnWhenThereIsRoom(t *testing.T) {
	var full atomic.Bool
	v := folderOn(t, t.TempDir(), func(op errorfs.Op) error {
		if full.Load() && writes(op) {
			return syscall.ENOSPC
		}
		return nil
	})
	known, err := v.Seal(t.Context(), "known", []byte("An"), nil)
	if err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	for i := range 3 {
		if _, err := v.Seal(t.Context(), fmt.Sprint("new-", i), []byte("Bình"), nil); !errors.Is(err, ErrFull) {
			t.Errorf("a new key on a full disk: %v", err)
		}
		if err := v.Erase(t.Context(), "known"); !errors.Is(err, ErrFull) {
			t.Errorf("destroying a key on a full disk: %v", err)
		}
		if clear, err := v.Unseal(t.Context(), "known", known, nil); err != nil || string(clear) != "An" {
			t.Errorf("reading on a full disk: %s, %v", clear, err)
		}
		v.opened.Purge()
		if _, err := v.Seal(t.Context(), "known", []byte("An"), nil); err != nil {
			t.Errorf("sealing under a key that is there, on a full disk: %v", err)
		}
	}
	full.Store(false)
	var sealed []byte
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if sealed, err = v.Seal(t.Context(), "new-0", []byte("Bình"), nil); err == nil {
			break
		}
		if !errors.Is(err, ErrFull) || time.Now().After(deadline) {
			t.Fatalf("a new key with room: %v", err)
		}
	}
	again := reopen(t, v)
	for subject, value := range map[string][]byte{"known": known, "new-0": sealed} {
		if _, err := again.Unseal(t.Context(), subject, value, nil); err != nil {
			t.Errorf("%s after opening again: %v", subject, err)
		}
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func reopen(t *testing.T, v *Folder) *Folder {
	t.Helper()
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenFolder(context.WithoutCancel(t.Context()), v.dir, v.master)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// After a sync that failed nobody knows what is on the disk: no new keys until
// the folder is opened again, and the process lives on.
func TestASickDiskTakesNoNewKeysUntilTheFolderIsOpenedAgain(t *testing.T) {
	var sick atomic.Bool
	v := folderOn(t, t.TempDir(), func(op errorfs.Op) error {
		if sick.Load() && op.Kind != errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log") {
			return syscall.EIO
		}
		return nil
	})
	known, err := v.Seal(t.Context(), "known", []byte("An"), nil)
	if err != nil {
		t.Fatal(err)
	}
	sick.Store(true)
	for i := range 2 {
		if _, err := v.Seal(t.Context(), fmt.Sprint("new-", i), []byte("Bình"), nil); !errors.Is(err, ErrSick) {
			t.Errorf("a new key on a sick disk: %v", err)
		}
		if clear, err := v.Unseal(t.Context(), "known", known, nil); err != nil || string(clear) != "An" {
			t.Errorf("reading on a sick disk: %s, %v", clear, err)
		}
	}
	if err := v.Close(); !errors.Is(err, ErrSick) {
		t.Errorf("closing says %v", err)
	}
}

// Little room is refused before anything is written.
func TestLittleRoomIsLeftAlone(t *testing.T) {
	mem := vfs.NewMem()
	v := folderOn(t, t.TempDir(), func(errorfs.Op) error { return nil })
	v.fs = mem
	usage := func(free uint64) { mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: free, TotalBytes: 10 << 30}) }
	usage(1 << 20)
	if _, err := v.Seal(t.Context(), "new", []byte("An"), nil); !errors.Is(err, ErrFull) {
		t.Errorf("with 1 MiB: %v", err)
	}
	usage(5 << 30)
	if _, err := v.Seal(t.Context(), "new", []byte("An"), nil); err != nil {
		t.Errorf("with 5 GiB: %v", err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}
