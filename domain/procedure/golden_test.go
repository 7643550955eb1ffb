package procedure_test

import (
	"testing"

	"dossierledger/domain/event/goldentest"
	"dossierledger/domain/procedure"
)

func TestEveryReleasedEventIsReadAsItWasWritten(t *testing.T) {
	goldentest.Hold(t, "testdata", procedure.Register, goldentest.ByType(
		procedure.Published{Version: marriage(1), EffectiveFrom: day("2022-01-01"), Decision: &procedure.Decision{Number: "QĐ 100/QĐ-BTP", Date: day("2021-12-01")}},
		procedure.Revised{Version: marriage(2), EffectiveFrom: day("2026-01-01")},
		procedure.SupersededBy{By: "3.000347", Effective: day("2025-03-01"), Basis: "TT 12/2025/TT-BCA"},
		procedure.SuspendedFrom{From: day("2026-02-04"), Until: until("2026-04-16"), Basis: "NQ 09/2026/NQ-CP"},
		procedure.Reinstated{From: day("2026-05-01"), Basis: "NQ 20/2026/NQ-CP"},
		procedure.NormEnacted{Norm: nd46, Title: procedure.Text{VI: "An toàn thực phẩm", EN: "Food safety"}, EffectiveFrom: day("2026-01-26"), Replaces: []string{nd15}},
		procedure.NormSuspended{From: day("2026-02-04"), Until: until("2026-04-16"), Basis: "NQ 09/2026/NQ-CP"},
		procedure.NormReinstated{From: day("2026-05-01"), Basis: "NQ 20/2026/NQ-CP"},
		procedure.NormRepealed{From: day("2026-06-01"), By: "Luật mới"},
	))
}
