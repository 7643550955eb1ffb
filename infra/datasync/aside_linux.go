package datasync

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// operation is struct iocb of linux/aio_abi.h.
type operation struct {
	_               uint64    // aio_data
	_               [2]uint32 // aio_key and aio_rw_flags
	code            uint16    // aio_lio_opcode
	_               int16     // aio_reqprio
	file            uint32    // aio_fildes
	_               [4]uint64 // aio_buf, aio_nbytes, aio_offset and what is reserved
	flags, notified uint32    // aio_flags and aio_resfd
}

// completion is struct io_event of linux/aio_abi.h.
type completion struct {
	_      [2]uint64 // data and obj
	result int64     // res, a negative errno where it failed
	_      int64     // res2
}

const (
	operationDataSync = 3 // IOCB_CMD_FDSYNC, since Linux 4.18
	notifyEventFile   = 1 // IOCB_FLAG_RESFD
)

// syncer asks the kernel for one sync at a time.
type syncer struct {
	context uintptr  // aio_context_t
	event   uint32   // an eventfd(2), readable when the operation has ended
	done    *os.File // the same, for waiting
	asked   operation
	ended   completion
	count   [8]byte
}

// syncersKept bounds the syncs that are under way aside at once. A process has an
// event log and a key store, and seldom another of either.
const syncersKept = 4

// syncers are those that nobody uses; nil where one can still be made.
var syncers = func() chan *syncer {
	free := make(chan *syncer, syncersKept)
	for range syncersKept {
		free <- nil
	}
	return free
}()

// syncAside syncs a file's data without holding a processor. done is false where it
// was not begun: there is no syncer to be had, because all are in use or the system
// does not let us (filters of system calls of containers, fs.aio-max-nr), or this
// kind of file is not synced so. Then an ordinary sync is wanted.
func syncAside(fd uintptr) (done bool, err error) {
	var s *syncer
	select {
	case s = <-syncers:
	default:
		return false, nil
	}
	defer func() { syncers <- s }()
	if s == nil {
		if s, err = newSyncer(); err != nil {
			return false, nil //nolint:nilerr // the ordinary sync is as good
		}
	}
	if !s.ask(fd) {
		return false, nil
	}
	ended, err := s.wait()
	if !ended {
		s = nil // what it was asked for may go on, and write to it
	}
	return true, err
}

func newSyncer() (*syncer, error) {
	s := &syncer{}
	if _, _, errno := unix.Syscall(unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&s.context)), 0); errno != 0 {
		return nil, fmt.Errorf("io_setup: %w", errno)
	}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_, _, _ = unix.Syscall(unix.SYS_IO_DESTROY, s.context, 0, 0) // nothing was asked of it
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	s.event, s.done = uint32(fd), os.NewFile(uintptr(fd), "eventfd")
	return s, nil
}

// ask begins a sync, and says whether it could be begun.
func (s *syncer) ask(fd uintptr) bool {
	s.asked = operation{code: operationDataSync, file: uint32(fd), flags: notifyEventFile, notified: s.event}
	operations := &s.asked
	n, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, s.context, 1, uintptr(unsafe.Pointer(&operations)))
	runtime.KeepAlive(operations)
	return errno == 0 && n == 1
}

// wait waits until the sync has ended and tells how. ended is false where that
// cannot be found out.
func (s *syncer) wait() (ended bool, err error) {
	if _, err := s.done.Read(s.count[:]); err != nil {
		return false, fmt.Errorf("fdatasync: waiting for its end: %w", err)
	}
	n, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, s.context, 1, 1, uintptr(unsafe.Pointer(&s.ended)), 0, 0)
	if errno != 0 || n != 1 {
		return false, fmt.Errorf("fdatasync: asking how it ended: %w", errno)
	}
	if s.ended.result < 0 {
		return true, fmt.Errorf("fdatasync: %w", syscall.Errno(-s.ended.result))
	}
	return true, nil
}
