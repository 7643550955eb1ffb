package cli

import (
	"fmt"
	"io"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/infra/simulator"
)

type simulateCommand struct {
	Dossiers int    `default:"3000" placeholder:"N" help:"How many people apply."`
	Seed     uint64 `default:"1" placeholder:"S" help:"The same seed over the same catalogue gives the same dossiers."`
	From     string `placeholder:"DATE" help:"First day of arrivals (2006-01-02; default: a year before --to)."`
	To       string `placeholder:"DATE" help:"Day before which the last one arrives (default: today)."`
}

// Run simulates on the sample catalogue, which is published first where it is not.
func (c *simulateCommand) Run(w *world) error {
	config, err := c.config(w.now())
	if err != nil {
		return err
	}
	l, err := w.open()
	if err != nil {
		return err
	}
	defer w.close(l)
	if _, err := l.Seed(w.ctx); err != nil {
		return err
	}
	bar := w.progress("dossiers", int64(c.Dossiers), false)
	summary, err := l.Simulate(w.ctx, config, func(done int) { bar.set(int64(done)) })
	bar.done()
	if err != nil {
		return err
	}
	return w.print(summary, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%d dossiers with %d actions in %s: %d finished (%d late), %d open\n",
			summary.Dossiers, summary.Actions, summary.Took.Round(time.Millisecond), summary.Finished, summary.Late, summary.Open)
		return err
	})
}

func (c *simulateCommand) config(now time.Time) (simulator.Config, error) {
	config := simulator.Config{Dossiers: c.Dossiers, Seed: c.Seed}
	local := now.In(dossier.ICT)
	config.To = time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, dossier.ICT)
	var err error
	if c.To != "" {
		if config.To, err = time.ParseInLocation(time.DateOnly, c.To, dossier.ICT); err != nil {
			return config, usage("--to is a day such as 2026-01-31, not %q", c.To)
		}
	}
	config.From = config.To.AddDate(-1, 0, 0)
	if c.From != "" {
		if config.From, err = time.ParseInLocation(time.DateOnly, c.From, dossier.ICT); err != nil {
			return config, usage("--from is a day such as 2026-01-31, not %q", c.From)
		}
	}
	if config.To.After(now) {
		return config, usage("--to lies in the future: a simulated action cannot have happened yet")
	}
	return config, nil
}
