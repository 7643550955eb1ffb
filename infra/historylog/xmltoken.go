package historylog

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// tokenKind is what xmlTokenizer.next has come to.
type tokenKind uint8

const (
	startTag tokenKind = iota
	endTag
	endOfDocument
)

// xmlAttribute is a name as written, with prefix, and a value with its
// references resolved and its white space normalised (XML 1.0 §3.3.3).
type xmlAttribute struct{ name, value []byte }

// tokenizerBuffer leaves room for a whole buffer of the source behind what is
// unread, which is then filled without a copy between them.
const tokenizerBuffer = 2 * sourceBuffer

// maxXMLAttributes bounds the attributes of one tag, which are compared with each other.
const maxXMLAttributes = 256

// xmlTokenizer reads the subset of XML 1.0 that the package describes, one tag
// at a time, from a buffer that holds at least the tag at hand. Every document
// it accepts is well formed; character data is checked and passed over.
type xmlTokenizer struct {
	r      io.Reader
	limits Limits
	buf    []byte
	pos    int // buf[pos:end] is unread
	end    int
	// eof is what the reader ended with: io.EOF or a fault.
	eof error

	line    int // of buf[counted]
	counted int

	name       []byte
	attrs      []xmlAttribute
	scratch    []byte // resolved values of the tag at hand
	closesSelf bool   // the end of the tag at hand is still to be reported

	open     []byte // names of the open elements, one after the other
	marks    []int  // where each begins
	hadRoot  bool
	hadBytes bool // something stands before: an XML declaration is too late
}

func newXMLTokenizer(r io.Reader, limits Limits) *xmlTokenizer {
	return &xmlTokenizer{r: r, limits: limits, buf: make([]byte, tokenizerBuffer), line: 1}
}

// errShort says that the buffer ends before the token does.
var errShort = errors.New("token reaches beyond the buffer")

// lineNow is the line of the token that comes next, or of the tag that came last
// while its slices are in use.
func (t *xmlTokenizer) lineNow() int {
	if t.pos > t.counted {
		t.line += bytes.Count(t.buf[t.counted:t.pos], newline)
		t.counted = t.pos
	}
	return t.line
}

var newline = []byte{'\n'}

// next moves to the next tag. After startTag, name and attrs are valid until
// the call after; an element without content reports its endTag like others.
func (t *xmlTokenizer) next() (tokenKind, error) {
	if t.closesSelf {
		t.closesSelf = false
		return endTag, nil
	}
	for {
		done, err := t.skipText()
		if err != nil {
			return 0, err
		}
		if done {
			return endOfDocument, nil
		}
		kind, isTag, n, err := t.markup(t.buf[t.pos:t.end])
		if err == errShort {
			if err = t.fill(); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, err
		}
		t.pos += n
		t.hadBytes = true
		if isTag {
			return kind, nil
		}
	}
}

// fill reads more behind what is unread, growing the buffer where that fills it.
func (t *xmlTokenizer) fill() error {
	if t.eof != nil {
		if t.eof != io.EOF {
			return t.eof
		}
		if len(t.marks) == 0 && t.pos == t.end && t.hadRoot {
			return io.EOF
		}
		if len(t.marks) > 0 {
			return malformed(t.lineNow(), "the log is truncated: it ends inside <%s>", t.innermost())
		}
		return malformed(t.lineNow(), "the log is truncated: it ends before its content does")
	}
	t.lineNow()
	if t.pos > 0 {
		copy(t.buf, t.buf[t.pos:t.end])
		t.end -= t.pos
		t.pos, t.counted = 0, 0
	}
	if t.end == len(t.buf) {
		if len(t.buf) >= t.limits.TokenBytes {
			return tooLarge(t.line, "a single tag, text or comment has more than %d bytes", t.limits.TokenBytes)
		}
		grown := make([]byte, min(2*len(t.buf), max(t.limits.TokenBytes, len(t.buf))))
		copy(grown, t.buf[:t.end])
		t.buf = grown
	}
	for t.end < len(t.buf) && t.eof == nil {
		n, err := t.r.Read(t.buf[t.end:])
		t.end += n
		t.eof = err
	}
	return nil
}

func (t *xmlTokenizer) innermost() []byte { return t.open[t.marks[len(t.marks)-1]:] }

