package readmodels_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/readmodels"
	"dossierledger/projections"
)

func TestARebuildDisturbsNeitherReadersNorTheLiveTables(t *testing.T) {
	w := newWorld(t)
	w.cases(60, 5)
	config := w.config()
	config.RebuildPageEvents = 40
	r := w.runner(config)
	w.run(r)
	w.waitFor(r, 299)

	ctx, cancel := context.WithCancel(context.Background())
	var others sync.WaitGroup
	var reads atomic.Int32
	others.Go(func() { // a reader never sees fewer events than before
		var least uint64
		for ctx.Err() == nil {
			n := w.count("SELECT count() FROM events FINAL")
			if n < least || n < 300 {
				t.Errorf("a reader saw %d events after %d", n, least)
				return
			}
			least = n
			reads.Add(1)
		}
	})
	var last atomic.Uint64
	others.Go(func() { // and commands go on, their writers reading what they wrote
		for i := 0; ctx.Err() == nil; i++ {
			written := w.act(fmt.Sprintf("live-%d", i%7), "x", monday.Add(time.Duration(i)*time.Hour))
			wait, stop := context.WithTimeout(context.Background(), 2*time.Minute)
			if err := r.WaitFor(wait, written.Position, "dossiers"); err != nil {
				t.Error(err)
			}
			stop()
			last.Store(written.Position)
		}
	})
	var told atomic.Uint64
	for _, name := range []string{"dossiers", "steps"} {
		result, err := r.Rebuild(context.Background(), name, readmodels.Deep, func(done, total uint64) {
			if done > total {
				t.Errorf("%d of %d is done", done, total)
			}
			told.Store(done)
		})
		if err != nil {
			t.Fatal(err)
		}
		if result.Projection != "dossiers" || result.Events < 300 || len(result.Findings) != 5 || readmodels.Mismatch(result.Findings) != nil {
			t.Errorf("%+v", result)
		}
		if told.Load() != result.Position {
			t.Errorf("progress ended at %d, the rebuild at %d", told.Load(), result.Position)
		}
	}
	cancel()
	others.Wait()
	if reads.Load() == 0 || last.Load() == 0 {
		t.Error("nobody read or wrote meanwhile")
	}
	w.status(r, "dossiers", readmodels.Live)
	w.waitFor(r, last.Load())
	findings, err := r.Verify(t.Context(), readmodels.Deep)
	if err := errors.Join(err, readmodels.Mismatch(findings)); err != nil {
		t.Error(err)
	}
	if n := w.count("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE '%rebuild%'"); n != 0 {
		t.Errorf("%d tables are left over", n)
	}
}

func TestARebuildThatBreaksOffLeavesTheLiveTablesAsTheyWere(t *testing.T) {
	w := newWorld(t)
	w.cases(30, 4)
	config := w.config()
	config.PageEvents, config.RebuildPageEvents = 50, 25
	r := w.runner(config)
	w.catchUp(r)
	live := w.exportAll()
	isShadow := func(table string) bool { return strings.HasSuffix(table, "__rebuild") }

	t.Run("an event that cannot be written", func(t *testing.T) {
		w.warehouse.set(func(table string, b projections.Batch) error {
			if isShadow(table) && table == "events__rebuild" {
				for _, code := range b.Values(0).([]string) {
					if code == "case-17" {
						return errors.New("sour")
					}
				}
			}
			return nil
		}, nil)
		_, err := r.Rebuild(t.Context(), "dossiers", readmodels.Shallow, nil)
		var halt *readmodels.Halt
		if !errors.As(err, &halt) || halt.Stream != "dossier-case-17" || halt.Revision != 0 {
			t.Fatalf("%v", err)
		}
	})
	t.Run("rows that get lost on the way", func(t *testing.T) {
		var dropped atomic.Bool
		w.warehouse.set(nil, nil)
		config := config
		config.Warehouse = &forgetful{Warehouse: w.warehouse, table: "events__rebuild", once: &dropped}
		_, err := w.runner(config).Rebuild(t.Context(), "dossiers", readmodels.Shallow, nil)
		if fault.CodeOf(err) != readmodels.CodeMismatch || !dropped.Load() {
			t.Fatalf("%v", err)
		}
	})
	t.Run("a process that died", func(t *testing.T) {
		ctx, die := context.WithCancel(context.Background())
		w.warehouse.set(nil, func(table string) error {
			if isShadow(table) {
				die()
				return context.Canceled
			}
			return nil
		})
		if _, err := r.Rebuild(ctx, "dossiers", readmodels.Shallow, nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v", err)
		}
		// What a kill would have left lying about.
		if err := w.db.Exec(t.Context(), "CREATE TABLE events__rebuild AS events"); err != nil {
			t.Fatal(err)
		}
	})
	w.warehouse.set(nil, nil)
	if !reflect.DeepEqual(live, w.exportAll()) {
		t.Error("the live tables changed")
	}
	result, err := r.Rebuild(t.Context(), "dossiers", readmodels.Deep, nil)
	if err != nil {
		t.Fatal(err)
	}
	if result.Events != 120 || !reflect.DeepEqual(live, w.exportAll()) {
		t.Errorf("after %d events the tables differ from before", result.Events)
	}
}

// forgetful loses one insert into a table.
type forgetful struct {
	readmodels.Warehouse
	table string
	once  *atomic.Bool
}

func (f *forgetful) Insert(ctx context.Context, table string, b projections.Batch) error {
	if table == f.table && f.once.CompareAndSwap(false, true) {
		return nil
	}
	return f.Warehouse.Insert(ctx, table, b)
}

func TestARebuildOfWhatNobodyKnowsIsRefused(t *testing.T) {
	w := newWorld(t)
	_, err := w.runner(w.config()).Rebuild(t.Context(), "nothing", readmodels.Shallow, nil)
	if fault.CodeOf(err) != readmodels.CodeUnknown || !strings.Contains(err.Error(), "dossiers") {
		t.Errorf("%v", err)
	}
}
