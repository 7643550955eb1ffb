package historylog

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// dataDir holds real logs, which are not part of the repository.
const dataDir = "../../../shared/data"

func openLog(t testing.TB, name string) *os.File {
	t.Helper()
	file, err := os.Open(filepath.Join(dataDir, "logs", name))
	if os.IsNotExist(err) {
		t.Skipf("%s is absent: the real logs are beside the repository", filepath.Join(dataDir, "logs", name))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// reference is what an independent program found in a log.
type reference struct {
	Summary struct {
		Cases, Events, Activities int
		First, Last               time.Time
	}
	Activities []struct {
		Activity     string
		Count, Cases int
	}
	StartsEnds struct{ Start, End map[string]int } `json:"starts-ends"`
	DFG        []struct {
		From, To          string
		Count             int
		Mean, Median, Max float64
	}
	Variants []struct {
		Activities []string
		Count      int
	}
	Durations struct {
		N                                int
		Min, Mean, Median, P90, P95, Max float64
	}
	Resources []struct {
		Resource      string
		Events, Cases int
	}
}

// mined is the same, found by this test in the cases of a spool.
type mined struct {
	cases, events     int
	first, last       time.Time
	activities        map[string][2]int
	resources         map[string][2]int
	start, end        map[string]int
	edges             map[[2]string][]float64
	variants          map[string]int
	durations         []float64
	caseAttributes    map[string]int
	eventsInsideCases map[string]int
}

func mine(t testing.TB, spool *Spool) mined {
	t.Helper()
	m := mined{
		activities: map[string][2]int{}, resources: map[string][2]int{}, start: map[string]int{}, end: map[string]int{},
		edges: map[[2]string][]float64{}, variants: map[string]int{},
		caseAttributes: map[string]int{}, eventsInsideCases: map[string]int{},
	}
	err := spool.Cases(context.Background(), func(c *GroupedCase) error {
		m.cases++
		for _, a := range c.Attributes {
			m.caseAttributes[a.Name]++
		}
		seen, by := map[string]bool{}, map[string]bool{}
		var path []string
		var begin, before time.Time
		for e, err := range c.Events() {
			if err != nil {
				return err
			}
			if e.Case != c.ID {
				t.Fatalf("an event of %q came with the case %q", e.Case, c.ID)
			}
			m.events++
			if m.first.IsZero() || e.Time.Before(m.first) {
				m.first = e.Time
			}
			if e.Time.After(m.last) {
				m.last = e.Time
			}
			count(m.activities, seen, e.Activity)
			if e.Resource != "" {
				count(m.resources, by, e.Resource)
			}
			if len(path) == 0 {
				begin = e.Time
				m.start[e.Activity]++
			} else {
				if e.Time.Before(before) {
					t.Fatalf("the events of %q are not in order of time", c.ID)
				}
				edge := [2]string{path[len(path)-1], e.Activity}
				m.edges[edge] = append(m.edges[edge], e.Time.Sub(before).Seconds())
			}
			before = e.Time
			path = append(path, e.Activity)
		}
		if len(path) != c.Count {
			t.Fatalf("%q says %d events and has %d", c.ID, c.Count, len(path))
		}
		m.eventsInsideCases[c.ID] += len(path)
		m.end[path[len(path)-1]]++
		m.variants[strings.Join(path, "\x00")]++
		m.durations = append(m.durations, before.Sub(begin).Seconds())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func count(into map[string][2]int, seen map[string]bool, name string) {
	n := into[name]
	n[0]++
	if !seen[name] {
		seen[name] = true
		n[1]++
	}
	into[name] = n
}

// quantile interpolates linearly between closest ranks (type 7).
func quantile(values []float64, q float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 == len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(math.Abs(a), math.Abs(b)) }

func spoolLog(t testing.TB, name string, opts Options) (*Spool, Summary) {
	t.Helper()
	spool, err := NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := spool.Close(); err != nil {
			t.Error(err)
		}
	})
	summary, err := Read(context.Background(), openLog(t, name), opts, spool)
	if err != nil {
		t.Fatal(err)
	}
	return spool, summary
}

// The cases of real logs give the statistics that an independent program
// found: the same events in the same order, with the same times.
func TestSpooledCasesGiveTheReferenceStatistics(t *testing.T) {
	for _, name := range []string{"running-example", "receipt", "bpi2020-domestic"} {
		t.Run(name, func(t *testing.T) {
			spool, summary := spoolLog(t, name+".xes.gz", Options{})
			if problems, n := spool.Problems(); n != 0 || summary.Skipped != 0 {
				t.Errorf("%d problems, the first %v", n, problems[0])
			}
			got := mine(t, spool)
			compareWithReference(t, name, got)
			// One of the attributes of the case that the log has with its cases, or its events.
			if attribute := map[string]string{"running-example": "creator", "receipt": "deadline", "bpi2020-domestic": "Amount"}[name]; attribute == "deadline" && got.caseAttributes[attribute] == 0 || attribute != "deadline" && got.caseAttributes[attribute] != got.cases {
				t.Errorf("%d of %d cases have %s", got.caseAttributes[attribute], got.cases, attribute)
			}
		})
	}
}

func compareWithReference(t *testing.T, name string, got mined) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dataDir, "reference", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var want reference
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if got.cases != want.Summary.Cases || got.events != want.Summary.Events || len(got.activities) != want.Summary.Activities {
		t.Errorf("cases, events, activities: %d, %d, %d, not %+v", got.cases, got.events, len(got.activities), want.Summary)
	}
	if !got.first.Equal(want.Summary.First) || !got.last.Equal(want.Summary.Last) {
		t.Errorf("from %v to %v, not %+v", got.first, got.last, want.Summary)
	}
	for _, a := range want.Activities {
		if got.activities[a.Activity] != [2]int{a.Count, a.Cases} {
			t.Errorf("activity %q: %v, not %+v", a.Activity, got.activities[a.Activity], a)
		}
	}
	if len(got.resources) != len(want.Resources) {
		t.Errorf("%d resources, not %d", len(got.resources), len(want.Resources))
	}
	for _, r := range want.Resources {
		if got.resources[r.Resource] != [2]int{r.Events, r.Cases} {
			t.Errorf("resource %q: %v, not %+v", r.Resource, got.resources[r.Resource], r)
		}
	}
	if !equalCounts(got.start, want.StartsEnds.Start) || !equalCounts(got.end, want.StartsEnds.End) {
		t.Errorf("starts %v and ends %v, not %v", got.start, got.end, want.StartsEnds)
	}
	if len(got.edges) != len(want.DFG) {
		t.Errorf("%d edges, not %d", len(got.edges), len(want.DFG))
	}
	for _, edge := range want.DFG {
		seconds := got.edges[[2]string{edge.From, edge.To}]
		if len(seconds) != edge.Count || !near(mean(seconds), edge.Mean) || !near(quantile(seconds, 0.5), edge.Median) || !near(slices.Max(seconds), edge.Max) {
			t.Errorf("edge %+v differs: %d", edge, len(seconds))
		}
	}
	if len(got.variants) != len(want.Variants) {
		t.Errorf("%d variants, not %d", len(got.variants), len(want.Variants))
	}
	for _, v := range want.Variants {
		if n := got.variants[strings.Join(v.Activities, "\x00")]; n != v.Count {
			t.Errorf("variant %q: %d, not %d", v.Activities, n, v.Count)
		}
	}
	d := want.Durations
	for _, pair := range [][2]float64{
		{float64(len(got.durations)), float64(d.N)}, {slices.Min(got.durations), d.Min}, {mean(got.durations), d.Mean},
		{quantile(got.durations, .5), d.Median}, {quantile(got.durations, .9), d.P90}, {quantile(got.durations, .95), d.P95}, {slices.Max(got.durations), d.Max},
	} {
		if !near(pair[0], pair[1]) {
			t.Errorf("durations: %v, not %v", pair[0], pair[1])
		}
	}
}

func equalCounts[K cmp.Ordered](a, b map[K]int) bool {
	if len(a) != len(b) {
		return false
	}
	for k, n := range a {
		if b[k] != n {
			return false
		}
	}
	return true
}
