package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"dossierledger/infra/clickhouse"
	"dossierledger/infra/ledger"
	"dossierledger/infra/readmodels"
	"dossierledger/infra/simulator"
	"dossierledger/projections"
	"dossierledger/queries"
)

// tables are the read models of a ledger in the embedded engine.
type tables struct {
	ledger    *ledger.Ledger
	db        *clickhouse.DB
	runner    *readmodels.Runner
	warehouse *readmodels.ClickHouse
	reports   *queries.Reports
	worklists *queries.Worklists
}

// openTables opens a ledger with the sample catalogue in a folder of the run.
func openTables(ctx context.Context, r *Run) (t *tables, err error) {
	dir, err := r.Folder("tables")
	if err != nil {
		return nil, err
	}
	t = &tables{}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if t.ledger, err = ledger.Open(ctx, ledger.Config{Data: dir}); err != nil {
		return t, err
	}
	if _, err = t.ledger.Seed(ctx); err != nil {
		return t, err
	}
	if t.db, err = clickhouse.Open(ctx, clickhouse.Config{Dir: filepath.Join(dir, "clickhouse")}); err != nil {
		return t, err
	}
	if _, err = t.db.Migrate(ctx); err != nil {
		return t, err
	}
	if t.warehouse, err = readmodels.NewClickHouse(t.db); err != nil {
		return t, err
	}
	t.runner, err = t.newRunner(t.warehouse)
	t.reports, t.worklists = queries.NewReports(t.db), queries.NewWorklists(t.db)
	return t, err
}

// newRunner makes a runner of all projections that writes to a warehouse.
func (t *tables) newRunner(warehouse readmodels.Warehouse) (*readmodels.Runner, error) {
	return readmodels.New(readmodels.Config{
		Store: t.ledger.Store, Decode: t.ledger.Journal.Decode, Warehouse: warehouse,
		Projections: projections.All(readmodels.History{Store: t.ledger.Store, Decode: t.ledger.Journal.Decode}),
	})
}

func (t *tables) close() error {
	var errs []error
	if t.db != nil {
		errs = append(errs, t.db.Close())
	}
	if t.ledger != nil {
		errs = append(errs, t.ledger.Close())
	}
	return errors.Join(errs...)
}

// simulate has dossiers live through two months up to a moment.
func (t *tables) simulate(ctx context.Context, dossiers int, now time.Time) error {
	config := simulator.Config{Dossiers: dossiers, Seed: 1, From: now.AddDate(0, -2, 0), To: now}
	if _, err := t.ledger.Simulate(ctx, config, nil); err != nil {
		return err
	}
	return t.runner.CatchUp(ctx, nil)
}

// multiply adds copies of what the dossiers of the ledger have in the tables,
// each under codes of its own, numbered from first on, and merges.
func (t *tables) multiply(ctx context.Context, first, copies int) error {
	for _, table := range []string{"dossiers", "events", "steps"} {
		// In pieces, as they come from a rebuild; each becomes a part of the table.
		for from := first; from < first+copies; from += 64 {
			n := min(64, first+copies-from)
			err := t.db.Exec(ctx, fmt.Sprintf(
				"INSERT INTO %[1]s SELECT t.* REPLACE (concat(code, '~', toString(%[2]d + n.number)) AS code) FROM (SELECT * FROM %[1]s FINAL WHERE position(code, '~') = 0) AS t CROSS JOIN numbers(%[3]d) AS n",
				table, from, n))
			if err != nil {
				return err
			}
		}
		if err := t.warehouse.Merge(ctx, table); err != nil {
			return err
		}
	}
	return nil
}
