package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dossierledger/domain/fault"
)

// Benchmark is one named measurement. Its name is permanent: results are kept
// under it.
type Benchmark struct {
	Name string
	// About says in one sentence what is measured and against what.
	About string
	// Defaults are the parameters that it has; those that are 0 it does not have.
	Defaults Parameters
	// TakesLog says that it measures on a log, which a caller may give.
	TakesLog bool
	// Run measures. What it leaves in the run's folder is removed by the caller.
	Run func(ctx context.Context, r *Run) error
}

// Parameters are what a caller may set of a benchmark.
type Parameters struct {
	// Events is how many events are measured on.
	Events int `json:"events,omitempty"`
	// Clients is how many write, read or ask at a time.
	Clients int `json:"clients,omitempty"`
	// Repetitions is how often subject and baseline are each measured.
	Repetitions int `json:"repetitions,omitempty"`
}

// All lists the benchmarks by name.
func All() []Benchmark {
	return slices.Clone(catalogue)
}

// Find returns the benchmark of a name.
func Find(name string) (Benchmark, error) {
	for _, b := range catalogue {
		if b.Name == name {
			return b, nil
		}
	}
	return Benchmark{}, fault.New(fault.NotFound, "bench.unknown", "there is no benchmark %q; `ledger bench` lists them", name)
}

// Options say how a benchmark is run.
type Options struct {
	// Parameters that are not 0 take the place of the defaults.
	Parameters
	// Dir is the folder whose disk is measured; empty is the system's for
	// temporary files. A folder is made in it and removed again.
	Dir string
	// Program is the ledger's binary, for what is measured as a process of its own.
	Program string
	// Log is an XES log to measure on, for benchmarks that take one; empty is one
	// that is made up.
	Log string
	// Profile is a folder for profiles of the run; empty is none. They cost time:
	// what is measured beside them is not to be compared with other runs.
	Profile string
	// Progress takes a line for each thing that is measured.
	Progress io.Writer
}

// Run is one run of a benchmark.
type Run struct {
	Parameters
	Program  string
	Log      string
	dir      string
	progress io.Writer
	result   *Result
}

// Measure runs a benchmark.
func Measure(ctx context.Context, b Benchmark, opts Options) (result *Result, err error) {
	params, err := b.parameters(opts.Parameters)
	if err != nil {
		return nil, err
	}
	if opts.Log != "" && !b.TakesLog {
		return nil, fault.New(fault.Invalid, "bench.parameter", "the benchmark %s has no --xes", b.Name)
	}
	dir, err := os.MkdirTemp(opts.Dir, "ledger-bench-")
	if err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", b.Name, err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil && removed != nil {
			err = fmt.Errorf("benchmark %s: %w", b.Name, removed)
		}
	}()
	r := &Run{Parameters: params, Program: opts.Program, Log: opts.Log, dir: dir, progress: opts.Progress, result: &Result{
		Benchmark: b.Name, About: b.About, Parameters: params, Began: time.Now().UTC().Truncate(time.Second),
		Environment: environment(dir),
	}}
	if r.progress == nil {
		r.progress = io.Discard
	}
	stop := func() error { return nil }
	if opts.Profile != "" {
		if stop, err = profile(opts.Profile); err != nil {
			return nil, fmt.Errorf("benchmark %s: %w", b.Name, err)
		}
	}
	began := time.Now()
	if err := errors.Join(b.Run(ctx, r), stop()); err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", b.Name, err)
	}
	r.result.Seconds = rounded(time.Since(began).Seconds())
	r.result.Environment.LoadEnd = loadAverage()
	return r.result, nil
}

// parameters are the defaults with what the caller has set.
func (b Benchmark) parameters(set Parameters) (Parameters, error) {
	params := b.Defaults
	for _, p := range []struct {
		name  string
		given int
		own   *int
	}{
		{"events", set.Events, &params.Events},
		{"clients", set.Clients, &params.Clients},
		{"repetitions", set.Repetitions, &params.Repetitions},
	} {
		switch {
		case p.given == 0:
		case p.given < 0:
			return params, fault.New(fault.Invalid, "bench.parameter", "--%s is at least 1, not %d", p.name, p.given)
		case *p.own == 0:
			return params, fault.New(fault.Invalid, "bench.parameter", "the benchmark %s has no --%s", b.Name, p.name)
		default:
			*p.own = p.given
		}
	}
	return params, nil
}

// Folder makes a new folder for files of the run.
func (r *Run) Folder(name string) (string, error) {
	return os.MkdirTemp(r.dir, name+"-")
}

// File is a path in the run's folder; nothing is there yet.
func (r *Run) File(name string) string { return filepath.Join(r.dir, name) }

// Say tells whoever waits what is being done.
func (r *Run) Say(format string, args ...any) {
	// A line of progress that cannot be written is no failure.
	_, _ = fmt.Fprintf(r.progress, format+"\n", args...)
}
