package readmodels_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"dossierledger/infra/readmodels"
)

// unmerging is a warehouse that cannot merge.
type unmerging struct{ readmodels.Warehouse }

func (unmerging) Merge(context.Context, string) error { return errors.New("no room to merge") }

func (w *world) parts(table string) uint64 {
	w.t.Helper()
	return w.count("SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = '" + table + "'")
}

// manyParts holds off the engine's own merges and writes tables in many parts.
func manyParts(w *world) readmodels.Config {
	w.t.Helper()
	w.cases(60, 5)
	for _, table := range allTables {
		if err := w.db.Exec(context.Background(), "SYSTEM STOP MERGES "+table); err != nil {
			w.t.Fatal(err)
		}
	}
	config := w.config()
	config.PageEvents, config.RebuildPageEvents, config.MergeEvents = 30, 30, -1
	w.catchUp(w.runner(config))
	if n := w.parts("events"); n < 5 {
		w.t.Fatalf("the events lie in %d parts", n)
	}
	for _, table := range allTables {
		if err := w.db.Exec(context.Background(), "SYSTEM START MERGES "+table); err != nil {
			w.t.Fatal(err)
		}
	}
	return config
}

func TestMergingATableChangesNoRow(t *testing.T) {
	w := newWorld(t)
	manyParts(w)
	before := w.exportAll()
	for range 2 {
		for _, table := range allTables {
			if err := w.warehouse.Merge(t.Context(), table); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.parts("events"); n != 1 {
			t.Errorf("merged, the events lie in %d parts", n)
		}
		if after := w.exportAll(); !reflect.DeepEqual(after, before) {
			t.Errorf("merging changed rows: %d and %d events", len(before["events"]), len(after["events"]))
		}
	}
}

func TestWhatWasLoadedAtOnceIsMerged(t *testing.T) {
	w := newWorld(t)
	config := manyParts(w)
	before := w.exportAll()
	merged := func(after string) {
		t.Helper()
		for _, table := range []string{"dossiers", "events"} {
			if n := w.parts(table); n != 1 {
				t.Errorf("%s, %s lie in %d parts", after, table, n)
			}
		}
		if now := w.exportAll(); !reflect.DeepEqual(now, before) {
			t.Errorf("%s other rows are read", after)
		}
	}
	config.MergeEvents = 200
	if _, err := w.runner(config).Rebuild(t.Context(), "dossiers", readmodels.Deep, nil); err != nil {
		t.Fatal(err)
	}
	merged("after a rebuild")

	w.cases2(50, 5)
	w.catchUp(w.runner(config))
	before = w.exportAll()
	merged("after catching up")
}

func TestATableThatCannotBeMergedIsOnlySlower(t *testing.T) {
	w := newWorld(t)
	config := manyParts(w)
	config.Warehouse, config.MergeEvents = unmerging{w.warehouse}, 1
	before := w.exportAll()
	w.act("one-more", "x", monday)
	r := w.runner(config)
	w.catchUp(r)
	if _, err := r.Rebuild(t.Context(), "dossiers", readmodels.Deep, nil); err != nil {
		t.Fatal(err)
	}
	if got := len(w.export("events")); got != len(before["events"])+1 {
		t.Errorf("%d events after %d and one more", got, len(before["events"]))
	}
}
