//go:build unix

package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"dossierledger/infra/clickhouse"
	"dossierledger/infra/ledger"
	"dossierledger/infra/readmodels"
	"dossierledger/infra/room/roomtest"
	"github.com/prometheus/client_golang/prometheus"
)

// A full disk makes the embedded ClickHouse lose what it writes. The read models
// are then made again from the events, in the same process and by themselves.
func TestReadModelsThatAFullDiskHollowedAreMadeAgainWithoutARestart(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Config{Data: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := l.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	models := l.LateReadModels(prometheus.NewRegistry())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- models.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	opened := func(before *ledger.ReadModels) *ledger.ReadModels {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if now, ok := models.Open(); ok && now != before {
				return now
			}
			if time.Now().After(deadline) {
				t.Fatalf("the read models do not open: %s", models.Failure())
			}
		}
	}
	first := opened(nil)
	whole := func(m *ledger.ReadModels) {
		t.Helper()
		if err := m.CatchUp(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		findings, err := m.Runner.Verify(t.Context(), readmodels.Deep)
		if err != nil {
			t.Fatal(err)
		}
		if err := readmodels.Mismatch(findings); err != nil || len(findings) == 0 {
			t.Errorf("%d findings: %v", len(findings), err)
		}
	}
	whole(first)
	roomtest.Without(t, func() {
		err = first.Exclusively(t.Context(), func(ctx context.Context) error {
			_, err := first.Runner.Rebuild(ctx, "catalogue", readmodels.Shallow, nil)
			return err
		})
	})
	if !errors.Is(err, clickhouse.ErrLost) {
		t.Fatalf("a rebuild without room: %v", err)
	}
	whole(opened(first))
}
