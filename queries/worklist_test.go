package queries_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dossierledger/domain/fault"
	"dossierledger/queries"
)

type deskRow struct {
	Code       string     `ch:"code"`
	Source     string     `ch:"source"`
	Procedure  string     `ch:"procedure"`
	Status     uint8      `ch:"status"`
	Agency     string     `ch:"holder_agency"`
	Department string     `ch:"holder_department"`
	Officer    string     `ch:"holder_officer"`
	Due        *time.Time `ch:"due_at"`
	Clock      string     `ch:"clock"`
	Paused     *time.Time `ch:"paused_since"`
	Ended      *time.Time `ch:"ended_at"`
	Ending     string     `ch:"ending"`
	Revision   uint32     `ch:"revision"`
	Version    uint64     `ch:"version"`
}

func (d deskRow) overdue(now time.Time) bool {
	if d.Ending != "" || d.Ended != nil || d.Due == nil {
		return false
	}
	if d.Clock == "paused" {
		return d.Paused != nil && d.Due.Before(*d.Paused)
	}
	return d.Due.Before(now)
}

// pages reads a worklist to its end.
func pages(t tester, filter queries.WorklistFilter, limit int, now time.Time) (items []queries.WorklistItem) {
	t.Helper()
	cursor := ""
	for page := 0; ; page++ {
		// Time passes between the pages, and must not matter.
		got, err := queries.NewWorklists(db).Page(context.Background(), filter, queries.WorklistPage{Limit: limit, Cursor: cursor, Now: now.Add(time.Duration(page) * time.Hour)})
		if err != nil {
			t.Fatalf("page %d: %v", page, err)
		}
		if !got.AsOf.Equal(now) {
			t.Fatalf("page %d is as of %v, the first as of %v", page, got.AsOf, now)
		}
		items = append(items, got.Items...)
		if got.Next == "" {
			return items
		}
		if len(got.Items) != limit {
			t.Fatalf("page %d has %d items and goes on", page, len(got.Items))
		}
		cursor = got.Next
	}
}

func TestWorklistPagesAreTheSortedList(t *testing.T) {
	empty(t)
	now := day
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		agency := fmt.Sprint("H", run)
		var rows []deskRow
		for i := range rapid.IntRange(0, 25).Draw(t, "dossiers") {
			d := deskRow{
				Code: fmt.Sprintf("%d %s %d", run, rapid.SampledFrom(awkward).Draw(t, "code"), i), Agency: agency,
				Status:     rapid.SampledFrom([]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}).Draw(t, "status"),
				Department: rapid.SampledFrom([]string{"một cửa", "d'"}).Draw(t, "department"),
				Officer:    rapid.SampledFrom([]string{"an", ""}).Draw(t, "officer"),
				Clock:      rapid.SampledFrom([]string{"running", "paused", "stopped"}).Draw(t, "clock"),
				Revision:   uint32(i), Version: 1,
			}
			// Few moments around now, so that many are due at the same one.
			if hours := rapid.IntRange(-3, 4).Draw(t, "due"); hours < 4 {
				d.Due = when(now.Add(time.Duration(hours) * 30 * time.Minute))
			}
			if d.Clock == "paused" && rapid.Bool().Draw(t, "told since when") {
				d.Paused = when(now.Add(-45 * time.Minute))
			}
			if d.Status >= 7 {
				d.Ending, d.Ended = "issued", when(now)
			}
			if rapid.IntRange(0, 9).Draw(t, "taken over") == 0 {
				d.Source = "log"
			}
			rows = append(rows, d)
		}
		insert(t, "dossiers", rows)

		filter := queries.WorklistFilter{Agency: agency}
		if rapid.Bool().Draw(t, "by department") {
			filter.Department = "d'"
		}
		if rapid.Bool().Draw(t, "by officer") {
			filter.Officer = "an"
		}
		if rapid.Bool().Draw(t, "by status") {
			filter.Statuses = []uint8{4, 10, 5, 4}
		}
		filter.OverdueOnly = rapid.IntRange(0, 3).Draw(t, "overdue only") == 0
		want := slices.DeleteFunc(slices.Clone(rows), func(d deskRow) bool {
			statuses := filter.Statuses
			if statuses == nil {
				statuses = []uint8{1, 2, 4, 5, 6, 9}
			}
			return d.Source != "" || !slices.Contains(statuses, d.Status) || filter.OverdueOnly && !d.overdue(now) ||
				filter.Department != "" && d.Department != filter.Department || filter.Officer != "" && d.Officer != filter.Officer
		})
		due := func(d deskRow) int64 {
			if d.Due == nil {
				return math.MaxInt64
			}
			return d.Due.UnixMicro()
		}
		slices.SortFunc(want, func(a, b deskRow) int {
			if a.overdue(now) != b.overdue(now) {
				if a.overdue(now) {
					return -1
				}
				return 1
			}
			return cmp.Or(cmp.Compare(due(a), due(b)), strings.Compare(a.Code, b.Code))
		})
		got := pages(t, filter, rapid.IntRange(1, 9).Draw(t, "limit"), now)
		if len(got) != len(want) {
			t.Fatalf("%d dossiers, want %d", len(got), len(want))
		}
		for i, item := range got {
			w := want[i]
			if item.Code != w.Code || item.Overdue != w.overdue(now) || item.Revision != w.Revision || item.Status != w.Status || item.Officer != w.Officer || (item.DueAt == nil) != (w.Due == nil) {
				t.Fatalf("place %d: %+v, want %+v", i, item, w)
			}
		}
	})
}

