package historylog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"dossierledger/domain/fault"
	"github.com/klauspost/compress/gzip"
)

const xesEvent = `<event><string key="concept:name" value="a"/><date key="time:timestamp" value="2024-01-01T00:00:00Z"/></event>`

// endless repeats a text for ever, after a first one.
type endless struct {
	first, then string
	at          int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.first)
	e.first = e.first[n:]
	for n < len(p) {
		c := copy(p[n:], e.then[e.at:])
		n += c
		e.at = (e.at + c) % len(e.then)
	}
	return n, nil
}

func zipped(t testing.TB, r io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileLogsAreRefusedAsAWhole(t *testing.T) {
	text := func(s string) io.Reader { return strings.NewReader(s) }
	small := Limits{TokenBytes: 1 << 20, Depth: 50}
	packed := zipped(t, text("<log>"+strings.Repeat("<trace>"+xesEvent+"</trace>", 1000)+"</log>"))
	damaged := bytes.Clone(packed)
	damaged[len(damaged)/2] ^= 0xff
	for name, c := range map[string]struct {
		log    io.Reader
		format Format
		limits Limits
		want   error
		says   string
	}{
		"empty":                       {log: text(""), want: ErrMalformed, says: "empty"},
		"empty gzip":                  {log: bytes.NewReader(zipped(t, text(""))), want: ErrMalformed, says: "empty"},
		"gzip cut":                    {log: bytes.NewReader(packed[:len(packed)-100]), want: ErrMalformed, says: "truncated"},
		"gzip cut in its header":      {log: bytes.NewReader(packed[:5]), want: ErrMalformed, says: "truncated"},
		"gzip damaged":                {log: bytes.NewReader(damaged), want: ErrMalformed, says: ""},
		"gzip twice":                  {log: bytes.NewReader(zipped(t, bytes.NewReader(packed))), want: ErrUnsupported, says: "twice"},
		"gzip bomb":                   {log: bytes.NewReader(zipped(t, io.LimitReader(&endless{first: "<log>", then: "                "}, 200<<20))), want: ErrTooLarge, says: "unpacks"},
		"larger than the limit":       {log: &endless{first: "<log>", then: "<trace>" + xesEvent + "</trace>\n"}, limits: Limits{Bytes: 1 << 20}, want: ErrTooLarge, says: "bytes"},
		"a workbook":                  {log: text("PK\x03\x04 and more"), want: ErrUnsupported, says: "Excel"},
		"UTF-16":                      {log: text("\xff\xfe<\x00l\x00"), want: ErrUnsupported, says: "UTF-16"},
		"unknown format":              {log: text("<log/>"), format: "pdf", want: ErrUnsupported, says: "pdf"},
		"no XES":                      {log: text("<html><body/></html>"), want: ErrUnsupported, says: "html"},
		"HTML with its declaration":   {log: text("<!DOCTYPE html><html/>"), want: ErrUnsupported, says: "DOCTYPE"},
		"entities that expand":        {log: text(`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><log>&lol2;</log>`), want: ErrUnsupported, says: "line 1: "},
		"an outside entity":           {log: text("<?xml version=\"1.0\"?>\n<!DOCTYPE log SYSTEM \"file:///etc/passwd\"><log/>"), want: ErrUnsupported, says: "line 2: "},
		"an undefined entity":         {log: text("<log>\n<string key=\"&lol;\" value=\"\"/></log>"), want: ErrMalformed, says: "line 2: the entity &lol; is not defined"},
		"an undefined entity, text":   {log: text("<log> &lol; </log>"), want: ErrMalformed, says: "lol"},
		"a reference cut":             {log: text(`<log a="&amp"/>`), want: ErrMalformed, says: "reference"},
		"reference to no character":   {log: text(`<log a="&#0;"/>`), want: ErrMalformed, says: "not a character"},
		"reference to a surrogate":    {log: text(`<log a="&#xD800;"/>`), want: ErrMalformed, says: "not a character"},
		"a gigabyte attribute":        {log: &endless{first: `<log><trace><string key="a" value="`, then: "aaaaaaaaaaaaaaa"}, limits: small, want: ErrTooLarge, says: "single tag"},
		"a gigabyte comment":          {log: &endless{first: `<log><!--`, then: "aaaaaaaaaaaaaaa"}, limits: small, want: ErrTooLarge, says: "single tag"},
		"a gigabyte name":             {log: &endless{first: `<log><`, then: "aaaaaaaaaaaaaaa"}, limits: small, want: ErrTooLarge, says: "single tag"},
		"a gigabyte text":             {log: &endless{first: `<log>`, then: "aaaaaaaaaaaaaaa"}, limits: small, want: ErrTooLarge, says: "single tag"},
		"too many attributes":         {log: text(`<log ` + manyAttributes(300) + `/>`), want: ErrTooLarge, says: "attributes"},
		"endless depth":               {log: &endless{first: "<log>", then: "<a>"}, limits: small, want: ErrTooLarge, says: "nested"},
		"endless depth in an event":   {log: &endless{first: "<log><trace><event>", then: `<list key="a">`}, limits: small, want: ErrTooLarge, says: "nested"},
		"wrong nesting":               {log: text("<log>\n<trace>\n<event></trace></event></log>"), want: ErrMalformed, says: "line 3: <event> is closed by </trace>"},
		"cut after a trace":           {log: text("<log><trace>" + xesEvent + "</trace>"), want: ErrMalformed, says: "truncated: it ends inside <log>"},
		"cut in a tag":                {log: text("<log><trace>" + xesEvent[:40]), want: ErrMalformed, says: "truncated"},
		"cut in a comment at the end": {log: text("<log></log><!-- "), want: ErrMalformed, says: "truncated"},
		"only a declaration":          {log: text(`<?xml version="1.0"?>`), want: ErrMalformed, says: "truncated"},
		"two roots":                   {log: text("<log></log><log></log>"), want: ErrMalformed, says: "second root"},
		"text after the root":         {log: text("<log></log> more"), want: ErrMalformed, says: "outside"},
		"an end too many":             {log: text("<log></log></log>"), want: ErrMalformed, says: "without its start"},
		"invalid UTF-8":               {log: text("<log>\n<trace><string key=\"concept:name\" value=\"th\xe1\"/></trace></log>"), want: ErrMalformed, says: "line 2: the text is not valid UTF-8"},
		"invalid UTF-8 in a comment":  {log: text("<log><!-- \xff --></log>"), want: ErrMalformed, says: "UTF-8"},
		"a NUL":                       {log: text("<log a=\"\x00\"/>"), want: ErrMalformed, says: "control character"},
		"an attribute twice":          {log: text(`<log a="1" a="2"/>`), want: ErrMalformed, says: "twice"},
		"an unquoted value":           {log: text(`<log a=1/>`), want: ErrMalformed, says: "not quoted"},
		"a value missing":             {log: text(`<log a/>`), want: ErrMalformed, says: "no value"},
		"no space before attribute":   {log: text(`<log a="1"b="2"/>`), want: ErrMalformed, says: "no space"},
		"less-than in a value":        {log: text(`<log a="<"/>`), want: ErrMalformed, says: "<"},
		"another encoding":            {log: text(`<?xml version="1.0" encoding="windows-1258"?><log/>`), want: ErrUnsupported, says: "windows-1258"},
		"a declaration too late":      {log: text(` <?xml version="1.0"?><log/>`), want: ErrMalformed, says: "start"},
		"dashes in a comment":         {log: text(`<log><!-- a -- b --></log>`), want: ErrMalformed, says: "comment"},
		"a CDATA end in text":         {log: text(`<log>]]></log>`), want: ErrMalformed, says: "]]>"},
		"CSV as XES":                  {log: text("a,b,c"), format: XES, want: ErrMalformed, says: "not an XES log"},

		"CSV without its columns":    {log: text("id,what,when\n1,a,2024-01-01\n"), want: ErrNoColumn, says: "case_id"},
		"CSV with a column twice":    {log: text("case_id,activity,activity,timestamp\n"), want: ErrNoColumn, says: "twice"},
		"CSV with an open quote":     {log: text("case_id,activity,timestamp\n1,a,2024-01-01\n2,\"b,2024-01-01\n3,c,2024-01-01\n"), want: ErrMalformed, says: "line 3: the log is truncated"},
		"CSV cut in its last row":    {log: text("case_id,activity,timestamp\n1,a,2024-01-01\n2,b"), want: ErrMalformed, says: "line 3: the log is truncated"},
		"CSV with an endless field":  {log: &endless{first: "case_id,activity,timestamp\n1,\"", then: "line\n"}, limits: small, want: ErrTooLarge, says: "quotation mark"},
		"CSV with an endless line":   {log: &endless{first: "case_id,activity,timestamp\n1,", then: "line"}, limits: small, want: ErrTooLarge, says: "row"},
		"CSV with an endless header": {log: &endless{then: "line"}, limits: small, want: ErrTooLarge, says: "row"},
		"CSV with 10,000 columns":    {log: text(strings.Repeat("a,", 10_000) + "\n"), want: ErrTooLarge, says: "columns"},
		"CSV in another encoding":    {log: text("case_id,activity,timestamp\n1,th\xe1,2024-01-01\n"), want: ErrMalformed, says: "line 2: "},
		"CSV that is binary":         {log: text("case_id,activity,timestamp\n1,a\x00,2024-01-01\n"), want: ErrMalformed, says: "NUL"},

		"OCEL cut":                 {log: text(`{"objects":[],"events":[{"id":"1",`), want: ErrMalformed, says: "truncated"},
		"OCEL with a syntax error": {log: text("{\"objects\":[],\n\"events\":[}"), want: ErrMalformed, says: "line 2: "},
		"OCEL that is no OCEL":     {log: text(`{"name":"left-pad","version":"1.0.0"}`), want: ErrUnsupported, says: "OCEL 2.0"},
		"OCEL 1.0":                 {log: text(`{"ocel:global-log":{}}`), want: ErrUnsupported, says: "1.0"},
		"OCEL that is an array":    {log: text(`[]`), format: OCEL, want: ErrUnsupported, says: "not a JSON object"},
		"OCEL with events twice":   {log: text(`{"events":[],"objects":[],"events":[]}`), want: ErrMalformed, says: "twice"},
		"OCEL followed by more":    {log: text(`{"events":[],"objects":[{"id":"a","type":"t"}]}{}`), want: ErrMalformed, says: "follows"},
		"OCEL without objects":     {log: text(`{"events":[],"objects":[]}`), want: ErrUnsupported, says: "no objects"},
		"OCEL in invalid UTF-8":    {log: text("{\"events\":[{\"id\":\"\xff\"}]}"), want: ErrMalformed, says: "UTF-8"},
		"OCEL endless depth":       {log: &endless{first: `{"events":`, then: "["}, limits: small, want: ErrMalformed, says: "depth"},
		"OCEL gigabyte text":       {log: &endless{first: `{"events":[{"id":"`, then: "aaaaaaaaaaaaaaa"}, limits: small, want: ErrTooLarge, says: "single text"},
		"OCEL gigabyte unknown":    {log: &endless{first: `{"what":"`, then: "aaaaaaaaaaaaaaa"}, limits: small, want: ErrTooLarge, says: "single text"},
		"OCEL gigabyte of spaces":  {log: &endless{first: `{`, then: "\n\n\n\n\n\n\n\n\n"}, limits: small, want: ErrTooLarge, says: "single text"},
		"OCEL endless declaration": {log: &endless{first: `{"objectTypes":[{"name":"a","attributes":[`, then: `{"name":"b","type":"string"},`}, want: ErrTooLarge, says: "declares"},
		"OCEL endless types":       {log: text(`{"objectTypes":[` + manyTypes(2000) + `]}`), want: ErrTooLarge, says: "types"},
		"OCEL long ids":            {log: text(`{"objects":[{"id":"` + strings.Repeat("x", 200) + `","type":"t"}]}`), limits: Limits{Objects: 2}, want: ErrTooLarge, says: "ids"},
		"OCEL too many objects":    {log: &endless{first: `{"objects":[`, then: `{"id":"a","type":"t"},{"id":"b","type":"t"},{"id":"c","type":"t"},`}, limits: Limits{Objects: 2}, want: ErrTooLarge, says: "objects"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(context.Background(), c.log, Options{Format: c.format, Limits: c.limits, TempDir: t.TempDir()}, new(nowhere))
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, not %v", err, c.want)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the message is %d bytes long", len(err.Error()))
			}
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a")
		for ; i > 0; i /= 26 {
			b.WriteByte(byte('a' + i%26))
		}
		b.WriteString(`="1"`)
	}
	return b.String()
}

