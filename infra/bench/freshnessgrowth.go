package bench

import (
	"context"
	"errors"
	"fmt"
)

var freshnessGrowth = Benchmark{
	Name: "freshness-growth",
	About: "From the answer to a command until a search over HTTP shows it, as `freshness` measures it, as the ledger and its read models grow " +
		"by histories taken over.",
	Defaults: Parameters{Events: 100_000, Clients: 64, Repetitions: 3},
	Run: func(ctx context.Context, r *Run) (err error) {
		f, err := newFreshly(ctx, r, min(5000, r.Events))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.close()) }()
		fill := newFill(r.Events)
		for _, size := range decades(r.Events, min(r.Events, 100)) {
			if err := f.grow(ctx, fill, size); err != nil {
				return err
			}
		}
		return nil
	},
}

// grow lets the ledger grow and measures what is seen how soon.
func (f *freshly) grow(ctx context.Context, fill *fill, size int) error {
	// Dossiers of its own for each size: notes make them longer.
	f.codes, f.at = nil, nil
	if err := f.submitSome(ctx); err != nil {
		return err
	}
	events, err := fill.upTo(ctx, f.Ledger, size, 1)
	if err != nil {
		return err
	}
	// What has come in much is put together behind that.
	if err := errors.Join(f.caughtUp(ctx), atRest(ctx)); err != nil {
		return fmt.Errorf("at %d events: %w", events, err)
	}
	var most, middle []float64
	for range f.run.Repetitions {
		sample, err := f.measure(ctx, true)
		if err != nil {
			return fmt.Errorf("at %d events: %w", events, err)
		}
		most, middle = append(most, sample.Value), append(middle, sample.Figures["p50_ms"])
	}
	f.run.Point("99 of 100 are seen within", "ms", ExponentAtMost(0.2), events, most...)
	f.run.Point("half are seen within", "ms", ExponentAtMost(0.2), events, middle...)
	return nil
}