// skipText passes over character data up to the next "<"; done at the end of the document.
func (t *xmlTokenizer) skipText() (done bool, err error) {
	for {
		i := t.pos
		for i < t.end && xmlClass[t.buf[i]]&classSpace != 0 {
			i++
		}
		t.hadBytes = t.hadBytes || i > t.pos
		t.pos = i
		if i < t.end {
			if t.buf[i] == '<' {
				return false, nil
			}
			if len(t.marks) == 0 {
				return false, malformed(t.lineNow(), "text outside the root element: this is not an XES log")
			}
			length := bytes.IndexByte(t.buf[i:t.end], '<')
			if length >= 0 {
				if err := t.checkText(t.buf[i : i+length]); err != nil {
					return false, err
				}
				t.pos += length
				return false, nil
			}
		}
		if err := t.fill(); err == io.EOF {
			return true, nil
		} else if err != nil {
			return false, err
		}
	}
}

func (t *xmlTokenizer) checkText(text []byte) error {
	if bytes.Contains(text, []byte("]]>")) {
		return malformed(t.lineNow(), `"]]>" in text`)
	}
	t.scratch = t.scratch[:0]
	_, err := t.resolve(text)
	return err
}

// markup reads what begins with "<" at b[0] and tells how long it is.
func (t *xmlTokenizer) markup(b []byte) (kind tokenKind, isTag bool, n int, err error) {
	if len(b) < 2 {
		return 0, false, 0, errShort
	}
	switch b[1] {
	case '/':
		n, err = t.endTag(b)
		return endTag, true, n, err
	case '!':
		n, err = t.declaration(b)
		return 0, false, n, err
	case '?':
		n, err = t.instruction(b)
		return 0, false, n, err
	default:
		n, err = t.startTag(b)
		return startTag, true, n, err
	}
}

func (t *xmlTokenizer) startTag(b []byte) (int, error) {
	if t.hadRoot && len(t.marks) == 0 {
		return 0, malformed(t.lineNow(), "a second root element")
	}
	t.attrs, t.scratch = t.attrs[:0], t.scratch[:0]
	i, err := t.scanName(b, 1)
	if err != nil {
		return 0, err
	}
	t.name = b[1:i]
	for {
		before := i
		for i < len(b) && xmlClass[b[i]]&classSpace != 0 {
			i++
		}
		if i == len(b) {
			return 0, errShort
		}
		switch b[i] {
		case '>':
			return i + 1, t.push()
		case '/':
			if i+1 == len(b) {
				return 0, errShort
			}
			if b[i+1] != '>' {
				return 0, malformed(t.lineNow(), `"/" without ">" in tag <%s>`, t.name)
			}
			t.hadRoot, t.closesSelf = true, true
			return i + 2, nil
		}
		if i == before {
			return 0, malformed(t.lineNow(), "no space before an attribute of <%s>", t.name)
		}
		if i, err = t.attribute(b, i); err != nil {
			return 0, err
		}
	}
}

func (t *xmlTokenizer) attribute(b []byte, i int) (int, error) {
	from := i
	i, err := t.scanName(b, i)
	if err != nil {
		return 0, err
	}
	name := b[from:i]
	for i < len(b) && xmlClass[b[i]]&classSpace != 0 {
		i++
	}
	if i < len(b) && b[i] != '=' {
		return 0, malformed(t.lineNow(), "attribute %s of <%s> has no value", name, t.name)
	}
	i++
	for i < len(b) && xmlClass[b[i]]&classSpace != 0 {
		i++
	}
	if i >= len(b) {
		return 0, errShort
	}
	quote := b[i]
	if quote != '"' && quote != '\'' {
		return 0, malformed(t.lineNow(), "the value of attribute %s of <%s> is not quoted", name, t.name)
	}
	i++
	length := bytes.IndexByte(b[i:], quote)
	if length < 0 {
		return 0, errShort
	}
	value, err := t.resolve(b[i : i+length])
	if err != nil {
		return 0, err
	}
	for _, other := range t.attrs {
		if bytes.Equal(other.name, name) {
			return 0, malformed(t.lineNow(), "attribute %s stands twice in <%s>", name, t.name)
		}
	}
	if len(t.attrs) == maxXMLAttributes {
		return 0, tooLarge(t.lineNow(), "<%s> has more than %d attributes", t.name, maxXMLAttributes)
	}
	t.attrs = append(t.attrs, xmlAttribute{name: name, value: value})
	return i + length + 1, nil
}

