package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

const (
	// blockProfileRate samples one blocking for each so many nanoseconds blocked.
	blockProfileRate = 10_000
	// mutexProfileFraction samples one of so many contentions.
	mutexProfileFraction = 100
)

// profile starts profiling this process; stop writes what was seen into a folder:
// cpu, allocs, block and mutex, for `go tool pprof`. Samples have the labels
// "pair" and "side", so that a baseline can be told from what it is compared to
// (-tagfocus).
func profile(dir string) (stop func() error, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	cpu, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(fmt.Errorf("profiles: %w", err), cpu.Close())
	}
	runtime.SetBlockProfileRate(blockProfileRate)
	fraction := runtime.SetMutexProfileFraction(mutexProfileFraction)
	return func() error {
		pprof.StopCPUProfile()
		runtime.SetBlockProfileRate(0)
		runtime.SetMutexProfileFraction(fraction)
		err := cpu.Close()
		for _, name := range []string{"allocs", "block", "mutex"} {
			err = errors.Join(err, writeProfile(filepath.Join(dir, name+".pprof"), name))
		}
		return err
	}, nil
}

func writeProfile(path, name string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return pprof.Lookup(name).WriteTo(f, 0)
}
