package bench

import (
	"os"
	"syscall"
)

// syncData brings a file's content to disk.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
