package queries_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"pgregory.net/rapid"

	"dossierledger/domain/fault"
	"dossierledger/queries"
)

var day = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

// answer runs a report by name, takes it through JSON, and back into its type.
func answer[T any](t tester, name string, filter queries.Filter, opts queries.Options) T {
	t.Helper()
	found, err := queries.NewReports(db).Run(context.Background(), name, filter, opts)
	if err != nil {
		t.Fatalf("report %s: %v", name, err)
	}
	text, err := json.Marshal(found)
	if err != nil {
		t.Fatalf("report %s is not JSON: %v", name, err)
	}
	var back T
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&back); err != nil {
		t.Fatalf("report %s: %v in %s", name, err, text)
	}
	if !reflect.DeepEqual(any(back), found) {
		t.Fatalf("report %s changes on its way through JSON:\n%+v\n%+v", name, found, back)
	}
	return back
}

func close9(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b))
}

// compare says in words where the reports differ from what is expected.
func compare(t tester, filter queries.Filter, want expected) (differences []string) {
	t.Helper()
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	same := func(name string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			differ("%s: %v, want %v", name, got, want)
		}
	}
	summary := answer[queries.Summary](t, "summary", filter, queries.Options{})
	same("cases", summary.Cases, want.cases)
	same("events", summary.Events, want.events)
	same("activities", summary.Activities, uint64(len(want.names)))
	same("first", summary.First.Time, want.first.UTC())
	same("last", summary.Last.Time, want.last.UTC())

	count, cases := map[string]uint64{}, map[string]uint64{}
	activities := answer[[]queries.ActivityCount](t, "activities", filter, queries.Options{})
	for _, row := range activities {
		count[row.Activity], cases[row.Activity] = row.Count, row.Cases
	}
	same("activity rows", len(activities), len(count))
	same("activity counts", count, want.count)
	same("activity cases", cases, want.casesOf)

	rework := map[string]uint64{}
	for _, row := range answer[[]queries.ReworkCount](t, "rework", filter, queries.Options{}) {
		rework[row.Activity] = row.Cases
	}
	same("rework", rework, want.rework)

	startsEnds := answer[queries.StartsEnds](t, "starts-ends", filter, queries.Options{})
	same("starts", startsEnds.Start, want.start)
	same("ends", startsEnds.End, want.end)

	edges := answer[[]queries.Edge](t, "dfg", filter, queries.Options{})
	same("edges", len(edges), len(want.edges))
	for _, edge := range edges {
		seconds := want.edges[[2]string{edge.From, edge.To}]
		if edge.Count != uint64(len(seconds)) || len(seconds) == 0 {
			differ("edge %q → %q: %d, want %d", edge.From, edge.To, edge.Count, len(seconds))
		} else if !close9(edge.Mean, mean(seconds)) || !close9(edge.Median, percentile(seconds, 0.5)) || !close9(edge.Max, slices.Max(seconds)) {
			differ("edge %+v, want mean %v median %v max %v", edge, mean(seconds), percentile(seconds, 0.5), slices.Max(seconds))
		}
	}

	variants := map[string]uint64{}
	for _, row := range answer[[]queries.Variant](t, "variants", filter, queries.Options{}) {
		variants[strings.Join(row.Activities, "\x00")] += row.Count
	}
	same("variants", variants, want.variants)

	durations := answer[queries.Durations](t, "durations", filter, queries.Options{})
	same("n", durations.N, want.cases)
	for name, pair := range map[string][2]float64{
		"min":    {*durations.Min, slices.Min(want.durations)},
		"mean":   {*durations.Mean, mean(want.durations)},
		"median": {*durations.Median, percentile(want.durations, 0.5)},
		"p90":    {*durations.P90, percentile(want.durations, 0.9)},
		"p95":    {*durations.P95, percentile(want.durations, 0.95)},
		"max":    {*durations.Max, slices.Max(want.durations)},
	} {
		if !close9(pair[0], pair[1]) {
			differ("durations %s: %v, want %v", name, pair[0], pair[1])
		}
	}

	work, workCases := map[string]uint64{}, map[string]uint64{}
	for _, row := range answer[[]queries.ResourceLoad](t, "resources", filter, queries.Options{}) {
		work[row.Resource], workCases[row.Resource] = row.Events, row.Cases
	}
	same("resource events", work, want.work)
	same("resource cases", workCases, want.workCases)

	handover := map[[2]string]uint64{}
	for _, row := range answer[[]queries.HandoverCount](t, "handover", filter, queries.Options{}) {
		handover[[2]string{row.From, row.To}] = row.Count
	}
	same("handover", handover, want.handover)
	return differences
}

