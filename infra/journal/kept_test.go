package journal

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"dossierledger/infra/eventstore"
)

// given an event of each type that was ever released, in the stored form and as it
// is written for people, when the bytes that it was decoded from become others,
// then it stays what it was: who follows the log may have them only lent.
func TestAnEventKeepsNothingOfTheBytesItWasDecodedFrom(t *testing.T) {
	r := newReaders()
	j := &Journal{registry: r.registry, shapes: r.shapes}
	files := goldenFiles(t, "*.v1*.json")
	if len(files) < 60 {
		t.Fatalf("there are %d files of released types", len(files))
	}
	metadata := []byte(`{"actor":{"agency":"H15.40","id":"o-1","role":"officer"},"occurred_at":"2026-10-08T02:30:00Z","request":"r"}`)
	for _, path := range files {
		kind, _, _ := strings.Cut(filepath.Base(path), ".v1")
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := canonical(json.RawMessage(written))
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{stored, written} {
			lent := eventstore.Recorded{Type: kind + ".v1", Data: bytes.Clone(data), Metadata: bytes.Clone(metadata)}
			got, err := j.Decode(lent)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			for _, gone := range [][]byte{lent.Data, lent.Metadata} {
				for i := range gone {
					gone[i] = 'x'
				}
			}
			want, err := j.Decode(eventstore.Recorded{Type: kind + ".v1", Data: data, Metadata: metadata})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: it is %+v now, %v", path, got, err)
			}
		}
	}
}
