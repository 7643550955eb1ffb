package journal

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"dossierledger/domain/event"
	jsonv2 "github.com/go-json-experiment/json"
	"golang.org/x/text/unicode/norm"
)

// A plan writes the values of one type in the stored form in one pass, and reads
// them back in one: what normalise, encoding/json and RFC 8785's sorting do one
// after the other is worked out once for a type. The bytes are those that canonical
// makes of what normalise makes, which stays the definition; of reading, the
// registry is the definition. A type for which there is no plan, because it has
// its own way into JSON, goes the general way.

// plan is how a type is written and read.
type plan struct {
	// write appends a value to w.out.
	write func(w *writing, v reflect.Value) error
	// read sets a value, which is zero before, to what comes next in f.
	read func(f *form, v reflect.Value)
}

// plans holds a plan for each type that was asked for, nil where there is none.
var plans sync.Map // reflect.Type → *plan

// planFor gives the plan of a type.
func planFor(t reflect.Type) (*plan, bool) {
	if known, ok := plans.Load(t); ok {
		p := known.(*plan)
		return p, p != nil
	}
	var p *plan
	made, ok := (&planner{}).of(t)
	if ok {
		p = &made
	}
	plans.Store(t, p)
	return p, ok
}

// planned appends a payload by its plan; ok is false where it has none, or has a
// value that the general way has to refuse.
func (w *writing) planned(payload event.Payload) (ok bool, err error) {
	if payload == nil {
		return false, nil
	}
	v := reflect.ValueOf(payload)
	p, ok := planFor(v.Type())
	if !ok {
		return false, nil
	}
	from := len(w.out)
	w.at = w.at[:0]
	if err = p.write(w, v); errors.Is(err, errGeneral) {
		w.out = w.out[:from]
		return false, nil
	}
	return true, err
}

// errGeneral says that the general way has to say what is wrong with a value.
var errGeneral = errors.New("journal: no plan for the value")

// planner makes plans. A type that holds itself has none.
type planner struct{ above []reflect.Type }

var (
	textType     = reflect.TypeFor[encoding.TextMarshaler]()
	fromTextType = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonTypes    = []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[jsonv2.UnmarshalerFrom](),
	}
)

// ownWays reports whether a type says itself what text it is and reads it back,
// and whether it has any other way of its own into JSON or out of it.
func ownWays(t reflect.Type) (text, other bool) {
	p := reflect.PointerTo(t)
	text = t.Implements(textType) && p.Implements(fromTextType)
	other = !text && (p.Implements(textType) || p.Implements(fromTextType))
	return text, other || slices.ContainsFunc(jsonTypes, p.Implements)
}

func (b *planner) of(t reflect.Type) (plan, bool) {
	switch t {
	case personalType:
		return plan{writePersonal, readPersonal}, true
	case timeType:
		return plan{writeTime, readTime}, true
	case rawType:
		return plan{writeRaw, readRaw}, true
	}
	if t.Kind() == reflect.Pointer {
		return b.pointer(t)
	}
	switch text, other := ownWays(t); {
	case other || slices.Contains(b.above, t):
		return plan{}, false
	case text:
		return b.text(t)
	}
	b.above = append(b.above, t)
	defer func() { b.above = b.above[:len(b.above)-1] }()
	switch t.Kind() {
	case reflect.String:
		return plan{writeText, readText}, true
	case reflect.Bool:
		return plan{writeBool, readBool}, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return plan{writeInt, readInt}, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return plan{writeUint, readUint}, true
	case reflect.Struct:
		return b.object(t)
	case reflect.Slice:
		return b.list(t)
	case reflect.Map:
		return b.table(t)
	}
	return plan{}, false
}

// text is for types that say themselves what text they are. Those that hold
// other texts or times would be put in order first.
func (b *planner) text(t reflect.Type) (plan, bool) {
	if !plain(t) {
		return plan{}, false
	}
	write := func(w *writing, v reflect.Value) error {
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil || !exact(v) {
			return errGeneral
		}
		w.out = appendText(w.out, string(text))
		return nil
	}
	return plan{write, readOwnText}, true
}

// plain reports whether a type is made of whole numbers and truth values alone,
// which the stored form leaves as they are.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return true
	case reflect.Array:
		return plain(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); !f.IsExported() || !plain(f.Type) {
				return false
			}
		}
		return true
	}
	return false
}

// exact reports whether no number in a value of a plain type is too large.
func exact(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		return v.Int() <= maxExact && v.Int() >= -maxExact
	case reflect.Struct:
		for i := range v.NumField() {
			if !exact(v.Field(i)) {
				return false
			}
		}
	}
	return true
}

func writeText(w *writing, v reflect.Value) error {
	w.out = appendNormal(w.out, v.String())
	return nil
}

func writeBool(w *writing, v reflect.Value) error {
	w.out = strconv.AppendBool(w.out, v.Bool())
	return nil
}