// awkward texts break what pastes text into statements or cuts it apart.
var awkward = []string{
	"Nộp hồ sơ", "Tiếp nhận", "O'Neil \"quoted\"", "a & b", "<b>x</b>", "tab\tand\nline", `back\slash\'`,
	"", "{source:String}", "?", "$1", "'; DROP TABLE events --", "🏛️ cấp, phát", "NULL", `\N`,
}

func TestReportsEqualAPlainRecalculation(t *testing.T) {
	empty(t)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		text := rapid.SampledFrom(awkward)
		source := fmt.Sprintf("%s %d", text.Draw(t, "source"), run)
		histories := make([]history, rapid.IntRange(1, 12).Draw(t, "cases"))
		for i := range histories {
			h := history{code: fmt.Sprintf("%d-%d %s", run, i, text.Draw(t, "code")), source: source}
			// Few moments, so that ties and zero durations are common; not sorted.
			actions := rapid.IntRange(1, 9).Draw(t, "actions")
			for range actions {
				known := rapid.Bool().Draw(t, "known")
				a := action{activity: text.Draw(t, "activity"), known: known, at: day.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * 1234567 * time.Microsecond)}
				if known {
					a.resource = text.Draw(t, "resource")
				}
				h.actions = append(h.actions, a)
			}
			histories[i] = h
		}
		load(t, histories)
		if differences := compare(t, queries.Filter{Source: source}, expect(histories)); len(differences) > 0 {
			t.Fatalf("%s", strings.Join(differences, "\n"))
		}
	})
}

func TestFiltersChooseWholeCases(t *testing.T) {
	empty(t)
	at := func(days float64) time.Time { return day.Add(time.Duration(days * float64(24*time.Hour))) }
	path := func(start float64) []action {
		return []action{
			{activity: "in", resource: "an", known: true, at: at(start)},
			{activity: "check", resource: "bình", known: true, at: at(start + 1)},
			{activity: "out", resource: "an", known: true, at: at(start + 9.5)},
		}
	}
	all := []history{
		{code: "1", agency: "H01", procedure: "1.000001", actions: path(0)},
		{code: "2", agency: "H01.02", procedure: "1.000002", actions: path(1)},
		{code: "3", agency: "H01.02.03", procedure: "1.000001", actions: path(2)},
		{code: "4", agency: "H010", procedure: "1.000001", actions: path(3)},
		{code: "5", agency: "H01", procedure: "1.000001", source: "ledger of old", actions: path(0)},
	}
	load(t, all)
	type agencyRow struct {
		ID      string `ch:"id"`
		Parent  string `ch:"parent"`
		Version uint64 `ch:"version"`
	}
	insert(t, "agencies", []agencyRow{{"H01.02", "H010", 1}, {"H01.02.03", "H01.02", 1}, {"H010", "", 1}})
	// The last one closes a circle, which must not be walked for ever.
	insert(t, "agencies", []agencyRow{{"H01.02", "H01", 2}, {"H01", "H01.02.03", 2}})

	one, two := at(1), at(2)
	for name, c := range map[string]struct {
		filter queries.Filter
		codes  string
	}{
		"all":                     {queries.Filter{}, "12345"},
		"from is inclusive":       {queries.Filter{From: &one}, "234"},
		"to is exclusive":         {queries.Filter{To: &one}, "15"},
		"a window":                {queries.Filter{From: &one, To: &two}, "2"},
		"a procedure":             {queries.Filter{Procedure: "1.000002"}, "2"},
		"a log":                   {queries.Filter{Source: "ledger of old"}, "5"},
		"the ledger's own":        {queries.Filter{Source: queries.OwnSource}, "1234"},
		"an agency without below": {queries.Filter{Agency: "H010"}, "4"},
		"an agency and all below": {queries.Filter{Agency: "H01"}, "1235"},
		"everything at once":      {queries.Filter{Agency: "H01", Procedure: "1.000001", Source: "ledger", From: &one}, "3"},
	} {
		t.Run(name, func(t *testing.T) {
			chosen := slices.DeleteFunc(slices.Clone(all), func(h history) bool { return !strings.Contains(c.codes, h.code) })
			if differences := compare(t, c.filter, expect(chosen)); len(differences) > 0 {
				t.Errorf("%s", strings.Join(differences, "\n"))
			}
		})
	}
}

