package historylog

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// trace writes down the tags of a document as this tokenizer reads them.
func traceOfTokenizer(r io.Reader) (string, error) {
	tokens := newXMLTokenizer(r, Limits{}.withDefaults())
	var b strings.Builder
	for {
		kind, err := tokens.next()
		if err != nil {
			return b.String(), err
		}
		switch kind {
		case startTag:
			fmt.Fprintf(&b, "<%s", tokens.name)
			for _, a := range tokens.attrs {
				fmt.Fprintf(&b, " %s=%q", a.name, a.value)
			}
			b.WriteString(">\n")
		case endTag:
			fmt.Fprintf(&b, "</%s>\n", tokens.name)
		case endOfDocument:
			return b.String(), nil
		}
	}
}

// traceOfLibrary does the same with encoding/xml. That leaves white space in
// values as it is, so it is normalised here for values without references to it.
func traceOfLibrary(r io.Reader) (string, error) {
	decoder := xml.NewDecoder(r)
	var b strings.Builder
	var open []string
	name := func(n xml.Name) string {
		if n.Space == "" {
			return n.Local
		}
		return n.Space + ":" + n.Local
	}
	for {
		token, err := decoder.RawToken()
		if err == io.EOF {
			if len(open) > 0 {
				return b.String(), io.ErrUnexpectedEOF
			}
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, name(token.Name))
			fmt.Fprintf(&b, "<%s", name(token.Name))
			for _, a := range token.Attr {
				fmt.Fprintf(&b, " %s=%q", name(a.Name), a.Value)
			}
			b.WriteString(">\n")
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != name(token.Name) {
				return b.String(), errors.New("wrong nesting")
			}
			open = open[:len(open)-1]
			fmt.Fprintf(&b, "</%s>\n", name(token.Name))
		}
	}
}

func TestTokenizerReadsRealLogsAsTheLibraryDoes(t *testing.T) {
	for _, log := range []string{"running-example.xes.gz", "receipt.xes.gz", "bpi2020-domestic.xes.gz"} {
		t.Run(log, func(t *testing.T) {
			if testing.Short() && strings.HasPrefix(log, "bpi") {
				t.Skip("takes seconds")
			}
			text := unpacked(t, log)
			got, err := traceOfTokenizer(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			want, err := traceOfLibrary(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				at := 0
				for at < min(len(got), len(want)) && got[at] == want[at] {
					at++
				}
				t.Errorf("they differ from %.200q, which should be %.200q", got[max(0, at-50):], want[max(0, at-50):])
			}
		})
	}
}

// drawDocument makes a well-formed document of everything that is read.
func drawDocument(t *rapid.T) string {
	name := rapid.SampledFrom([]string{"log", "trace", "event", "string", "xes:date", "Tên", "a-b.c_1", "_"})
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab \n\t>'\"ếđ漢😀")), 0, 12, -1)
	value := rapid.Custom(func(t *rapid.T) string {
		quote := rapid.SampledFrom([]string{`"`, "'"}).Draw(t, "quote")
		raw := rapid.StringOfN(rapid.RuneFrom([]rune("ab >=/ếđ漢😀")), 0, 12, -1).Draw(t, "raw")
		references := rapid.SliceOfN(rapid.SampledFrom([]string{"&lt;", "&gt;", "&amp;", "&quot;", "&apos;", "&#65;", "&#x1F600;", "&#xA;", "&#9;"}), 0, 3).Draw(t, "references")
		return quote + raw + strings.Join(references, raw) + quote
	})
	var element func(depth int) string
	content := func(depth int) string {
		switch rapid.IntRange(0, 6).Draw(t, "content") {
		case 0:
			return "<!-- " + strings.ReplaceAll(text.Draw(t, "comment"), "-", "") + " -->"
		case 1:
			return "<![CDATA[" + text.Draw(t, "cdata") + "<&]] >]]>"
		case 2:
			return "<?pi " + text.Draw(t, "instruction") + "?>"
		case 3:
			return text.Draw(t, "text") + "&amp;"
		default:
			if depth > 5 {
				return "\n\t"
			}
			return element(depth + 1)
		}
	}
	element = func(depth int) string {
		tag := name.Draw(t, "name")
		var b strings.Builder
		b.WriteString("<" + tag)
		for i := range rapid.IntRange(0, 3).Draw(t, "attributes") {
			fmt.Fprintf(&b, "%s%s%d%s", rapid.SampledFrom([]string{" ", "\n", "\t  "}).Draw(t, "space"), name.Draw(t, "attribute"), i,
				rapid.SampledFrom([]string{"=", " = ", "\n="}).Draw(t, "equals"))
			b.WriteString(value.Draw(t, "value"))
		}
		b.WriteString(rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "end"))
		if rapid.Bool().Draw(t, "empty") {
			return b.String() + "/>"
		}
		b.WriteString(">")
		for range rapid.IntRange(0, 3).Draw(t, "contents") {
			b.WriteString(content(depth))
		}
		return b.String() + "</" + tag + rapid.SampledFrom([]string{"", " "}).Draw(t, "after") + ">"
	}
	return rapid.SampledFrom([]string{"", `<?xml version="1.0" encoding="UTF-8"?>`, "<?xml version='1.0'?>\n<!-- a -->\n", "\n"}).Draw(t, "prolog") + element(0) + "\n"
}