func (t *xmlTokenizer) push() error {
	if len(t.marks) >= t.limits.Depth {
		return tooLarge(t.lineNow(), "elements are nested deeper than %d", t.limits.Depth)
	}
	t.hadRoot = true
	t.marks = append(t.marks, len(t.open))
	t.open = append(t.open, t.name...)
	return nil
}

func (t *xmlTokenizer) endTag(b []byte) (int, error) {
	if len(t.marks) == 0 {
		return 0, malformed(t.lineNow(), "an end tag without its start")
	}
	expected := t.innermost()
	if n := 2 + len(expected); len(b) > n && b[n] == '>' && bytes.Equal(b[2:n], expected) {
		t.pop(b[2:n])
		return n + 1, nil
	}
	i, err := t.scanName(b, 2)
	if err != nil {
		return 0, err
	}
	name := b[2:i]
	for i < len(b) && xmlClass[b[i]]&classSpace != 0 {
		i++
	}
	if i == len(b) {
		return 0, errShort
	}
	if b[i] != '>' {
		return 0, malformed(t.lineNow(), "the end tag </%s> holds something else", name)
	}
	if !bytes.Equal(name, expected) {
		return 0, malformed(t.lineNow(), "<%s> is closed by </%s>", expected, name)
	}
	t.pop(name)
	return i + 1, nil
}

func (t *xmlTokenizer) pop(name []byte) {
	t.name = name
	last := len(t.marks) - 1
	t.open, t.marks = t.open[:t.marks[last]], t.marks[:last]
}

// declaration passes over a comment or a CDATA section.
func (t *xmlTokenizer) declaration(b []byte) (int, error) {
	const comment, cdata, doctype = "<!--", "<![CDATA[", "<!DOCTYPE"
	switch {
	case bytes.HasPrefix(b, []byte(comment)):
		end := bytes.Index(b[len(comment):], []byte("--"))
		if end < 0 || len(comment)+end+2 >= len(b) {
			return 0, errShort
		}
		end += len(comment)
		if b[end+2] != '>' {
			return 0, malformed(t.lineNow(), `"--" in a comment`)
		}
		return end + 3, t.checkCharacters(b[len(comment):end])
	case bytes.HasPrefix(b, []byte(cdata)):
		if len(t.marks) == 0 {
			return 0, malformed(t.lineNow(), "a CDATA section outside the root element")
		}
		end := bytes.Index(b, []byte("]]>"))
		if end < 0 {
			return 0, errShort
		}
		return end + 3, t.checkCharacters(b[len(cdata):end])
	case bytes.HasPrefix(b, []byte(doctype)):
		return 0, unsupported(t.lineNow(), "the log has a document type declaration (DOCTYPE), which is not read: XES needs none, and it can define entities that expand without end")
	case len(b) < len(cdata):
		return 0, errShort
	default:
		return 0, malformed(t.lineNow(), "unknown markup %s", clip(b[:len(cdata)]))
	}
}

// instruction passes over a processing instruction or checks the XML declaration.
func (t *xmlTokenizer) instruction(b []byte) (int, error) {
	end := bytes.Index(b, []byte("?>"))
	if end < 0 {
		return 0, errShort
	}
	i, err := t.scanName(b[:end+1], 2)
	if err != nil {
		return 0, err
	}
	target, rest := b[2:i], b[i:end]
	if len(rest) > 0 && xmlClass[rest[0]]&classSpace == 0 {
		return 0, malformed(t.lineNow(), "a processing instruction's name is not well formed")
	}
	if bytes.EqualFold(target, []byte("xml")) {
		if string(target) != "xml" || t.hadBytes {
			return 0, malformed(t.lineNow(), "the XML declaration does not stand at the start")
		}
		if err := checkXMLDeclaration(rest); err != nil {
			return 0, err
		}
	}
	return end + 2, t.checkCharacters(rest)
}

