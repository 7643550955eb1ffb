package ledger_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/ledger"
	"dossierledger/infra/simulator"
)

func open(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

func day(s string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, dossier.ICT)
	if err != nil {
		panic(err)
	}
	return t
}

func simulate(t *testing.T, l *ledger.Ledger, seed uint64, n int) simulator.Summary {
	t.Helper()
	config := simulator.Config{Dossiers: n, Seed: seed, From: day("2025-02-01"), To: day("2026-11-01")}
	summary, err := l.Simulate(t.Context(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Dossiers != n {
		t.Fatalf("%d dossiers were asked for, %d made", n, summary.Dossiers)
	}
	return summary
}

// told is everything of the simulated dossiers that the seed decides, stream by
// stream; sealed values are not, since sealing draws fresh nonces.
func told(t *testing.T, l *ledger.Ledger) (lines []string, types map[string]int) {
	t.Helper()
	types = map[string]int{}
	for r, err := range l.Store.ReadAll(t.Context(), eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: []string{dossier.StreamPrefix}}}) {
		if err != nil {
			t.Fatal(err)
		}
		types[r.Type]++
		lines = append(lines, fmt.Sprintf("%s %06d %s %s %s", r.Stream, r.Revision, r.Type, r.ID, r.Metadata))
		if bytes.Contains(r.Data, []byte("Nguyễn")) {
			t.Fatalf("%s@%d holds a name in clear", r.Stream, r.Revision)
		}
	}
	slices.Sort(lines)
	return lines, types
}

func TestTheSameSeedMakesTheSameDossiersAndAgainIsANoOp(t *testing.T) {
	dir := t.TempDir()
	first := open(t, filepath.Join(dir, "first"))
	summary := simulate(t, first, 7, 120)
	lines, _ := told(t, first)
	if again := simulate(t, first, 7, 120); again.Actions != summary.Actions {
		t.Fatalf("the repeat took %d actions, not %d", again.Actions, summary.Actions)
	}
	if repeated, _ := told(t, first); !slices.Equal(lines, repeated) {
		t.Fatalf("the repeat changed the ledger: %d events became %d", len(lines), len(repeated))
	}
	second := open(t, filepath.Join(dir, "second"))
	simulate(t, second, 7, 120)
	same, _ := told(t, second)
	for i := range min(len(lines), len(same)) {
		if lines[i] != same[i] {
			t.Fatalf("the same seed told another story:\n%s\n%s", lines[i], same[i])
		}
	}
	if len(lines) != len(same) {
		t.Fatalf("the same seed made %d events, then %d", len(lines), len(same))
	}
}

func TestSimulatedLivesAreOfManyKinds(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "data"))
	summary := simulate(t, l, 3, 900)
	_, types := told(t, l)
	for _, want := range []string{
		"submitted", "document-attached", "received", "reception-refused", "supplement-requested", "supplement-provided",
		"supplement-expired", "fee-assessed", "fee-paid", "fee-exempted", "assigned", "step-started", "step-completed",
		"step-returned", "opinion-requested", "opinion-given", "forwarded", "forward-answered", "appraised",
		"inspection-recorded", "deadline-extended", "submitted-for-signature", "signed", "result-issued", "rejected",
		"result-delivered", "result-handed-to-post", "withdrawn", "reopened", "result-corrected", "rated", "note-added", "sync-reported",
	} {
		if types["dossier."+want+".v1"] == 0 {
			t.Errorf("in %d lives nothing was %s", summary.Dossiers, want)
		}
	}
	if summary.Late == 0 || summary.Late > summary.Finished/3 {
		t.Errorf("%d of %d dossiers were late: not a plausible office", summary.Late, summary.Finished)
	}
	if summary.Open > summary.Dossiers/10 {
		t.Errorf("%d of %d dossiers are still open: the simulated people forget them", summary.Open, summary.Dossiers)
	}
}

func TestWhatCannotBeSimulatedIsRefused(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "data"))
	for name, config := range map[string]simulator.Config{
		"no dossiers":           {From: day("2026-01-01"), To: day("2026-02-01")},
		"too many":              {Dossiers: simulator.MaxDossiers + 1, From: day("2026-01-01"), To: day("2026-02-01")},
		"an empty window":       {Dossiers: 1, From: day("2026-02-01"), To: day("2026-02-01")},
		"before any procedure":  {Dossiers: 1, From: day("2011-01-01"), To: day("2011-02-01")},
		"to after the calendar": {Dossiers: 1, From: day("2050-01-01"), To: day("2051-02-01")},
	} {
		if _, err := l.Simulate(t.Context(), config, nil); fault.KindOf(err) == "" || !strings.Contains(err.Error(), ".") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
