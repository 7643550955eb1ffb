package chdb

import (
	"fmt"
	"sync"
	"syscall"
	"unsafe"
)

// signals is the number of signals that Linux has on every architecture of Go
// that the engine is built for.
const signals = 64

// disposition is the kernel's struct sigaction on amd64 and arm64.
type disposition struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

var signalTable sync.Mutex

// keepingSignalHandlers runs f and puts back every signal handler that f has
// replaced. Even with its handlers switched off, the engine takes one real-time
// signal (34) when it starts. Calls are serialised, since the table belongs to
// the whole process.
func keepingSignalHandlers(f func() error) error {
	signalTable.Lock()
	defer signalTable.Unlock()
	before := signalHandlers()
	// Go has one handler for all signals. Where it stands now and did not
	// before, another goroutine has asked for that signal in the meantime.
	own := before[syscall.SIGSEGV-1].handler
	err := f()
	for i, now := range signalHandlers() {
		if now.handler == before[i].handler && now.flags == before[i].flags || now.handler == own {
			continue
		}
		if e := setDisposition(i+1, &before[i]); e != 0 && err == nil {
			err = fmt.Errorf("restoring the handler of signal %d: %w", i+1, e)
		}
	}
	return err
}

// signalHandlers reads the handlers of all signals, that of signal n at n-1.
func signalHandlers() [signals]disposition {
	var table [signals]disposition
	for i := range table {
		// The kernel refuses no number in this range, and an entry that could
		// not be read would compare equal before and after.
		_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(i+1), 0, uintptr(unsafe.Pointer(&table[i])), 8, 0, 0)
	}
	return table
}

func setDisposition(signal int, d *disposition) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(d)), 0, 8, 0, 0)
	return errno
}
