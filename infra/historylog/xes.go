package historylog

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
)

// xesReader turns tags into cases and events.
type xesReader struct {
	*xmlTokenizer
	times *timeParser
	out   *reporter
	keys  struct{ caseName, activity, timestamp, resource, lifecycle string }
	limit int

	texts     *interner
	trace     attributeList
	event     attributeList
	lifted    []Attribute
	rest      []Attribute
	traces    int
	current   Event
	caseID    string
	caseLine  int
	announced bool
	// waiting are events of a trace that has not given its name yet.
	waiting     []waitingEvent
	waitingSize int
}

type waitingEvent struct {
	event  Event
	lifted []Attribute
}

// maxWaiting bounds the text of the events that wait for the name of their trace.
const maxWaiting = 4 << 20

func readXES(src *source, opts Options, times *timeParser, out *reporter) error {
	texts := newInterner()
	x := &xesReader{
		xmlTokenizer: newXMLTokenizer(src, opts.Limits),
		times:        times, out: out, limit: opts.Limits.EventBytes, texts: texts,
		trace: attributeList{names: texts}, event: attributeList{names: texts},
	}
	m := opts.Map
	x.keys.caseName = otherwise(m.Case, "concept:name")
	x.keys.activity = otherwise(m.Activity, "concept:name")
	x.keys.timestamp = otherwise(m.Timestamp, "time:timestamp")
	x.keys.resource = otherwise(m.Resource, "org:resource")
	x.keys.lifecycle = otherwise(m.Lifecycle, "lifecycle:transition")
	return x.document()
}

func otherwise(value, usual string) string {
	if value == "" {
		return usual
	}
	return value
}

