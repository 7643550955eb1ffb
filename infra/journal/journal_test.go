package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/journal"
	"dossierledger/infra/keys"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the test vectors anew")

// specimen has every kind of member that events have.
type specimen struct {
	Text    string            `json:"text"`
	Number  int64             `json:"number"`
	Small   uint8             `json:"small"`
	Flag    bool              `json:"flag,omitempty"`
	At      time.Time         `json:"at"`
	Maybe   *time.Time        `json:"maybe,omitempty"`
	List    []string          `json:"list,omitempty"`
	Map     map[string]int    `json:"map,omitempty"`
	Raw     json.RawMessage   `json:"raw,omitempty"`
	ID      uuid.UUID         `json:"id"`
	Name    event.Personal    `json:"name,omitzero"`
	Nested  []nested          `json:"nested,omitempty"`
	Strings map[string]string `json:"strings,omitempty"`
}

type nested struct {
	Phone event.Personal `json:"phone,omitzero"`
	Label string         `json:"label"`
}

func (specimen) EventType() string { return "test.specimen.v1" }

func open(t *testing.T) (*journal.Journal, keys.Vault) {
	t.Helper()
	dir := t.TempDir()
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: filepath.Join(dir, "events")})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "master.key")
	if err := keys.MakeMaster(path); err != nil {
		t.Fatal(err)
	}
	master, err := keys.ReadMaster(path)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := keys.OpenFolder(t.Context(), filepath.Join(dir, "keys"), master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if err := vault.Close(); err != nil {
			t.Error(err)
		}
	})
	registry := event.NewRegistry()
	event.Register[specimen](registry)
	legacy.Register(registry)
	j, err := journal.New(store, registry, vault)
	if err != nil {
		t.Fatal(err)
	}
	return j, vault
}

func meta() event.Metadata {
	return event.Metadata{
		OccurredAt: time.Date(2026, 10, 8, 9, 30, 0, 120_000_000, time.FixedZone("ICT", 7*3600)),
		Actor:      event.Actor{ID: "o-h15-1", Role: event.RoleOfficer, Agency: "H15.01"},
	}
}

// The vectors are what another implementation must produce byte for byte.
func TestTheStoredFormMatchesTheVectors(t *testing.T) {
	j, _ := open(t)
	at := time.Date(2026, 10, 8, 2, 30, 0, 0, time.UTC)
	cases := map[string]specimen{
		"zero":    {},
		"texts":   {Text: "Hồ sơ “đúng hạn” <&> \u2028 \u0007 \\ \" /", List: []string{"", "é", "e\u0301"}},
		"numbers": {Number: -9007199254740991, Small: 255, Flag: true},
		"times":   {At: at, Maybe: &at},
		"members in order": {
			Map: map[string]int{"b": 1, "a": 2, "á": 3, "\U0001F600": 4, "\uFB33": 5},
			Raw: json.RawMessage(`{ "z" : 1.50 , "a" : [ true , null ] }`),
		},
		"sealed": {Name: event.Personal{Subject: "p-1", Sealed: []byte{0, 1, 254, 255}}},
	}
	for name, payload := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := j.Encode(t.Context(), event.New(uuid.MustParse("0190b3a4-0000-7000-8000-000000000001"), meta(), payload))
			if err != nil {
				t.Fatal(err)
			}
			vector := append(append(append([]byte{}, got.Data...), '\n'), append(got.Metadata, '\n')...)
			path := filepath.Join("testdata", "vectors", strings.ReplaceAll(name, " ", "-")+".txt")
			if *update {
				if err := os.WriteFile(path, vector, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, vector) {
				t.Fatalf("the stored form is\n%s\nnot\n%s", vector, want)
			}
		})
	}
}