func writeInt(w *writing, v reflect.Value) error {
	n := v.Int()
	if n > maxExact || n < -maxExact {
		return errGeneral
	}
	w.out = strconv.AppendInt(w.out, n, 10)
	return nil
}

func writeUint(w *writing, v reflect.Value) error {
	n := v.Uint()
	if n > maxExact {
		return errGeneral
	}
	w.out = strconv.AppendUint(w.out, n, 10)
	return nil
}

func writeTime(w *writing, v reflect.Value) error {
	at := v.Interface().(time.Time).UTC()
	if year := at.Year(); year < 0 || year > 9999 {
		return errGeneral
	}
	w.out = append(at.AppendFormat(append(w.out, '"'), time.RFC3339Nano), '"')
	return nil
}

func writePersonal(w *writing, v reflect.Value) error {
	p, err := w.seal(site(w.at), v.Interface().(event.Personal))
	switch {
	case err != nil:
		return err
	case p.IsZero():
		w.out = append(w.out, "null"...)
		return nil
	case len(p.Sealed) == 0:
		return errGeneral
	}
	w.out = base64.StdEncoding.AppendEncode(append(w.out, `{"sealed":"`...), p.Sealed)
	// A pseudonym is no text of the event: it is compared byte by byte.
	w.out = append(appendText(append(w.out, `","subject":`...), p.Subject), '}')
	return nil
}

// writeRaw writes JSON that the event holds as it is.
func writeRaw(w *writing, v reflect.Value) error {
	raw := v.Bytes()
	if inStoredForm(raw) {
		w.out = append(w.out, raw...)
		return nil
	}
	const before, after = `{"":`, `}`
	form, err := canonical(map[string]json.RawMessage{"": raw})
	if err != nil {
		return errGeneral
	}
	w.out = append(w.out, bytes.TrimSuffix(bytes.TrimPrefix(form, []byte(before)), []byte(after))...)
	return nil
}

func (b *planner) pointer(t reflect.Type) (plan, bool) {
	inner, ok := b.of(t.Elem())
	write := func(w *writing, v reflect.Value) error {
		if v.IsNil() {
			w.out = append(w.out, "null"...)
			return nil
		}
		return inner.write(w, v.Elem())
	}
	return plan{write, readPointer(t, inner)}, ok
}

func (b *planner) list(t reflect.Type) (plan, bool) {
	if t.Elem().Kind() == reflect.Uint8 {
		return plan{writeBytes, readBytes}, t.Elem() == reflect.TypeFor[byte]()
	}
	inner, ok := b.of(t.Elem())
	write := func(w *writing, v reflect.Value) error {
		if v.IsNil() {
			w.out = append(w.out, "null"...)
			return nil
		}
		w.out = append(w.out, '[')
		from := len(w.at)
		for i := range v.Len() {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.at = strconv.AppendInt(append(w.at[:from], '/'), int64(i), 10)
			if err := inner.write(w, v.Index(i)); err != nil {
				return err
			}
		}
		w.at = w.at[:from]
		w.out = append(w.out, ']')
		return nil
	}
	return plan{write, readList(t, inner)}, ok
}

func writeBytes(w *writing, v reflect.Value) error {
	if v.IsNil() {
		w.out = append(w.out, "null"...)
		return nil
	}
	w.out = append(base64.StdEncoding.AppendEncode(append(w.out, '"'), v.Bytes()), '"')
	return nil
}

// table is for maps from texts. Two keys that are one in normalisation form C
// have no order, which the general way has to live with.
func (b *planner) table(t reflect.Type) (plan, bool) {
	if text, other := ownWays(t.Key()); text || other || t.Key().Kind() != reflect.String {
		return plan{}, false
	}
	inner, ok := b.of(t.Elem())
	type member struct {
		name, key string
		value     reflect.Value
	}
	write := func(w *writing, v reflect.Value) error {
		if v.IsNil() {
			w.out = append(w.out, "null"...)
			return nil
		}
		members := make([]member, 0, v.Len())
		for it := v.MapRange(); it.Next(); {
			key := it.Key().String()
			name := norm.NFC.String(key)
			if !utf8.ValidString(name) {
				return errGeneral
			}
			members = append(members, member{name, key, it.Value()})
		}
		slices.SortFunc(members, func(a, b member) int { return compareUTF16(a.name, b.name) })
		w.out = append(w.out, '{')
		from := len(w.at)
		for i, m := range members {
			if i > 0 {
				if m.name == members[i-1].name {
					return errGeneral
				}
				w.out = append(w.out, ',')
			}
			w.out = append(appendText(w.out, m.name), ':')
			w.at = append(append(w.at[:from], '/'), m.key...)
			if err := inner.write(w, m.value); err != nil {
				return err
			}
		}
		w.at = w.at[:from]
		w.out = append(w.out, '}')
		return nil
	}
	return plan{write, readTable(t, inner)}, ok
}

