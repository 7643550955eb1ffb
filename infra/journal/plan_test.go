package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/agency"
	"dossierledger/domain/delivery"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/domain/policy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func allTypes() *event.Registry {
	r := event.NewRegistry()
	for _, register := range []func(*event.Registry){
		dossier.Register, legacy.Register, procedure.Register, agency.Register, worktime.Register, access.Register, policy.Register, delivery.Register,
		commands.Register,
	} {
		register(r)
	}
	return r
}

// allShapes are the payloads of every type of the ledger, empty.
func allShapes(t testing.TB) []event.Payload {
	r := allTypes()
	var shapes []event.Payload
	for _, name := range r.Types() {
		if p, ok := r.Empty(name); ok {
			shapes = append(shapes, p)
		}
	}
	if len(shapes) < 40 {
		t.Fatalf("only %d shapes", len(shapes))
	}
	return shapes
}

// everything has what no event has yet, but an event may have.
type everything struct {
	B     bool                  `json:"b,omitempty"`
	I8    int8                  `json:"i8"`
	U     uint64                `json:"u,omitzero"`
	Bytes []byte                `json:"bytes,omitempty"`
	Raw   json.RawMessage       `json:"raw"`
	Map   map[string]*uuid.UUID `json:"map"`
	Deep  map[string][]person   `json:"deep,omitempty"`
	At    *time.Time            `json:"at"`
	Zero  time.Time             `json:"zero,omitzero"`
	Sub   person                `json:"sub,omitzero"`
	Upper string
}

type person struct {
	Name event.Personal `json:"name,omitzero"`
	Bare event.Personal `json:"bare"`
	Day  worktime.Date  `json:"day"`
}

func (everything) EventType() string { return "test.everything.v1" }

// anyOfType draws values of a type with everything that is awkward to write.
func anyOfType(t *rapid.T, shape reflect.Type) reflect.Value {
	v := reflect.New(shape).Elem()
	switch shape {
	case timeType:
		zone := rapid.SampledFrom([]*time.Location{time.UTC, dossier.ICT, time.FixedZone("x", -34217)}).Draw(t, "zone")
		seconds := rapid.OneOf(rapid.Int64Range(-1<<36, 1<<36), rapid.SampledFrom([]int64{0, -62135596800, 1 << 40})).Draw(t, "seconds")
		nanos := rapid.SampledFrom([]int64{0, 1, 120_000_000, 999_999_999, 1000}).Draw(t, "nanos")
		v.Set(reflect.ValueOf(time.Unix(seconds, nanos).In(zone)))
		if rapid.Bool().Draw(t, "no time") {
			v.Set(reflect.ValueOf(time.Time{}.In(zone)))
		}
		return v
	case rawType:
		if raw := rapid.OneOf(anyText(), rapid.SampledFrom(rawSpecimens)).Draw(t, "raw"); json.Valid([]byte(raw)) || rapid.Bool().Draw(t, "bad") {
			v.SetBytes([]byte(raw))
		}
		return v
	case personalType:
		p := event.Personal{Subject: anyText().Draw(t, "subject"), Text: anyText().Draw(t, "text")}
		if rapid.Bool().Draw(t, "sealed") {
			p = event.Personal{Subject: p.Subject, Sealed: rapid.SliceOf(rapid.Byte()).Draw(t, "cipher"), Erased: rapid.Bool().Draw(t, "erased")}
		}
		v.Set(reflect.ValueOf(p))
		return v
	}
	switch shape.Kind() {
	case reflect.String:
		v.SetString(anyText().Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "flag"))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(anyNumber().Draw(t, "number")))
	case reflect.Int8, reflect.Int16, reflect.Int32:
		v.SetInt(rapid.Int64Range(-128, 127).Draw(t, "number"))
	case reflect.Uint, reflect.Uint64:
		v.SetUint(rapid.OneOf(rapid.Uint64Range(0, 9), rapid.SampledFrom([]uint64{maxExact, maxExact + 1, math.MaxUint64})).Draw(t, "number"))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(rapid.Uint64Range(0, 255).Draw(t, "number"))
	case reflect.Struct:
		for i := range shape.NumField() {
			if shape.Field(i).IsExported() && rapid.IntRange(0, 2).Draw(t, "set") > 0 {
				v.Field(i).Set(anyOfType(t, shape.Field(i).Type))
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(shape.Elem()))
			v.Elem().Set(anyOfType(t, shape.Elem()))
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 3).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(shape, n, n))
			for i := range n {
				v.Index(i).Set(anyOfType(t, shape.Elem()))
			}
		}
	case reflect.Array:
		for i := range shape.Len() {
			v.Index(i).Set(anyOfType(t, shape.Elem()))
		}
	case reflect.Map:
		if n := rapid.IntRange(-1, 3).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeMap(shape))
			for range n {
				v.SetMapIndex(anyOfType(t, shape.Key()), anyOfType(t, shape.Elem()))
			}
		}
	default:
		t.Fatalf("nothing is drawn for %s", shape)
	}
	return v
}

var rawSpecimens = []string{
	`{}`, `[]`, `null`, `{"a":1,"b":[true,null,"x\n"]}`, `{"b":1,"a":2}`, ` { "a" : 1 } `, `{"a":1.50}`, `{"a":-0}`, `{"a":1e3}`, `"\u00e9"`, `"é"`, `"\/"`,
	`{"é":1,"a":2}`, `{"a\n":1}`, `[1,2,3`, `{"a":1,"a":2}`, `123456789012345678`, `01`, `"` + "\x7f" + `"`, `{"a":"\ud83d\ude00"}`, `[[[[[[]]]]]]`,
}