// checkXMLDeclaration refuses other versions and encodings than are read.
func checkXMLDeclaration(text []byte) error {
	if version := pseudoAttribute(text, "version"); version != "" && version != "1.0" {
		return unsupported(1, "XML version %s is not read, only 1.0", clip(version))
	}
	switch encoding := pseudoAttribute(text, "encoding"); {
	case encoding == "", asciiEqualFold(encoding, "utf-8"), asciiEqualFold(encoding, "us-ascii"), asciiEqualFold(encoding, "ascii"):
		return nil
	default:
		return unsupported(1, "the log is in the encoding %s; convert it to UTF-8", clip(encoding))
	}
}

func pseudoAttribute(text []byte, name string) string {
	_, after, found := bytes.Cut(text, []byte(name))
	if !found {
		return ""
	}
	after = bytes.TrimLeft(after, " \t\r\n=")
	if len(after) == 0 {
		return ""
	}
	value, _, _ := bytes.Cut(after[1:], after[:1])
	return string(value)
}

func asciiEqualFold(a, b string) bool {
	return len(a) == len(b) && bytes.EqualFold([]byte(a), []byte(b))
}

// scanName finds the end of the name that begins at b[i].
func (t *xmlTokenizer) scanName(b []byte, i int) (int, error) {
	from := i
	var found uint8
	for i < len(b) && xmlClass[b[i]]&className != 0 {
		found |= xmlClass[b[i]]
		i++
	}
	if i == len(b) {
		return 0, errShort
	}
	if i == from || xmlClass[b[from]]&classLater != 0 || found&classHigh != 0 && !isXMLName(b[from:i]) {
		return 0, malformed(t.lineNow(), "%s is not a name where one is expected", clip(b[from:min(i+1, len(b))]))
	}
	return i, nil
}

// resolve checks a value and gives it with references and white space resolved.
func (t *xmlTokenizer) resolve(raw []byte) ([]byte, error) {
	var found uint8
	for _, c := range raw {
		found |= xmlClass[c]
	}
	if found&(classBad|classLess|classHigh) != 0 {
		if found&classLess != 0 {
			return nil, malformed(t.lineNow(), `"<" in an attribute's value`)
		}
		if err := t.checkCharacters(raw); err != nil {
			return nil, err
		}
	}
	if found&(classAmpersand|classBreak) == 0 {
		return raw, nil
	}
	from := len(t.scratch)
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case '&':
			text, n, err := t.reference(raw[i:])
			if err != nil {
				return nil, err
			}
			t.scratch = append(t.scratch, text...)
			i += n
		case '\r':
			// A line break is one character, however it is written (XML 1.0 §2.11).
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
			fallthrough
		case '\n', '\t':
			t.scratch = append(t.scratch, ' ')
			i++
		default:
			t.scratch = append(t.scratch, c)
			i++
		}
	}
	return t.scratch[from:len(t.scratch):len(t.scratch)], nil
}

// reference resolves what begins with "&" and tells how long it is.
func (t *xmlTokenizer) reference(raw []byte) (string, int, error) {
	const longest = 40
	end := bytes.IndexByte(raw[:min(len(raw), longest)], ';')
	if end < 0 {
		return "", 0, malformed(t.lineNow(), `"&" that begins no reference: %s`, clip(raw))
	}
	name := string(raw[1:end])
	switch name {
	case "lt":
		return "<", end + 1, nil
	case "gt":
		return ">", end + 1, nil
	case "amp":
		return "&", end + 1, nil
	case "quot":
		return `"`, end + 1, nil
	case "apos":
		return "'", end + 1, nil
	}
	if len(name) < 2 || name[0] != '#' {
		return "", 0, malformed(t.lineNow(), "the entity &%s; is not defined", name)
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	code, err := strconv.ParseUint(digits, base, 32)
	if err != nil || !isXMLCharacter(rune(code)) {
		return "", 0, malformed(t.lineNow(), "&%s; is not a character", name)
	}
	return string(rune(code)), end + 1, nil
}

// checkCharacters holds text to valid UTF-8 and the characters of XML 1.0 §2.2.
func (t *xmlTokenizer) checkCharacters(text []byte) error {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if xmlClass[c]&classBad != 0 {
				return malformed(t.lineNow(), "the control character U+%04X", c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return malformed(t.lineNow(), "the text is not valid UTF-8 near %s", clip(text[max(0, i-20):min(len(text), i+4)]))
		}
		if !isXMLCharacter(r) {
			return malformed(t.lineNow(), "the character U+%04X is not allowed", r)
		}
		i += size
	}
	return nil
}
