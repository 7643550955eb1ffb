package cli

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"dossierledger/infra/bench"
)

type benchCommand struct {
	Name        string `arg:"" optional:"" help:"The benchmark (default: list them)."`
	Events      int    `placeholder:"N" help:"How many events to measure on (default: the benchmark's own)."`
	Clients     int    `placeholder:"N" help:"How many write, read or ask at a time (default: the benchmark's own)."`
	Repetitions int    `placeholder:"N" help:"How often subject and baseline are each measured (default: the benchmark's own)."`
	XES         string `name:"xes" placeholder:"FILE" help:"XES log to repeat until it is long enough, for benchmarks that measure on one (default: one that is made up)."`
	Profile     string `placeholder:"DIR" help:"Folder for profiles of this process (cpu, allocations, blocking) while it measures, for go tool pprof."`
	Dir         string `placeholder:"DIR" help:"Folder on the disk to measure; what is written there is removed again (default: the system's for temporary files)."`
}

// Run measures one benchmark, or lists them. It takes no part in the ledger in
// the data folder.
func (c *benchCommand) Run(w *world) error {
	if c.Name == "" {
		return w.listBenchmarks()
	}
	b, err := bench.Find(c.Name)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	result, err := bench.Measure(w.ctx, b, bench.Options{
		Parameters: bench.Parameters{Events: c.Events, Clients: c.Clients, Repetitions: c.Repetitions},
		Dir:        c.Dir, Program: program, Log: c.XES, Profile: c.Profile, Progress: w.stderr,
	})
	if err != nil {
		return err
	}
	return w.print(result, result.Print)
}

// listed is one benchmark as `ledger bench --json` lists it.
type listed struct {
	Name       string           `json:"name"`
	About      string           `json:"about"`
	Parameters bench.Parameters `json:"parameters"`
}

func (w *world) listBenchmarks() error {
	list := []listed{}
	for _, b := range bench.All() {
		list = append(list, listed{b.Name, b.About, b.Defaults})
	}
	return w.print(list, func(out io.Writer) error {
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, b := range list {
			fmt.Fprintf(t, "%s\t%s\n", b.Name, b.About)
		}
		return t.Flush()
	})
}