// sealedForTest seals in a way that gives the same value each time, and tells
// the place that it was sealed for.
func sealedForTest(at site, p event.Personal) (event.Personal, error) {
	if p.IsZero() || p.Text == "" {
		return p, nil
	}
	if p.Subject == "" {
		return p, errors.New("nobody")
	}
	return event.Personal{Subject: p.Subject, Sealed: []byte(string(at) + "\x00" + p.Text)}, nil
}

// planned is the stored form of a payload by its plan.
func planned(p event.Payload, seal func(site, event.Personal) (event.Personal, error)) (data []byte, ok bool, err error) {
	w := writing{seal: seal}
	if ok, err = w.planned(p); err != nil {
		return nil, ok, err
	}
	return w.out, ok, nil
}

func checkPlanned(t *rapid.T, p event.Payload) {
	got, ok, err := planned(p, sealedForTest)
	if !ok {
		return
	}
	var want []byte
	sealed, wantErr := normalise(p, sealedForTest)
	if wantErr == nil {
		want, wantErr = canonical(sealed)
	}
	if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) {
		t.Fatalf("%#v\nwritten by its plan:\n%s, %v\nin general:\n%s, %v", p, got, err, want, wantErr)
	}
}

func TestAPlanWritesTheBytesOfTheGeneralForm(t *testing.T) {
	for _, shape := range append(allShapes(t), everything{}) {
		t.Run(shape.EventType(), func(t *testing.T) {
			if _, ok := planFor(reflect.TypeOf(shape)); !ok {
				t.Fatal("there is no plan for this type, so it is written the slow way")
			}
			rapid.Check(t, func(t *rapid.T) { checkPlanned(t, anyOfType(t, reflect.TypeOf(shape)).Interface().(event.Payload)) })
		})
	}
}

// What is written is read again as encoding/json reads it, also where it was
// damaged on the way.
func TestEventsAreReadAsEncodingJSONReadsThem(t *testing.T) {
	registry := allTypes()
	for _, shape := range allShapes(t) {
		t.Run(shape.EventType(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				data, ok, err := planned(anyOfType(t, reflect.TypeOf(shape)).Interface().(event.Payload), sealedForTest)
				if !ok || err != nil {
					return
				}
				if rapid.Bool().Draw(t, "damaged") {
					data = damaged(t, data)
				}
				got, err := registry.Decode(shape.EventType(), data)
				want := reflect.New(reflect.TypeOf(shape))
				wantErr := json.Unmarshal(data, want.Interface())
				if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want.Elem().Interface()) {
					t.Fatalf("%s\nis read as %#v, %v\nencoding/json reads %#v, %v", data, got, err, want.Elem().Interface(), wantErr)
				}
			})
		})
	}
}

// An ordinary event is written by its plan; what only the general way can write
// is refused or rare.
func TestOrdinaryEventsAreWrittenByTheirPlan(t *testing.T) {
	at := time.Date(2026, 10, 8, 2, 30, 0, 0, time.UTC)
	for _, p := range []event.Payload{
		everything{I8: -1, Raw: json.RawMessage(`{"a":[1,"x"]}`), At: &at, Sub: person{Name: event.About("p", "Mẫu")}, Upper: "é"},
		dossier.NumberAllocated{Dossier: "c", Submission: []dossier.EncodedEvent{{ID: uuid.New(), Data: []byte(`{"a":1}`), Metadata: []byte(`{}`)}}},
	} {
		if data, ok, err := planned(p, sealedForTest); !ok || err != nil || !json.Valid(data) {
			t.Errorf("%s: %t, %v, %s", p.EventType(), ok, err, data)
		}
	}
}

func TestWhatIsSaidToBeInTheStoredFormIs(t *testing.T) {
	for _, raw := range rawSpecimens {
		checkStoredForm(t, []byte(raw))
	}
	for _, raw := range []string{`{"a":1,"b":[true,null,"x\n"]}`, `"é"`, `-15`, `0`, `[]`} {
		if !inStoredForm([]byte(raw)) {
			t.Errorf("%s is in the stored form", raw)
		}
	}
}

func checkStoredForm(t *testing.T, raw []byte) {
	if !inStoredForm(raw) {
		return
	}
	want, err := canonical(map[string]json.RawMessage{"": raw})
	if got := `{"":` + string(raw) + `}`; err != nil || got != string(want) {
		t.Fatalf("%q is said to be in the stored form, which is %q, %v", raw, want, err)
	}
}

func FuzzStoredForm(f *testing.F) {
	for _, raw := range rawSpecimens {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { checkStoredForm(t, raw) })
}

func BenchmarkPlan(b *testing.B) {
	p := dossier.Submitted{
		Code: "G01.21-261008-0001", Procedure: "3.000347", ProcedureVersion: 3, Channel: procedure.Online,
		Applicant: dossier.Party{Subject: "p-1", Kind: procedure.Citizen, Name: event.Personal{Subject: "p-1", Sealed: make([]byte, 60)}},
		Receiving: "G01.21", Competent: "G01.21", Delivery: dossier.DeliverPost,
	}
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok, err := planned(p, sealedForTest); !ok || err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("general", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sealed, err := normalise(p, sealedForTest)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := canonical(sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
