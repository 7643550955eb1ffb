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

// merge puts the parts of the tables together, as a rebuild leaves them.
func (t *tables) merge(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := t.warehouse.Merge(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// copiedDossiers is a table of the dossiers that copies are made of, apart from
// the copies: to pick them out of ten million rows for each piece would take longer
// than to write the piece.
const copiedDossiers = "dossiers__copied"

// keepForCopies prepares multiply.
func (t *tables) keepForCopies(ctx context.Context) error {
	if err := t.warehouse.CreateLike(ctx, copiedDossiers, "dossiers"); err != nil {
		return err
	}
	return t.db.Exec(ctx, "INSERT INTO "+copiedDossiers+" SELECT * FROM dossiers FINAL")
}

// multiply adds copies of the rows of dossiers, each under codes of its own,
// numbered from first on, and merges. What the dossiers have in other tables is not
// copied: lists are made of dossiers alone.
func (t *tables) multiply(ctx context.Context, first, copies int) error {
	// In pieces, as they come from a rebuild; each becomes a part of the table.
	const together = 64
	for from := first; from < first+copies; from += together {
		err := t.db.Exec(ctx, fmt.Sprintf(
			"INSERT INTO dossiers SELECT t.* REPLACE (concat(code, '~', toString(n.number)) AS code) FROM numbers(%d, %d) AS n CROSS JOIN %s AS t",
			from, min(together, first+copies-from), copiedDossiers))
		if err != nil {
			return err
		}
	}
	return t.merge(ctx, "dossiers")
}
