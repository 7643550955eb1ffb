package historylog

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"dossierledger/domain/fault"
)

// fuzzRead holds what is true of any input: it is read or refused with a fault,
// what is read is whole, and reading it again gives the same.
func fuzzRead(t *testing.T, dir string, text []byte, format Format) {
	limits := Limits{TokenBytes: 1 << 20, Bytes: 1 << 24, EventBytes: 1 << 12}
	opts := Options{Format: format, Limits: limits, TempDir: dir}
	first := new(collected)
	summary, err := Read(context.Background(), bytes.NewReader(text), opts, first)
	if err != nil {
		if fault.CodeOf(err) == "" {
			t.Fatalf("an error without a code: %v", err)
		}
		return
	}
	if summary.Events != len(first.events) || summary.Skipped > len(first.problems) {
		t.Fatalf("%+v of %d events and %d problems", summary, len(first.events), len(first.problems))
	}
	spool, err := newSpool(opts.TempDir, spoolLimits{entries: 3, caseRuns: 2, caseBytes: maxCaseBytes, arrivalBits: 1 << 16, returning: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spool.Close() }()
	if _, err := Read(context.Background(), bytes.NewReader(text), opts, spool); err != nil {
		t.Fatalf("read once and then refused: %v", err)
	}
	if got := mine(t, spool); got.events != len(first.events) {
		t.Fatalf("%d events went in and %d came out", len(first.events), got.events)
	}
	for _, e := range first.events {
		if isBlank(e.Case) || isBlank(e.Activity) || e.Time.IsZero() || e.Line < 1 {
			t.Fatalf("an event that is not whole: %+v", e)
		}
	}
}

func FuzzXES(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0" encoding="UTF-8"?><!-- c --><log xmlns="http://www.xes-standard.org/"><global scope="event"/><trace><string key="concept:name" value="1"/>` + xesEvent + `</trace></log>`))
	f.Add([]byte(`<x:log xmlns:x="y"><x:trace>` + xesEvent + `<string key='concept:name' value='&#65;&amp;'/><list key="l"><values><int key="i" value="1"/></values></list></x:trace></x:log>`))
	f.Add([]byte(`<!DOCTYPE log [<!ENTITY a "b">]><log>&a;</log>`))
	f.Add([]byte("<log><![CDATA[ ]]> text <?pi ?></log>"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) { fuzzRead(t, dir, text, XES) })
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("case_id,activity,timestamp,resource\n1,a,2024-01-01T00:00:00Z,r\n2,\"b\n\"\"c\",2024-01-01 00:00:00.5+07:00,\n"))
	f.Add([]byte("\ufeffcase:concept:name;concept:name;time:timestamp;(case)_x\n1;a;2024-01-01;y\n1;b;2023/01/01 10:00;z\n"))
	f.Add([]byte("sep=\"\n0"))
	f.Add([]byte("sep=|\ncase_id|activity|timestamp\n1|a|\"2024-01-01"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) { fuzzRead(t, dir, text, CSV) })
}

func FuzzOCEL(f *testing.F) {
	f.Add([]byte(ocelLog))
	f.Add([]byte(`{"events":[{"id":1,"type":true,"time":null,"attributes":{},"relationships":[[],{"objectId":"o"}]}],"objects":[{"id":"o","type":"t"}]}`))
	f.Add([]byte(`{"objects":[],"events":[`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) { fuzzRead(t, dir, text, OCEL) })
}

// FuzzTokenizer holds that every document this tokenizer accepts is one to
// encoding/xml as well, with the same tags.
func FuzzTokenizer(f *testing.F) {
	f.Add("<log a='1' b=\"&lt;\"><b/>\n</log><!-- c -->")
	f.Add("<?xml version=\"1.0\"?>\n<a:b c:d='ế'>text &amp; <![CDATA[x]]></a:b >")
	f.Fuzz(func(t *testing.T, text string) {
		// What encoding/xml leaves in values as it is, or reads by other rules.
		if strings.ContainsAny(text, "\r\n\t") || strings.Contains(text, "<?xml") {
			return
		}
		got, err := traceOfTokenizer(strings.NewReader(text))
		if err != nil {
			return
		}
		want, err := traceOfLibrary(strings.NewReader(text))
		if err != nil || got != want {
			t.Fatalf("%q was read as\n%s, and by encoding/xml as\n%s (%v)", text, got, want, err)
		}
	})
}

func FuzzTimestamp(f *testing.F) {
	f.Add("2024-05-02T08:00:00.123+07:00")
	f.Add("2024/05/02 08:00")
	f.Fuzz(func(t *testing.T, text string) {
		at, _, err := (&timeParser{}).parse(text)
		if err == nil && (at.Year() < firstYear || at.Year() > lastYear) {
			t.Fatalf("%q is %v", text, at)
		}
	})
}
