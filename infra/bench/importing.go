package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
)

var importing = Benchmark{
	Name: "import",
	About: "`ledger import` of a log of a municipality's receipts, repeated under other case identifiers, until every event is durable; " +
		"against the standard library reading the same file piece by piece and doing nothing with it.",
	Defaults: Parameters{Events: 1_000_000, Repetitions: 3},
	TakesLog: true,
	Run: func(ctx context.Context, r *Run) error {
		log, err := r.openEventLog()
		if err != nil {
			return err
		}
		times := log.times(r.Events)
		million := float64(times*log.events) / 1e6
		for _, c := range []struct {
			name     string
			write    func(path string, times int) (int, error)
			baseline string
			read     func(path string) (Sample, error)
			limit    float64 // s for a million events
		}{
			{"xes", log.writeFile, "tokens of encoding/xml", readXML, 6.8},
			{"csv", log.csvFile, "rows of encoding/csv", readCSV, 10},
		} {
			path := r.File("log." + c.name)
			events, err := c.write(path, times)
			if err != nil {
				return err
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			r.Say("%s: %d events, %d bytes", c.name, events, info.Size())
			goals := []Goal{AtMost(c.limit * million)}
			if runtime.GOOS == "linux" {
				goals = append(goals, FigureAtMost(peakMemory, 1e9))
			}
			err = r.Compare(ctx, Pair{
				Name: fmt.Sprintf("%s, %s MB", c.name, number(float64(info.Size())/1e6)), Unit: "s",
				Subject:  Side{"ledger import", func(ctx context.Context) (Sample, error) { return r.imports(ctx, path) }},
				Baseline: Side{c.baseline, func(context.Context) (Sample, error) { return c.read(path) }},
				Goals:    goals,
			})
			if err = errors.Join(err, os.Remove(path)); err != nil {
				return err
			}
		}
		return nil
	},
}

// imports takes a log over into a new ledger and removes that again.
func (r *Run) imports(ctx context.Context, path string) (s Sample, err error) {
	dir, err := r.Folder("imported")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return r.ran(ctx, "import", path, "--data", dir)
}
