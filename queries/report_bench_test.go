package queries_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"dossierledger/queries"
)

// loadMillion fills the tables with a million events, or as many as
// BENCH_EVENTS says.
func loadMillion(b *testing.B) {
	b.Helper()
	wanted := 1_000_000
	if text := os.Getenv("BENCH_EVENTS"); text != "" {
		var err error
		if wanted, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	empty(b)
	dossiers, events := project(readLog(b, "receipt"), 1)
	insert(b, "dossiers", dossiers)
	insert(b, "events", events)
	copies := wanted / len(events)
	for _, table := range []string{"dossiers", "events"} {
		// In pieces, as an import writes them; each piece becomes a part of the table.
		for from := 1; from <= copies; from += 12 {
			n := min(12, copies-from+1)
			err := db.Exec(context.Background(), "INSERT INTO "+table+
				" SELECT t.* REPLACE(concat(toString("+strconv.Itoa(from)+" + n.number), '/', code) AS code, version + 10000 * (number + "+strconv.Itoa(from)+") AS version) FROM (SELECT * FROM "+
				table+" FINAL WHERE NOT match(code, '^[0-9]+/')) AS t CROSS JOIN numbers("+strconv.Itoa(n)+") AS n")
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkReports measures each report over copies of a real log with together
// about a million events. The tables are as they lie after bulk loading
// ("parts"); merged, asked for all cases and with a window that every case
// passes; and "live", with small new parts beside the large one. A first run of
// each is not measured.
func BenchmarkReports(b *testing.B) {
	loadMillion(b)
	reports := queries.NewReports(db)
	first := day.AddDate(-16, 0, 0)
	measure := func(name string, filter queries.Filter) {
		for _, report := range reports.Names() {
			b.Run(name+"/"+report, func(b *testing.B) {
				opts := queries.Options{Now: day}
				if _, err := reports.Run(b.Context(), report, filter, opts); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := reports.Run(b.Context(), report, filter, opts); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	measure("parts", queries.Filter{})
	for _, table := range []string{"dossiers", "events"} {
		if err := db.Exec(b.Context(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			b.Fatal(err)
		}
	}
	measure("merged", queries.Filter{})
	measure("window", queries.Filter{From: &first})
	// While dossiers are handled, small parts lie beside the large one.
	for _, table := range []string{"dossiers", "events"} {
		for _, rest := range []string{"1", "7", "11"} {
			if err := db.Exec(b.Context(), "INSERT INTO "+table+" SELECT * REPLACE (version + 1 AS version) FROM "+table+" WHERE cityHash64(code) % 5000 = "+rest); err != nil {
				b.Fatal(err)
			}
		}
	}
	measure("live", queries.Filter{})
}
