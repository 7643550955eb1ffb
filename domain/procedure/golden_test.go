package procedure_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

var update = flag.Bool("update", false, "write the golden file of an event type that has none yet")

// Every event type ever released has a golden file. A file is written once and
// never changed: what was stored must be readable for ever.
func TestEveryReleasedEventIsReadAsItWasWritten(t *testing.T) {
	samples := []event.Payload{
		procedure.Published{Version: marriage(1), EffectiveFrom: day("2022-01-01"), Decision: &procedure.Decision{Number: "QĐ 100/QĐ-BTP", Date: day("2021-12-01")}},
		procedure.Revised{Version: marriage(2), EffectiveFrom: day("2026-01-01")},
		procedure.SupersededBy{By: "3.000347", Effective: day("2025-03-01"), Basis: "TT 12/2025/TT-BCA"},
		procedure.SuspendedFrom{From: day("2026-02-04"), Until: until("2026-04-16"), Basis: "NQ 09/2026/NQ-CP"},
		procedure.Reinstated{From: day("2026-05-01"), Basis: "NQ 20/2026/NQ-CP"},
		procedure.NormEnacted{Norm: nd46, Title: procedure.Text{VI: "An toàn thực phẩm", EN: "Food safety"}, EffectiveFrom: day("2026-01-26"), Replaces: []string{nd15}},
		procedure.NormSuspended{From: day("2026-02-04"), Until: until("2026-04-16"), Basis: "NQ 09/2026/NQ-CP"},
		procedure.NormReinstated{From: day("2026-05-01"), Basis: "NQ 20/2026/NQ-CP"},
		procedure.NormRepealed{From: day("2026-06-01"), By: "Luật mới"},
	}
	registry := event.NewRegistry()
	procedure.Register(registry)
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
