package readmodels_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/readmodels"
	"dossierledger/projections"
	"pgregory.net/rapid"
)

// On the real engines: whatever the pages, however often they come, also out of
// turn, and whatever order the events happened in, the tables are those of a
// rebuild.
func TestAnyPagesAndAnyRedeliveryGiveTheTablesOfARebuild(t *testing.T) {
	w := newWorld(t)
	r := w.runner(w.config())
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		// The engine costs a second a round: a few over one growing log here, the
		// many are in package projections without it.
		if round++; round > 6 {
			return
		}
		w.t = t
		for range rapid.IntRange(1, 40).Draw(rt, "events") {
			code := fmt.Sprintf("%d-%d", round, rapid.IntRange(1, 4).Draw(rt, "case"))
			at := monday.Add(time.Duration(rapid.IntRange(-300, 300).Draw(rt, "minutes")) * time.Minute)
			w.act(code, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "activity"), at)
		}
		var log []event.Event
		for e, err := range w.store.ReadAll(t.Context(), eventstore.AllRead{}) {
			if err != nil {
				rt.Fatal(err)
			}
			decoded, err := w.journal.Decode(e)
			if err != nil {
				rt.Fatal(err)
			}
			log = append(log, decoded)
		}
		for _, table := range []string{"dossiers", "events", "steps"} {
			if err := w.db.Exec(t.Context(), "TRUNCATE TABLE "+table); err != nil {
				rt.Fatal(err)
			}
		}
		p := projections.NewCases(w.history(), rapid.IntRange(1, 5).Draw(rt, "memory"))
		for done := 0; done < len(log); {
			from := rapid.IntRange(0, done).Draw(rt, "from")
			to := rapid.IntRange(max(from+1, done), len(log)).Draw(rt, "to")
			batches, err := p.Apply(t.Context(), log[from:to])
			if err != nil {
				rt.Fatal(err)
			}
			for _, b := range batches {
				if err := w.warehouse.Insert(t.Context(), b.Table().Name, b); err != nil {
					rt.Fatal(err)
				}
			}
			done = max(done, to)
		}
		got := w.exportAll()
		if _, err := r.Rebuild(context.Background(), "dossiers", readmodels.Deep, nil); err != nil {
			rt.Fatal(err)
		}
		if want := w.exportAll(); !reflect.DeepEqual(got, want) {
			rt.Fatalf("the tables differ from those of a rebuild:\n%v\n%v", got, want)
		}
	})
}
