package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync"
	"time"
	"unicode/utf8"
)

// form reads the stored form from its beginning. Once something is strange to
// it, what it gives means nothing.
type form struct {
	rest    []byte
	strange bool
	texts   texts
}

var forms = sync.Pool{New: func() any { return new(form) }}

// formOf begins to read; done ends it.
func formOf(data []byte) *form {
	f := forms.Get().(*form)
	f.begin(data)
	return f
}

func (f *form) begin(data []byte) { f.rest, f.strange = data, false }

func (f *form) done() {
	f.rest = nil
	forms.Put(f)
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

// sign is next for one byte.
func (f *form) sign(c byte) bool {
	if len(f.rest) == 0 || f.rest[0] != c {
		return false
	}
	f.rest = f.rest[1:]
	return true
}

// label is next for what ends in a colon, and quicker where something else is next.
func (f *form) label(token string) bool {
	n := len(token)
	return len(f.rest) > n && f.rest[n-1] == ':' && f.next(token)
}

func (f *form) demand(c byte) {
	if !f.sign(c) {
		f.strange = true
	}
}

func (f *form) expect(token string) {
	if !f.next(token) {
		f.strange = true
	}
}

// raw gives a text that needs no decoding, after its opening quotation mark.
func (f *form) raw() []byte {
	ascii := true
	for i := asIs(f.rest); i < len(f.rest); i++ {
		switch c := f.rest[i]; {
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

// asIs counts, eight at a time, bytes at the beginning that are ASCII and neither
// escaped nor the end of a text.
func asIs(b []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for i := 0; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quotes, escapes := w^('"'*ones), w^('\\'*ones)
		// The top bit of each byte that is such, or behind the first such.
		if found := (w | (w - ' '*ones) | (quotes - ones) | (escapes - ones)) & tops; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return len(b) &^ 7
}

// text is raw as a string.
func (f *form) text() string { return f.texts.of(f.raw()) }

// optional gives a member's text where the member is next.
func (f *form) optional(member string) (text string, there bool) {
	if !f.next(member) {
		return "", false
	}
	return f.text(), true
}

// bytes decodes a text in base64. None at all is strange: it is not stored.
func (f *form) bytes() []byte {
	text := f.raw()
	if f.strange || len(text) == 0 {
		f.strange = true
		return nil
	}
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	f.strange = err != nil
	return b
}

// time reads a time in UTC.
func (f *form) time(at *time.Time) {
	if text := f.raw(); f.strange || !bytes.HasSuffix(text, []byte("Z")) || at.UnmarshalText(text) != nil {
		f.strange = true
	}
}

// maxDigits is how many digits surely fit an integer of 64 bits.
const maxDigits = 18

// number reads a whole number; a sign without one, or a zero before it, is strange.
func (f *form) number() int64 {
	negative := f.next("-")
	n, digits := int64(0), 0
	for digits < len(f.rest) && f.rest[digits] >= '0' && f.rest[digits] <= '9' && digits <= maxDigits {
		n = 10*n + int64(f.rest[digits]-'0')
		digits++
	}
	if digits == 0 || digits > maxDigits || f.rest[0] == '0' && (negative || digits > 1) {
		f.strange = true
		return 0
	}
	f.rest = f.rest[digits:]
	if negative {
		return -n
	}
	return n
}

// value gives a copy of any value that is surely in the stored form.
func (f *form) value() []byte {
	rest, ok := formValue(f.rest, 0)
	if !ok {
		f.strange = true
		return nil
	}
	value := bytes.Clone(f.rest[:len(f.rest)-len(rest)])
	f.rest = rest
	return value
}

// texts are short texts that were read lately, so that what many events have in
// common (agencies, procedures, roles, kinds of documents) is one string.
type texts [1 << 8]string

const longestShared = 40

var textSeed = maphash.MakeSeed()

// of gives the string of a text. Each text has two places, for it not to be
// forgotten at every other one that falls on its first.
func (t *texts) of(text []byte) string {
	if len(text) == 0 || len(text) > longestShared {
		return string(text)
	}
	at := maphash.Bytes(textSeed, text) % uint64(len(t))
	first, second := &t[at], &t[at^1]
	switch string(text) {
	case *first:
		return *first
	case *second:
		return *second
	}
	*first, *second = string(text), *first
	return *first
}
