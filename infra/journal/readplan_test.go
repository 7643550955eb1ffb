package journal

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"pgregory.net/rapid"
)

// readers read the types of the ledger, and one with what no event has yet, both ways.
type readers struct {
	registry *event.Registry
	shapes   map[string]*shape
}

func newReaders() readers {
	r := allTypes()
	event.Register[everything](r)
	return readers{r, shapesOf(r)}
}

// check compares what the plan of a type reads with what the registry reads.
func (r readers) check(t interface{ Fatalf(string, ...any) }, kind string, data []byte) (planned bool) {
	got, ok := r.shapes[kind].read(data)
	if !ok {
		return false
	}
	want, err := r.registry.Decode(kind, data)
	if err != nil {
		t.Fatalf("%s\nis read by the plan of %s as\n%#v\nbut is refused in general: %v", data, kind, got, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\nis read by the plan of %s as\n%#v\nnot as\n%#v", data, kind, got, want)
	}
	return true
}

func TestAPlanReadsWhatTheRegistryReads(t *testing.T) {
	r := newReaders()
	for _, shape := range append(allShapes(t), everything{}) {
		t.Run(shape.EventType(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				data, ok, err := planned(anyOfType(t, reflect.TypeOf(shape)).Interface().(event.Payload), sealedForTest)
				if ok && err == nil {
					r.check(t, shape.EventType(), damaged(t, data))
				}
			})
		})
	}
}

// goldenFiles are those of the domain's events with such a name.
func goldenFiles(t *testing.T, name string) []string {
	t.Helper()
	var all []string
	for _, folder := range []string{"../../domain/*/testdata", "../../domain/*/testdata/*"} {
		files, err := filepath.Glob(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files...)
	}
	return all
}

