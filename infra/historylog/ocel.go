package historylog

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// ocelReader takes an OCEL log apart. Which objects are cases is known only at
// its end, so events and objects go to temporary files first; in memory stays
// the type of each object.
type ocelReader struct {
	*jsonWalker
	times *timeParser
	out   *reporter
	opts  Options

	types    []string // in the order of their declaration or first object
	typeOf   map[string]int32
	idBytes  int                  // of typeOf's keys
	declared map[[2]string]string // by type and attribute, the attribute's type
	events   *recordFile
	objects  *recordFile
	resource [2]string
	cycle    [2]string
}

// relation marks, among the attributes of a kept event, the objects it is related to.
const relation = "\x00relation"

func readOCEL(src *source, opts Options, times *timeParser, out *reporter) (err error) {
	o := &ocelReader{
		jsonWalker: newJSONWalker(src, opts.Limits), times: times, out: out, opts: opts,
		typeOf: make(map[string]int32), declared: make(map[[2]string]string),
		resource: [2]string{"resource", "org:resource"}, cycle: [2]string{"lifecycle", "lifecycle:transition"},
	}
	if name := opts.Map.Resource; name != "" {
		o.resource = [2]string{name, name}
	}
	if name := opts.Map.Lifecycle; name != "" {
		o.cycle = [2]string{name, name}
	}
	if o.events, err = newRecordFile(opts.TempDir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.events.close()) }()
	if o.objects, err = newRecordFile(opts.TempDir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.objects.close()) }()
	if err := o.document(); err != nil {
		return err
	}
	caseType, err := o.chooseCaseType()
	if err != nil {
		return err
	}
	if err := o.emitCases(caseType); err != nil {
		return err
	}
	return o.emitEvents(caseType)
}

func (o *ocelReader) document() error {
	if kind := o.peek(); kind != '{' {
		if err := o.syntax(); err != nil {
			return err
		}
		return unsupported(o.line(), "this is not an OCEL log: it is not a JSON object")
	}
	seen := map[string]bool{}
	err := o.object(func(key string) error {
		if seen[key] {
			return malformed(o.line(), "%s stands twice", clip(key))
		}
		switch key {
		case "objectTypes", "eventTypes", "objects", "events":
			seen[key] = true
		case "ocel:events", "ocel:objects", "ocel:global-log":
			return unsupported(o.line(), "this is an OCEL 1.0 log; only OCEL 2.0 is read")
		}
		switch key {
		case "objectTypes":
			return o.array(func() error { return o.typeDeclaration(true) })
		case "eventTypes":
			return o.array(func() error { return o.typeDeclaration(false) })
		case "objects":
			return o.array(o.readObject)
		case "events":
			return o.array(o.readEvent)
		default:
			return o.skip()
		}
	})
	if err != nil {
		return err
	}
	if err := o.end(); err != nil {
		return err
	}
	if !seen["events"] || !seen["objects"] {
		return unsupported(0, "this is not an OCEL 2.0 log: it has no events or no objects")
	}
	return nil
}

// attributeTypes maps OCEL's types to those of Attribute.
var attributeTypes = map[string]string{
	"string": "string", "time": "date", "integer": "int", "float": "float", "boolean": "boolean",
}

const (
	// maxTypes bounds the types of objects.
	maxTypes = 1000
	// maxDeclared bounds the attributes of types, and maxDeclaredBytes the text of one type.
	maxDeclared      = 100_000
	maxDeclaredBytes = 64 << 10
	// idBytes is the length of an object's id that the limit on objects reckons with.
	idBytes = 64
)

