package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"pgregory.net/rapid"
)

type renamed struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

func (renamed) EventType() string { return "test.renamed.v3" }

func registry() *event.Registry {
	r := event.NewRegistry()
	event.Register[renamed](r)
	r.RegisterUpcast("test.renamed.v1", "test.renamed.v2", func(data json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(strings.Replace(string(data), `"title"`, `"name"`, 1)), nil
	})
	r.RegisterUpcast("test.renamed.v2", "test.renamed.v3", func(data json.RawMessage) (json.RawMessage, error) {
		if !json.Valid(data) {
			return nil, errors.New("not JSON")
		}
		return json.RawMessage(strings.Replace(string(data), `{`, `{"kind":"unknown",`, 1)), nil
	})
	return r
}

func TestAnOldVersionIsReadAsTheNewestThroughEveryUpcast(t *testing.T) {
	r := registry()
	for name, data := range map[string]string{
		"test.renamed.v1": `{"title":"a"}`,
		"test.renamed.v2": `{"name":"a"}`,
		"test.renamed.v3": `{"name":"a","kind":"unknown"}`,
	} {
		got, err := r.Decode(name, []byte(data))
		if err != nil || got != (renamed{Name: "a", Kind: "unknown"}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got := fmt.Sprint(r.Types()); got != "[test.renamed.v1 test.renamed.v2 test.renamed.v3]" {
		t.Errorf("types: %s", got)
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	r := registry()
	if _, err := r.Decode("test.other.v1", []byte(`{}`)); err == nil {
		t.Error("an unknown type was read")
	} else if unknown, ok := errors.AsType[*event.UnknownType](err); !ok || unknown.Type != "test.other.v1" {
		t.Errorf("an unknown type: %v", err)
	}
	for name, data := range map[string]string{"test.renamed.v3": `{"name":`, "test.renamed.v2": `{`, "test.renamed.v1": `[1]`} {
		if _, err := r.Decode(name, []byte(data)); err == nil {
			t.Errorf("%s read %s", name, data)
		}
	}
}

func TestATypeIsRegisteredOnce(t *testing.T) {
	for name, again := range map[string]func(*event.Registry){
		"a shape":           func(r *event.Registry) { event.Register[renamed](r) },
		"an upcast":         func(r *event.Registry) { r.RegisterUpcast("test.renamed.v1", "x", nil) },
		"an upcast's shape": func(r *event.Registry) { r.RegisterUpcast("test.renamed.v3", "x", nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was registered twice", name)
				}
			}()
			again(registry())
		}()
	}
}

func TestAPersonalValueInClearCanNeitherBeStoredNorShown(t *testing.T) {
	p := event.About("p-1", "Nguyễn Văn Mẫu")
	if _, err := json.Marshal(p); !errors.Is(err, event.ErrClearPersonal) {
		t.Errorf("stored in clear: %v", err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "who", p)
	for _, shown := range []string{fmt.Sprint(p), fmt.Sprintf("%v %+v %#v %s", p, p, p, p), logged.String()} {
		if strings.Contains(shown, "Mẫu") {
			t.Errorf("shown: %s", shown)
		}
	}
	sealed := event.Personal{Subject: "p-1", Sealed: []byte{1, 2}}
	text, err := json.Marshal(sealed)
	if err != nil || string(text) != `{"sealed":"AQI=","subject":"p-1"}` {
		t.Fatalf("%s, %v", text, err)
	}
	var back event.Personal
	if err := json.Unmarshal(text, &back); err != nil || back.Subject != "p-1" || string(back.Sealed) != "\x01\x02" {
		t.Errorf("read back: %v", err)
	}
	if !(event.Personal{Subject: "p-1"}).IsZero() {
		t.Error("no value is not zero")
	}
}

func TestAnExpectationHoldsExactlyWhereItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exists, last := rapid.Bool().Draw(t, "exists"), rapid.Uint64Range(0, 3).Draw(t, "last")
		exact := rapid.Uint64Range(0, 3).Draw(t, "exact")
		for expected, want := range map[event.Expected]bool{
			event.Any: true, event.None: !exists, event.Exists: exists, event.Exact(exact): exists && last == exact, {}: true,
		} {
			if got := expected.Holds(exists, last); got != want {
				t.Fatalf("%s of a stream that exists=%v at %d: %v", expected, exists, last, got)
			}
		}
	})
}

func TestIDsFollowFromTheKeyAndThePlace(t *testing.T) {
	seen := map[string]string{}
	for _, key := range []string{"", "a", "a1", "b"} {
		for i := range 12 {
			id, name := event.IDFor(key, i).String(), fmt.Sprintf("%s/%d", key, i)
			if other, twice := seen[id]; twice {
				t.Errorf("%s and %s share an id", other, name)
			}
			seen[id] = name
			if event.IDFor(key, i).String() != id {
				t.Errorf("%s changes its id", name)
			}
		}
	}
}

// However a personal value is written, it is read as encoding/json would read its
// two members.
func FuzzAPersonalValueIsReadAsJSON(f *testing.F) {
	for _, seed := range []string{
		`{"sealed":"AQI=","subject":"p-1"}`, `{"subject":"p-1","sealed":"AQI="}`, `{"sealed":"","subject":""}`, `null`, `{}`,
		`{"sealed":"AQI","subject":"p-1"}`, `{"sealed":"AQI=\n","subject":"p"}`, `{"sealed":"AQI=","subject":"\u0070"}`,
		`{"sealed":"AQI=","subject":"ă"}`, `{"sealed":"AQI=","subject":"a","subject":"b"}`, `{"sealed":"AQI=","subject":"x"} `,
		`{"sealed":null,"subject":"p"}`, `{"Sealed":"AQI=","SUBJECT":"p"}`, `{"sealed":"AQ==AQI=","subject":"p"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got event.Personal
		err := json.Unmarshal([]byte(text), &got)
		var want struct {
			Sealed  []byte `json:"sealed"`
			Subject string `json:"subject"`
		}
		wantErr := json.Unmarshal([]byte(text), &want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, as JSON %v", text, err, wantErr)
		}
		if err == nil && (got.Subject != want.Subject || !bytes.Equal(got.Sealed, want.Sealed) || got.Text != "" || got.Erased) {
			t.Fatalf("%q: subject %q, sealed %x; as JSON %q, %x", text, got.Subject, got.Sealed, want.Subject, want.Sealed)
		}
	})
}
