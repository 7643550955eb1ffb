package queries_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossierledger/infra/historylog"
	"dossierledger/queries"
)

// dataDir holds real logs, which are not part of the repository.
const dataDir = "../../shared/data"

// logCollector gathers the histories of a log in the order of the file.
type logCollector struct {
	source    string
	histories []history
	place     map[string]int
}

func (c *logCollector) Case(*historylog.Case) error { return nil }

func (c *logCollector) Event(e *historylog.Event) error {
	i, ok := c.place[e.Case]
	if !ok {
		i = len(c.histories)
		c.place[e.Case] = i
		c.histories = append(c.histories, history{code: c.source + "/" + e.Case, source: c.source})
	}
	c.histories[i].actions = append(c.histories[i].actions, action{activity: e.Activity, resource: e.Resource, known: e.Resource != "", at: e.Time})
	return nil
}

func (c *logCollector) Problem(p historylog.Problem) error { return errors.New(p.Message) }

func readLog(t testing.TB, name string) []history {
	t.Helper()
	path := filepath.Join(dataDir, "logs", name+".xes.gz")
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is absent: the real logs are beside the repository", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	collector := &logCollector{source: name, place: map[string]int{}}
	if _, err := historylog.Read(context.Background(), file, historylog.Options{}, collector); err != nil {
		t.Fatal(err)
	}
	return collector.histories
}

// reference is what an independent program found in a log.
type reference struct {
	Summary    queries.Summary         `json:"summary"`
	Activities []queries.ActivityCount `json:"activities"`
	StartsEnds queries.StartsEnds      `json:"starts-ends"`
	Edges      []queries.Edge          `json:"dfg"`
	Variants   []queries.Variant       `json:"variants"`
	Durations  queries.Durations       `json:"durations"`
	Resources  []queries.ResourceLoad  `json:"resources"`
	Handover   []queries.HandoverCount `json:"handover"`
	Rework     []queries.ReworkCount   `json:"rework"`
}

func TestReportsOverRealLogsEqualTheReference(t *testing.T) {
	empty(t)
	// All logs lie in the same tables; each is chosen by its source.
	names := []string{"running-example", "receipt", "bpi2020-domestic"}
	for _, name := range names {
		load(t, readLog(t, name))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dataDir, "reference", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var want reference
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			filter := queries.Filter{Source: name}
			summary := answer[queries.Summary](t, "summary", filter, queries.Options{})
			if got, want := jsonText(t, summary), jsonText(t, want.Summary); got != want {
				t.Errorf("summary: %s, want %s", got, want)
			}
			if got, want := jsonText(t, answer[queries.StartsEnds](t, "starts-ends", filter, queries.Options{})), jsonText(t, want.StartsEnds); got != want {
				t.Errorf("starts and ends: %s, want %s", got, want)
			}
			sameSet(t, answer[[]queries.ActivityCount](t, "activities", filter, queries.Options{}), want.Activities)
			sameSet(t, answer[[]queries.ResourceLoad](t, "resources", filter, queries.Options{}), want.Resources)
			sameSet(t, answer[[]queries.HandoverCount](t, "handover", filter, queries.Options{}), want.Handover)
			sameSet(t, answer[[]queries.ReworkCount](t, "rework", filter, queries.Options{}), want.Rework)

			variants := answer[[]queries.Variant](t, "variants", filter, queries.Options{})
			for i := 1; i < len(variants); i++ {
				if variants[i].Count > variants[i-1].Count {
					t.Errorf("variant %d is more frequent than the one before it", i)
				}
			}
			type path struct {
				Activities string
				Count      uint64
			}
			flat := func(variants []queries.Variant) (paths []path) {
				for _, v := range variants {
					paths = append(paths, path{strings.Join(v.Activities, "\x00"), v.Count})
				}
				return paths
			}
			sameSet(t, flat(variants), flat(want.Variants))

			edges := map[[2]string]queries.Edge{}
			for _, e := range answer[[]queries.Edge](t, "dfg", filter, queries.Options{}) {
				edges[[2]string{e.From, e.To}] = e
			}
			if len(edges) != len(want.Edges) {
				t.Errorf("%d edges, want %d", len(edges), len(want.Edges))
			}
			for _, w := range want.Edges {
				e := edges[[2]string{w.From, w.To}]
				if e.Count != w.Count || !close9(e.Mean, w.Mean) || !close9(e.Median, w.Median) || !close9(e.Max, w.Max) {
					t.Errorf("edge %+v, want %+v", e, w)
				}
			}

			d, w := answer[queries.Durations](t, "durations", filter, queries.Options{}), want.Durations
			if d.N != w.N {
				t.Errorf("%d durations, want %d", d.N, w.N)
			}
			for name, pair := range map[string][2]*float64{
				"min": {d.Min, w.Min}, "mean": {d.Mean, w.Mean}, "median": {d.Median, w.Median},
				"p90": {d.P90, w.P90}, "p95": {d.P95, w.P95}, "max": {d.Max, w.Max},
			} {
				if !close9(*pair[0], *pair[1]) {
					t.Errorf("durations %s: %v, want %v", name, *pair[0], *pair[1])
				}
			}
		})
	}
}

func sameSet[T comparable](t *testing.T, got, want []T) {
	t.Helper()
	missing := map[T]int{}
	for _, row := range want {
		missing[row]++
	}
	for _, row := range got {
		missing[row]--
	}
	for row, n := range missing {
		if n > 0 {
			t.Errorf("missing: %+v", row)
		} else if n < 0 {
			t.Errorf("not expected: %+v", row)
		}
	}
}

func jsonText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
