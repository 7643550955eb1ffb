package queries

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
)

// apply puts changes into a presented value, the way a reader would.
func apply(value any, changes []Change) any {
	for _, c := range changes {
		value = set(value, strings.Split(c.Path, "/")[1:], c.After)
	}
	return value
}

func set(value any, path []string, to any) any {
	if len(path) == 0 {
		return to
	}
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[0])
	if list, ok := value.([]any); ok {
		i, err := strconv.Atoi(name)
		if err != nil {
			panic(err)
		}
		for len(list) <= i {
			list = append(list, nil)
		}
		list[i] = set(list[i], path[1:], to)
		return list
	}
	object, ok := value.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	if child := set(object[name], path[1:], to); child == nil {
		delete(object, name)
	} else {
		object[name] = child
	}
	return object
}

// Changes say everything: put into what was before, they give what is after.
func TestChangesLeadFromBeforeToAfter(t *testing.T) {
	var tree func(depth int) *rapid.Generator[any]
	tree = func(depth int) *rapid.Generator[any] {
		return rapid.Custom(func(t *rapid.T) any {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				if depth > 0 {
					object := map[string]any{}
					for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b/c", "d~e", "0"}), 0, 4).Draw(t, "names") {
						object[name] = tree(depth-1).Draw(t, "member")
					}
					return object
				}
			case 1:
				return rapid.Int64Range(0, 3).Draw(t, "number")
			}
			return rapid.SampledFrom([]string{"x", "y"}).Draw(t, "text")
		})
	}
	object := rapid.Custom(func(t *rapid.T) map[string]any {
		o := map[string]any{}
		for _, name := range []string{"a", "b/c", "d~e"} {
			if rapid.Bool().Draw(t, "has") {
				o[name] = tree(2).Draw(t, "member")
			}
		}
		return o
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := object.Draw(t, "before"), object.Draw(t, "after")
		found := changes(before, after)
		if got := apply(copied(before), found); !reflect.DeepEqual(normal(got), normal(after)) {
			t.Fatalf("from %v by %v: %v, want %v", before, found, got, after)
		}
		if again := changes(after, after); len(again) != 0 {
			t.Fatalf("%v differs from itself: %v", after, again)
		}
	})
}

func copied(v any) any {
	if object, ok := v.(map[string]any); ok {
		fresh := map[string]any{}
		for name, member := range object {
			fresh[name] = copied(member)
		}
		return fresh
	}
	return v
}

// normal leaves out empty objects, which a path of changes cannot tell from none.
func normal(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	fresh := map[string]any{}
	for name, member := range object {
		if m := normal(member); m != nil {
			fresh[name] = m
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return fresh
}

// A presented state never holds a sealed value or its ciphertext, and no zero time.
func TestPresentingHidesWhatIsSealed(t *testing.T) {
	state := dossier.State{
		Code: "A-1", Phase: dossier.PhaseSubmitted,
		Applicant: dossier.Party{
			Subject: "an", Name: event.Personal{Subject: "an", Sealed: []byte("ciphertext")},
			Phone: event.Personal{Subject: "an", Text: "0900"}, Email: event.Personal{Subject: "an", Sealed: []byte("x"), Erased: true},
		},
		Notes: []dossier.Note{{Text: event.Personal{Subject: "an", Sealed: []byte("ciphertext")}, At: time.Unix(0, 0)}},
	}
	text, err := json.Marshal(present(state))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"Y2lwaGVydGV4dA", "ciphertext", "sealed", "0001-01-01"} {
		if strings.Contains(string(text), bad) {
			t.Errorf("%s is in %s", bad, text)
		}
	}
	party := present(state).(map[string]any)["applicant"].(map[string]any)
	for field, want := range map[string]PersonalValue{
		"name": {Personal: true, Hidden: true}, "phone": {Personal: true, Value: "0900"}, "email": {Personal: true, Erased: true},
	} {
		if party[field] != want {
			t.Errorf("%s: %+v, want %+v", field, party[field], want)
		}
	}
	if _, there := party["address"]; there {
		t.Error("a value that nobody gave is shown")
	}
	if got := subjectsOf(state.Applicant, nil); len(got) != 1 || got[0] != "an" {
		t.Errorf("subjects %v", got)
	}
}
