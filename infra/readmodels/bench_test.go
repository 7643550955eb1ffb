package readmodels_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"dossierledger/infra/readmodels"
	"dossierledger/projections"
)

// BenchmarkRebuild rebuilds a log of LEDGER_BENCH_EVENTS (200,000) events of
// histories taken over, and compares with inserting the same rows bare.
func BenchmarkRebuild(b *testing.B) {
	events := 200_000
	if n, err := strconv.Atoi(os.Getenv("LEDGER_BENCH_EVENTS")); err == nil {
		events = n
	}
	w := newWorld(b)
	w.cases(events/20, 20)
	r := w.runner(w.config())
	began := time.Now()
	w.catchUp(r)
	b.Logf("catching up took %s", time.Since(began))
	var written []projections.Batch
	var mu sync.Mutex
	for b.Loop() {
		written = nil
		w.warehouse.set(func(_ string, batch projections.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if batch != nil {
				written = append(written, batch)
			}
			return nil
		}, nil)
		began := time.Now()
		result, err := r.Rebuild(context.Background(), "dossiers", readmodels.Shallow, nil)
		if err != nil {
			b.Fatal(err)
		}
		rebuild := time.Since(began)
		all := written
		w.warehouse.set(nil, nil)
		for _, table := range []string{"dossiers", "events", "steps"} {
			if err := w.warehouse.CreateLike(context.Background(), table+"__bare", table); err != nil {
				b.Fatal(err)
			}
		}
		began = time.Now()
		for _, batch := range all {
			if err := w.warehouse.Insert(context.Background(), batch.Table().Name+"__bare", batch); err != nil {
				b.Fatal(err)
			}
		}
		bare := time.Since(began)
		b.ReportMetric(float64(result.Events)/rebuild.Seconds(), "events/s")
		b.ReportMetric(rebuild.Seconds()/bare.Seconds(), "rebuild/bare")
		b.ReportMetric(bare.Seconds(), "bare-s")
	}
}
