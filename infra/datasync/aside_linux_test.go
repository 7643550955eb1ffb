package datasync

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Where the kernel lets us, a sync is done aside, with a syncer that is used again.
func TestTheKernelIsAsked(t *testing.T) {
	s, err := newSyncer()
	if err != nil {
		if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EAGAIN) {
			t.Skipf("this system does not let us: %v", err)
		}
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it is thrown away
	for range 10 {
		if _, err := f.WriteString("an event"); err != nil {
			t.Fatal(err)
		}
		if !s.ask(f.Fd()) {
			t.Skip("this kernel or file system does not sync so")
		}
		if ended, err := s.wait(); err != nil || !ended {
			t.Fatalf("ended %v, %v", ended, err)
		}
	}
	if done, err := syncAside(f.Fd()); !done || err != nil {
		t.Errorf("done %v, %v", done, err)
	}
	if got := len(syncers); got != syncersKept {
		t.Errorf("%d syncers are free afterwards", got)
	}
}
