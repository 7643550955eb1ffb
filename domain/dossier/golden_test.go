package dossier_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"github.com/google/uuid"
)

// Events are read for decades. Every released type has a file here with a
// stored event of it; a file that exists is never rewritten, because it stands
// for events that are in ledgers.
var writeGolden = flag.Bool("golden", false, "write the golden files of types that have none yet")

func golden(name string) string { return filepath.Join("testdata", "golden", name+".json") }

func TestEveryReleasedEventCanBeReadForEver(t *testing.T) {
	registry := event.NewRegistry()
	dossier.Register(registry)
	for _, name := range registry.Types() {
		t.Run(name, func(t *testing.T) {
			stored, err := os.ReadFile(golden(name))
			if os.IsNotExist(err) && *writeGolden {
				stored = writeNew(t, registry, name)
			} else if err != nil {
				t.Fatalf("a registered type has no golden file (go test -run Released -golden writes it): %v", err)
			}
			payload, err := registry.Decode(name, stored)
			if err != nil {
				t.Fatal(err)
			}
			if payload.EventType() != name {
				t.Errorf("decodes to %s", payload.EventType())
			}
			encoded, err := json.MarshalIndent(payload, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if got := append(encoded, '\n'); !bytes.Equal(got, stored) {
				t.Errorf("what was stored is read differently now\n got %s\nwas %s", got, stored)
			}
			if text := string(stored); strings.Contains(text, `"Text"`) || strings.Contains(text, "clear") {
				t.Errorf("a personal value is stored in clear: %s", text)
			}
		})
	}
}

func TestNoGoldenFileIsLeftOver(t *testing.T) {
	registry := event.NewRegistry()
	dossier.Register(registry)
	known := map[string]bool{}
	for _, name := range registry.Types() {
		known[golden(name)] = true
	}
	files, err := filepath.Glob(golden("*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, f := range files {
		if !known[f] {
			t.Errorf("%s: a type that was released cannot be read any more", f)
		}
	}
}

func TestNamesOnTheWireAreSnakeCase(t *testing.T) {
	registry := event.NewRegistry()
	dossier.Register(registry)
	var check func(path string, v any)
	check = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if strings.ToLower(key) != key || strings.ContainsAny(key, "- ") {
					t.Errorf("%s.%s", path, key)
				}
				check(path+"."+key, inner)
			}
		case []any:
			for _, inner := range v {
				check(path, inner)
			}
		}
	}
	for _, name := range registry.Types() {
		stored, err := os.ReadFile(golden(name))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(stored, &v); err != nil {
			t.Fatal(err)
		}
		check(name, v)
	}
}