func TestWhatCannotBeStoredExactlyIsRefused(t *testing.T) {
	j, _ := open(t)
	for name, payload := range map[string]specimen{
		"a number beyond 2^53":  {Number: 1 << 53},
		"a number below -2^53":  {Number: -1 << 53},
		"a person without name": {Name: event.About("", "somebody")},
	} {
		if _, err := j.Encode(t.Context(), event.New(uuid.New(), meta(), payload)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := j.Encode(t.Context(), event.New(uuid.New(), meta(), nil)); err == nil {
		t.Error("an event without a payload was encoded")
	}
}

func TestPersonalValuesAreSealedToTheirPlaceAndGoWithTheirKey(t *testing.T) {
	ctx := t.Context()
	j, vault := open(t)
	payload := specimen{
		Text: "open", Name: event.About("p-1", "Nguyễn Văn Mẫu"),
		Nested: []nested{{Phone: event.About("p-2", "0900000000"), Label: "x"}},
	}
	if _, err := j.Append(ctx, "s", event.None, event.New(uuid.New(), meta(), payload)); err != nil {
		t.Fatal(err)
	}
	stored := one(t, j)
	if stored.Payload.(specimen).Name.Text != "" {
		t.Fatal("reading shows a personal value without asking for it")
	}
	revealed, err := j.Reveal(ctx, stored)
	if err != nil {
		t.Fatal(err)
	}
	if p := revealed.Payload.(specimen); p.Name.Text != "Nguyễn Văn Mẫu" || p.Nested[0].Phone.Text != "0900000000" || p.Text != "open" {
		t.Fatalf("revealed: %q %q", p.Name.Text, p.Nested[0].Phone.Text)
	}
	if stored.Payload.(specimen).Nested[0].Phone.Text != "" {
		t.Fatal("revealing changed the event that it was given")
	}

	moved := stored
	moved.Stream = "another"
	if _, err := j.Reveal(ctx, moved); fault.KindOf(err) != fault.Corrupt {
		t.Fatalf("a value moved to another stream: %v", err)
	}
	swapped := stored.Payload.(specimen)
	swapped.Nested = []nested{{Phone: swapped.Name}}
	moved = stored
	moved.Payload = swapped
	if _, err := j.Reveal(ctx, moved); fault.KindOf(err) != fault.Corrupt {
		t.Fatalf("a value moved to another member: %v", err)
	}

	if err := vault.Erase(ctx, "p-1"); err != nil {
		t.Fatal(err)
	}
	revealed, err = j.Reveal(ctx, one(t, j))
	if err != nil {
		t.Fatal(err)
	}
	if p := revealed.Payload.(specimen); !p.Name.Erased || p.Name.Text != "" || p.Nested[0].Phone.Text != "0900000000" {
		t.Fatalf("after the erasure of one person: %+v", p)
	}
}

func one(t *testing.T, j *journal.Journal) event.Event {
	t.Helper()
	for e, err := range j.Read(t.Context(), "s", 0) {
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	t.Fatal("the stream is empty")
	return event.Event{}
}

func TestEncodingIsStableAndNothingPersonalIsInIt(t *testing.T) {
	j, _ := open(t)
	rapid.Check(t, func(r *rapid.T) {
		secret := rapid.StringMatching(`[a-z]{12,20}`).Draw(r, "secret")
		payload := specimen{
			Text: rapid.String().Draw(r, "text"), Number: rapid.Int64Range(-1<<53+1, 1<<53-1).Draw(r, "number"),
			List:    rapid.SliceOf(rapid.String()).Draw(r, "list"),
			Strings: rapid.MapOf(rapid.StringMatching(`[a-zé]{1,3}`), rapid.String()).Draw(r, "strings"),
			At:      time.Unix(rapid.Int64Range(0, 1<<32).Draw(r, "at"), 0),
			Nested:  []nested{{Phone: event.About("p-1", secret)}},
		}
		e := event.New(uuid.New(), meta(), payload)
		e.Stream = "s"
		first, err := j.Encode(t.Context(), e)
		if err != nil {
			r.Fatal(err)
		}
		if bytes.Contains(first.Data, []byte(secret)) {
			r.Fatal("a personal value is in clear")
		}
		var back specimen
		if err := json.Unmarshal(first.Data, &back); err != nil {
			r.Fatal(err)
		}
		e.Payload = back
		second, err := j.Encode(t.Context(), e)
		if err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(first.Data, second.Data) {
			r.Fatalf("encoded again it is\n%s\nnot\n%s", second.Data, first.Data)
		}
	})
}

// The events of a batch are written into one piece of memory: what one has does
// not depend on its neighbours.
func TestABatchStoresWhatItsEventsAreEach(t *testing.T) {
	j, _ := open(t)
	streams := 0
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 40, 200)
		var events []event.Event
		for range rapid.IntRange(1, 8).Draw(t, "events") {
			e := event.New(uuid.New(), meta(), nil)
			e.Metadata.Request = text.Draw(t, "request")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				e.Payload = specimen{Text: text.Draw(t, "text")}
			case 1:
				e.Payload = legacy.CaseDescribed{Source: "s", Case: text.Draw(t, "case")}
			default:
				e.Payload = legacy.ActionRecorded{Source: "s", Case: "c", Activity: text.Draw(t, "activity"),
					Attributes: []legacy.Attribute{{Name: text.Draw(t, "name"), Value: text.Draw(t, "value")}}}
			}
			events = append(events, e)
		}
		streams++
		stream := fmt.Sprintf("batch-%d", streams)
		if _, err := j.Append(context.Background(), stream, event.None, events...); err != nil {
			t.Fatal(err)
		}
		i := 0
		for got, err := range j.Read(context.Background(), stream, 0) {
			if err != nil {
				t.Fatal(err)
			}
			again, err := j.Encode(context.Background(), got)
			if err != nil {
				t.Fatal(err)
			}
			want, err := j.Encode(context.Background(), events[i])
			if err != nil {
				t.Fatal(err)
			}
			if again.ID != want.ID || !bytes.Equal(again.Data, want.Data) || !bytes.Equal(again.Metadata, want.Metadata) {
				t.Fatalf("event %d came back as\n%s %s\nnot as\n%s %s", i, again.Data, again.Metadata, want.Data, want.Metadata)
			}
			i++
		}
		if i != len(events) {
			t.Fatalf("%d of %d events", i, len(events))
		}
	})
}