func TestADossierWithoutActionsIsNoCase(t *testing.T) {
	empty(t)
	histories := []history{{code: "1", actions: []action{{activity: "a", at: day}, {activity: "b", at: day}}}}
	load(t, histories)
	// Of a case whose description was taken over and whose events are yet to come.
	insert(t, "dossiers", []dossierRow{{Code: "2", FirstAt: day.AddDate(-1, 0, 0), LastAt: day.AddDate(-1, 0, 0), Variant: strings.Repeat("-", 16), Version: 9}})
	if differences := compare(t, queries.Filter{}, expect(histories)); len(differences) > 0 {
		t.Errorf("%s", strings.Join(differences, "\n"))
	}
}

func TestAnEmptyLedgerHasReports(t *testing.T) {
	empty(t)
	reports := queries.NewReports(db)
	want := map[string]string{
		"summary":     `{"cases":0,"events":0,"activities":0,"first":null,"last":null}`,
		"activities":  `[]`,
		"starts-ends": `{"start":{},"end":{}}`,
		"dfg":         `[]`,
		"variants":    `[]`,
		"durations":   `{"n":0,"min":null,"mean":null,"median":null,"p90":null,"p95":null,"max":null}`,
		"resources":   `[]`,
		"handover":    `[]`,
		"rework":      `[]`,
		"on-time":     `{"as_of":"2026-03-02T01:00:00Z","rows":[],"totals":{"received":0,"open":0,"open_overdue":0,"early":0,"on_time":0,"late":0,"untimed":0,"rejected":0,"withdrawn":0,"stopped":0,"rate":null}}`,
		"bottlenecks": `[]`,
	}
	for _, name := range reports.Names() {
		for _, filter := range []queries.Filter{{}, {Source: "nowhere", Agency: "H99"}} {
			for _, opts := range []queries.Options{{Now: day}, {Now: day, Working: true, Approx: true, ByAgency: true, Limit: 3}} {
				found, err := reports.Run(t.Context(), name, filter, opts)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				text, err := json.Marshal(found)
				if err != nil {
					t.Errorf("%s is not JSON: %v", name, err)
				}
				if want[name] != "" && string(text) != want[name] {
					t.Errorf("%s: %s, want %s", name, text, want[name])
				}
			}
		}
	}
}

