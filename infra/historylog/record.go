package historylog

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"time"

	"dossierledger/domain/fault"
)

// Records are how a temporary file keeps events and attributes. They never
// outlive the process, so their form has no version. A record is its length as
// uvarint and its body; texts that recur are written once and then by number.

var errDamaged = fault.New(fault.Corrupt, "history.damaged", "a temporary file of the import is not what was written; the disk or memory is faulty")

const (
	tableMost    = 1 << 14
	tableLongest = 96
)

// textTable numbers the texts that recur, as long as there is room.
type textTable struct {
	numbers map[string]uint64
	texts   []string
	// names are the numbers that the attributes' names had in the record before,
	// by place: mostly they are the same again.
	names [32]uint64
}

func newTextTable() *textTable { return &textTable{numbers: make(map[string]uint64)} }

// append writes a text: its number in the table, or 0 and the text itself.
func (t *textTable) append(b []byte, text string) []byte {
	if n, ok := t.numbers[text]; ok {
		return binary.AppendUvarint(b, n)
	}
	if len(text) <= tableLongest && len(t.texts) < tableMost {
		t.texts = append(t.texts, text)
		n := uint64(len(t.texts))
		t.numbers[text] = n
		return binary.AppendUvarint(b, n)
	}
	return appendText(append(b, 0), text)
}

func (t *textTable) appendName(b []byte, name string, place int) []byte {
	if place >= len(t.names) {
		return t.append(b, name)
	}
	if n := t.names[place]; n > 0 && t.texts[n-1] == name {
		return binary.AppendUvarint(b, n)
	}
	t.names[place] = t.numbers[name]
	return t.append(b, name)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendRecord writes a body with its length and tells how long both are.
func appendRecord(w *bufio.Writer, body []byte) (int64, error) {
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(body)))
	if _, err := w.Write(length[:n]); err != nil {
		return 0, fmt.Errorf("write a temporary file of the import: %w", err)
	}
	if _, err := w.Write(body); err != nil {
		return 0, fmt.Errorf("write a temporary file of the import: %w", err)
	}
	return int64(n + len(body)), nil
}

// appendCase writes what is said of a case, without its id.
func (t *textTable) appendCase(b []byte, c *Case) []byte {
	return t.appendAttributes(binary.AppendUvarint(b, uint64(c.Line)), c.Attributes)
}

// appendEvent writes an event's body, without its case.
func (t *textTable) appendEvent(b []byte, e *Event) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Time.UnixNano()))
	b = binary.AppendVarint(b, int64(e.OffsetMinutes))
	b = binary.AppendUvarint(b, uint64(e.Line))
	b = t.append(b, e.Activity)
	b = t.append(b, e.Resource)
	b = t.append(b, e.Lifecycle)
	return t.appendAttributes(b, e.Attributes)
}

func (t *textTable) appendAttributes(b []byte, attributes []Attribute) []byte {
	b = binary.AppendUvarint(b, uint64(len(attributes)))
	for i := range attributes {
		a := &attributes[i]
		b = t.appendName(b, a.Name, i)
		b = t.append(b, a.Type)
		b = binary.AppendUvarint(b, uint64(a.Depth))
		b = appendText(b, a.Value)
	}
	return b
}

// eventTime reads the time alone, in nanoseconds since 1970.
func eventTime(body []byte) (int64, error) {
	if len(body) < 8 {
		return 0, errDamaged
	}
	return int64(binary.LittleEndian.Uint64(body)), nil
}

// recordScanner takes a body apart. Its texts share one copy of the body.
type recordScanner struct {
	table  *textTable
	body   string
	at     int
	failed bool
}

func (s *recordScanner) uvarint() uint64 {
	var value uint64
	for shift := 0; shift < 64; shift += 7 {
		if s.at >= len(s.body) {
			break
		}
		c := s.body[s.at]
		s.at++
		value |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return value
		}
	}
	s.failed = true
	return 0
}

func (s *recordScanner) varint() int64 {
	u := s.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (s *recordScanner) text() string {
	n := s.uvarint()
	if s.failed || n > uint64(len(s.body)-s.at) {
		s.failed = true
		return ""
	}
	text := s.body[s.at : s.at+int(n)]
	s.at += int(n)
	return text
}

func (s *recordScanner) tabled() string {
	n := s.uvarint()
	if n == 0 {
		return s.text()
	}
	if n > uint64(len(s.table.texts)) {
		s.failed = true
		return ""
	}
	return s.table.texts[n-1]
}

// event reads what appendEvent wrote into e, whose slice of attributes is reused.
func (t *textTable) event(body []byte, e *Event) error {
	nanos, err := eventTime(body)
	if err != nil {
		return err
	}
	s := recordScanner{table: t, body: string(body[8:])}
	e.Time = time.Unix(0, nanos).UTC()
	e.OffsetMinutes = int(s.varint())
	e.Line = int(s.uvarint())
	e.Activity, e.Resource, e.Lifecycle = s.tabled(), s.tabled(), s.tabled()
	e.Attributes = s.attributes(e.Attributes[:0])
	if s.failed {
		return errDamaged
	}
	return nil
}

func (s *recordScanner) attributes(into []Attribute) []Attribute {
	for n := s.uvarint(); n > 0 && !s.failed; n-- {
		into = append(into, Attribute{Name: s.tabled(), Type: s.tabled(), Depth: int(s.uvarint()), Value: s.text()})
	}
	return into
}
