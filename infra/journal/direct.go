package journal

import (
	"strconv"
	"time"
	"unicode/utf8"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"golang.org/x/text/unicode/norm"
)

// Some shapes are written in the stored form directly, member by member,
// because they are most of what a large import or a busy day writes: the
// histories taken over and the metadata of every event. None of them can hold a
// personal value. The bytes are those that canonical makes, which stays the
// definition; where a value has no exact form the general way says so.

// direct appends a payload of such a shape. ok is false for every other one.
func direct(b []byte, p event.Payload) (data []byte, ok bool, err error) {
	switch p := p.(type) {
	case legacy.ActionRecorded:
		data, err = appendAction(b, p)
		return data, true, err
	case legacy.CaseDescribed:
		data, err = appendCase(b, p)
		return data, true, err
	}
	return b, false, nil
}

func appendAction(b []byte, p legacy.ActionRecorded) ([]byte, error) {
	b = appendNormal(append(b, `{"activity":`...), p.Activity)
	var err error
	if len(p.Attributes) > 0 {
		if b, err = appendAttributes(append(b, `,"attributes":`...), p.Attributes); err != nil {
			return nil, err
		}
	}
	b = appendNormal(append(b, `,"case":`...), p.Case)
	b = appendOptionalNormal(b, `,"lifecycle":`, p.Lifecycle)
	if p.OffsetMinutes != 0 {
		if b, err = appendWhole(append(b, `,"offset_minutes":`...), p.OffsetMinutes, "/offset_minutes"); err != nil {
			return nil, err
		}
	}
	b = appendOptionalNormal(b, `,"resource":`, p.Resource)
	b = appendNormal(append(b, `,"source":`...), p.Source)
	return append(b, '}'), nil
}

func appendCase(b []byte, p legacy.CaseDescribed) ([]byte, error) {
	b, err := appendAttributes(append(b, `{"attributes":`...), p.Attributes)
	if err != nil {
		return nil, err
	}
	b = appendNormal(append(b, `,"case":`...), p.Case)
	b = appendNormal(append(b, `,"source":`...), p.Source)
	return append(b, '}'), nil
}

func appendAttributes(b []byte, attributes []legacy.Attribute) ([]byte, error) {
	if attributes == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '[')
	for i, a := range attributes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		if a.Depth != 0 {
			var err error
			if b, err = appendWhole(append(b, `"depth":`...), a.Depth, "/attributes/"+site(strconv.Itoa(i))+"/depth"); err != nil {
				return nil, err
			}
			b = append(b, ',')
		}
		b = appendNormal(append(b, `"name":`...), a.Name)
		b = appendOptionalNormal(b, `,"type":`, a.Type)
		b = appendOptionalNormal(b, `,"value":`, a.Value)
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

// directMetadata appends the metadata of an event. ok is false where its time has
// no form in RFC 3339, for the general way to refuse it.
func directMetadata(b []byte, m event.Metadata) (data []byte, ok bool) {
	if year := m.OccurredAt.Year(); year < 0 || year > 9999 {
		return b, false
	}
	b = append(b, `{"actor":{`...)
	if m.Actor.Agency != "" {
		b = append(appendText(append(b, `"agency":`...), m.Actor.Agency), ',')
	}
	if m.Actor.Department != "" {
		b = append(appendText(append(b, `"department":`...), m.Actor.Department), ',')
	}
	b = appendText(append(b, `"id":`...), m.Actor.ID)
	b = appendText(append(b, `,"role":`...), string(m.Actor.Role))
	b = append(b, '}')
	b = appendOptional(b, `,"causation":`, m.Causation)
	b = appendOptional(b, `,"correlation":`, m.Correlation)
	b = append(m.OccurredAt.AppendFormat(append(b, `,"occurred_at":"`...), time.RFC3339Nano), '"')
	b = appendOptional(b, `,"request":`, m.Request)
	b = appendOptional(b, `,"span":`, m.Span)
	b = appendOptional(b, `,"trace":`, m.Trace)
	return append(b, '}'), true
}

// appendOptional writes a member where it has a text.
func appendOptional(b []byte, member, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(append(b, member...), text)
}

// appendOptionalNormal is appendOptional for text that is to be in normalisation
// form C.
func appendOptionalNormal(b []byte, member, text string) []byte {
	if text == "" {
		return b
	}
	return appendNormal(append(b, member...), text)
}

func appendWhole(b []byte, n int, at site) ([]byte, error) {
	if n > maxExact || n < -maxExact {
		return nil, fault.New(fault.Invalid, "event.number", "the number at %s is too large to be stored exactly", at)
	}
	return strconv.AppendInt(b, int64(n), 10), nil
}

// appendNormal writes a text in normalisation form C. Most texts are ASCII that
// needs no escape: they are as they are.
func appendNormal(b []byte, text string) []byte {
	for i := range len(text) {
		if !asItIs[text[i]] {
			return appendText(b, norm.NFC.String(text))
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// asItIs holds the characters of ASCII that are not escaped.
var asItIs = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

const hexDigits = "0123456789abcdef"

// appendText writes a text with the escapes of RFC 8785, section 3.2.2.2. What
// is not UTF-8 becomes U+FFFD, one for each byte.
func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	from := 0 // of what can be copied as it is
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, text[from:i]...), string(utf8.RuneError)...)
				from = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, text[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
		i++
		from = i
	}
	return append(append(b, text[from:]...), '"')
}
