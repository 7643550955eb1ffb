package queries

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dossierledger/domain/event"
)

// PersonalValue is a value about a person in an answer. Only one who may see it,
// and whose look was recorded, gets its text.
type PersonalValue struct {
	Personal bool   `json:"personal"` // always true: it marks the value
	Value    string `json:"value,omitempty"`
	Hidden   bool   `json:"hidden,omitempty"`
	Erased   bool   `json:"erased,omitempty"` // the person's key was destroyed
}

func personalValue(p event.Personal) PersonalValue {
	return PersonalValue{Personal: true, Value: p.Text, Erased: p.Erased, Hidden: p.Text == "" && !p.Erased}
}

var (
	personalShape = reflect.TypeFor[event.Personal]()
	timeShape     = reflect.TypeFor[time.Time]()
	textShape     = reflect.TypeFor[encoding.TextMarshaler]()
)

// present turns a value of the domain into plain maps, lists, texts, numbers and
// PersonalValues, named as in JSON. Zero values that the shape marks optional
// are left out, zero times always.
func present(v any) any {
	out, _ := presented(reflect.ValueOf(v))
	return out
}

func presented(v reflect.Value) (out any, zero bool) {
	if !v.IsValid() {
		return nil, true
	}
	switch v.Type() {
	case personalShape:
		p := v.Interface().(event.Personal)
		return personalValue(p), p.IsZero()
	case timeShape:
		at := v.Interface().(time.Time)
		return Instant{at}.String(), at.IsZero()
	}
	if v.Kind() != reflect.Struct && v.Kind() != reflect.Pointer && v.Type().Implements(textShape) {
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err == nil {
			return string(text), v.IsZero()
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, true
		}
		return presented(v.Elem())
	case reflect.Struct:
		object := map[string]any{}
		for _, f := range membersOf(v.Type()) {
			member, zero := presented(v.Field(f.index))
			if zero && (f.optional || v.Field(f.index).Type() == timeShape) {
				continue
			}
			object[f.name] = member
		}
		return object, v.IsZero()
	case reflect.Slice, reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			list[i], _ = presented(v.Index(i))
		}
		return list, len(list) == 0
	case reflect.Map:
		object := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			object[it.Key().String()], _ = presented(it.Value())
		}
		return object, len(object) == 0
	case reflect.String:
		return v.String(), v.IsZero()
	case reflect.Bool:
		return v.Bool(), v.IsZero()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), v.IsZero()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint(), v.IsZero()
	default:
		return v.Interface(), v.IsZero()
	}
}

type member struct {
	index    int
	name     string
	optional bool
}

var memberCache sync.Map // reflect.Type → []member

func membersOf(t reflect.Type) []member {
	if cached, ok := memberCache.Load(t); ok {
		return cached.([]member)
	}
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		members = append(members, member{index: i, name: name, optional: strings.Contains(options, "omit")})
	}
	memberCache.Store(t, members)
	return members
}

// subjectsOf adds the pseudonyms of the persons whose personal values stand in a
// payload to those found before.
func subjectsOf(payload any, found []string) []string {
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch {
		case !v.IsValid() || v.Type() == timeShape:
		case v.Type() == personalShape:
			if p := v.Interface().(event.Personal); !p.IsZero() && !slices.Contains(found, p.Subject) {
				found = append(found, p.Subject)
			}
		case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		}
	}
	walk(reflect.ValueOf(payload))
	return found
}

// Change is one value that is otherwise than before. Path is a JSON pointer
// (RFC 6901) into the state.
type Change struct {
	Path   string `json:"path"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// changes compares two presented values, in the order of their paths.
func changes(before, after any) []Change {
	var found []Change
	compare("", before, after, &found)
	return found
}

func compare(path string, before, after any, found *[]Change) {
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			for _, name := range unionOfNames(b, a) {
				compare(path+"/"+pointerEscape.Replace(name), b[name], a[name], found)
			}
			return
		}
	case []any:
		if a, ok := after.([]any); ok {
			for i := range max(len(b), len(a)) {
				compare(path+"/"+strconv.Itoa(i), nth(b, i), nth(a, i), found)
			}
			return
		}
	case nil:
		if list, ok := after.([]any); ok {
			for i := range list {
				*found = append(*found, Change{Path: path + "/" + strconv.Itoa(i), After: list[i]})
			}
			return
		}
	}
	if !reflect.DeepEqual(before, after) {
		*found = append(*found, Change{Path: path, Before: before, After: after})
	}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func nth(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func unionOfNames(a, b map[string]any) []string {
	all := make([]string, 0, len(a)+len(b))
	for name := range a {
		all = append(all, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
