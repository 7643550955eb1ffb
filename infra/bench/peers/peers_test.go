package main

import (
	"context"
	"testing"

	"dossierledger/infra/bench"
)

// available are the peers that run on this machine.
func available(t *testing.T) []peer {
	t.Helper()
	all := []peer{ledgerStore{}, jetStream{}}
	postgres, err := findPostgreSQL()
	if err != nil {
		t.Logf("PostgreSQL is left out: %v", err)
		return all
	}
	return append(all, postgres)
}

// A peer that took an append with a revision that is not there would be measured
// at something else than the ledger does.
func TestEveryPeerChecksTheRevisionAndReadsAllBack(t *testing.T) {
	for _, p := range available(t) {
		t.Run(p.name(), func(t *testing.T) {
			// Given a peer with two events in a stream.
			b := bench.Benchmark{Name: "peer", Run: func(ctx context.Context, r *bench.Run) error {
				return started(ctx, r, p, 2, func(to running) error {
					events := bench.SampleEvents(1, 4)
					for i, e := range events[:2] {
						if err := to.append(ctx, 0, "dossier-1", i, e); err != nil {
							return err
						}
					}

					// When another writer, who knows of none, appends, then it is refused.
					if err := to.append(ctx, 1, "dossier-1", 0, events[2]); err == nil {
						t.Error("an append with a wrong revision was taken")
					}

					// And other streams are not disturbed, and all is read.
					if err := to.append(ctx, 1, "dossier-2", 0, events[3]); err != nil {
						return err
					}
					if n, err := to.scan(ctx); err != nil || n != 3 {
						t.Errorf("%d events read, want 3 (%v)", n, err)
					}
					return nil
				})
			}}
			// In the folder for temporary files, to which the server's user finds the way.
			if _, err := bench.Measure(t.Context(), b, bench.Options{}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
