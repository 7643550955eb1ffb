package bench

import (
	"context"
	"errors"
	"sync"
	"time"

	"dossierledger/infra/readmodels"
	"dossierledger/projections"
)

var rebuilding = Benchmark{
	Name: "rebuild",
	About: "All read models made again from the log of histories taken over, compared with it, merged and swapped in, " +
		"against inserting the same finished rows with clickhouse-go.",
	Defaults: Parameters{Events: 1_000_000, Repetitions: 3},
	Run: func(ctx context.Context, r *Run) (err error) {
		t, err := openTables(ctx, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		h := newHistory(r.Events)
		r.Say("taking over %d events of %d cases", h.events, len(h.cases))
		if err := h.importInto(ctx, t); err != nil {
			return err
		}
		if err := t.runner.CatchUp(ctx, nil); err != nil {
			return err
		}
		return r.Compare(ctx, Pair{
			Name: "all read models", Unit: "s",
			Subject:  Side{"rebuild", func(ctx context.Context) (Sample, error) { return t.rebuild(ctx, t.runner) }},
			Baseline: Side{"inserting the rows", t.insertRows},
			Goals:    []Goal{RatioAtMost(2.5)},
		})
	},
}

// rebuild makes all read models again.
func (t *tables) rebuild(ctx context.Context, runner *readmodels.Runner) (Sample, error) {
	began := time.Now()
	for _, name := range runner.Names() {
		if _, err := runner.Rebuild(ctx, name, readmodels.Shallow, nil); err != nil {
			return Sample{}, err
		}
	}
	return Seconds(time.Since(began)), nil
}

// keeping is a warehouse that keeps what is inserted.
type keeping struct {
	readmodels.Warehouse
	mu   sync.Mutex
	kept []projections.Batch
}

func (k *keeping) Insert(ctx context.Context, table string, b projections.Batch) error {
	k.mu.Lock()
	k.kept = append(k.kept, b)
	k.mu.Unlock()
	return k.Warehouse.Insert(ctx, table, b)
}

// insertRows inserts the finished rows of a rebuild, which is not measured, into
// tables of their own.
func (t *tables) insertRows(ctx context.Context) (s Sample, err error) {
	keep := &keeping{Warehouse: t.warehouse}
	runner, err := t.newRunner(keep)
	if err != nil {
		return s, err
	}
	if _, err := t.rebuild(ctx, runner); err != nil {
		return s, err
	}
	const bare = "__bare"
	made := map[string]bool{}
	for _, b := range keep.kept {
		name := b.Table().Name
		if made[name] {
			continue
		}
		made[name] = true
		if err := t.warehouse.CreateLike(ctx, name+bare, name); err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, t.warehouse.Drop(ctx, name+bare)) }()
	}
	began := time.Now()
	for _, b := range keep.kept {
		if err := t.warehouse.Insert(ctx, b.Table().Name+bare, b); err != nil {
			return s, err
		}
	}
	return Seconds(time.Since(began)), nil
}
