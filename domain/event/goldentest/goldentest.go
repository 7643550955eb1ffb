// Package goldentest holds events to the form in which they were released, for
// the tests of the packages that define them.
package goldentest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"dossierledger/domain/event"
)

var write = flag.Bool("golden", false, "write the golden file of a released event that has none yet")

// ByType names samples by their types, for packages with one sample of each.
func ByType(samples ...event.Payload) map[string]event.Payload {
	named := make(map[string]event.Payload, len(samples))
	for _, s := range samples {
		named[s.EventType()] = s
	}
	return named
}

// Hold fails the test unless every sample is written as its golden file says and
// read back from it as it was, every registered type has a sample, and every file
// in the folder belongs to one. A sample's file is its name with .json. A file is
// written once and never changed: it stands for events that are in ledgers, and
// what was stored must be readable for ever.
func Hold(t *testing.T, folder string, register func(*event.Registry), samples map[string]event.Payload) {
	t.Helper()
	registry := event.NewRegistry()
	register(registry)
	released := map[string]bool{}
	for name, want := range samples {
		released[want.EventType()] = true
		t.Run(name, func(t *testing.T) { hold(t, filepath.Join(folder, name+".json"), registry, want) })
	}
	for _, name := range registry.Types() {
		if !released[name] {
			t.Errorf("%s is registered and has no sample", name)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := samples[strings.TrimSuffix(filepath.Base(f), ".json")]; !ok {
			t.Errorf("%s: what was released has no sample any more", f)
		}
	}
}

func hold(t *testing.T, path string, registry *event.Registry, want event.Payload) {
	t.Helper()
	written, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	written = append(written, '\n')
	golden, err := os.ReadFile(path)
	if os.IsNotExist(err) && *write {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		golden, err = written, os.WriteFile(path, written, 0o644)
	}
	if err != nil {
		t.Fatalf("a released event has no golden file (-golden writes it): %v", err)
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
}
