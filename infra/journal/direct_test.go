package journal

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"pgregory.net/rapid"
)

// general is the stored form as canonical defines it.
func general(p event.Payload) ([]byte, error) {
	out, err := normalise(p, func(site, event.Personal) (event.Personal, error) {
		return event.Personal{}, errors.New("a personal value in a shape without any")
	})
	if err != nil {
		return nil, err
	}
	return canonical(out)
}

// anyText draws texts with everything that an encoder has to treat in its own
// way: controls, escapes, separators of lines, signs to compose, signs beyond
// the basic plane, bytes that are not UTF-8.
func anyText() *rapid.Generator[string] {
	awkward := rapid.SampledFrom([]string{
		"", "\x00", "\x1f", "\x7f", "\b\f\n\r\t", `"\/`, "<>&", "\u2028\u2029", "\ufffd", "\ufeff", "\ufffe", "e\u0301", "\u0301", "Hồ sơ",
		"Ho\u0302\u0300 so\u031b", "\U0001F600", "\xff", "\xed\xa0\x80", "\xe1\xba", "\u212b", "\u1100\u1161\u11a8",
	})
	return rapid.OneOf(rapid.String(), awkward, rapid.Map(rapid.SliceOfN(awkward, 0, 6), func(parts []string) (all string) {
		for _, part := range parts {
			all += part
		}
		return all
	}), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
}

func anyNumber() *rapid.Generator[int] {
	return rapid.OneOf(rapid.Int(), rapid.IntRange(-900, 900),
		rapid.SampledFrom([]int{0, maxExact, -maxExact, maxExact + 1, -maxExact - 1, math.MaxInt, math.MinInt}))
}

func anyAttributes() *rapid.Generator[[]legacy.Attribute] {
	one := rapid.Custom(func(t *rapid.T) legacy.Attribute {
		return legacy.Attribute{
			Name: anyText().Draw(t, "name"), Type: anyText().Draw(t, "type"), Value: anyText().Draw(t, "value"),
			Depth: rapid.OneOf(rapid.IntRange(0, 3), anyNumber()).Draw(t, "depth"),
		}
	})
	return rapid.OneOf(rapid.Just[[]legacy.Attribute](nil), rapid.SliceOfN(one, 0, 4))
}

func anyDirect() *rapid.Generator[event.Payload] {
	return rapid.Custom(func(t *rapid.T) event.Payload {
		source, id, attributes := anyText().Draw(t, "source"), anyText().Draw(t, "case"), anyAttributes().Draw(t, "attributes")
		if rapid.Bool().Draw(t, "described") {
			return legacy.CaseDescribed{Source: source, Case: id, Attributes: attributes}
		}
		return legacy.ActionRecorded{
			Source: source, Case: id, Attributes: attributes, Activity: anyText().Draw(t, "activity"), Resource: anyText().Draw(t, "resource"),
			Lifecycle: anyText().Draw(t, "lifecycle"), OffsetMinutes: anyNumber().Draw(t, "offset"),
		}
	})
}

func TestAShapeWrittenDirectlyHasTheBytesOfTheGeneralForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyDirect().Draw(t, "payload")
		want, wantErr := general(p)
		got, ok, err := direct(nil, p)
		if !ok {
			t.Fatalf("%T is not written directly", p)
		}
		if (err == nil) != (wantErr == nil) || fault.CodeOf(err) != fault.CodeOf(wantErr) { // of two bad numbers either may be named
			t.Fatalf("refused with %v, not with %v", err, wantErr)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("written as\n%s\nnot as\n%s", got, want)
		}
	})
}

func TestMetadataWrittenDirectlyHasTheBytesOfTheGeneralForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText()
		seconds := rapid.OneOf(rapid.Int64Range(0, 1<<32), rapid.Int64Range(-1<<36, 1<<38))
		m := event.Metadata{
			OccurredAt: time.Unix(seconds.Draw(t, "seconds"), rapid.SampledFrom([]int64{0, 1, 100, 120_000_000, 999_999_999}).Draw(t, "fraction")).UTC(),
			Actor: event.Actor{
				ID: text.Draw(t, "actor"), Role: event.Role(text.Draw(t, "role")),
				Agency: text.Draw(t, "agency"), Department: text.Draw(t, "department"),
			},
			Correlation: text.Draw(t, "correlation"), Causation: text.Draw(t, "causation"), Trace: text.Draw(t, "trace"), Span: text.Draw(t, "span"), Request: text.Draw(t, "request"),
		}
		want, wantErr := canonical(m)
		got, ok := directMetadata(nil, m)
		if ok != (wantErr == nil) {
			t.Fatalf("written directly: %v; in general: %v", ok, wantErr)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("written as\n%s\nnot as\n%s", got, want)
		}
	})
}

// A member that is added to a shape must not be lost on the direct way.
func TestEveryMemberIsWrittenDirectly(t *testing.T) {
	at := time.Date(2011, 10, 11, 13, 45, 40, 276_000_000, time.UTC)
	attributes := []legacy.Attribute{{Name: "group", Type: "int", Value: "1", Depth: 1}}
	for _, p := range []event.Payload{
		legacy.ActionRecorded{Source: "s", Case: "c", Activity: "a", Resource: "r", Lifecycle: "l", OffsetMinutes: 420, Attributes: attributes},
		legacy.CaseDescribed{Source: "s", Case: "c", Attributes: attributes},
	} {
		everyFieldSet(t, p)
		want, err := general(p)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := direct(nil, p); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s, %v, not %s", got, err, want)
		}
	}
	m := event.Metadata{
		OccurredAt: at, Actor: event.Actor{ID: "i", Role: event.RoleSystem, Agency: "a", Department: "d"},
		Correlation: "c", Causation: "k", Trace: "t", Span: "s", Request: "r",
	}
	everyFieldSet(t, m)
	want, err := canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := directMetadata(nil, m); !bytes.Equal(got, want) {
		t.Errorf("%s, not %s", got, want)
	}
}

// everyFieldSet fails where a field is zero, as a new one is.
func everyFieldSet(t *testing.T, v any) {
	t.Helper()
	var look func(v reflect.Value)
	look = func(v reflect.Value) {
		switch {
		case v.IsZero():
			t.Errorf("a field of %s is not set here", v.Type())
		case v.Type() == timeType:
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				look(v.Field(i))
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				look(v.Index(i))
			}
		}
	}
	look(reflect.ValueOf(v))
}

func BenchmarkEncode(b *testing.B) {
	p := legacy.ActionRecorded{
		Source: "receipt", Case: "case-9997", Activity: "Confirmation of receipt", Resource: "Resource21", Lifecycle: "complete", OffsetMinutes: 120,
		Attributes: []legacy.Attribute{{Name: "org:group", Value: "Group 1"}, {Name: "concept:instance", Value: "task-42933"}},
	}
	m := event.Metadata{OccurredAt: time.Date(2011, 10, 11, 13, 45, 40, 276_000_000, time.UTC), Actor: event.Actor{ID: "import", Role: event.RoleSystem}}
	b.Run("direct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, err := direct(nil, p)
			if _, ok := directMetadata(nil, m); err != nil || !ok {
				b.Fatal(err)
			}
		}
	})
	b.Run("general", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := general(p)
			if _, again := canonical(m); err != nil || again != nil {
				b.Fatal(err, again)
			}
		}
	})
}
