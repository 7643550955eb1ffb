// Package journal is the typed face of the event store: domain events in,
// canonical bytes out, personal values sealed on the way in and opened only for
// those who may see them.
package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/gowebpki/jcs"
	"golang.org/x/text/unicode/norm"
)

// The stored form of an event is canonical, so that equal facts have equal bytes
// and a hash over them can be checked by any program in any language:
//
//   - data and metadata are JSON objects in the form of RFC 8785 (JCS): members
//     sorted by UTF-16 code units, no white space, minimal escapes;
//   - numbers are whole and between -(2^53-1) and 2^53-1, so that every JSON
//     reader sees the same number;
//   - texts are UTF-8 in Unicode normalisation form C;
//   - times are RFC 3339 in UTC ("Z") with no trailing zeros in the fraction;
//   - absent and zero members that the shape marks optional are left out;
//   - a personal value is {"sealed": base64, "subject": pseudonym}.

const maxExact = 1<<53 - 1

// canonical encodes a value in the stored form. Its personal values must be sealed.
func canonical(v any) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("journal.encode: %w", err)
	}
	out, err := jcs.Transform(bytes.TrimSpace(plain.Bytes()))
	if err != nil {
		return nil, fmt.Errorf("journal.encode: canonical form: %w", err)
	}
	return out, nil
}

// site is where in an event a value stands, as a JSON pointer without escapes.
type site string

// normalise returns a copy of a payload in which texts are in form C, times in
// UTC, numbers checked, and each personal value has been replaced by what
// `personal` makes of it. It shares nothing that it changed with the original.
func normalise(payload any, personal func(site, event.Personal) (event.Personal, error)) (any, error) {
	in := reflect.ValueOf(payload)
	if !in.IsValid() {
		return nil, fault.New(fault.Invalid, "event.empty", "an event without a payload cannot be stored")
	}
	out, err := walk(in, "", personal)
	if err != nil {
		return nil, err
	}
	return out.Interface(), nil
}

var (
	personalType = reflect.TypeFor[event.Personal]()
	timeType     = reflect.TypeFor[time.Time]()
	rawType      = reflect.TypeFor[json.RawMessage]()
)

func walk(in reflect.Value, at site, personal func(site, event.Personal) (event.Personal, error)) (reflect.Value, error) {
	switch in.Type() {
	case personalType:
		p, err := personal(at, in.Interface().(event.Personal))
		return reflect.ValueOf(p), err
	case timeType:
		return reflect.ValueOf(in.Interface().(time.Time).UTC().Round(0)), nil
	case rawType:
		return in, nil
	}
	out := reflect.New(in.Type()).Elem()
	switch in.Kind() {
	case reflect.String:
		out.SetString(norm.NFC.String(in.String()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := in.Int(); n > maxExact || n < -maxExact {
			return out, fault.New(fault.Invalid, "event.number", "the number at %s is too large to be stored exactly", at)
		}
		out.Set(in)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if in.Uint() > maxExact {
			return out, fault.New(fault.Invalid, "event.number", "the number at %s is too large to be stored exactly", at)
		}
		out.Set(in)
	case reflect.Float32, reflect.Float64:
		return out, fault.New(fault.Invalid, "event.number", "the number at %s is not whole; events hold whole numbers or texts", at)
	case reflect.Struct:
		for _, f := range fieldsOf(in.Type()) {
			v, err := walk(in.Field(f.index), at+site("/"+f.name), personal)
			if err != nil {
				return out, err
			}
			out.Field(f.index).Set(v)
		}
	case reflect.Pointer:
		if in.IsNil() {
			return in, nil
		}
		v, err := walk(in.Elem(), at, personal)
		if err != nil {
			return out, err
		}
		out.Set(reflect.New(in.Type().Elem()))
		out.Elem().Set(v)
	case reflect.Interface:
		if in.IsNil() {
			return in, nil
		}
		v, err := walk(in.Elem(), at, personal)
		if err != nil {
			return out, err
		}
		out.Set(v)
	case reflect.Slice:
		if in.IsNil() || in.Type().Elem().Kind() == reflect.Uint8 {
			return in, nil
		}
		out.Set(reflect.MakeSlice(in.Type(), in.Len(), in.Len()))
		return out, walkItems(in, out, at, personal)
	case reflect.Array:
		if in.Type().Elem().Kind() == reflect.Uint8 {
			return in, nil
		}
		return out, walkItems(in, out, at, personal)
	case reflect.Map:
		return walkMap(in, at, personal)
	default:
		out.Set(in)
	}
	return out, nil
}

func walkItems(in, out reflect.Value, at site, personal func(site, event.Personal) (event.Personal, error)) error {
	for i := range in.Len() {
		v, err := walk(in.Index(i), site(fmt.Sprintf("%s/%d", at, i)), personal)
		if err != nil {
			return err
		}
		out.Index(i).Set(v)
	}
	return nil
}

func walkMap(in reflect.Value, at site, personal func(site, event.Personal) (event.Personal, error)) (reflect.Value, error) {
	if in.IsNil() {
		return in, nil
	}
	out := reflect.MakeMapWithSize(in.Type(), in.Len())
	for it := in.MapRange(); it.Next(); {
		k, err := walk(it.Key(), at, personal)
		if err != nil {
			return out, err
		}
		v, err := walk(it.Value(), site(fmt.Sprintf("%s/%v", at, it.Key())), personal)
		if err != nil {
			return out, err
		}
		out.SetMapIndex(k, v)
	}
	return out, nil
}

type field struct {
	index int
	name  string
}

var fieldCache sync.Map // reflect.Type → []field

// fieldsOf lists the exported fields of a struct with their JSON names; a
// personal value is bound to that name, so that Go names can change.
func fieldsOf(t reflect.Type) []field {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.([]field)
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := bytes.Cut([]byte(f.Tag.Get("json")), []byte(","))
		if len(name) == 0 {
			name = []byte(f.Name)
		}
		fields = append(fields, field{index: i, name: string(name)})
	}
	fieldCache.Store(t, fields)
	return fields
}
