package agency_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

var update = flag.Bool("update", false, "write the golden file of an event type that has none yet")

// Every event type ever released has a golden file. A file is written once and
// never changed: what was stored must be readable for ever.
func TestEveryReleasedEventIsReadAsItWasWritten(t *testing.T) {
	samples := []event.Payload{
		agency.Established{
			ID: "H53.50.01", Name: procedure.Text{VI: "Uỷ ban nhân dân phường Long An", EN: "Long An Ward"}, Kind: agency.PeopleCommittee, Tier: procedure.TierCommune,
			Parent: "H53", Place: agency.Place{Province: "80", Commune: "27694"}, Fields: []string{"civil-status"}, Predecessors: []string{"H39.10"},
			From: day("2025-07-01"), Basis: "NQ 202/2025/QH15", Sample: true,
		},
		renamed, alias, opened, merged,
		agency.AreaChanged{Place: agency.Place{Province: "80"}, From: day("2025-07-01"), Basis: "NQ 202/2025/QH15"},
		agency.DepartmentClosed{Slug: "one-stop", From: day("2025-07-01")},
		agency.Dissolved{Successors: []string{"H53"}, Effective: day("2025-07-01"), Basis: "NQ 202/2025/QH15"},
	}
	registry := event.NewRegistry()
	agency.Register(registry)
	if got := registry.Types(); len(got) != len(samples) {
		t.Fatalf("%d event types are registered and %d have a sample", len(got), len(samples))
	}
	for _, want := range samples {
		t.Run(want.EventType(), func(t *testing.T) {
			path := filepath.Join("testdata", want.EventType()+".json")
			written, err := json.MarshalIndent(want, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			written = append(written, '\n')
			golden, err := os.ReadFile(path)
			if os.IsNotExist(err) && *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				golden, err = written, os.WriteFile(path, written, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(golden, written) {
				t.Errorf("it is written as\n%s\nand was released as\n%s", written, golden)
			}
			read, err := registry.Decode(want.EventType(), golden)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(read, want) {
				t.Errorf("it is read as\n%+v\nand was\n%+v", read, want)
			}
		})
	}
}