func (o *ocelReader) typeDeclaration(ofObjects bool) error {
	var name string
	var attributes [][2]string
	size := 0
	err := o.members(func(key string) error {
		switch key {
		case "name":
			return o.text(&name)
		case "attributes":
			return o.array(func() error {
				var attribute [2]string
				err := o.members(func(key string) error {
					switch key {
					case "name":
						return o.text(&attribute[0])
					case "type":
						return o.text(&attribute[1])
					default:
						return o.skip()
					}
				})
				if size += attributeCost + len(attribute[0]) + len(attribute[1]); size > maxDeclaredBytes {
					return tooLarge(o.line(), "a type declares attributes of more than %d bytes", maxDeclaredBytes)
				}
				attributes = append(attributes, attribute)
				return err
			})
		default:
			return o.skip()
		}
	})
	if err != nil {
		return err
	}
	if len(name) > maxDeclaredBytes {
		return tooLarge(o.line(), "the name of a type has more than %d bytes", maxDeclaredBytes)
	}
	for _, attribute := range attributes {
		if typ, ok := attributeTypes[attribute[1]]; ok {
			o.declared[[2]string{name, attribute[0]}] = typ
		}
	}
	if len(o.declared) > maxDeclared {
		return tooLarge(o.line(), "the log declares more than %d attributes", maxDeclared)
	}
	if ofObjects && name != "" {
		_, err = o.typeIndex(name)
	}
	return err
}

func (o *ocelReader) typeIndex(name string) (int32, error) {
	if i := slices.Index(o.types, name); i >= 0 {
		return int32(i), nil
	}
	if len(o.types) == maxTypes {
		return 0, tooLarge(o.line(), "the log has more than %d types of objects", maxTypes)
	}
	o.types = append(o.types, name)
	return int32(len(o.types) - 1), nil
}

// attributeType is what the log declares, or what the JSON value shows.
func (o *ocelReader) attributeType(of, name string, kind jsontext.Kind) string {
	if typ, ok := o.declared[[2]string{of, name}]; ok {
		return typ
	}
	switch kind {
	case '0':
		return "float"
	case 't', 'f':
		return "boolean"
	default:
		return "string"
	}
}

// ocelItem is an object or an event as the log gives it.
type ocelItem struct {
	line       int
	id, typ    string
	time       string
	attributes []ocelAttribute
	relations  []Attribute
	size       int
	wrong      string // why it cannot be used
}

type ocelAttribute struct {
	name, value, time string
	kind              jsontext.Kind
}

// item reads an object or event. Beyond the limit it is passed over unread.
func (o *ocelReader) item() (*ocelItem, error) {
	it := &ocelItem{line: o.nextLine()}
	fits := func(texts ...string) bool {
		for _, text := range texts {
			it.size += attributeCost + len(text)
		}
		if it.size > o.opts.Limits.EventBytes {
			it.wrong = fmt.Sprintf("it has more than %d bytes", o.opts.Limits.EventBytes)
			return false
		}
		return true
	}
	if o.peek() != '{' {
		it.wrong = "it is not a JSON object"
		return it, o.skip()
	}
	err := o.object(func(key string) error {
		switch key {
		case "id":
			return o.text(&it.id)
		case "type":
			return o.text(&it.typ)
		case "time":
			return o.text(&it.time)
		case "attributes":
			return o.array(func() error {
				var a ocelAttribute
				err := o.members(func(key string) error {
					switch key {
					case "name":
						return o.text(&a.name)
					case "time":
						return o.text(&a.time)
					case "value":
						a.kind = o.peek()
						return o.text(&a.value)
					default:
						return o.skip()
					}
				})
				if a.name != "" && fits(a.name, a.value, a.time) {
					it.attributes = append(it.attributes, a)
				}
				return err
			})
		case "relationships":
			return o.array(func() error {
				r := Attribute{Type: relation}
				err := o.members(func(key string) error {
					switch key {
					case "objectId":
						return o.text(&r.Value)
					case "qualifier":
						return o.text(&r.Name)
					default:
						return o.skip()
					}
				})
				if r.Value != "" && fits(r.Value, r.Name) {
					it.relations = append(it.relations, r)
				}
				return err
			})
		default:
			return o.skip()
		}
	})
	if fits(it.id, it.typ, it.time) && it.wrong == "" {
		switch {
		case it.id == "":
			it.wrong = "it has no id"
		case isBlank(it.typ):
			it.wrong = "it has no type"
		}
	}
	return it, err
}