func TestTokenizerReadsAnyDocumentAsTheLibraryDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		document := drawDocument(t)
		want, err := traceOfLibrary(strings.NewReader(document))
		if err != nil {
			t.Fatalf("the document made is not well formed: %v\n%s", err, document)
		}
		got, err := traceOfTokenizer(strings.NewReader(document))
		if err != nil || got != want {
			t.Fatalf("%v\n%s\nread as\n%s\nand not\n%s", err, document, got, want)
		}
		if got, err := traceOfTokenizer(iotest.OneByteReader(strings.NewReader(document))); err != nil || got != want {
			t.Fatalf("byte by byte: %v\n%s", err, got)
		}
	})
}

// Whatever is cut off, a document cut is not a document, and is never read as one.
func TestTokenizerRefusesEveryCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		document := strings.TrimRight(drawDocument(t), "\n")
		at := rapid.IntRange(0, len(document)-1).Draw(t, "cut")
		if got, err := traceOfTokenizer(strings.NewReader(document[:at])); err == nil {
			t.Fatalf("%q was read as %q", document[:at], got)
		}
	})
}

// A tag that crosses the end of the buffer is read like any other.
func TestTokenizerAcrossItsBuffer(t *testing.T) {
	for shift := range 60 {
		tag := `<string key="concept:name" value="ế&amp;b"/>`
		document := "<log>" + strings.Repeat(" ", tokenizerBuffer-5-shift) + tag + strings.Repeat(" ", tokenizerBuffer) + "<!--" + strings.Repeat("c", 2*tokenizerBuffer) + "-->" + tag + "</log>"
		got, err := traceOfTokenizer(strings.NewReader(document))
		one := "<string key=\"concept:name\" value=\"ế&b\">\n</string>\n"
		if want := "<log>\n" + one + one + "</log>\n"; err != nil || got != want {
			t.Fatalf("shift %d: %v %s", shift, err, got)
		}
	}
}

func TestTokenizerCountsLines(t *testing.T) {
	tokens := newXMLTokenizer(strings.NewReader("<log>\n\n<a\nb='1'>\n<!--\n\n--><c/></a>\n</log>"), Limits{}.withDefaults())
	var got []string
	for {
		kind, err := tokens.next()
		if err != nil {
			t.Fatal(err)
		}
		if kind == endOfDocument {
			break
		}
		got = append(got, fmt.Sprintf("%s %d", tokens.name, tokens.lineNow()))
	}
	if want := "[log 1 a 4 c 7 c 7 a 7 log 8]"; fmt.Sprint(got) != want {
		t.Errorf("%v, not %s", got, want)
	}
}
