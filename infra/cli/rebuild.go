package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"dossierledger/infra/ledger"
	"dossierledger/infra/readmodels"
)

type rebuildCommand struct {
	Projection string `arg:"" optional:"" help:"Projection or table (default: all)."`
	Deep       bool   `help:"Compare every column of every row with the log, not only counts and keys."`
}

// Run makes read models again beside the live ones, compares them with the log
// and puts them in their place.
func (c *rebuildCommand) Run(w *world) error {
	defer steadyMemory(128 << 20)()
	l, err := w.read()
	if err != nil {
		return err
	}
	defer w.close(l)
	models, err := l.OpenReadModels(w.ctx, nil)
	if err != nil {
		return err
	}
	names := models.Runner.Names()
	if c.Projection != "" {
		names = []string{c.Projection}
	}
	depth := readmodels.Shallow
	if c.Deep {
		depth = readmodels.Deep
	}
	results := []readmodels.Rebuilt{}
	err = models.Exclusively(w.ctx, func(ctx context.Context) error {
		for _, name := range names {
			result, err := rebuild(ctx, w, models, name, depth)
			if err != nil {
				return err
			}
			results = append(results, result)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.print(results, func(out io.Writer) error {
		for _, r := range results {
			if _, err := fmt.Fprintf(out, "%s: %d events in %s, compared with the log and swapped in\n", r.Projection, r.Events, r.Took.Round(time.Millisecond)); err != nil {
				return err
			}
		}
		return nil
	})
}

func rebuild(ctx context.Context, w *world, models *ledger.ReadModels, name string, depth readmodels.Depth) (readmodels.Rebuilt, error) {
	var bar *progress
	result, err := models.Runner.Rebuild(ctx, name, depth, func(done, total uint64) {
		if bar == nil {
			bar = w.progress("rebuilding "+name, int64(total), false)
		}
		bar.set(int64(done))
	})
	if bar != nil {
		bar.done()
	}
	return result, err
}
