//go:build unix

// Package roomtest takes a test's room to write away, as a full disk does.
package roomtest

import (
	"os/signal"
	"syscall"
	"testing"
)

// Without does something while no file of this process can grow: every write to
// one fails, as on a full disk. It is of the whole process, so that nothing may run
// beside it.
func Without(t testing.TB, do func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 0, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}
