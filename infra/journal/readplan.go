package journal

import (
	"encoding"
	"reflect"
	"sync"
	"time"

	"dossierledger/domain/event"
)

// What a plan reads is the stored form alone, member by member in its order. At
// anything else (an escape, another order, a member that is not known, a number
// that does not fit, bytes that are not UTF-8) it gives up, and the registry
// decides: what the plan accepts, the registry accepts with the same value.

// shape reads the payloads of one type by its plan.
type shape struct {
	plan  *plan
	rooms sync.Pool
}

// room is where a payload is read, to be copied once when it is whole.
type room struct {
	form  form
	value reflect.Value // zero while nobody reads
}

// shapesOf are the types that a registry reads as they are stored, and that have
// a plan.
func shapesOf(r *event.Registry) map[string]*shape {
	shapes := map[string]*shape{}
	for _, name := range r.Types() {
		empty, ok := r.Empty(name)
		if !ok {
			continue
		}
		t := reflect.TypeOf(empty)
		if p, ok := planFor(t); ok {
			shapes[name] = &shape{plan: p, rooms: sync.Pool{New: func() any { return &room{value: reflect.New(t).Elem()} }}}
		}
	}
	return shapes
}

// read reads a payload; ok is false where the registry is to do it.
func (s *shape) read(data []byte) (p event.Payload, ok bool) {
	r := s.rooms.Get().(*room)
	r.form.begin(data)
	s.plan.read(&r.form, r.value)
	if ok = r.form.whole(); ok {
		p = r.value.Interface().(event.Payload)
	}
	r.form.rest = nil
	r.value.SetZero()
	s.rooms.Put(r)
	return p, ok
}

func readText(f *form, v reflect.Value) {
	f.demand('"')
	v.SetString(f.text())
}

func readBool(f *form, v reflect.Value) {
	if f.next("true") {
		v.SetBool(true)
		return
	}
	f.expect("false")
}

func readInt(f *form, v reflect.Value) {
	n := f.number()
	f.strange = f.strange || v.OverflowInt(n)
	v.SetInt(n)
}

func readUint(f *form, v reflect.Value) {
	n := f.number()
	f.strange = f.strange || n < 0 || v.OverflowUint(uint64(n))
	v.SetUint(uint64(n))
}

func readTime(f *form, v reflect.Value) {
	f.demand('"')
	at, _ := reflect.TypeAssert[*time.Time](v.Addr())
	f.time(at)
}

// readOwnText is for types that say themselves what a text means.
func readOwnText(f *form, v reflect.Value) {
	f.demand('"')
	own, _ := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	if text := f.raw(); !f.strange {
		f.strange = own.UnmarshalText(text) != nil
	}
}

func readPersonal(f *form, v reflect.Value) {
	if f.next("null") {
		return
	}
	p, _ := reflect.TypeAssert[*event.Personal](v.Addr())
	f.expect(`{"sealed":"`)
	p.Sealed = f.bytes()
	f.expect(`,"subject":"`)
	p.Subject = f.text()
	f.demand('}')
}

func readBytes(f *form, v reflect.Value) {
	if f.next("null") {
		return
	}
	f.demand('"')
	v.SetBytes(f.bytes())
}

func readRaw(f *form, v reflect.Value) {
	v.SetBytes(f.value())
}

func readPointer(t reflect.Type, inner plan) func(*form, reflect.Value) {
	return func(f *form, v reflect.Value) {
		if f.next("null") {
			return
		}
		v.Set(reflect.New(t.Elem()))
		inner.read(f, v.Elem())
	}
}

// readList gives a short list of small items its room at once.
func readList(t reflect.Type, inner plan) func(*form, reflect.Value) {
	const fewItems, fewBytes = 4, 256
	first := max(1, min(fewItems, fewBytes/max(1, int(t.Elem().Size()))))
	none := reflect.MakeSlice(t, 0, 0)
	return func(f *form, v reflect.Value) {
		if f.next("null") {
			return
		}
		if f.next("[]") {
			v.Set(none)
			return
		}
		f.demand('[')
		for n := 0; !f.strange; n++ {
			switch {
			case n == 0:
				v.Grow(first)
			case n == v.Cap():
				v.Grow(1)
			}
			v.SetLen(n + 1)
			inner.read(f, v.Index(n))
			if f.sign(']') {
				return
			}
			f.demand(',')
		}
	}
}

func readTable(t reflect.Type, inner plan) func(*form, reflect.Value) {
	return func(f *form, v reflect.Value) {
		if f.next("null") {
			return
		}
		v.Set(reflect.MakeMap(t))
		if f.next("{}") {
			return
		}
		f.demand('{')
		for before := ""; !f.strange; {
			f.demand('"')
			name := f.text()
			f.demand(':')
			if v.Len() > 0 && compareUTF16(before, name) >= 0 {
				f.strange = true
				return
			}
			before = name
			item := reflect.New(t.Elem()).Elem()
			inner.read(f, item)
			v.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), item)
			if f.sign('}') {
				return
			}
			f.demand(',')
		}
	}
}

// readObject takes the members in their order; any of them may be missing.
func readObject(fields []plannedField) func(*form, reflect.Value) {
	return func(f *form, v reflect.Value) {
		f.demand('{')
		comma := 1 // before the first member there is none
		for i := range fields {
			if m := &fields[i]; f.label(m.label[comma:]) {
				comma = 0
				m.inside.read(f, m.of(v))
			}
		}
		f.demand('}')
	}
}
