package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/infra/historylog"
	"dossierledger/queries"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// asXES writes a log as XES in one of the forms that are met: three
// namespaces, a prefix, none; some attributes nested in others, some traces
// in two parts.
func asXES(t *rapid.T, log []loggedEvent) string {
	p := rapid.SampledFrom([]string{"", "x:"}).Draw(t, "prefix")
	space := rapid.SampledFrom([]string{"", "http://www.xes-standard.org", "http://www.xes-standard.org/", "http://code.deckfour.org/xes"}).Draw(t, "namespace")
	if space != "" {
		space = fmt.Sprintf(` xmlns%s="%s"`, strings.TrimSuffix(":"+p, ":"), space)
	}
	var b strings.Builder
	attribute := func(element, key, value string) {
		fmt.Fprintf(&b, `<%s%s key="%s" value="`, p, element, key)
		_ = xml.EscapeText(&b, []byte(value)) // a builder takes everything
		b.WriteString(`">`)
		if rapid.IntRange(0, 5).Draw(t, "nested") == 0 {
			fmt.Fprintf(&b, `<%sstring key="concept:name" value="nested"/><%sdate key="time:timestamp" value="2001-01-01T00:00:00Z"/>`, p, p)
		}
		fmt.Fprintf(&b, "</%s%s>\n", p, element)
	}
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><%slog%s><%sglobal scope="event"><%sstring key="org:resource" value="nobody"/></%sglobal>`, p, space, p, p, p)
	for i, e := range log {
		if i == 0 || log[i-1].caseID != e.caseID || rapid.IntRange(0, 9).Draw(t, "another trace") == 0 {
			if i > 0 {
				fmt.Fprintf(&b, "</%strace>", p)
			}
			fmt.Fprintf(&b, "<%strace>", p)
			attribute("string", "concept:name", e.caseID)
		}
		fmt.Fprintf(&b, "<%sevent><!-- <event> --><![CDATA[ </event> ]]>", p)
		attribute("date", "time:timestamp", e.at.Format(time.RFC3339Nano))
		if e.resource != "" {
			attribute("string", "org:resource", e.resource)
		}
		attribute("string", "case:concept:name", "told by the event")
		attribute("string", "concept:name", norm.NFD.String(e.activity))
		fmt.Fprintf(&b, "</%sevent>", p)
	}
	if len(log) > 0 {
		fmt.Fprintf(&b, "</%strace>", p)
	}
	fmt.Fprintf(&b, "</%slog>", p)
	return b.String()
}

// asCSV writes a log as CSV: either set of names, in any order, separated by
// any character, with columns that nobody asked for.
func asCSV(t *rapid.T, log []loggedEvent) string {
	head := rapid.SampledFrom([][]string{
		{"case_id", "activity", "timestamp", "resource"},
		{"case:concept:name", "concept:name", "time:timestamp", "org:resource"},
	}).Draw(t, "names of columns")
	order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order of columns")
	var b strings.Builder
	b.WriteString(rapid.SampledFrom([]string{"", "\ufeff"}).Draw(t, "byte order mark"))
	w := csv.NewWriter(&b)
	w.Comma = rapid.SampledFrom([]rune{',', ';', '\t'}).Draw(t, "separator")
	w.UseCRLF = false
	write := func(cells ...string) {
		row := make([]string, len(cells))
		for i, from := range order {
			row[i] = cells[from]
		}
		_ = w.Write(row) // a builder takes everything
	}
	write(append(head, "further\nnotes")...)
	layout := rapid.SampledFrom([]string{time.RFC3339Nano, "2006-01-02 15:04:05.999999-07:00"}).Draw(t, "layout")
	for _, e := range log {
		write(e.caseID, e.activity, e.at.Format(layout), e.resource, "one,\ntwo; \"three\"")
	}
	w.Flush()
	return b.String()
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text) // a buffer takes everything
	_ = w.Close()
	return b.String()
}

// Whatever a log looks like, taking it over and asking for a report gives what
// counting it anew in the plainest way gives; taking it over again adds nothing.
func TestReportsOverAnyLogAreWhatAPlainRecountGives(t *testing.T) {
	needsReadModels(t)
	var out bytes.Buffer
	w := &world{ctx: context.Background(), opts: options{Data: t.TempDir(), JSON: true, ClickhouseMem: 1 << 30}, now: time.Now, stdout: &out, stderr: io.Discard, log: slog.New(slog.DiscardHandler)}
	l, models, err := w.caughtUp()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close(l)
	fewerChecks(t, 30)
	logs := 0
	rapid.Check(t, func(t *rapid.T) {
		log := drawLog(t)
		format := rapid.SampledFrom([]historylog.Format{historylog.XES, historylog.CSV}).Draw(t, "format")
		var text string
		if format == historylog.XES {
			log = byTraces(log)
			text = asXES(t, log)
		} else {
			text = asCSV(t, log)
		}
		if rapid.Bool().Draw(t, "gzipped") {
			text = gzipped(text)
		}
		logs++
		source := fmt.Sprint("log ", logs)
		take := importCommand{File: "log", Source: source, CasePrefix: source + "/"}
		expected := recount(log)
		for round, want := range []commands.ImportResult{{Events: len(log)}, {AlreadyPresent: len(log)}} {
			out.Reset()
			if err := take.take(w, l, strings.NewReader(text), int64(len(text)), historylog.Options{Format: format}); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			var got commands.ImportResult
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got.Cases != expected["summary"].(map[string]any)["cases"] || got.Events != want.Events || got.AlreadyPresent != want.AlreadyPresent || got.Skipped != 0 || len(got.Errors) != 0 {
				t.Fatalf("round %d: %s of %d events", round, out.String(), len(log))
			}
		}
		if err := models.Runner.CatchUp(w.ctx, nil); err != nil {
			t.Fatal(err)
		}
		for name, want := range expected {
			result, err := models.Reports.Run(w.ctx, name, queries.Filter{Source: source}, queries.Options{Now: time.Now()})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out.Reset()
			if err := w.print(result, nil); err != nil {
				t.Fatal(err)
			}
			got, err := keyed(name, out.Bytes())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want, err = plain(want); err != nil {
				t.Fatal(err)
			}
			if d := differ(name, got, want); d != "" {
				t.Fatal(d)
			}
		}
	})
}

// fewerChecks bounds the checks of properties that go through real engines,
// unless the command line says how many.
func fewerChecks(t *testing.T, n int) {
	t.Helper()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "rapid.checks" })
	if said {
		return
	}
	before := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", before) }) // it was set just now
}
