// Package elapsed measures time for whoever must not take an old thing for a
// fresh one.
package elapsed

import "time"

// Since is the time that has passed since t, which must be a reading of time.Now:
// the longer of what the monotonic clock and the wall clock say. The monotonic
// clock goes on while a process is stopped, the wall clock also while a machine
// sleeps or is moved; a wall clock that is set forward makes it too long, which
// errs on the safe side, and one that is set back changes nothing.
func Since(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}