func manyTypes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%s{"name":"type %d","attributes":[]}`, strings.Repeat(",", min(i, 1)), i)
	}
	return b.String()
}

func TestErrorsOfTheReaderAndOfTheSinkComeBackAsTheyAre(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, first := range []string{"<log>", "case_id,activity,timestamp\n", `{"events":[`} {
		_, err := Read(context.Background(), io.MultiReader(strings.NewReader(first), failing{broken}), Options{TempDir: t.TempDir()}, new(nowhere))
		if !errors.Is(err, broken) || fault.CodeOf(err) != "" {
			t.Errorf("%q: %v", first, err)
		}
	}
	for _, log := range []string{
		"<log><trace>" + xesEvent + "</trace></log>", "case_id,activity,timestamp\n1,a,2024-01-01\n",
		`{"objects":[{"id":"o","type":"t"}],"events":[{"id":"e","type":"a","time":"2024-01-01T00:00:00Z","relationships":[{"objectId":"o","qualifier":""}]}]}`,
	} {
		if _, err := Read(context.Background(), strings.NewReader(log), Options{TempDir: t.TempDir()}, refusing{broken}); !errors.Is(err, broken) {
			t.Errorf("%q: %v", log, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, &endless{first: "<log>", then: "<trace></trace>"}, Options{}, new(nowhere)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type refusing struct{ err error }

func (r refusing) Event(*Event) error  { return r.err }
func (refusing) Case(*Case) error      { return nil }
func (refusing) Problem(Problem) error { return nil }

func TestTemporaryFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	spool, err := newSpool(dir, spoolLimits{entries: 4, caseRuns: 2, caseBytes: maxCaseBytes, arrivalBits: 1 << 16, returning: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(context.Background(), newInterleaved(100, 7), Options{}, spool); err != nil {
		t.Fatal(err)
	}
	mine(t, spool)
	if _, err := Read(context.Background(), strings.NewReader(`{"objects":[`), Options{TempDir: dir}, new(nowhere)); err == nil {
		t.Fatal("a truncated log was read")
	}
	if err := spool.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("%v are left: %v", left, err)
	}
}
