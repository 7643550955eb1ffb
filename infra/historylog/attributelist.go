package historylog

import (
	"hash/maphash"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// composed gives text in Normalization Form C, which the ledger keeps all text in.
func composed(text string) string {
	if isASCII(text) || norm.NFC.IsNormalString(text) {
		return text
	}
	return norm.NFC.String(text)
}

func isASCII[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// interner gives the same string for the same bytes, for the few texts that
// recur throughout a log; it stops to remember when it is full.
type interner struct{ known map[string]string }

const (
	internMost    = 1 << 14
	internLongest = 128
)

func newInterner() *interner { return &interner{known: make(map[string]string)} }

func (n *interner) string(text []byte) string {
	if s, ok := n.known[string(text)]; ok {
		return s
	}
	s := composed(string(text))
	if len(text) <= internLongest && len(n.known) < internMost {
		n.known[string(text)] = s
	}
	return s
}

// attributeList collects attributes with one allocation for all their values.
type attributeList struct {
	names *interner
	items []Attribute
	spans []int // end of each value in text
	text  []byte
	size  int
}

func (l *attributeList) reset() {
	l.items, l.spans, l.text, l.size = l.items[:0], l.spans[:0], l.text[:0], 0
}

// attributeCost is what an attribute is reckoned at beside its text.
const attributeCost = 16

// add takes an attribute unless the list would pass the limit; it stays full then.
func (l *attributeList) add(name, value []byte, typ string, depth, limit int) (added bool) {
	l.size += attributeCost + len(name) + len(value)
	if l.size > limit {
		return false
	}
	// Events of a log mostly have the same attributes in the same places, so the
	// name is likely the one that the list before had here.
	n := len(l.items)
	if n == cap(l.items) || l.items[:n+1][n].Name != string(name) {
		l.items = append(l.items, Attribute{Name: l.names.string(name)})
	}
	l.items = l.items[:n+1]
	l.items[n].Type, l.items[n].Depth = typ, depth
	if isASCII(value) {
		l.text = append(l.text, value...)
	} else {
		l.text = norm.NFC.Append(l.text, value...)
	}
	l.spans = append(l.spans, len(l.text))
	return true
}

// value is the value of an attribute before finish.
func (l *attributeList) value(i int) []byte {
	from := 0
	if i > 0 {
		from = l.spans[i-1]
	}
	return l.text[from:l.spans[i]]
}

// hasNested tells whether attributes are nested in the i-th.
func (l *attributeList) hasNested(i int) bool {
	return i+1 < len(l.items) && l.items[i+1].Depth > l.items[i].Depth
}

// finish sets the values and gives the attributes, valid until reset.
func (l *attributeList) finish() []Attribute {
	all := string(l.text)
	from := 0
	for i, to := range l.spans {
		l.items[i].Value = all[from:to]
		from = to
	}
	return l.items
}

// caseAttributeName gives the name of an attribute of the case that stands
// with an event, as PM4Py ("case:") and Disco ("(case)_") write them.
func caseAttributeName(name string) (string, bool) {
	for _, prefix := range [...]string{"(case)_", "(case) ", "case:"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && rest != "concept:name" {
			return rest, true
		}
	}
	return "", false
}

// liftedFilter remembers, in bounded memory, which attributes of a case were
// passed on, since a log that has them with each event repeats them with each.
// What it forgets is passed on again, which is harmless.
type liftedFilter struct {
	seed maphash.Seed
	last [1 << 15]uint64
}

func newLiftedFilter() *liftedFilter { return &liftedFilter{seed: maphash.MakeSeed()} }

func (f *liftedFilter) seen(c *Case) bool {
	var h maphash.Hash
	h.SetSeed(f.seed)
	_, _ = h.WriteString(c.ID)
	for i := range c.Attributes {
		a := &c.Attributes[i]
		_ = h.WriteByte(byte(a.Depth))
		_, _ = h.WriteString(a.Name)
		_ = h.WriteByte(0)
		_, _ = h.WriteString(a.Value)
		_ = h.WriteByte(0)
	}
	sum := h.Sum64()
	slot := &f.last[sum%uint64(len(f.last))]
	if *slot == sum {
		return true
	}
	*slot = sum
	return false
}
