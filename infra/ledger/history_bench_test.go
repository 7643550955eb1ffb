package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/legacy"
	"dossierledger/infra/clickhouse"
	"dossierledger/infra/historylog"
	"dossierledger/infra/ledger"
	"dossierledger/infra/readmodels"
	"dossierledger/projections"
	"dossierledger/queries"
	"github.com/klauspost/compress/gzip"
)

// receiptEvents is how many events the real log has.
const receiptEvents = 8577

// multiplied gives the real receipt log with its cases some times over, each
// time under other identifiers, as XES of at least the wanted number of events.
// BENCH_XES names a file to keep it in, for measuring other programs on it.
func multiplied(b *testing.B, wanted int) string {
	b.Helper()
	packed, err := os.Open("../../../shared/data/logs/receipt.xes.gz")
	if err != nil {
		b.Skip("the real logs are not beside this checkout: ", err)
	}
	defer packed.Close()
	unpacking, err := gzip.NewReader(packed)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(unpacking)
	if err != nil {
		b.Fatal(err)
	}
	path := os.Getenv("BENCH_XES")
	if path == "" {
		path = filepath.Join(b.TempDir(), "multiplied.xes")
	}
	out, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	from, to := bytes.Index(text, []byte("<trace>")), bytes.LastIndex(text, []byte("</log>"))
	name := []byte(`<string key="concept:name" value="case-`)
	write := func(piece []byte) {
		if _, err := out.Write(piece); err != nil {
			b.Fatal(err)
		}
	}
	write(text[:from])
	for i := range (wanted + receiptEvents - 1) / receiptEvents {
		write(bytes.ReplaceAll(text[from:to], name, fmt.Appendf(nil, "%s%d-", name, i)))
	}
	write(text[to:])
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// importFile takes over a log as `ledger import` does.
func importFile(b *testing.B, l *ledger.Ledger, path string) int {
	b.Helper()
	ctx := context.Background()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	spool, err := historylog.NewSpool(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer spool.Close()
	if _, err := historylog.Read(ctx, file, historylog.Options{TempDir: b.TempDir()}, spool); err != nil {
		b.Fatal(err)
	}
	importing, err := commands.NewImportHistory(l.Journal, "multiplied", "", nil)
	if err != nil {
		b.Fatal(err)
	}
	attributes := func(in []historylog.Attribute) []legacy.Attribute {
		var out []legacy.Attribute
		for _, a := range in {
			out = append(out, legacy.Attribute{Name: a.Name, Type: a.Type, Value: a.Value, Depth: a.Depth})
		}
		return out
	}
	err = spool.Cases(ctx, func(g *historylog.GroupedCase) error {
		return importing.Case(ctx, commands.CaseHistory{ID: g.ID, Line: g.Line, Attributes: attributes(g.Attributes), Actions: func(yield func(commands.LegacyAction, error) bool) {
			for e, err := range g.Events() {
				action := commands.LegacyAction{At: e.Time, Activity: e.Activity, Resource: e.Resource, Lifecycle: e.Lifecycle, OffsetMinutes: e.OffsetMinutes, Attributes: attributes(e.Attributes)}
				if !yield(action, err) {
					return
				}
			}
		}})
	})
	result, finishErr := importing.Finish()
	if err != nil || finishErr != nil {
		b.Fatal(err, finishErr)
	}
	return result.Events
}

// BenchmarkHistory takes over a log of BENCH_EVENTS (100,000) events once and
// tells how long its import, the catching up of the read models and each report
// take; the reports on tables as catching up leaves them and, in the same run,
// on merged ones. A first run of each report is not measured.
func BenchmarkHistory(b *testing.B) {
	wanted := 100_000
	if n, err := strconv.Atoi(os.Getenv("BENCH_EVENTS")); err == nil {
		wanted = n
	}
	path := multiplied(b, wanted)
	ctx := context.Background()
	dir := b.TempDir()
	l, err := ledger.Open(ctx, ledger.Config{Data: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	events := importFile(b, l, path)
	imported := time.Since(began)

	db, err := clickhouse.Open(ctx, clickhouse.Config{Dir: filepath.Join(dir, "clickhouse")})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		b.Fatal(err)
	}
	warehouse, err := readmodels.NewClickHouse(db)
	if err != nil {
		b.Fatal(err)
	}
	runner, err := readmodels.New(readmodels.Config{
		Store: l.Store, Decode: l.Journal.Decode, Warehouse: warehouse, MergeEvents: -1,
		Projections: projections.All(readmodels.History{Store: l.Store, Decode: l.Journal.Decode}),
	})
	if err != nil {
		b.Fatal(err)
	}
	began = time.Now()
	if err := runner.CatchUp(ctx, nil); err != nil {
		b.Fatal(err)
	}
	caughtUp := time.Since(began)
	b.Run("load", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(events), "events")
		b.ReportMetric(imported.Seconds(), "import-s")
		b.ReportMetric(caughtUp.Seconds(), "catching-up-s")
	})

	reports := queries.NewReports(db)
	measure := func(name string) {
		for _, report := range []string{"summary", "dfg", "variants", "durations", "bottlenecks", "handover", "activities"} {
			b.Run(name+"/"+report, func(b *testing.B) {
				for n := range b.N + 1 {
					if n == 1 {
						b.ResetTimer()
					}
					if _, err := reports.Run(ctx, report, queries.Filter{}, queries.Options{Now: day("2026-11-01")}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	measure("caught-up")
	began = time.Now()
	for _, table := range []string{"dossiers", "events", "steps"} {
		if err := warehouse.Merge(ctx, table); err != nil {
			b.Fatal(err)
		}
	}
	merging := time.Since(began)
	b.Run("merge", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(merging.Seconds(), "merging-s")
	})
	measure("merged")
}
