package datasync

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// slice is for how long a thread of ours wants a processor at a time. It is longer
// than the kernel's own threads want one, 0.7 to 2.8 ms, so that these, when they
// wake, do not wait until ours have had theirs.
const slice = 4 * time.Millisecond

// passes bounds how often threads are looked for that were begun meanwhile.
const passes = 10

// GiveWay lets the kernel's threads run before this process's when they have
// something to do. They sync for us: each sync takes several turns of theirs, and
// where all processors are busy each turn waits for the end of a slice. What share of
// the processors the process has does not change by it, nor its niceness. It is for
// all threads that there are and for those that they begin; kernels before 6.12 take
// no notice.
func GiveWay() error {
	for range passes {
		changed, err := giveWay()
		if err != nil || changed == 0 {
			return err
		}
	}
	return nil // those that are begun now are begun by threads that give way
}

// giveWay lets the threads that there are give way, and tells how many did not before.
func giveWay() (changed int, err error) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0, fmt.Errorf("list the threads: %w", err)
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return changed, fmt.Errorf("list the threads: %w", err)
		}
		switch set, err := stretch(id); {
		case errors.Is(err, unix.ESRCH): // it has ended
		case err != nil:
			return changed, fmt.Errorf("ask for longer slices: %w", err)
		case set:
			changed++
		}
	}
	return changed, nil
}

// stretch makes the slice of a thread longer, and says whether it was shorter.
func stretch(thread int) (set bool, err error) {
	attr, err := unix.SchedGetAttr(thread, 0)
	if err != nil {
		return false, err
	}
	ordinary := attr.Policy == unix.SCHED_NORMAL || attr.Policy == unix.SCHED_BATCH
	if !ordinary || attr.Runtime >= uint64(slice) {
		return false, nil
	}
	attr.Runtime = uint64(slice)
	return true, unix.SchedSetAttr(thread, attr, 0)
}