// What was ever released is read by the plan of its type, not the slow way, once
// it is in the stored form and without an escape; as its golden file is written it
// is no stored form.
func TestReleasedEventsAreReadByTheirPlan(t *testing.T) {
	r := newReaders()
	files := goldenFiles(t, "*.json")
	read := map[string]bool{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// A file is named after its type, with a word behind it where there are several.
		kind, _, _ := strings.Cut(filepath.Base(path), ".v1")
		kind += ".v1"
		stored, err := canonical(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		if escaped := bytes.ContainsRune(stored, '\\'); r.check(t, kind, stored) == escaped {
			t.Errorf("%s: not read by its plan, or in spite of an escape: %s", path, stored)
		}
		if r.check(t, kind, text) {
			t.Errorf("%s is read by a plan as it is written", path)
		}
		read[kind] = true
	}
	if len(read) < 60 {
		t.Errorf("only %d types have a golden file", len(read))
	}
}

func TestOrdinaryEventsAreReadByTheirPlan(t *testing.T) {
	r := newReaders()
	at := time.Date(2026, 10, 8, 2, 30, 0, 0, time.UTC)
	for _, p := range append(ordinaryEvents(),
		everything{I8: -1, Raw: json.RawMessage(`{"a":[1,"x"]}`), At: &at, Sub: person{Name: event.About("p", "Mẫu")}, Upper: "é"},
		legacy.CaseDescribed{Source: "s", Case: "c", Attributes: []legacy.Attribute{}},
	) {
		data, ok, err := planned(p, sealedForTest)
		if !ok || err != nil || !r.check(t, p.EventType(), data) {
			t.Errorf("%s is not read by its plan: %s (%v)", p.EventType(), data, err)
		}
	}
}

type newer struct{ legacy.ActionRecorded }

func (newer) EventType() string { return "legacy.action-recorded.v2" }

func TestATypeThatIsReadAsAnotherTodayIsNotReadByAPlan(t *testing.T) {
	r := event.NewRegistry()
	event.Register[newer](r)
	r.RegisterUpcast("legacy.action-recorded.v1", "legacy.action-recorded.v2", func(data json.RawMessage) (json.RawMessage, error) {
		return data, nil
	})
	shapes := shapesOf(r)
	if shapes["legacy.action-recorded.v1"] != nil || shapes["legacy.action-recorded.v2"] == nil {
		t.Errorf("read by a plan: %v", shapes)
	}
}

// ownJSON and ownText say themselves what they read, and hold more than they say.
type (
	ownJSON struct{ Text string }
	ownText struct{ Text string }
)

func (o *ownJSON) UnmarshalJSON([]byte) error { o.Text = "own"; return nil }
func (o *ownText) UnmarshalText([]byte) error { o.Text = "own"; return nil }

func TestATypeThatReadsItselfHasNoPlan(t *testing.T) {
	for _, shape := range []any{
		ownJSON{}, ownText{}, struct{ In []ownJSON }{}, struct{ In *ownText }{}, struct{ ownText }{}, map[ownText]string{}, struct{ In any }{},
		struct {
			In string `json:"in,string"`
		}{},
	} {
		if _, ok := planFor(reflect.TypeOf(shape)); ok {
			t.Errorf("there is a plan for %T", shape)
		}
	}
}

// given a payload that was read, when others are read in the same room, whole or
// not, then it stays what it was and they hold nothing of it.
func TestPayloadsShareNothingButTexts(t *testing.T) {
	r := newReaders()
	const kind = "legacy.action-recorded.v1"
	full := []byte(`{"activity":"a","attributes":[{"name":"n","value":"1"}],"case":"c","offset_minutes":5,"source":"s"}`)
	first, ok := r.shapes[kind].read(full)
	if !ok {
		t.Fatal("it is not read")
	}
	for range 3 {
		if _, ok := r.shapes[kind].read(full[:len(full)-1]); ok {
			t.Fatal("it is read without its end")
		}
		r.check(t, kind, []byte(`{"activity":"b","attributes":[{"name":"m"}],"case":"d","source":"t"}`))
		r.check(t, kind, []byte(`{}`))
	}
	if want, err := r.registry.Decode(kind, full); err != nil || !reflect.DeepEqual(first, want) {
		t.Errorf("it is %#v now, %v", first, err)
	}
}

func FuzzReadPlan(f *testing.F) {
	r := newReaders()
	var kinds []string
	for _, p := range append(ordinaryEvents(), everything{Raw: json.RawMessage(`{"a":1}`)}) {
		kinds = append(kinds, p.EventType())
	}
	for kind := range r.shapes {
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	for _, p := range append(ordinaryEvents(), everything{Raw: json.RawMessage(`{"a":1}`)}) {
		data, _, err := planned(p, sealedForTest)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(slices.Index(kinds, p.EventType())), data)
	}
	f.Fuzz(func(t *testing.T, which uint16, data []byte) { r.check(t, kinds[int(which)%len(kinds)], data) })
}

// ordinaryEvents are like most of a ledger's.
func ordinaryEvents() []event.Payload {
	at := time.Date(2026, 10, 8, 2, 30, 15, 123_456_000, time.UTC)
	const who = "citizen-7f3a9c21"
	sealed := func(n int) event.Personal {
		return event.Personal{Subject: who, Sealed: []byte(strings.Repeat("x", n))}
	}
	return []event.Payload{
		dossier.Submitted{
			Code: "H15.40-261008-0001", Procedure: "3.000347", ProcedureVersion: 3, Channel: procedure.Online, VerifiedIdentity: true,
			Applicant: dossier.Party{Subject: who, Kind: procedure.Citizen, Name: sealed(52), Phone: sealed(44), Address: sealed(90)},
			Receiving: "H15.40", Competent: "G01.21", Delivery: dossier.DeliverPost, DeliveryAddress: sealed(90),
		},
		dossier.DocumentAttached{
			Component: "application", Version: 1, Hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Size: 24_000,
			MediaType: "application/pdf", Form: dossier.Electronic, Stage: "submission", FileName: sealed(50),
		},
		dossier.Received{
			Procedure: "3.000347", ProcedureVersion: 3, FormSet: "2018", Slip: "TN-2026-000017", Competent: "G01.21",
			Holder: dossier.Holder{Agency: "H15.40", Department: dossier.OneStop}, Term: worktime.Term{Amount: 5, Unit: worktime.WorkingDays},
			Clock: []dossier.ClockChange{{Action: dossier.ClockStart, Cause: "reception", At: at, From: at, Due: at.AddDate(0, 0, 7), Calendar: "2026-07-01"}},
		},
		legacy.ActionRecorded{
			Source: "receipt", Case: "case-9997", Activity: "Confirmation of receipt", Resource: "Resource21", Lifecycle: "complete", OffsetMinutes: 120,
			Attributes: []legacy.Attribute{{Name: "org:group", Value: "Group 1"}, {Name: "concept:instance", Value: "task-42933"}},
		},
	}
}

func BenchmarkReadPlan(b *testing.B) {
	r := newReaders()
	for _, p := range ordinaryEvents() {
		kind := p.EventType()
		data, _, err := planned(p, sealedForTest)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(kind+"/plan", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := r.shapes[kind].read(data); !ok {
					b.Fatal("not read by the plan")
				}
			}
		})
		b.Run(kind+"/general", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.registry.Decode(kind, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
