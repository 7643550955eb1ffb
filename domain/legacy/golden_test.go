package legacy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
)

// A file stands for events that are in ledgers: it is never changed.
func TestEveryReleasedEventCanBeReadForEver(t *testing.T) {
	registry := event.NewRegistry()
	legacy.Register(registry)
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.json"))
	if err != nil || len(files) != len(registry.Types()) {
		t.Errorf("%d golden files for %d types, %v", len(files), len(registry.Types()), err)
	}
	for _, name := range registry.Types() {
		stored, err := os.ReadFile(filepath.Join("testdata", "golden", name+".json"))
		if err != nil {
			t.Fatalf("a registered type has no golden file: %v", err)
		}
		payload, err := registry.Decode(name, stored)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := json.MarshalIndent(payload, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if got := string(encoded) + "\n"; got != string(stored) {
			t.Errorf("%s is read differently now\n got %s\nwas %s", name, got, stored)
		}
	}
}
