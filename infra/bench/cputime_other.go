//go:build !unix

package bench

import "time"

// cpuTimeUsed is 0: the system does not tell.
func cpuTimeUsed() time.Duration { return 0 }