// localName drops the prefix of a name.
func localName(name []byte) []byte {
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

func (x *xesReader) document() error {
	kind, err := x.next()
	if err != nil {
		return err
	}
	if kind != startTag || string(localName(x.name)) != "log" {
		return unsupported(x.lineNow(), "the root element is <%s>, not <log>: this is not an XES log", clip(x.name))
	}
	for {
		kind, err := x.next()
		if err != nil {
			return err
		}
		if kind == endTag {
			break
		}
		switch string(localName(x.name)) {
		case "trace":
			err = x.readTrace()
		case "event":
			line := x.lineNow()
			if err = x.skipElement(); err == nil {
				err = x.out.skip(line, "an event outside a trace belongs to no case")
			}
		default:
			err = x.skipElement()
		}
		if err != nil {
			return err
		}
	}
	_, err = x.next() // holds that nothing but comments follows
	return err
}

// skipElement passes over what the start tag at hand opened.
func (x *xesReader) skipElement() error {
	for depth := 1; depth > 0; {
		kind, err := x.next()
		if err != nil {
			return err
		}
		if kind == startTag {
			depth++
		} else {
			depth--
		}
	}
	return nil
}

func (x *xesReader) readTrace() error {
	x.traces++
	x.trace.reset()
	x.caseLine, x.announced = x.lineNow(), false
	x.caseID = "trace-" + strconv.Itoa(x.traces)
	events := 0
	for {
		kind, err := x.next()
		if err != nil {
			return err
		}
		if kind == endTag {
			break
		}
		if string(localName(x.name)) == "event" {
			events++
			if !x.announced && x.traceName() >= 0 {
				err = x.announce()
			}
			if err == nil {
				err = x.readEvent()
			}
		} else {
			err = x.readAttribute(&x.trace, 0)
		}
		if err != nil {
			return err
		}
	}
	if err := x.announce(); err != nil {
		return err
	}
	if events == 0 {
		return x.out.note(x.caseLine, fmt.Sprintf("the case %s has no events", clip(x.caseID)))
	}
	return nil
}

// traceName is the place of the name among the trace's attributes; -1 where there is none.
func (x *xesReader) traceName() int {
	name := -1
	for i := range x.trace.items {
		if a := &x.trace.items[i]; a.Depth == 0 && a.Name == x.keys.caseName {
			name = i
		}
	}
	return name
}

// announce passes the trace's attributes to the sink: those before its events
// once its name is known, and any after them at its end.
func (x *xesReader) announce() error {
	if x.announced && len(x.trace.items) == 0 {
		return nil
	}
	if x.trace.size > x.limit {
		if err := x.out.note(x.caseLine, fmt.Sprintf("the attributes of the trace have more than %d bytes; those beyond are left out", x.limit)); err != nil {
			return err
		}
	}
	name := x.traceName()
	if name >= 0 && x.announced {
		if err := x.out.note(x.caseLine, fmt.Sprintf("the trace gives its name only after so many events that they are kept under %s", clip(x.caseID))); err != nil {
			return err
		}
	}
	if name >= 0 && !x.announced {
		if id := string(x.trace.value(name)); !isBlank(id) {
			x.caseID = id
		}
	}
	attributes := x.trace.finish()
	if name >= 0 && !x.trace.hasNested(name) {
		attributes = append(attributes[:name], attributes[name+1:]...)
	}
	x.announced = true
	err := x.out.sink.Case(&Case{ID: x.caseID, Attributes: attributes, Line: x.caseLine})
	x.trace.reset()
	for i := range x.waiting {
		if w := &x.waiting[i]; err == nil {
			w.event.Case = x.caseID
			err = x.pass(&w.event, w.lifted)
		}
	}
	x.waiting, x.waitingSize = x.waiting[:0], 0
	return err
}

// deliver passes the current event on, or keeps it until its trace has a name.
func (x *xesReader) deliver() error {
	if x.announced {
		return x.pass(&x.current, x.lifted)
	}
	kept := waitingEvent{event: x.current, lifted: slices.Clone(x.lifted)}
	kept.event.Attributes = slices.Clone(x.current.Attributes)
	x.waiting = append(x.waiting, kept)
	if x.waitingSize += x.event.size; x.waitingSize > maxWaiting {
		return x.announce()
	}
	return nil
}

func (x *xesReader) pass(e *Event, lifted []Attribute) error {
	if len(lifted) > 0 {
		if err := x.out.caseAttributes(&Case{ID: e.Case, Attributes: lifted, Line: e.Line}); err != nil {
			return err
		}
	}
	return x.out.event(e)
}

// attributeType gives the constant for an element that is an attribute.
func attributeType(element []byte) (string, bool) {
	switch string(element) {
	case "string":
		return "string", true
	case "date":
		return "date", true
	case "int":
		return "int", true
	case "float":
		return "float", true
	case "boolean":
		return "boolean", true
	case "id":
		return "id", true
	case "list":
		return "list", true
	case "container":
		return "container", true
	default:
		return "", false
	}
}

// readAttribute reads the attribute whose start tag is at hand, with those
// nested in it. Elements that XES does not know are passed over.
func (x *xesReader) readAttribute(into *attributeList, depth int) error {
	element := localName(x.name)
	typ, known := attributeType(element)
	if !known {
		if string(element) != "values" || depth == 0 {
			return x.skipElement()
		}
		depth-- // the members of a list stand in <values> but belong to the list
	} else {
		var key, value []byte
		for i := range x.attrs {
			switch string(x.attrs[i].name) {
			case "key":
				key = x.attrs[i].value
			case "value":
				value = x.attrs[i].value
			}
		}
		if len(key) == 0 {
			line := x.lineNow()
			if err := x.skipElement(); err != nil {
				return err
			}
			return x.out.note(line, "an attribute without a key is left out")
		}
		if !into.add(key, value, typ, depth, x.limit) {
			return x.skipElement()
		}
	}
	for {
		kind, err := x.next()
		if err != nil {
			return err
		}
		if kind == endTag {
			return nil
		}
		if err := x.readAttribute(into, depth+1); err != nil {
			return err
		}
	}
}

func (x *xesReader) readEvent() error {
	line := x.lineNow()
	x.event.reset()
	for {
		kind, err := x.next()
		if err != nil {
			return err
		}
		if kind == endTag {
			break
		}
		if err := x.readAttribute(&x.event, 0); err != nil {
			return err
		}
	}
	if x.event.size > x.limit {
		return x.skipEvent(line, fmt.Sprintf("it has more than %d bytes", x.limit))
	}
	x.current = Event{Case: x.caseID, Line: line}
	when := -1
	x.lifted, x.rest = x.lifted[:0], x.rest[:0]
	attributes := x.event.finish()
	lifting := false
	for i := range attributes {
		a := &attributes[i]
		if a.Depth > 0 {
			if lifting {
				x.lifted = append(x.lifted, *a)
			} else {
				x.rest = append(x.rest, *a)
			}
			continue
		}
		lifting = false
		// What has others nested in it stays among the attributes too, to hold them.
		switch a.Name {
		case x.keys.activity:
			x.current.Activity = x.texts.string(x.event.value(i))
		case x.keys.timestamp:
			when = i
		case x.keys.resource:
			x.current.Resource = x.texts.string(x.event.value(i))
		case x.keys.lifecycle:
			x.current.Lifecycle = x.texts.string(x.event.value(i))
		default:
			if name, ok := caseAttributeName(a.Name); ok {
				lifting = true
				x.lifted = append(x.lifted, Attribute{Name: name, Type: a.Type, Value: a.Value})
			} else {
				x.rest = append(x.rest, *a)
			}
			continue
		}
		if x.event.hasNested(i) {
			x.rest = append(x.rest, *a)
		}
	}
	if isBlank(x.current.Activity) {
		return x.skipEvent(line, "it has no activity ("+x.keys.activity+")")
	}
	if when < 0 {
		return x.skipEvent(line, "it has no time ("+x.keys.timestamp+")")
	}
	var err error
	if x.current.Time, x.current.OffsetMinutes, err = x.times.parse(attributes[when].Value); err != nil {
		return x.skipEvent(line, err.Error())
	}
	x.current.Attributes = x.rest
	return x.deliver()
}

func (x *xesReader) skipEvent(line int, why string) error {
	return x.out.skip(line, fmt.Sprintf("an event of the case %s is left out: %s", clip(x.caseID), why))
}
