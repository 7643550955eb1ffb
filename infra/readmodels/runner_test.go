package readmodels_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"dossierledger/infra/readmodels"
	"dossierledger/projections"
)

func TestARealLogGivesTheReferenceFigures(t *testing.T) {
	w := newWorld(t)
	w.takeOver("receipt.xes.gz")
	r := w.runner(w.config())
	w.catchUp(r)

	raw, err := os.ReadFile("../../../shared/data/reference/receipt.json")
	if err != nil {
		t.Skip("the reference is not beside this checkout: ", err)
	}
	var reference struct {
		Summary    struct{ Cases, Events, Activities uint64 }
		Activities []struct {
			Activity     string
			Count, Cases uint64
		}
		DFG []struct {
			From, To string
			Count    uint64
			Mean     float64
		}
		Variants []json.RawMessage
		Rework   []struct {
			Activity string
			Cases    uint64
		}
	}
	if err := json.Unmarshal(raw, &reference); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]uint64{
		"SELECT count() FROM dossiers FINAL":                                          reference.Summary.Cases,
		"SELECT count() FROM events FINAL":                                            reference.Summary.Events,
		"SELECT uniqExact(activity) FROM events FINAL":                                reference.Summary.Activities,
		"SELECT uniqExact(variant) FROM dossiers FINAL":                               uint64(len(reference.Variants)),
		"SELECT uniqExact(prev_activity, activity) FROM events FINAL WHERE place > 0": uint64(len(reference.DFG)),
		"SELECT uniqExact(activity) FROM events FINAL WHERE occurrence = 2":           uint64(len(reference.Rework)),
		"SELECT sum(events) FROM dossiers FINAL":                                      reference.Summary.Events,
		"SELECT countIf(events != 1 + toInt64(m)) FROM dossiers AS d FINAL INNER JOIN (SELECT code, max(place) AS m FROM events FINAL GROUP BY code) AS e USING code": 0,
	} {
		if got := w.count(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	for _, edge := range reference.DFG {
		var n uint64
		var mean float64
		row := w.db.QueryRow(t.Context(), "SELECT count(), avg(micros_since) / 1e6 FROM events FINAL WHERE place > 0 AND prev_activity = $1 AND activity = $2", edge.From, edge.To)
		if err := row.Scan(&n, &mean); err != nil {
			t.Fatal(err)
		}
		if n != edge.Count || mean-edge.Mean > 1e-6*max(1, edge.Mean) || edge.Mean-mean > 1e-6*max(1, edge.Mean) {
			t.Errorf("%s → %s: %d times, %f s on average; want %d, %f", edge.From, edge.To, n, mean, edge.Count, edge.Mean)
		}
	}
	findings, err := r.Verify(t.Context(), readmodels.Deep)
	if err != nil {
		t.Fatal(err)
	}
	if err := readmodels.Mismatch(findings); err != nil || len(findings) != 7 {
		t.Errorf("%v, %+v", err, findings)
	}
}

func TestVerifyFindsEveryKindOfDamage(t *testing.T) {
	w := newWorld(t)
	w.cases(20, 5)
	r := w.runner(w.config())
	w.catchUp(r)
	for name, damage := range map[string]string{
		"lost rows":      "ALTER TABLE %s DELETE WHERE code = 'case-3' SETTINGS mutations_sync = 2",
		"another column": "ALTER TABLE %s UPDATE first_activity = 'x' WHERE code = 'case-3' SETTINGS mutations_sync = 2",
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			if _, err := r.Rebuild(t.Context(), "dossiers", readmodels.Deep, nil); err != nil {
				t.Fatal(err)
			}
			if err := w.db.Exec(t.Context(), sprintf(damage, "dossiers")); err != nil {
				t.Fatal(err)
			}
			findings, err := r.Verify(t.Context(), readmodels.Deep)
			if err != nil {
				t.Fatal(err)
			}
			if readmodels.Mismatch(findings) == nil {
				t.Errorf("nothing was found: %+v", findings)
			}
		})
	}
}

func TestNothingToDoIsDoneAtOnce(t *testing.T) {
	w := newWorld(t)
	r := w.runner(w.config())
	w.catchUp(r)
	if _, err := r.Rebuild(context.Background(), "dossiers", readmodels.Deep, nil); err != nil {
		t.Fatal(err)
	}
	w.act("a", "x", monday)
	w.catchUp(r)
	if n := w.count("SELECT count() FROM events FINAL"); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestTheTablesHaveTheColumnsThatAreWritten(t *testing.T) {
	w := newWorld(t)
	for _, p := range projections.All(w.history()) {
		for _, table := range p.Tables() {
			want := uint64(len(table.Columns))
			for _, c := range table.Columns {
				if n := w.count(sprintf("SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = '%s' AND name = '%s'", table.Name, c.Name)); n != 1 {
					t.Errorf("%s has no column %s", table.Name, c.Name)
				}
			}
			if n := w.count(sprintf("SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = '%s'", table.Name)); n != want {
				t.Errorf("%s has %d columns, %d are written", table.Name, n, want)
			}
		}
	}
}
