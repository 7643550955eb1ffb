package journal

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"pgregory.net/rapid"
)

func legacyRegistry() *event.Registry {
	r := event.NewRegistry()
	legacy.Register(r)
	return r
}

// checkPayload compares the direct reader with the general one.
func checkPayload(t interface{ Fatalf(string, ...any) }, kind string, data []byte) (direct bool) {
	got, ok := readDirect(kind, data)
	if !ok {
		return false
	}
	want, err := legacyRegistry().Decode(kind, data)
	if err != nil {
		t.Fatalf("%s is read as %#v, but is refused in general: %v", data, got, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is read as\n%#v\nnot as\n%#v", data, got, want)
	}
	return true
}

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

func TestReadingDirectlyGivesWhatReadingInGeneralGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyDirect().Draw(t, "payload")
		data, _, err := direct(nil, p)
		if err != nil {
			return
		}
		checkPayload(t, p.EventType(), damaged(t, data))
	})
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
func TestOrdinaryEventsAreReadDirectly(t *testing.T) {
	attributes := []legacy.Attribute{{Name: "nhóm", Value: "Một cửa"}, {Name: "count", Type: "int", Value: "3", Depth: 1}}
	for _, p := range []event.Payload{
		legacy.ActionRecorded{Source: "s", Case: "c", Activity: "a", Resource: "r", Lifecycle: "l", OffsetMinutes: -420, Attributes: attributes},
		legacy.ActionRecorded{Source: "s", Case: "c", Activity: "Tiếp nhận"},
		legacy.CaseDescribed{Source: "s", Case: "c", Attributes: attributes},
		legacy.CaseDescribed{Source: "s", Case: "c", Attributes: []legacy.Attribute{}},
	} {
		data, _, err := direct(nil, p)
		if err != nil || !checkPayload(t, p.EventType(), data) {
			t.Errorf("%s is not read directly (%v)", data, err)
		}
	}
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

type newer struct{ legacy.ActionRecorded }

func (newer) EventType() string { return "legacy.action-recorded.v2" }

func TestATypeThatIsReadOtherwiseTodayIsNotReadDirectly(t *testing.T) {
	if got := directTypes(legacyRegistry()); len(got) != 2 {
		t.Errorf("read directly: %v", got)
	}
	r := event.NewRegistry()
	event.Register[newer](r)
	r.RegisterUpcast("legacy.action-recorded.v1", "legacy.action-recorded.v2", func(data json.RawMessage) (json.RawMessage, error) { return data, nil })
	if got := directTypes(r); len(got) != 0 {
		t.Errorf("read directly: %v", got)
	}
}

func FuzzReadDirectly(f *testing.F) {
	f.Add([]byte(`{"activity":"a","attributes":[{"depth":1,"name":"n","type":"int","value":"1"}],"case":"c","offset_minutes":-420,"resource":"r","source":"s"}`))
	f.Add([]byte(`{"attributes":[],"case":"c","source":"s"}`))
	f.Add([]byte(`{"actor":{"agency":"a","id":"i","role":"officer"},"occurred_at":"2011-10-11T13:45:40.276Z","trace":"t"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkPayload(t, "legacy.action-recorded.v1", data)
		checkPayload(t, "legacy.case-described.v1", data)
		checkMetadata(t, data)
	})
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(`{"activity":"Confirmation of receipt","attributes":[{"name":"org:group","value":"Group 1"},{"name":"concept:instance","value":"task-42933"}],"case":"case-9997","lifecycle":"complete","offset_minutes":120,"resource":"Resource21","source":"receipt"}`)
	meta := []byte(`{"actor":{"id":"import","role":"system"},"occurred_at":"2011-10-11T13:45:40.276Z"}`)
	const kind = "legacy.action-recorded.v1"
	b.Run("direct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, ok := readDirect(kind, data)
			if _, too := readMetadata(meta); !ok || !too {
				b.Fatal("not read directly")
			}
		}
	})
	b.Run("general", func(b *testing.B) {
		r := legacyRegistry()
		b.ReportAllocs()
		for b.Loop() {
			_, err := r.Decode(kind, data)
			var m event.Metadata
			if again := json.Unmarshal(meta, &m); err != nil || again != nil {
				b.Fatal(err, again)
			}
		}
	})
}
