package pages

import (
	"fmt"
	"math"
	"testing"

	"dossierledger/queries"
	"pgregory.net/rapid"
)

// Whatever the graph: nothing lies upon another node, everything is inside the
// picture, and lines that are not turned back go down.
func TestAnyGraphIsLaidOutReadably(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.IntRange(1, 40).Draw(t, "activities")
		var edges []queries.Edge
		var activities []queries.ActivityCount
		for i := range names {
			activities = append(activities, queries.ActivityCount{Activity: fmt.Sprint("a", i), Count: uint64(rapid.IntRange(1, 1000).Draw(t, "count"))})
		}
		seen := map[[2]int]bool{}
		for range rapid.IntRange(0, 120).Draw(t, "edges") {
			pair := [2]int{rapid.IntRange(0, names-1).Draw(t, "from"), rapid.IntRange(0, names-1).Draw(t, "to")}
			if !seen[pair] {
				seen[pair] = true
				edges = append(edges, queries.Edge{From: fmt.Sprint("a", pair[0]), To: fmt.Sprint("a", pair[1]), Count: uint64(1000 - len(edges)), Mean: 60})
			}
		}
		ends := queries.StartsEnds{Start: map[string]uint64{"a0": 5}, End: map[string]uint64{fmt.Sprint("a", names-1): 5}}
		g := newFlowGraph(edges, activities, ends, rapid.SampledFrom(edgeShares).Draw(t, "share"))
		m := g.draw(words(English))
		if len(m.Nodes) > mapNodes+2 || m.Shown > mapEdges+mapNodes || g.covered < 0 || g.covered > 1 {
			t.Fatalf("%d nodes, %d edges, %v covered", len(m.Nodes), m.Shown, g.covered)
		}
		for i, a := range m.Nodes {
			if a.X < 0 || a.Y < 0 || a.X+a.W > m.Width || a.Y+a.H > m.Height || math.IsNaN(a.X) {
				t.Fatalf("%v is outside %v × %v", a, m.Width, m.Height)
			}
			for _, b := range m.Nodes[i+1:] {
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Fatalf("%v lies upon %v", a, b)
				}
			}
		}
		for _, e := range g.edges {
			if down := g.nodes[e.to].layer > g.nodes[e.from].layer; down == e.back {
				t.Fatalf("%s → %s: back %v, layers %d and %d", e.from, e.to, e.back, g.nodes[e.from].layer, g.nodes[e.to].layer)
			}
		}
	})
}

func TestAnEmptyReportHasNoMap(t *testing.T) {
	if newFlowGraph(nil, nil, queries.StartsEnds{}, "80") != nil {
		t.Error("there is a map of nothing")
	}
}

func TestNamesAreWrappedIntoTheirNode(t *testing.T) {
	got := wrapped("Hoàn thành việc cấp lại giấy chứng nhận đủ điều kiện an toàn thực phẩm", 25, 2)
	if len(got) != 2 || got[1][len(got[1])-len("…"):] != "…" {
		t.Errorf("%q", got)
	}
	for _, line := range got {
		if len([]rune(line)) > 26 {
			t.Errorf("%q is too long", line)
		}
	}
}