// writeNew fills every field, so that no later change to any of them goes unseen.
func writeNew(t *testing.T, registry *event.Registry, name string) []byte {
	t.Helper()
	empty, err := registry.Decode(name, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	full := reflect.New(reflect.TypeOf(empty)).Elem()
	fill(full, "")
	stored, err := json.MarshalIndent(full.Interface(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	stored = append(stored, '\n')
	if err := os.MkdirAll(filepath.Dir(golden(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(golden(name), stored, 0o644); err != nil {
		t.Fatal(err)
	}
	return stored
}

func fill(v reflect.Value, name string) {
	switch v.Interface().(type) {
	case event.Personal:
		v.Set(reflect.ValueOf(event.Personal{Subject: "sub-an", Sealed: []byte("sealed " + name)}))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, time.October, 8, 2, 30, 15, 123_456_000, time.UTC)))
		return
	case uuid.UUID:
		v.Set(reflect.ValueOf(uuid.MustParse("6b0a6d0e-2f5c-5a0e-9d7e-5d2f6c1b8a11")))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{"` + strings.ToLower(name) + `":true}`)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), name)
		}
	case reflect.String:
		v.SetString("some " + name + " — tiếng Việt")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("no sample for " + v.Type().String())
	}
}

func TestAClearPersonalValueIsNeverStored(t *testing.T) {
	for _, e := range given(t, licence(), append(delivered(), does(on(20, "09:00"), applicant, dossier.Rate{Text: "tốt"}))...).events {
		personal := false
		walkPersonal(reflect.ValueOf(e.Payload), func(p event.Personal) { personal = personal || p.Text != "" })
		if _, err := json.Marshal(e.Payload); personal != (err != nil) {
			t.Errorf("%s: personal %v, marshals with %v", e.Payload.EventType(), personal, err)
		}
	}
}

// Every text that a person could be recognised by is a Personal under somebody's
// key: a distinct word in every free input of every command never shows in an
// event outside of a Personal.
func TestFreeTextNeverLeavesTheSealedFields(t *testing.T) {
	secret := "Nguyễn"
	marked := submission(paper("application"), paper("licence"))
	marked.Applicant = dossier.Person{Subject: "sub-an", Kind: "citizen", Name: secret, IDNumber: secret, Phone: secret, Email: secret, Address: secret}
	marked.Representative = &dossier.Person{Subject: "sub-binh", Kind: "citizen", Name: secret, Address: secret}
	marked.Summary, marked.DeliveryAddress, marked.Documents[0].FileName = secret, secret, secret
	told := dossier.Why{Ground: "ground", Text: secret}
	ask := request("BS-1", "photo")
	ask.Why, ask.Components[0].Note = told, secret
	s := given(t, licence(),
		does(on(12, "08:00"), applicant, marked),
		does(on(12, "09:00"), desk, dossier.Receive{Slip: "TN-1"}),
		does(on(12, "09:10"), desk, dossier.AssessFee{Item: "licence-fee"}),
		does(on(12, "09:20"), desk, dossier.ExemptFee{Obligation: "licence-fee", Exemption: "poor", Why: told}),
		does(on(12, "10:00"), desk, dossier.Assign{Department: dossier.Specialist, Officer: "spec-1", Why: told}),
		does(on(12, "10:00"), leader, dossier.Reassign{Officer: "spec-2", Why: told}),
		does(on(12, "14:00"), specialist, dossier.StartStep{Step: "appraisal"}),
		does(on(12, "14:00"), specialist, ask),
		does(on(12, "15:00"), desk, dossier.ProvideSupplement{Documents: []dossier.AttachDocument{{
			Component: "photo", Hash: hash("p"), Size: 1, MediaType: "image/png", Form: dossier.Original, FileName: secret,
		}}}),
		does(on(13, "08:00"), specialist, dossier.RequestOpinion{Agency: "H15.03", Question: secret}),
		does(on(13, "08:00"), police, dossier.GiveOpinion{Position: dossier.Agrees, Text: secret}),
		does(on(13, "08:00"), specialist, dossier.Forward{Agency: "H15.02", Task: "tax", Why: told}),
		does(on(13, "08:00"), taxOfficer, dossier.AnswerForward{Outcome: "done", Text: secret}),
		does(on(13, "08:00"), specialist, dossier.RecordInspection{Conclusion: dossier.Eligible, InspectedAt: on(13, "07:50"), Text: secret}),
		does(on(13, "09:00"), specialist, dossier.Appraise{Conclusion: dossier.Eligible, Text: secret}),
		does(on(13, "09:00"), leader, dossier.ReturnStep{To: "appraisal", Why: told}),
		does(on(13, "09:00"), leader, dossier.ExtendDeadline{Letter: "1", Due: on(28, "09:00"), Why: told}),
		does(on(13, "09:00"), leader, dossier.Reject{Decision: "1", Hash: hash("r"), Why: told}),
		does(on(13, "10:00"), desk, dossier.DeliverResult{Method: dossier.DeliverCounter, Recipient: secret}),
		does(on(13, "11:00"), applicant, dossier.Rate{Text: secret}),
		does(on(14, "09:00"), leader, dossier.Reopen{Complaint: "1", Why: told}),
		does(on(14, "09:00"), specialist, dossier.AddNote{Text: secret}),
		does(on(14, "09:00"), desk, dossier.Correct{Event: eventID(0), Field: "name", Text: secret}),
		does(on(14, "10:00"), applicant, dossier.Withdraw{Why: told}))
	sealed := 0
	for _, e := range s.events {
		v := reflect.New(reflect.TypeOf(e.Payload)).Elem()
		v.Set(reflect.ValueOf(e.Payload))
		walkPersonal(v, func(p event.Personal) {
			sealed++
			if p.Subject != "sub-an" && p.Subject != "sub-binh" {
				t.Errorf("%s: sealed under %q", e.Payload.EventType(), p.Subject)
			}
		})
		blank(v)
		text, err := json.Marshal(v.Interface())
		if err != nil || strings.Contains(string(text), secret) {
			t.Errorf("%s shows %s (%v)", e.Payload.EventType(), text, err)
		}
	}
	if sealed < 25 {
		t.Errorf("only %d personal values", sealed)
	}
}

func walkPersonal(v reflect.Value, visit func(event.Personal)) {
	switch v.Kind() {
	case reflect.Struct:
		if p, ok := v.Interface().(event.Personal); ok {
			if !p.IsZero() {
				visit(p)
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walkPersonal(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkPersonal(v.Index(i), visit)
		}
	}
}

// blank empties every personal value, slices copied.
func blank(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if _, ok := v.Interface().(event.Personal); ok {
			v.SetZero()
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				blank(v.Field(i))
			}
		}
	case reflect.Slice:
		copied := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(copied, v)
		v.Set(copied)
		for i := range v.Len() {
			blank(v.Index(i))
		}
	}
}
