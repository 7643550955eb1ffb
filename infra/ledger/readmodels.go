package ledger

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse"
	"dossierledger/infra/leases"
	"dossierledger/infra/readmodels"
	"dossierledger/projections"
	"dossierledger/queries"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// ReadModels are the tables in ClickHouse with what keeps and what asks them.
type ReadModels struct {
	Runner    *readmodels.Runner
	Reports   *queries.Reports
	Worklists *queries.Worklists
	db        *clickhouse.DB
	keeping   *leases.Task
}

// OpenReadModels connects to ClickHouse, or starts the embedded engine, and
// brings the tables up to date. It is closed with the ledger.
func (l *Ledger) OpenReadModels(ctx context.Context, metrics prometheus.Registerer) (*ReadModels, error) {
	config := clickhouse.Config{
		Dir: filepath.Join(l.Config.Data, "clickhouse"), Library: l.Config.ClickHouseLibrary,
		MaxMemory: int64(l.Config.ClickHouseMemory), Cluster: l.Config.ClickHouseCluster,
		Replicated: l.Config.ClickHouseReplicated, Sharded: l.Config.ClickHouseSharded, Logger: l.Log,
	}
	if l.Config.ClickHouseDSNFile != "" {
		dsn, err := readSecret(l.Config.ClickHouseDSNFile)
		if err != nil {
			return nil, err
		}
		config.DSN = dsn
	}
	db, err := clickhouse.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	m, err := l.readModels(ctx, db, metrics)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, db.Close)
	return m, nil
}

func (l *Ledger) readModels(ctx context.Context, db *clickhouse.DB, metrics prometheus.Registerer) (*ReadModels, error) {
	if _, err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	warehouse, err := readmodels.NewClickHouse(db)
	if err != nil {
		return nil, err
	}
	history := readmodels.History{Store: l.Store, Decode: l.Journal.Decode}
	runner, err := readmodels.New(readmodels.Config{
		Store: l.Store, Decode: l.Journal.Decode, Warehouse: warehouse, Logger: l.Log, Registerer: metrics, Now: l.Now,
		Held:        l.held(taskReadModels),
		Projections: []projections.Projection{projections.NewCases(history, 0), projections.NewCatalogue(history)},
	})
	if err != nil {
		return nil, err
	}
	return &ReadModels{Runner: runner, Reports: queries.NewReports(db), Worklists: queries.NewWorklists(db), db: db, keeping: l.Leases.Task(taskReadModels)}, nil
}

// Run keeps the tables in step with the log until ctx ends, while this process is
// the one to do that. Like CatchUp and Exclusively it ends with clickhouse.ErrLost
// where the embedded engine has lost what it had to write: then the read models are
// to be closed, and opened again.
func (m *ReadModels) Run(ctx context.Context) error {
	return m.whileKept(ctx, func(ctx context.Context) (err error) {
		m.keeping.Run(ctx, func(ctx context.Context) { err = m.Runner.Run(ctx) })
		return err
	})
}

// whileKept does something for as long as the engine has not lost anything.
func (m *ReadModels) whileKept(ctx context.Context, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-m.db.Lost():
			cancel(clickhouse.ErrLost)
		case <-ctx.Done():
		}
	}()
	err := do(ctx)
	if errors.Is(context.Cause(ctx), clickhouse.ErrLost) {
		return clickhouse.ErrLost
	}
	return err
}

// close gives up the tables. It may be called again, and where it fails is to be.
func (m *ReadModels) close() error {
	m.Runner.Unregister()
	return m.db.Close()
}

// CatchUp returns when everything that was in the log when it was called is in the
// tables: another process keeps them, or this one does meanwhile. progress is that
// of readmodels.Runner.
func (m *ReadModels) CatchUp(ctx context.Context, progress func(done, total uint64)) error {
	return m.whileKept(ctx, func(ctx context.Context) error {
		return m.beside(ctx, func() error { return m.Runner.CatchUp(ctx, progress) })
	})
}

