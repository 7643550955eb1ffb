package dossier_test

import (
	"testing"

	"dossierledger/domain/dossier"
)

// A read model folds every event of the ledger, so this bounds a rebuild.
func BenchmarkFoldALife(b *testing.B) {
	events := given(b, licence(), delivered()...).events
	b.ReportAllocs()
	for b.Loop() {
		dossier.Fold(events...)
	}
	b.ReportMetric(float64(len(events)), "events/op")
}

// Whoever keeps each state pays for a copy at each event.
func BenchmarkEvolveALife(b *testing.B) {
	events := given(b, licence(), delivered()...).events
	b.ReportAllocs()
	for b.Loop() {
		var s dossier.State
		for _, e := range events {
			s = dossier.Evolve(s, e)
		}
	}
	b.ReportMetric(float64(len(events)), "events/op")
}

func BenchmarkDecide(b *testing.B) {
	s := given(b, licence(), submitted()...)
	facts := dossier.Facts{Now: on(12, "09:00"), Actor: desk, Procedure: s.procedure, Calendar: standard}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dossier.Decide(&s.state, dossier.Receive{Slip: "TN-1"}, facts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecideOnASubmission(b *testing.B) {
	facts := dossier.Facts{Now: on(12, "08:00"), Actor: applicant, Procedure: licence(), Calendar: standard}
	command := submission(paper("application"), paper("licence"), paper("photo"))
	b.ReportAllocs()
	for b.Loop() {
		accepted, err := dossier.HandIn(command, facts)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := accepted.Under(code); err != nil {
			b.Fatal(err)
		}
	}
}
