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

// Reading is what both clocks said at a moment.
type Reading struct {
	// Monotonic is counted from the start of the process.
	Monotonic time.Duration
	// Wall has no monotonic reading.
	Wall time.Time
}

var start = time.Now()

// Read reads both clocks.
func Read() Reading {
	now := time.Now()
	return Reading{Monotonic: now.Sub(start), Wall: now.Round(0)}
}

// AtMost is the longest that can have passed from r to now, as Since says it: for
// whoever must not go on for too long.
func (r Reading) AtMost(now Reading) time.Duration {
	return max(now.Monotonic-r.Monotonic, now.Wall.Sub(r.Wall))
}

// AtLeast is what has passed from r to now for sure: for whoever must not begin
// too early.
func (r Reading) AtLeast(now Reading) time.Duration { return now.Monotonic - r.Monotonic }
