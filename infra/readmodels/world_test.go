package readmodels_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"dossierledger/infra/clickhouse"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/historylog"
	"dossierledger/infra/journal"
	"dossierledger/infra/readmodels"
	"dossierledger/projections"
	"github.com/google/uuid"
)

// world is a ledger's storage on the real engines.
type world struct {
	t         testing.TB
	dir       string
	store     *embedded.Store
	journal   *journal.Journal
	db        *clickhouse.DB
	warehouse *flaky
}

// plain is a vault for events without personal values.
type plain struct{}

func (plain) Seal(_ context.Context, _ string, clear, _ []byte) ([]byte, error) { return clear, nil }
func (plain) Unseal(_ context.Context, _ string, sealed, _ []byte) ([]byte, error) {
	return sealed, nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	ctx := context.Background()
	var err error
	if w.store, err = embedded.Open(ctx, embedded.Options{Dir: filepath.Join(w.dir, "events")}); err != nil {
		w.t.Fatal(err)
	}
	if w.db, err = clickhouse.Open(ctx, clickhouse.Config{Dir: filepath.Join(w.dir, "clickhouse"), MaxConnections: 6, Logger: quiet()}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.db.Migrate(ctx); err != nil {
		w.t.Fatal(err)
	}
	if w.journal, err = journal.New(w.store, registry(), plain{}); err != nil {
		w.t.Fatal(err)
	}
	ch, err := readmodels.NewClickHouse(w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	w.warehouse = &flaky{Warehouse: ch}
}

func (w *world) close() {
	if err := errors.Join(w.db.Close(), w.store.Close()); err != nil {
		w.t.Error(err)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func registry() *event.Registry {
	r := event.NewRegistry()
	legacy.Register(r)
	dossier.Register(r)
	procedure.Register(r)
	worktime.Register(r)
	agency.Register(r)
	return r
}

func (w *world) history() readmodels.History {
	return readmodels.History{Store: w.store, Decode: w.journal.Decode}
}

func (w *world) config() readmodels.Config {
	return readmodels.Config{
		Store: w.store, Decode: w.journal.Decode, Warehouse: w.warehouse, Logger: quiet(),
		Projections: projections.All(w.history()),
		RetryMin:    time.Millisecond, RetryMax: 20 * time.Millisecond,
	}
}

func (w *world) runner(config readmodels.Config) *readmodels.Runner {
	w.t.Helper()
	r, err := readmodels.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// run keeps a runner running until the test ends or the returned function is called.
func (w *world) run(r *readmodels.Runner) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(stop)
	return stop
}

func (w *world) catchUp(r *readmodels.Runner) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := r.CatchUp(ctx, nil); err != nil {
		w.t.Fatal(err)
	}
}

// act appends an action of a history taken over.
func (w *world) act(code, activity string, at time.Time) event.Written {
	w.t.Helper()
	e := event.New(uuid.New(), event.Metadata{OccurredAt: at, Actor: event.Actor{ID: "import", Role: event.RoleSystem}},
		legacy.ActionRecorded{Source: "log", Case: code, Activity: activity, Resource: "r"})
	written, err := w.journal.Append(context.Background(), dossier.StreamOf(code), event.Any, e)
	if err != nil {
		w.t.Fatal(err)
	}
	return written
}

// cases appends n cases of m actions each.
func (w *world) cases(n, m int) {
	w.t.Helper()
	var all sync.WaitGroup
	limit := make(chan struct{}, 64)
	for i := range n {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			batch := make([]event.Event, m)
			for j := range batch {
				at := monday.Add(time.Duration(i*7+j*53) * time.Minute)
				batch[j] = event.New(uuid.New(), event.Metadata{OccurredAt: at, Actor: event.Actor{ID: "import", Role: event.RoleSystem}},
					legacy.ActionRecorded{Source: "log", Case: fmt.Sprint(i), Activity: fmt.Sprintf("activity %d", (i+j*j)%17), Resource: fmt.Sprintf("r%d", j%9)})
			}
			if _, err := w.journal.Append(context.Background(), dossier.StreamOf(fmt.Sprintf("case-%d", i)), event.None, batch...); err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
}

var monday = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

// takeOver imports a real log; it skips the test where the log is absent.
func (w *world) takeOver(name string) {
	w.t.Helper()
	file, err := os.Open(filepath.Join("../../../shared/data/logs", name))
	if err != nil {
		w.t.Skip("the real logs are not beside this checkout: ", err)
	}
	defer file.Close()
	ctx := context.Background()
	spool, err := historylog.NewSpool(w.t.TempDir())
	if err != nil {
		w.t.Fatal(err)
	}
	defer spool.Close()
	if _, err := historylog.Read(ctx, file, historylog.Options{TempDir: w.t.TempDir()}, spool); err != nil {
		w.t.Fatal(err)
	}
	importing, err := commands.NewImportHistory(w.journal, name, "", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	err = spool.Cases(ctx, func(g *historylog.GroupedCase) error {
		return importing.Case(ctx, commands.CaseHistory{ID: g.ID, Line: g.Line, Actions: func(yield func(commands.LegacyAction, error) bool) {
			for e, err := range g.Events() {
				if !yield(commands.LegacyAction{At: e.Time, Activity: e.Activity, Resource: e.Resource, Lifecycle: e.Lifecycle}, err) {
					return
				}
			}
		}})
	})
	if _, finishErr := importing.Finish(); err != nil || finishErr != nil {
		w.t.Fatal(err, finishErr)
	}
}

// export gives the newest rows of a table as text, sorted.
func (w *world) export(table string) []string {
	w.t.Helper()
	rows, err := w.db.Query(context.Background(), "SELECT toString(tuple(*)) AS r FROM "+clickhouse.Quote(table)+" FINAL ORDER BY r")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var r string
		if err := rows.Scan(&r); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

var allTables = []string{"dossiers", "events", "steps", "agencies", "procedures"}

func (w *world) exportAll() map[string][]string {
	w.t.Helper()
	all := map[string][]string{}
	for _, table := range allTables {
		all[table] = w.export(table)
	}
	return all
}

func (w *world) count(query string) (n uint64) {
	w.t.Helper()
	if err := w.db.QueryRow(context.Background(), query).Scan(&n); err != nil {
		w.t.Fatal(query, ": ", err)
	}
	return n
}

// flaky is the real warehouse with faults put in between.
type flaky struct {
	readmodels.Warehouse
	mu sync.Mutex
	// before, where set, is asked before every insert and checkpoint; its error
	// is what the caller gets.
	before func(table string, batch projections.Batch) error
	// after is asked when an insert has succeeded.
	after func(table string) error
	// saving and exchanging, where set, hear of a checkpoint and of a swap before
	// they are done, and what saving gives is told behind that. They are set before
	// anything runs.
	saving     func(projection string, at readmodels.Checkpoint) (saved func())
	exchanging func(a, b string)
}

func (f *flaky) set(before func(string, projections.Batch) error, after func(string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}

func (f *flaky) Insert(ctx context.Context, table string, b projections.Batch) error {
	f.mu.Lock()
	before, after := f.before, f.after
	f.mu.Unlock()
	if before != nil {
		if err := before(table, b); err != nil {
			return err
		}
	}
	if err := f.Warehouse.Insert(ctx, table, b); err != nil {
		return err
	}
	if after != nil {
		return after(table)
	}
	return nil
}

func (f *flaky) SaveCheckpoint(ctx context.Context, projection string, at readmodels.Checkpoint) error {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		if err := before("checkpoints", nil); err != nil {
			return err
		}
	}
	if f.saving != nil {
		defer f.saving(projection, at)()
	}
	return f.Warehouse.SaveCheckpoint(ctx, projection, at)
}

func (f *flaky) Exchange(ctx context.Context, a, b string) error {
	if f.exchanging != nil {
		f.exchanging(a, b)
	}
	return f.Warehouse.Exchange(ctx, a, b)
}

var errAway = fault.New(fault.Unavailable, "test.away", "ClickHouse was made to be away")

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// cases2 appends n further cases of m actions each.
func (w *world) cases2(n, m int) {
	w.t.Helper()
	for i := range n {
		for j := range m {
			w.act(fmt.Sprintf("further-%d", i), fmt.Sprint(j), monday.Add(time.Duration(j)*time.Hour))
		}
	}
}
