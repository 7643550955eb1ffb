package bench

import (
	"context"
	"errors"
	"time"
)

const (
	// restFor is for how long a process does next to nothing that is at rest, and
	// restAt what part of a core that is.
	restFor = 500 * time.Millisecond
	restAt  = 0.1
	// restWithin bounds the wait for it.
	restWithin = 10 * time.Minute
)

// atRest waits until this process is done with what it does by itself, such as
// putting tables together. Other than the clock, CPU time tells nothing of what
// else the machine does.
func atRest(ctx context.Context) error {
	for end := time.Now().Add(restWithin); time.Now().Before(end); {
		before := cpuTimeUsed()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(restFor):
		}
		if (cpuTimeUsed() - before).Seconds() < restAt*restFor.Seconds() {
			return nil
		}
	}
	return errors.New("the ledger does not come to rest")
}

// cpuMicros does n things and tells the µs of CPU time that this process took for
// each; it is 0 where the system does not tell.
func cpuMicros(n int, do func() error) (float64, error) {
	before := cpuTimeUsed()
	err := do()
	return (cpuTimeUsed() - before).Seconds() * 1e6 / float64(n), err
}
