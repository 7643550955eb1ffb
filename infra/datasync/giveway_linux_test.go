package datasync

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// given threads that there are and one that is begun later, when the process gives
// way, then all of them do, with the niceness that they had.
func TestAllThreadsGiveWay(t *testing.T) {
	before, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := GiveWay(); err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
			t.Skipf("this system does not let us: %v", err)
		}
		t.Fatal(err)
	}
	begun, ended := make(chan struct{}), make(chan struct{})
	defer close(ended)
	go func() { // a thread of its own, which the runtime has to begin
		runtime.LockOSThread()
		close(begun)
		<-ended
	}()
	<-begun
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		attr, err := unix.SchedGetAttr(id, 0)
		switch {
		case errors.Is(err, unix.ESRCH):
		case err != nil:
			t.Fatal(err)
		case attr.Runtime == 0:
			t.Skip("this kernel has slices of one length for all")
		case attr.Runtime < uint64(slice) || attr.Nice != before.Nice || attr.Policy != before.Policy:
			t.Errorf("thread %d of %d has %+v, before it was %+v", id, len(threads), attr, before)
		}
	}
}
