package journal_test

import (
	"strings"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/journal"
	"github.com/google/uuid"
)

// stored appends an event and reads it back.
func stored(t *testing.T, j *journal.Journal, payload event.Payload) event.Event {
	t.Helper()
	if _, err := j.Append(t.Context(), "s", event.Any, event.New(uuid.New(), meta(), payload)); err != nil {
		t.Fatal(err)
	}
	for e, err := range j.ReadBack(t.Context(), "s", 1) {
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	t.Fatal("it was not stored")
	return event.Event{}
}

func TestPersonalValuesAreShownOnlyWhereTheyAreRevealed(t *testing.T) {
	j, vault := open(t)
	e := stored(t, j, specimen{
		Text: "công khai", Name: event.About("p-1", "Nguyễn Văn Mẫu"),
		Nested: []nested{{Phone: event.About("p-2", "0900000001"), Label: "a"}, {Phone: event.About("p-1", "0900000002")}, {Label: "none"}},
		// Something that only looks like a sealed value stays as it is.
		Raw: []byte(`{"sealed":"AAAA","subject":"p-9"}`),
	})
	hidden, err := j.Show(t.Context(), e, false)
	if err != nil {
		t.Fatal(err)
	}
	text := string(hidden.Data)
	if !hidden.Personal || len(hidden.Subjects) > 0 || !strings.Contains(text, `"name":{"subject":"p-1"}`) || !strings.Contains(text, `"phone":{"subject":"p-2"}`) ||
		!strings.Contains(text, `"text":"công khai"`) || !strings.Contains(text, `"raw":{"sealed":"AAAA","subject":"p-9"}`) {
		t.Errorf("hidden: %+v %s", hidden, text)
	}
	if strings.Contains(text, "Mẫu") || strings.Contains(text, "0900") || strings.Count(text, "sealed") != 1 {
		t.Errorf("hidden it shows %s", text)
	}
	shown, err := j.Show(t.Context(), e, true)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(shown.Data); strings.Join(shown.Subjects, " ") != "p-1 p-2" ||
		!strings.Contains(text, `"name":{"subject":"p-1","value":"Nguyễn Văn Mẫu"}`) || !strings.Contains(text, `{"subject":"p-2","value":"0900000001"}`) {
		t.Errorf("shown: %+v %s", shown, text)
	}
	if err := vault.Erase(t.Context(), "p-1"); err != nil {
		t.Fatal(err)
	}
	erased, err := j.Show(t.Context(), e, true)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(erased.Data); strings.Join(erased.Subjects, " ") != "p-2" || strings.Count(text, `{"erased":true,"subject":"p-1"}`) != 2 ||
		strings.Contains(text, "Mẫu") || !strings.Contains(text, "0900000001") {
		t.Errorf("erased: %+v %s", erased, text)
	}
}

func TestWhatIsNotPersonalIsShownAsItIsStored(t *testing.T) {
	j, _ := open(t)
	e := stored(t, j, specimen{Text: "a", Number: 9007199254740991, Map: map[string]int{"b": 1}})
	shown, err := j.Show(t.Context(), e, true)
	if err != nil || shown.Personal || len(shown.Subjects) > 0 {
		t.Fatalf("%+v %v", shown, err)
	}
	again, err := j.Encode(t.Context(), e)
	if err != nil || string(again.Data) != string(shown.Data) {
		t.Errorf("%s instead of %s (%v)", shown.Data, again.Data, err)
	}
}
