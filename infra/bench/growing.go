package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
)

var growing = Benchmark{
	Name: "growth",
	About: "What commands cost, each as a process of its own, as the ledger that they are run on grows: " +
		"CPU time, start of the program included, and the most memory that is resident.",
	Defaults: Parameters{Events: 1_000_000},
	Run: func(ctx context.Context, r *Run) error {
		for _, size := range decades(r.Events, min(100, r.Events)) {
			if err := r.costAt(ctx, size); err != nil {
				return fmt.Errorf("at %d events: %w", size, err)
			}
		}
		return nil
	},
}

// costAt notes what commands cost on a ledger of some events.
func (r *Run) costAt(ctx context.Context, size int) (err error) {
	dir, err := r.Folder("grown")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, kept, log := r.File("log.xes"), r.File("backup"), writtenLog(min(size, receiptEvents))
	events, err := log.writeFile(path, log.times(size))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(path), os.RemoveAll(kept)) }()
	const linear, flat = 1.1, 0.1
	for _, c := range []struct {
		name  string
		limit float64 // of the time's exponent
		args  []string
	}{
		{"import", linear, []string{"import", path}},
		{"rebuild", linear, []string{"rebuild"}},
		{"doctor", linear, []string{"doctor"}},
		{"backup", linear, []string{"backup", "--to", kept}},
		{"report dfg", linear, []string{"report", "dfg"}},
		{"report variants", linear, []string{"report", "variants"}},
		{"history of one dossier", flat, []string{"history", "case-0-0"}},
		{"replay of one dossier", flat, []string{"replay", "case-0-0"}},
	} {
		s, err := r.ran(ctx, append(c.args, "--data", dir)...)
		if err != nil {
			return err
		}
		// The clock tells as much of the machine's other work as of the size.
		r.Point(c.name, "s of CPU", ExponentAtMost(c.limit), events, s.Figures[cpuTime])
		if runtime.GOOS == "linux" {
			r.Point(c.name+", most memory", "MB", ExponentAtMost(flat), events, s.Figures[peakMemory]/1e6)
		}
	}
	return nil
}