func TestWorklistRefusesWhatItDidNotMake(t *testing.T) {
	empty(t)
	insert(t, "dossiers", []deskRow{
		{Code: "a", Agency: "H01", Status: 2, Due: when(day), Version: 1},
		{Code: "b", Agency: "H01", Status: 2, Due: when(day), Version: 1},
	})
	lists := queries.NewWorklists(db)
	filter := queries.WorklistFilter{Agency: "H01", Statuses: []uint8{2, 4}}
	first, err := lists.Page(t.Context(), filter, queries.WorklistPage{Limit: 1, Now: day})
	if err != nil || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(first.Next)
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(raw)
	changed[9] ^= 1
	for name, c := range map[string]struct {
		filter queries.WorklistFilter
		page   queries.WorklistPage
		code   string
	}{
		"a page too large":    {filter, queries.WorklistPage{Limit: 201, Now: day}, queries.CodeWorklistLimit},
		"a page below zero":   {filter, queries.WorklistPage{Limit: -1, Now: day}, queries.CodeWorklistLimit},
		"no moment":           {filter, queries.WorklistPage{}, queries.CodeWorklistNow},
		"no such status":      {queries.WorklistFilter{Statuses: []uint8{11}}, queries.WorklistPage{Now: day}, queries.CodeWorklistStatus},
		"status zero":         {queries.WorklistFilter{Statuses: []uint8{0}}, queries.WorklistPage{Now: day}, queries.CodeWorklistStatus},
		"text":                {filter, queries.WorklistPage{Cursor: "next", Now: day}, queries.CodeWorklistCursor},
		"SQL":                 {filter, queries.WorklistPage{Cursor: "') OR 1=1 --", Now: day}, queries.CodeWorklistCursor},
		"a long text":         {filter, queries.WorklistPage{Cursor: strings.Repeat("A", 1<<20), Now: day}, queries.CodeWorklistCursor},
		"cut off":             {filter, queries.WorklistPage{Cursor: first.Next[:len(first.Next)-2], Now: day}, queries.CodeWorklistCursor},
		"changed":             {filter, queries.WorklistPage{Cursor: base64.RawURLEncoding.EncodeToString(changed), Now: day}, queries.CodeWorklistCursor},
		"of another filter":   {queries.WorklistFilter{Agency: "H02", Statuses: []uint8{2, 4}}, queries.WorklistPage{Cursor: first.Next, Now: day}, queries.CodeWorklistCursor},
		"of another filter's": {queries.WorklistFilter{Agency: "H01", Statuses: []uint8{2}}, queries.WorklistPage{Cursor: first.Next, Now: day}, queries.CodeWorklistCursor},
	} {
		if _, err := lists.Page(t.Context(), c.filter, c.page); fault.CodeOf(err) != c.code || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The same question with the statuses in another order is the same question.
	second, err := lists.Page(t.Context(), queries.WorklistFilter{Agency: "H01", Statuses: []uint8{4, 2, 2}}, queries.WorklistPage{Limit: 1, Cursor: first.Next, Now: day})
	if err != nil || len(second.Items) != 1 || second.Items[0].Code != "b" || second.Next != "" {
		t.Errorf("%+v, %v", second, err)
	}
}
