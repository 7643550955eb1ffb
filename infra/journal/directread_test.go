package journal

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/event"
	"pgregory.net/rapid"
)

func checkMetadata(t interface{ Fatalf(string, ...any) }, data []byte) (direct bool) {
	got, ok := readMetadata(data)
	if !ok {
		return false
	}
	var want event.Metadata
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatalf("%s is read as %#v, but is refused in general: %v", data, got, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is read as\n%#v\nnot as\n%#v", data, got, want)
	}
	return true
}

// damaged changes a stored form somewhere, or leaves it.
func damaged(t *rapid.T, data []byte) []byte {
	data = slices.Clone(data)
	for range rapid.IntRange(0, 2).Draw(t, "damages") {
		at := rapid.IntRange(0, len(data)).Draw(t, "at")
		piece := rapid.SampledFrom([]string{
			"", `"`, `\`, `\u00e9`, `\ud800`, "\xff", "\n", " ", "0", "00", "-", ".5", "e3", "9999999999999999999", "null", "{", "}", "[", "]", ",",
			`,"source":"x"`, `,"Source":"x"`, `"depth":7,`, `,"trace":null`, "é",
		}).Draw(t, "piece")
		end := min(len(data), at+rapid.IntRange(0, 6).Draw(t, "cut"))
		data = slices.Concat(data[:at], []byte(piece), data[end:])
	}
	return data
}

func TestReadingMetadataDirectlyGivesWhatReadingInGeneralGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText()
		data, ok := directMetadata(nil, event.Metadata{
			OccurredAt: time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "fraction")).UTC(),
			Actor: event.Actor{
				ID: text.Draw(t, "actor"), Role: event.Role(text.Draw(t, "role")), Agency: text.Draw(t, "agency"), Department: text.Draw(t, "department"),
			},
			Correlation: text.Draw(t, "correlation"), Causation: text.Draw(t, "causation"), Trace: text.Draw(t, "trace"), Span: text.Draw(t, "span"), Request: text.Draw(t, "request"),
		})
		if ok {
			checkMetadata(t, damaged(t, data))
		}
	})
}

// The direct reader must not give up on what is ordinary.
func TestOrdinaryMetadataAreReadDirectly(t *testing.T) {
	full := event.Metadata{
		OccurredAt: time.Date(2011, 10, 11, 13, 45, 40, 276_000_000, time.UTC), Actor: event.Actor{ID: "i", Role: event.RoleOfficer, Agency: "a", Department: "d"},
		Correlation: "c", Causation: "k", Trace: "t", Span: "s", Request: "r",
	}
	for _, m := range []event.Metadata{full, {OccurredAt: full.OccurredAt, Actor: event.Actor{ID: "import", Role: event.RoleSystem}}} {
		if data, ok := directMetadata(nil, m); !ok || !checkMetadata(t, data) {
			t.Errorf("%s is not read directly", data)
		}
	}
}

func FuzzReadMetadata(f *testing.F) {
	f.Add([]byte(`{"actor":{"agency":"a","id":"i","role":"officer"},"occurred_at":"2011-10-11T13:45:40.276Z","trace":"t"}`))
	f.Fuzz(func(t *testing.T, data []byte) { checkMetadata(t, data) })
}

func BenchmarkReadMetadata(b *testing.B) {
	data := []byte(`{"actor":{"agency":"H15.40","id":"o-h15-40-1","role":"officer"},"occurred_at":"2026-10-11T13:45:40.276Z",` +
		`"request":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`)
	b.Run("direct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := readMetadata(data); !ok {
				b.Fatal("not read directly")
			}
		}
	})
	b.Run("general", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m event.Metadata
			if err := json.Unmarshal(data, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