func TestReportsRefuseWhatCannotBeAnswered(t *testing.T) {
	reports := queries.NewReports(db)
	later := day.Add(time.Hour)
	for name, c := range map[string]struct {
		report string
		filter queries.Filter
		opts   queries.Options
		code   string
	}{
		"unknown report":      {"Summary", queries.Filter{}, queries.Options{}, queries.CodeReportUnknown},
		"window backwards":    {"dfg", queries.Filter{From: &later, To: &day}, queries.Options{}, queries.CodeReportWindow},
		"window of nothing":   {"dfg", queries.Filter{From: &day, To: &day}, queries.Options{}, queries.CodeReportWindow},
		"negative limit":      {"dfg", queries.Filter{}, queries.Options{Limit: -1}, queries.CodeReportLimit},
		"limit too large":     {"dfg", queries.Filter{}, queries.Options{Limit: queries.MaxReportRows + 1}, queries.CodeReportLimit},
		"on-time without now": {"on-time", queries.Filter{}, queries.Options{}, queries.CodeReportNow},
		"index without now":   {"transparency", queries.Filter{}, queries.Options{}, queries.CodeReportNow},
	} {
		found, err := reports.Run(t.Context(), c.report, c.filter, c.opts)
		if fault.CodeOf(err) != c.code || fault.KindOf(err) != fault.Invalid || found != nil {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	if _, err := reports.Run(t.Context(), "x", queries.Filter{}, queries.Options{}); err == nil || !strings.Contains(err.Error(), "starts-ends, dfg, variants") {
		t.Errorf("the refusal does not list the reports: %v", err)
	}
}

func TestReportsEndWithTheirContext(t *testing.T) {
	reports := queries.NewReports(db)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, name := range reports.Names() {
		if _, err := reports.Run(late, name, queries.Filter{}, queries.Options{Now: day}); fault.CodeOf(err) != queries.CodeReportTimeout || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s after its deadline: %v", name, err)
		}
		if _, err := reports.Run(stopped, name, queries.Filter{}, queries.Options{Now: day}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", name, err)
		}
	}
}

func TestReportsAreRefusedRatherThanCut(t *testing.T) {
	empty(t)
	err := db.Exec(t.Context(), "INSERT INTO events (code, revision, resource, has_resource, resource_occurrence) SELECT 'x', number, toString(number), 1, 1 FROM numbers({rows:UInt64})", clickhouse.Named("rows", queries.MaxReportRows+1))
	if err != nil {
		t.Fatal(err)
	}
	reports := queries.NewReports(db)
	if _, err := reports.Resources(t.Context(), queries.Filter{}, queries.Options{}); fault.CodeOf(err) != queries.CodeReportTooLarge || fault.KindOf(err) != fault.TooLarge {
		t.Errorf("too many rows: %v", err)
	}
	rows, err := reports.Resources(t.Context(), queries.Filter{}, queries.Options{Limit: queries.MaxReportRows})
	if err != nil || len(rows) != queries.MaxReportRows {
		t.Errorf("%d rows within a limit that was asked for: %v", len(rows), err)
	}
}

func TestOptionsOfReports(t *testing.T) {
	empty(t)
	var histories []history
	for i := range 101 {
		h := history{code: fmt.Sprint(i), actions: []action{{activity: "a", at: day}, {activity: fmt.Sprint("b", i%7), at: day.Add(time.Duration(i) * time.Minute)}}}
		histories = append(histories, h)
	}
	load(t, histories)
	working := answer[queries.Durations](t, "durations", queries.Filter{}, queries.Options{Working: true})
	if *working.Median != 1000 || *working.P90 != 1800 || *working.Max != 2000 {
		t.Errorf("working time: median %v, p90 %v, max %v", *working.Median, *working.P90, *working.Max)
	}
	approx := answer[queries.Durations](t, "durations", queries.Filter{}, queries.Options{Approx: true})
	if math.Abs(*approx.Median-3000) > 120 || math.Abs(*approx.P95-5700) > 120 || *approx.Max != 6000 {
		t.Errorf("approximate: median %v, p95 %v, max %v", *approx.Median, *approx.P95, *approx.Max)
	}
	edges := answer[[]queries.Edge](t, "dfg", queries.Filter{}, queries.Options{Limit: 2, Working: true})
	if len(edges) != 2 || edges[0].To != "b0" || edges[0].Count != 15 || edges[0].Max != 98*20 {
		t.Errorf("the two most frequent edges: %+v", edges)
	}
	variants := answer[[]queries.Variant](t, "variants", queries.Filter{}, queries.Options{Limit: 3})
	if len(variants) != 3 || variants[2].Count != 15 {
		t.Errorf("the three most frequent variants: %+v", variants)
	}
}

func TestInstantsHaveOneText(t *testing.T) {
	zone := time.FixedZone("ICT", 7*3600)
	for want, at := range map[string]time.Time{
		`"2010-10-02T07:20:39.266000Z"`: time.Date(2010, 10, 2, 14, 20, 39, 266_000_000, zone),
		`"2017-01-09T08:49:50Z"`:        time.Date(2017, 1, 9, 15, 49, 50, 0, zone),
		`"2017-01-09T08:49:50.000001Z"`: time.Date(2017, 1, 9, 8, 49, 50, 1999, time.UTC),
	} {
		if text, err := json.Marshal(queries.Instant{Time: at}); err != nil || string(text) != want {
			t.Errorf("%s, %v, want %s", text, err, want)
		}
	}
}