// compareUTF16 is the order of RFC 8785, section 3.2.3.
func compareUTF16(a, b string) int {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if x != y {
			return slices.Compare(utf16.Encode([]rune{x}), utf16.Encode([]rune{y}))
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

// plannedField is one member of an object.
type plannedField struct {
	index  []int
	name   string
	label  string // comma, name and colon, as they are written
	place  []byte // its part of the site
	skip   func(reflect.Value) bool
	inside plan
	// personal is true where there can be a personal value in it.
	personal bool
}

// of gives the member of an object.
func (f *plannedField) of(object reflect.Value) reflect.Value {
	for _, n := range f.index {
		object = object.Field(n)
	}
	return object
}

func (b *planner) object(t reflect.Type) (plan, bool) {
	fields, ok := b.fields(t, nil, "")
	if !ok {
		return plan{}, false
	}
	slices.SortFunc(fields, func(a, b plannedField) int { return compareUTF16(a.name, b.name) })
	for i := range fields[:max(0, len(fields)-1)] {
		if fields[i].name == fields[i+1].name {
			return plan{}, false
		}
	}
	write := func(w *writing, v reflect.Value) error {
		w.out = append(w.out, '{')
		from, comma := len(w.at), 1 // before the first member there is none
		for i := range fields {
			f := &fields[i]
			value := f.of(v)
			if f.skip != nil && f.skip(value) {
				if f.personal && !value.IsZero() {
					return errGeneral // nothing personal is left out unseen
				}
				continue
			}
			w.out = append(w.out, f.label[comma:]...)
			comma = 0
			w.at = append(w.at[:from], f.place...)
			if err := f.inside.write(w, value); err != nil {
				return err
			}
		}
		w.at = w.at[:from]
		w.out = append(w.out, '}')
		return nil
	}
	return plan{write, readObject(fields)}, true
}

// fields plans the members of a struct, and those of structs embedded in it.
func (b *planner) fields(t reflect.Type, index []int, place string) (fields []plannedField, ok bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if f.Anonymous {
			if text, other := ownWays(f.Type); text || other || f.Type.Kind() != reflect.Struct || !f.IsExported() || tag != "" {
				return nil, false
			}
			inner, ok := b.fields(f.Type, append(index[:len(index):len(index)], i), place+"/"+f.Name)
			if !ok {
				return nil, false
			}
			fields = append(fields, inner...)
			continue
		}
		if !f.IsExported() {
			continue
		}
		p, ok := b.field(f)
		if !ok {
			return nil, false
		}
		p.index, p.place = append(index[:len(index):len(index)], i), []byte(place+"/"+p.name)
		fields = append(fields, p)
	}
	return fields, true
}

func (b *planner) field(f reflect.StructField) (p plannedField, ok bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || strings.ContainsFunc(name, rare) {
		return p, false // encoding/json has rules of its own for rare names
	}
	p = plannedField{name: cmp.Or(name, f.Name), personal: holdsPersonal(f.Type)}
	p.label = string(append(appendText([]byte{','}, p.name), ':'))
	if p.inside, ok = b.of(f.Type); !ok {
		return p, false
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case "omitempty":
			p.skip = either(p.skip, emptyValue)
		case "omitzero":
			zero, ok := zeroOf(f.Type)
			if !ok {
				return p, false
			}
			p.skip = either(p.skip, zero)
		default:
			return p, false
		}
	}
	return p, true
}

func rare(r rune) bool {
	return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}

// holdsPersonal reports whether a value of a type can hold a personal one.
func holdsPersonal(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		if t == personalType {
			return true
		}
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && holdsPersonal(f.Type) {
				return true
			}
		}
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
		return holdsPersonal(t.Elem())
	}
	return false
}

func either(a, b func(reflect.Value) bool) func(reflect.Value) bool {
	if a == nil {
		return b
	}
	return func(v reflect.Value) bool { return a(v) || b(v) }
}

// emptyValue is what omitempty leaves out.
func emptyValue(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// zeroOf gives what omitzero leaves out of a type.
func zeroOf(t reflect.Type) (func(reflect.Value) bool, bool) {
	type zeroer interface{ IsZero() bool }
	switch {
	case t == timeType:
		return func(v reflect.Value) bool { return v.Interface().(time.Time).IsZero() }, true
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface:
		return nil, false
	case t.Implements(reflect.TypeFor[zeroer]()):
		return func(v reflect.Value) bool { return v.Interface().(zeroer).IsZero() }, true
	case reflect.PointerTo(t).Implements(reflect.TypeFor[zeroer]()) || holdsTime(t):
		return nil, false
	}
	return func(v reflect.Value) bool { return v.IsZero() }, true
}

// holdsTime reports whether a struct holds a time, which can be zero in another
// zone, or something unexported, which is not stored.
func holdsTime(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() || f.Type == timeType || holdsTime(f.Type) {
				return true
			}
		}
	case reflect.Array:
		return holdsTime(t.Elem())
	}
	return false
}
