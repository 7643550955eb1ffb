//go:build unix

package bench

import (
	"syscall"
	"time"
)

// cpuTimeUsed is the CPU time that this process has used so far.
func cpuTimeUsed() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it fails for no process of one's own
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
