package agency_test

import (
	"testing"

	"dossierledger/domain/agency"
	"dossierledger/domain/event/goldentest"
	"dossierledger/domain/procedure"
)

func TestEveryReleasedEventIsReadAsItWasWritten(t *testing.T) {
	goldentest.Hold(t, "testdata", agency.Register, goldentest.ByType(
		agency.Established{
			ID: "H53.50.01", Name: procedure.Text{VI: "Uỷ ban nhân dân phường Long An", EN: "Long An Ward"}, Kind: agency.PeopleCommittee, Tier: procedure.TierCommune,
			Parent: "H53", Place: agency.Place{Province: "80", Commune: "27694"}, Fields: []string{"civil-status"}, Predecessors: []string{"H39.10"},
			From: day("2025-07-01"), Basis: "NQ 202/2025/QH15", Sample: true,
		},
		renamed, alias, opened, merged,
		agency.AreaChanged{Place: agency.Place{Province: "80"}, From: day("2025-07-01"), Basis: "NQ 202/2025/QH15"},
		agency.DepartmentClosed{Slug: "one-stop", From: day("2025-07-01")},
		agency.Dissolved{Successors: []string{"H53"}, Effective: day("2025-07-01"), Basis: "NQ 202/2025/QH15"},
	))
}