func (o *ocelReader) readObject() error {
	it, err := o.item()
	if err != nil {
		return err
	}
	if it.wrong != "" {
		return o.out.note(it.line, fmt.Sprintf("the object %s is left out: %s", clip(it.id), it.wrong))
	}
	if _, known := o.typeOf[it.id]; known {
		return o.out.note(it.line, fmt.Sprintf("the object %s is left out: another has the same id", clip(it.id)))
	}
	o.idBytes += len(it.id)
	if most := o.opts.Limits.Objects; len(o.typeOf) == most || o.idBytes > most*idBytes {
		return tooLarge(it.line, "the log has more than %d objects, or their ids more than %d bytes on average", most, idBytes)
	}
	index, err := o.typeIndex(it.typ)
	if err != nil {
		return err
	}
	o.typeOf[it.id] = index
	b := appendText(o.objects.body[:0], it.id)
	b = binary.AppendUvarint(b, uint64(index))
	b = binary.AppendUvarint(b, uint64(it.line))
	o.objects.body = o.objects.texts.appendAttributes(b, o.history(it))
	return o.objects.append()
}

// history nests the later values of an object's attribute in its first one.
func (o *ocelReader) history(it *ocelItem) []Attribute {
	rank := make(map[string]int, len(it.attributes))
	for i, a := range it.attributes {
		if _, known := rank[a.name]; !known {
			rank[a.name] = i
		}
	}
	slices.SortStableFunc(it.attributes, func(a, b ocelAttribute) int {
		// A time that cannot be read counts as the first, that is, as the initial value.
		ta, _, _ := o.times.parse(a.time)
		tb, _, _ := o.times.parse(b.time)
		return cmp.Or(cmp.Compare(rank[a.name], rank[b.name]), ta.Compare(tb))
	})
	list := make([]Attribute, len(it.attributes))
	for i, a := range it.attributes {
		list[i] = Attribute{Name: a.name, Type: o.attributeType(it.typ, a.name, a.kind), Value: a.value}
		if i > 0 && it.attributes[i-1].name == a.name {
			list[i].Name, list[i].Depth = a.time, 1
		}
	}
	return list
}

// distinct drops relations to an object that was named before, which differ
// only in the qualifier.
func distinct(relations []Attribute) []Attribute {
	seen := make(map[string]bool, len(relations))
	return slices.DeleteFunc(relations, func(r Attribute) bool {
		repeated := seen[r.Value]
		seen[r.Value] = true
		return repeated
	})
}

func (o *ocelReader) readEvent() error {
	it, err := o.item()
	if err != nil {
		return err
	}
	if it.wrong == "" && it.time == "" {
		it.wrong = "it has no time"
	}
	e := Event{Activity: it.typ, Line: it.line}
	if it.wrong == "" {
		var err error
		if e.Time, e.OffsetMinutes, err = o.times.parse(it.time); err != nil {
			it.wrong = err.Error()
		}
	}
	if it.wrong != "" {
		return o.out.skip(it.line, fmt.Sprintf("the event %s is left out: %s", clip(it.id), it.wrong))
	}
	e.Attributes = append(e.Attributes, Attribute{Name: "ocel:eid", Type: "id", Value: it.id})
	for _, a := range it.attributes {
		switch {
		case slices.Contains(o.resource[:], a.name) && e.Resource == "":
			e.Resource = a.value
		case slices.Contains(o.cycle[:], a.name) && e.Lifecycle == "":
			e.Lifecycle = a.value
		default:
			e.Attributes = append(e.Attributes, Attribute{Name: a.name, Type: o.attributeType(it.typ, a.name, a.kind), Value: a.value})
		}
	}
	e.Attributes = append(e.Attributes, distinct(it.relations)...)
	o.events.body = o.events.texts.appendEvent(o.events.body[:0], &e)
	return o.events.append()
}

