package historylog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever order events come in, a spool gives what grouping them in memory
// gives: cases by first appearance, events by time and then as they came.
func TestSpoolGroupsLikeMemory(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		spool, err := newSpool(dir, spoolLimits{entries: rapid.IntRange(1, 20).Draw(t, "entries"), caseRuns: rapid.IntRange(1, 5).Draw(t, "runs"), caseBytes: maxCaseBytes,
			arrivalBits: rapid.IntRange(64, 4096).Draw(t, "bits"), returning: rapid.IntRange(0, 6).Draw(t, "returning")})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = spool.Close() }()
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aế\"\x00 ")), 0, 5, -1)
		long := rapid.StringOfN(rapid.Just('x'), 0, 6000, -1)
		want := map[string][]Event{}
		attributes := map[string][]Attribute{}
		var order []string
		for i := range rapid.IntRange(0, 60).Draw(t, "steps") {
			id := fmt.Sprintf("case %d", rapid.IntRange(0, 5).Draw(t, "case"))
			if !slices.Contains(order, id) {
				order = append(order, id)
			}
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				c := Case{ID: id, Line: i + 1}
				for range rapid.IntRange(0, 3).Draw(t, "attributes") {
					c.Attributes = append(c.Attributes, Attribute{Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"), Type: "int", Value: text.Draw(t, "value")})
				}
				if err := spool.Case(&c); err != nil {
					t.Fatal(err)
				}
				earlier := attributes[id]
				for _, a := range c.Attributes {
					if !slices.ContainsFunc(earlier, func(b Attribute) bool { return a.Name == b.Name }) {
						attributes[id] = append(attributes[id], a)
					}
				}
				continue
			}
			e := Event{Case: id, Activity: text.Draw(t, "activity"), Resource: text.Draw(t, "resource"), Line: i + 1,
				Time: time.Unix(rapid.Int64Range(-3, 3).Draw(t, "time"), 5).UTC(), OffsetMinutes: rapid.IntRange(-840, 840).Draw(t, "offset")}
			if rapid.Bool().Draw(t, "has attribute") {
				e.Attributes = []Attribute{{Name: text.Draw(t, "name"), Type: "string", Value: long.Draw(t, "value"), Depth: 1}}
			}
			if err := spool.Event(&e); err != nil {
				t.Fatal(err)
			}
			want[id] = append(want[id], e)
		}
		order = slices.DeleteFunc(order, func(id string) bool { return len(want[id]) == 0 })
		for range 2 {
			var got []string
			err = spool.Cases(context.Background(), func(c *GroupedCase) error {
				got = append(got, c.ID)
				expected := want[c.ID]
				slices.SortStableFunc(expected, func(a, b Event) int { return a.Time.Compare(b.Time) })
				i := 0
				for e, err := range c.Events() {
					if err != nil {
						return err
					}
					if len(e.Attributes) == 0 {
						e.Attributes = nil
					}
					if !reflect.DeepEqual(*e, expected[i]) {
						return fmt.Errorf("event %d of %s is %+v, not %+v", i, c.ID, *e, expected[i])
					}
					i++
				}
				if i != len(expected) || i != c.Count {
					return fmt.Errorf("%s has %d events, says %d, not %d", c.ID, i, c.Count, len(expected))
				}
				if len(c.Attributes)+len(attributes[c.ID]) > 0 && !reflect.DeepEqual(c.Attributes, attributes[c.ID]) {
					return fmt.Errorf("%s has %v, not %v", c.ID, c.Attributes, attributes[c.ID])
				}
				return nil
			})
			if err != nil || !slices.Equal(got, order) {
				t.Fatalf("%v, not %v: %v", got, order, err)
			}
		}
	})
}

func TestSorterOrdersAnyNumberOfEntries(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := newSorter(dir, rapid.IntRange(1, 10).Draw(t, "most"))
		defer func() { _ = s.close() }()
		words := rapid.SliceOf(rapid.Uint64()).Draw(t, "words")
		var want []entry
		for i, w := range words {
			e := entry{w % 5, uint64(i)}
			want = append(want, e)
			if err := s.add(e); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(want, func(a, b entry) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
		var got []entry
		for e, err := range s.sorted() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, not %v", got, want)
		}
	})
}

func TestSpoolStopsWhereTheVisitorOrTheContextDoes(t *testing.T) {
	spool, err := NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spool.Close() }()
	if _, err := Read(t.Context(), newInterleaved(100, 10), Options{}, spool); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	visits := 0
	if err := spool.Cases(t.Context(), func(*GroupedCase) error { visits++; return enough }); !errors.Is(err, enough) || visits != 1 {
		t.Error(visits, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	visits = 0
	if err := spool.Cases(ctx, func(*GroupedCase) error { visits++; cancel(); return nil }); !errors.Is(err, context.Canceled) || visits != 1 {
		t.Error(visits, err)
	}
}

func TestSpoolKeepsTheFirstProblemsAndCountsAll(t *testing.T) {
	spool, err := NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spool.Close() }()
	for i := range maxKeptProblems + 5 {
		if err := spool.Problem(Problem{Line: i}); err != nil {
			t.Fatal(err)
		}
	}
	if kept, n := spool.Problems(); len(kept) != maxKeptProblems || n != maxKeptProblems+5 || kept[0].Line != 0 {
		t.Error(len(kept), n)
	}
}

func TestSpoolLeavesOutAttributesOfACaseBeyondTheLimit(t *testing.T) {
	spool, err := newSpool(t.TempDir(), spoolLimits{entries: 10, caseRuns: 10, caseBytes: 1000, arrivalBits: 64, returning: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spool.Close() }()
	for i := range 100 {
		if err := spool.Case(&Case{ID: "1", Line: 7, Attributes: []Attribute{{Name: fmt.Sprint("attribute ", i), Value: "a value of some length"}}}); err != nil {
			t.Fatal(err)
		}
		if err := spool.Event(&Event{Case: "1", Activity: "a", Time: time.Unix(0, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		err = spool.Cases(t.Context(), func(c *GroupedCase) error {
			if n := len(c.Attributes); n < 10 || n > 50 || c.Count != 100 {
				t.Errorf("%d attributes of %d events", n, c.Count)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if problems, n := spool.Problems(); n != 1 || problems[0].Line != 7 {
		t.Error(problems)
	}
}

// A problem with a case has a line to look at, also where the log says nothing
// of the case as a whole.
func TestACaseBeginsWithItsFirstLine(t *testing.T) {
	spool, err := NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spool.Close() }()
	if _, err := Read(t.Context(), strings.NewReader("case_id,activity,timestamp\n1,a,2024-01-02\n2,a,2024-01-01\n1,b,2024-01-01\n"), Options{}, spool); err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{}
	if err := spool.Cases(t.Context(), func(c *GroupedCase) error { lines[c.ID] = c.Line; return nil }); err != nil {
		t.Fatal(err)
	}
	if lines["1"] != 2 || lines["2"] != 3 {
		t.Errorf("%v", lines)
	}
}
