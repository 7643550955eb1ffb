package projections_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"dossierledger/projections"
	"pgregory.net/rapid"
)

// Whatever the pages, however often they come again, and however few dossiers
// fit into memory: the same tables, column by column.
func TestAnyPagesAndAnyRedeliveryGiveTheSameTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := aLog(t)
		kinds := []func() projections.Projection{
			func() projections.Projection {
				return projections.NewCases(log, rapid.IntRange(1, 3).Draw(t, "memory"))
			},
			func() projections.Projection { return projections.NewCatalogue(log) },
		}
		for _, make := range kinds {
			want := apply(t, make(), log, 1)
			got := tables{}
			p := make()
			for done := 0; done < len(log.events); {
				from := done
				if rapid.IntRange(0, 2).Draw(t, "again") == 0 {
					from = rapid.IntRange(0, done).Draw(t, "from")
				}
				to := rapid.IntRange(from+1, len(log.events)).Draw(t, "to")
				if rapid.IntRange(0, 5).Draw(t, "restart") == 0 {
					p = p.Fresh()
					// A restart learns what there is, also beyond the page to come.
					for _, e := range log.events {
						if isReference(p, e.Stream) {
							if err := p.Learn(e); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				batches, err := p.Apply(context.Background(), log.events[from:to])
				if err != nil {
					t.Fatal(err)
				}
				got.write(t, batches)
				done = max(done, to)
			}
			if d := want.diff(got); d != "" {
				t.Fatalf("%s: event by event %s", p.Name(), d)
			}
			if d := got.diff(want); d != "" {
				t.Fatalf("%s: in pages %s", p.Name(), d)
			}
		}
	})
}

func isReference(p projections.Projection, stream string) bool {
	return slices.ContainsFunc(p.References(), func(prefix string) bool { return strings.HasPrefix(stream, prefix) })
}
