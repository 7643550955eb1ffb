package journal

import (
	"unicode/utf8"

	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
)

// The shapes that are written directly are read directly too: reading them is
// most of the work of a rebuild. The reader knows the stored form alone, member
// by member in its order. At anything else (an escape, another order, a member
// that it does not know, bytes that are not UTF-8) it gives up, and the general
// reader decides: what it accepts, it accepts with the same value.

// directTypes are the types that this registry reads as shapes of today.
func directTypes(r *event.Registry) map[string]bool {
	types := map[string]bool{}
	for _, shape := range []event.Payload{legacy.ActionRecorded{}, legacy.CaseDescribed{}} {
		name := shape.EventType()
		if p, err := r.Decode(name, []byte("{}")); err == nil && p.EventType() == name {
			types[name] = true
		}
	}
	return types
}

// readDirect reads a payload; ok is false where the general reader is to do it.
func readDirect(kind string, data []byte) (p event.Payload, ok bool) {
	in := &form{rest: data}
	switch kind {
	case "legacy.action-recorded.v1":
		a := in.action()
		return a, in.whole()
	case "legacy.case-described.v1":
		c := in.described()
		return c, in.whole()
	}
	return nil, false
}

// readMetadata reads metadata; ok is false where the general reader is to do it.
func readMetadata(data []byte) (m event.Metadata, ok bool) {
	in := &form{rest: data}
	in.expect(`{"actor":{`)
	if m.Actor.Agency, ok = in.optional(`"agency":"`); ok {
		in.expect(`,`)
	}
	if m.Actor.Department, ok = in.optional(`"department":"`); ok {
		in.expect(`,`)
	}
	in.expect(`"id":"`)
	m.Actor.ID = in.text()
	in.expect(`,"role":"`)
	m.Actor.Role = event.Role(in.text())
	in.expect(`}`)
	m.Causation, _ = in.optional(`,"causation":"`)
	m.Correlation, _ = in.optional(`,"correlation":"`)
	in.expect(`,"occurred_at":"`)
	if at := in.raw(); !in.strange {
		in.strange = m.OccurredAt.UnmarshalText(at) != nil
	}
	m.Request, _ = in.optional(`,"request":"`)
	m.Span, _ = in.optional(`,"span":"`)
	m.Trace, _ = in.optional(`,"trace":"`)
	in.expect(`}`)
	return m, in.whole()
}

// form reads the stored form from its beginning. Once something is strange to
// it, what it gives means nothing.
type form struct {
	rest    []byte
	strange bool
}

// whole reports whether everything was read and nothing was strange.
func (f *form) whole() bool { return !f.strange && len(f.rest) == 0 }

// next reports whether a token is next, and passes over it.
func (f *form) next(token string) bool {
	if len(f.rest) < len(token) || string(f.rest[:len(token)]) != token {
		return false
	}
	f.rest = f.rest[len(token):]
	return true
}

func (f *form) expect(token string) {
	if !f.next(token) {
		f.strange = true
	}
}

// raw gives a text that needs no decoding, after its opening quotation mark.
func (f *form) raw() []byte {
	ascii := true
	for i, c := range f.rest {
		switch {
		case c == '"':
			found := f.rest[:i]
			f.rest = f.rest[i+1:]
			f.strange = f.strange || !ascii && !utf8.Valid(found)
			return found
		case c == '\\' || c < ' ':
			f.strange = true
			return nil
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	f.strange = true
	return nil
}

func (f *form) text() string { return string(f.raw()) }

// optional gives a member's text where the member is next.
func (f *form) optional(member string) (text string, there bool) {
	if !f.next(member) {
		return "", false
	}
	return f.text(), true
}

// maxDigits is how many digits surely fit an int of 64 bits.
const maxDigits = 18

// number reads a whole number; a sign without one, or a zero before it, is strange.
func (f *form) number() int {
	negative := f.next("-")
	n, digits := 0, 0
	for digits < len(f.rest) && f.rest[digits] >= '0' && f.rest[digits] <= '9' && digits <= maxDigits {
		n = 10*n + int(f.rest[digits]-'0')
		digits++
	}
	if digits == 0 || digits > maxDigits || f.rest[0] == '0' {
		f.strange = true
		return 0
	}
	f.rest = f.rest[digits:]
	if negative {
		return -n
	}
	return n
}

func (f *form) action() (a legacy.ActionRecorded) {
	f.expect(`{"activity":"`)
	a.Activity = f.text()
	if f.next(`,"attributes":`) {
		a.Attributes = f.attributes()
	}
	f.expect(`,"case":"`)
	a.Case = f.text()
	a.Lifecycle, _ = f.optional(`,"lifecycle":"`)
	if f.next(`,"offset_minutes":`) {
		a.OffsetMinutes = f.number()
	}
	a.Resource, _ = f.optional(`,"resource":"`)
	f.expect(`,"source":"`)
	a.Source = f.text()
	f.expect(`}`)
	return a
}

func (f *form) described() (c legacy.CaseDescribed) {
	f.expect(`{"attributes":`)
	c.Attributes = f.attributes()
	f.expect(`,"case":"`)
	c.Case = f.text()
	f.expect(`,"source":"`)
	c.Source = f.text()
	f.expect(`}`)
	return c
}

func (f *form) attributes() []legacy.Attribute {
	f.expect(`[`)
	all := make([]legacy.Attribute, 0, 4)
	for first := true; !f.strange && !f.next(`]`); first = false {
		if !first {
			f.expect(`,`)
		}
		var a legacy.Attribute
		f.expect(`{`)
		if f.next(`"depth":`) {
			a.Depth = f.number()
			f.expect(`,`)
		}
		f.expect(`"name":"`)
		a.Name = f.text()
		a.Type, _ = f.optional(`,"type":"`)
		a.Value, _ = f.optional(`,"value":"`)
		f.expect(`}`)
		all = append(all, a)
	}
	return all
}