// beside does something while this process keeps the tables unless another does. A
// process that is alone keeps them by Runner itself.
func (m *ReadModels) beside(ctx context.Context, do func() error) (err error) {
	if m.keeping.Alone() {
		return do()
	}
	keeping, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- m.Run(keeping) }()
	err = do()
	stop()
	return errors.Join(err, <-ended)
}

// Exclusively does something that no other process may disturb, such as a rebuild or
// a comparison: whoever keeps the tables is asked to stop for so long. It waits
// until that is so, as long as ctx lets it.
func (m *ReadModels) Exclusively(ctx context.Context, do func(ctx context.Context) error) error {
	return m.whileKept(ctx, func(ctx context.Context) error { return m.keeping.Do(ctx, do) })
}

// LateReadModels stands for read models that may not be there yet: a server
// starts, and takes commands, while ClickHouse is away. Until they are open its
// answers are faults of kind unavailable.
type LateReadModels struct {
	ledger  *Ledger
	metrics prometheus.Registerer
	open    atomic.Pointer[ReadModels]
	failure atomic.Pointer[string]
	// lost are to be closed before others are opened; only Run uses it.
	lost *ReadModels
}

// LateReadModels prepares read models that Run opens.
func (l *Ledger) LateReadModels(metrics prometheus.Registerer) *LateReadModels {
	return &LateReadModels{ledger: l, metrics: metrics}
}

// reopenMin and reopenMax bound the pauses between two tries to reach ClickHouse.
const (
	reopenMin = 100 * time.Millisecond
	reopenMax = 15 * time.Second
)

// Run opens the read models, trying again while ClickHouse is away, and keeps
// them in step with the log until ctx ends. Where the embedded engine has lost
// something on a full disk, they are made again from the events.
func (m *LateReadModels) Run(ctx context.Context) error {
	for pause := reopenMin; ; pause = min(2*pause, reopenMax) {
		open, err := m.reopen(ctx)
		if err == nil {
			pause = reopenMin
			m.failure.Store(nil)
			m.open.Store(open)
			if err = open.Run(ctx); !errors.Is(err, clickhouse.ErrLost) {
				return err
			}
			m.lost = open
			m.open.Store(nil)
		}
		if ctx.Err() != nil {
			return nil
		}
		text := err.Error()
		if before := m.failure.Swap(&text); before == nil || *before != text {
			m.ledger.Log.Error("the read models are not open; commands, status and timelines go on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func (m *LateReadModels) reopen(ctx context.Context) (*ReadModels, error) {
	if m.lost != nil {
		if err := m.lost.close(); err != nil {
			return nil, err
		}
		m.lost = nil
	}
	return m.ledger.OpenReadModels(ctx, m.metrics)
}

// Open gives the read models where they are open.
func (m *LateReadModels) Open() (*ReadModels, bool) {
	open := m.open.Load()
	return open, open != nil
}

// Failure says why they are not open; empty where nothing failed.
func (m *LateReadModels) Failure() string {
	if text := m.failure.Load(); text != nil {
		return *text
	}
	return ""
}

func (m *LateReadModels) unavailable() error {
	return fault.New(fault.Unavailable, "readmodels.unavailable", "the read models are not available yet; the ledger itself is")
}

// WaitFor waits until the read models have seen a position.
func (m *LateReadModels) WaitFor(ctx context.Context, position uint64, names ...string) error {
	if open, ok := m.Open(); ok {
		return open.Runner.WaitFor(ctx, position, names...)
	}
	return m.unavailable()
}

// Query implements queries.Database.
func (m *LateReadModels) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	if open, ok := m.Open(); ok {
		return open.db.Query(ctx, query, args...)
	}
	return nil, m.unavailable()
}

// Select implements queries.Database.
func (m *LateReadModels) Select(ctx context.Context, dest any, query string, args ...any) error {
	if open, ok := m.Open(); ok {
		return open.db.Select(ctx, dest, query, args...)
	}
	return m.unavailable()
}