// related visits the objects that a kept event is related to.
func (o *ocelReader) related(e *Event, visit func(id string, typ int32, known bool)) {
	for i := range e.Attributes {
		if a := &e.Attributes[i]; a.Type == relation {
			typ, known := o.typeOf[a.Value]
			visit(a.Value, typ, known)
		}
	}
}

func (o *ocelReader) chooseCaseType() (int32, error) {
	named := otherwise(o.opts.CaseType, o.opts.Map.CaseType)
	if named != "" {
		if i := slices.Index(o.types, composed(named)); i >= 0 {
			return int32(i), nil
		}
		return 0, refuse(ErrNoColumn, 0, "no objects are of the type %s; the log has %s", clip(named), clip(fmt.Sprint(o.types)))
	}
	if len(o.types) == 0 {
		return 0, unsupported(0, "the log has no objects, so its events belong to no case")
	}
	events := make([]int, len(o.types))
	last := make([]int, len(o.types)) // number of the event that was counted last
	n := 0
	err := o.events.each(func(table *textTable, body []byte, e *Event) error {
		if err := table.event(body, e); err != nil {
			return err
		}
		n++
		o.related(e, func(_ string, typ int32, known bool) {
			if known && last[typ] != n {
				last[typ] = n
				events[typ]++
			}
		})
		return o.ctxErr(n)
	})
	if err != nil {
		return 0, err
	}
	best := 0
	for i, count := range events {
		if count > events[best] || count == events[best] && o.types[i] < o.types[best] {
			best = i
		}
	}
	return int32(best), nil
}

func (o *ocelReader) emitCases(caseType int32) error {
	o.out.summary.CaseType = o.types[caseType]
	n := 0
	return o.objects.each(func(table *textTable, body []byte, _ *Event) error {
		s := recordScanner{table: table, body: string(body)}
		c := Case{ID: s.text()}
		typ := s.uvarint()
		c.Line = int(s.uvarint())
		c.Attributes = s.attributes(nil)
		if s.failed {
			return errDamaged
		}
		n++
		if err := o.ctxErr(n); err != nil || int32(typ) != caseType {
			return err
		}
		return o.out.sink.Case(&c)
	})
}

func (o *ocelReader) emitEvents(caseType int32) error {
	var cases []string
	var attributes []Attribute
	n := 0
	return o.events.each(func(table *textTable, body []byte, e *Event) error {
		if err := table.event(body, e); err != nil {
			return err
		}
		id := e.Attributes[0].Value
		cases, attributes = cases[:0], attributes[:0]
		for _, a := range e.Attributes {
			if a.Type != relation {
				attributes = append(attributes, a)
			}
		}
		unknown := ""
		o.related(e, func(object string, typ int32, known bool) {
			switch {
			case !known:
				unknown = object
			case typ == caseType:
				cases = append(cases, object)
			default:
				attributes = append(attributes, Attribute{Name: "object:" + o.types[typ], Type: "id", Value: object})
			}
		})
		if unknown != "" {
			if err := o.out.note(e.Line, fmt.Sprintf("the event %s is related to the object %s, which the log does not have", clip(id), clip(unknown))); err != nil {
				return err
			}
		}
		if len(cases) == 0 {
			return o.out.skip(e.Line, fmt.Sprintf("the event %s is left out: it is related to no object of the type %s", clip(id), clip(o.types[caseType])))
		}
		all := e.Attributes
		e.Attributes = attributes
		for _, caseID := range cases {
			e.Case = caseID
			if err := o.out.event(e); err != nil {
				return err
			}
		}
		e.Attributes = all
		n++
		return o.ctxErr(n)
	})
}

func (o *ocelReader) ctxErr(n int) error {
	if n%4096 != 0 {
		return nil
	}
	return o.src.ctx.Err()
}
