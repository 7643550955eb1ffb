package queries_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"dossierledger/queries"
)

type stepRow struct {
	Code    string `ch:"code"`
	Visit   uint16 `ch:"visit"`
	Step    string `ch:"step"`
	Agency  string `ch:"agency"`
	Working int64  `ch:"working_seconds"`
	Waiting int64  `ch:"waiting_seconds"`
	Version uint64 `ch:"version"`
}

func TestBottlenecksShareOutTheWaiting(t *testing.T) {
	empty(t)
	at := func(hours int) time.Time { return day.Add(time.Duration(hours) * time.Hour) }
	load(t, []history{
		{code: "own", agency: "H01", actions: []action{{activity: "submitted", at: at(0)}, {activity: "received", at: at(90)}}},
		{code: "old", agency: "H02", source: "log", actions: []action{{activity: "in", at: at(0)}, {activity: "out", at: at(3)}}},
	})
	insert(t, "steps", []stepRow{
		{"own", 1, "appraisal", "H01", 9_999_999, 0, 1}, // replaced below
		{"own", 2, "signing", "H01", 100, 0, 1},
		{"own", 3, "appraisal", "H02", 3000, 500, 1},
		{"gone", 1, "appraisal", "H01", 1, 0, 1}, // of a dossier that is not there
	})
	insert(t, "steps", []stepRow{{"own", 1, "appraisal", "H01", 1000, 0, 2}})

	// The activity of the log: a third of three hours is 3,600 s, see workingPart.
	own := queries.Filter{Source: queries.OwnSource}
	steps := answer[[]queries.Bottleneck](t, "bottlenecks", own, queries.Options{})
	want := []queries.Bottleneck{
		{Kind: "step", Step: "appraisal", N: 2, Median: 2000, P90: 2800, Total: 4000, Others: 500, Share: 4000.0 / 4100},
		{Kind: "step", Step: "signing", N: 1, Median: 100, P90: 100, Total: 100, Share: 100.0 / 4100},
	}
	if !slices.Equal(steps, want) {
		t.Errorf("%+v\nwant %+v", steps, want)
	}
	if first := answer[[]queries.Bottleneck](t, "bottlenecks", own, queries.Options{Limit: 1}); len(first) != 1 || first[0] != want[0] {
		t.Errorf("a limit changes shares: %+v", first)
	}
	by := answer[[]queries.Bottleneck](t, "bottlenecks", own, queries.Options{ByAgency: true})
	if len(by) != 3 || by[0].Agency != "H02" || by[0].Total != 3000 || by[1].Agency != "H01" || by[1].Step != "appraisal" || by[1].N != 1 {
		t.Errorf("by agency: %+v", by)
	}
	old := answer[[]queries.Bottleneck](t, "bottlenecks", queries.Filter{Source: "log"}, queries.Options{ByAgency: true})
	if len(old) != 1 || old[0] != (queries.Bottleneck{Kind: "activity", Step: "out", Agency: "H02", N: 1, Median: 3600, P90: 3600, Total: 3600, Share: 1}) {
		t.Errorf("of a log: %+v", old)
	}
	approx := answer[[]queries.Bottleneck](t, "bottlenecks", own, queries.Options{Approx: true})
	if len(approx) != 2 || math.Abs(approx[0].Median-2000) > 1001 {
		t.Errorf("approximate: %+v", approx)
	}
}
