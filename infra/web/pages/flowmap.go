package pages

import (
	"cmp"
	"slices"
	"strings"

	"dossierledger/queries"
)

// flowMap is a picture of a directly-follows graph (van der Aalst, "Process
// Mining", 2016, §6.2), drawn in layers from the top down.
type flowMap struct {
	Title          string
	Nodes          []mapNode
	Edges          []mapEdge
	Width, Height  float64
	Shown, Of      int // edges
	ShownShare     string
	ActivitiesLeft int // activities that are not in the picture
}

type mapNode struct {
	X, Y, W, H float64
	MiddleX    float64
	Lines      []mapLine
	Count      string
	CountY     float64
	Tone       string // begin, end, or by how frequent it is
	Title      string
}

type mapLine struct {
	Text string
	Y    float64
}

type mapEdge struct {
	Path           string
	Width          float64
	LabelX, LabelY float64
	Count, Mean    string
	Title          string
	Back           bool
}

// Limits of a picture that people can still read.
const (
	mapNodes = 26
	mapEdges = 60
)

// edgeShares are the shares of all steps from one activity to the next that the
// picture may be asked to cover, in hundredths.
var edgeShares = []string{"50", "70", "80", "90", "95", "100"}

func edgeShare(asked string) string {
	if slices.Contains(edgeShares, asked) {
		return asked
	}
	return "80"
}

func mapFigures(v *visit, f queries.Filter, form statisticsForm) ([]figure, error) {
	edges, err := v.Reports.DirectlyFollows(v.ctx, f, queries.Options{Working: form.Working})
	if err != nil {
		return nil, err
	}
	activities, err := v.Reports.Activities(v.ctx, f, queries.Options{})
	if err != nil {
		return nil, err
	}
	ends, err := v.Reports.StartsEnds(v.ctx, f, queries.Options{})
	if err != nil {
		return nil, err
	}
	fig := figure{ID: "dfg", Title: v.text("report.dfg"), Note: v.text("report.dfg.note"), Wide: true, Table: table{
		Caption: v.text("report.dfg"), Heads: v.heads("from", "to", "#count", "#mean", "#median", "#max-time"),
	}}
	for _, e := range edges {
		fig.Table.Rows = append(fig.Table.Rows, []cell{
			{Text: v.activity(e.From), Raw: e.From}, {Text: v.activity(e.To), Raw: e.To}, v.count(e.Count),
			v.seconds(e.Mean, form.Working), v.seconds(e.Median, form.Working), v.seconds(e.Max, form.Working),
		})
	}
	g := newFlowGraph(edges, activities, ends, edgeShare(form.Edges))
	if g != nil {
		fig.Map = g.draw(v.words)
		fig.Map.Title = fig.Title
		fig.Map.Of = len(edges)
		fig.Map.ShownShare = v.percent(g.covered)
		fig.Map.ActivitiesLeft = len(activities) - g.activities
	}
	return []figure{fig}, nil
}

// The names of the two nodes that are no activities.
const (
	flowBegin = "\x00begin"
	flowEnd   = "\x00end"
)

type flowNode struct {
	name  string // empty for a bend of an edge
	count uint64
	layer int
	x     float64
	width float64
	// up and down are the neighbours in the layers above and below.
	up, down []*flowNode
}

type flowEdge struct {
	from, to string
	count    uint64
	mean     float64
	back     bool        // against the direction of the layers
	way      []*flowNode // from the upper end to the lower
}

type flowGraph struct {
	nodes      map[string]*flowNode
	edges      []*flowEdge
	loops      []*flowEdge
	layers     [][]*flowNode
	covered    float64
	shown      int
	activities int
}

// newFlowGraph chooses what is drawn: the most frequent edges until they cover
// the share, and for every activity in them its best way in and out, so that
// nothing hangs in the air. nil where there is nothing.
func newFlowGraph(edges []queries.Edge, activities []queries.ActivityCount, ends queries.StartsEnds, share string) *flowGraph {
	if len(activities) == 0 {
		return nil
	}
	counts := map[string]uint64{}
	for _, a := range activities {
		counts[a.Activity] = a.Count
	}
	g := &flowGraph{nodes: map[string]*flowNode{}}
	chosen := chooseEdges(edges, counts, share)
	total, covered := uint64(0), uint64(0)
	for _, e := range edges {
		total += e.Count
	}
	for _, e := range chosen {
		covered += e.Count
		g.add(&flowEdge{from: e.From, to: e.To, count: e.Count, mean: e.Mean}, counts)
	}
	g.shown = len(chosen)
	if total > 0 {
		g.covered = float64(covered) / float64(total)
	}
	if len(g.nodes) == 0 {
		g.nodes[activities[0].Activity] = &flowNode{name: activities[0].Activity, count: activities[0].Count}
	}
	g.activities = len(g.nodes)
	g.addEnds(ends)
	return g
}

func chooseEdges(edges []queries.Edge, counts map[string]uint64, share string) []queries.Edge {
	percent := map[string]uint64{"50": 50, "70": 70, "80": 80, "90": 90, "95": 95, "100": 100}[share]
	total, sum := uint64(0), uint64(0)
	for _, e := range edges {
		total += e.Count
	}
	seen := map[string]bool{}
	fits := func(e queries.Edge) bool {
		more := 0
		for _, name := range []string{e.From, e.To} {
			if !seen[name] {
				more++
			}
		}
		return len(seen)+more <= mapNodes
	}
	var chosen []queries.Edge
	left := []queries.Edge{}
	for _, e := range edges { // the most frequent first
		if sum*100 >= total*percent || len(chosen) >= mapEdges || !fits(e) {
			left = append(left, e)
			continue
		}
		chosen = append(chosen, e)
		sum += e.Count
		seen[e.From], seen[e.To] = true, true
	}
	// Best ways in and out of what is in the picture.
	in, out := map[string]bool{}, map[string]bool{}
	for _, e := range chosen {
		if e.From != e.To {
			out[e.From], in[e.To] = true, true
		}
	}
	for _, e := range left {
		if e.From != e.To && seen[e.From] && seen[e.To] && (!out[e.From] || !in[e.To]) && len(chosen) < mapEdges+mapNodes {
			chosen = append(chosen, e)
			out[e.From], in[e.To] = true, true
		}
	}
	return chosen
}

func (g *flowGraph) add(e *flowEdge, counts map[string]uint64) {
	for _, name := range []string{e.from, e.to} {
		if g.nodes[name] == nil {
			g.nodes[name] = &flowNode{name: name, count: counts[name]}
		}
	}
	if e.from == e.to {
		g.loops = append(g.loops, e)
		return
	}
	g.edges = append(g.edges, e)
}

// addEnds adds where cases begin and end, as far as that is in the picture.
func (g *flowGraph) addEnds(ends queries.StartsEnds) {
	add := func(side string, of map[string]uint64, edge func(name string, n uint64) *flowEdge) {
		total, node := uint64(0), (*flowNode)(nil)
		for _, n := range of {
			total += n
		}
		for _, name := range sortedKeys(of, func(a, b string) int { return cmp.Or(cmp.Compare(of[b], of[a]), strings.Compare(a, b)) }) {
			// A rare beginning or end would only be one more line.
			if g.nodes[name] == nil || node != nil && of[name]*20 < total {
				continue
			}
			if node == nil {
				node = &flowNode{name: side, count: total}
				g.nodes[side] = node
			}
			g.edges = append(g.edges, edge(name, of[name]))
		}
	}
	add(flowBegin, ends.Start, func(name string, n uint64) *flowEdge { return &flowEdge{from: flowBegin, to: name, count: n, mean: -1} })
	add(flowEnd, ends.End, func(name string, n uint64) *flowEdge { return &flowEdge{from: name, to: flowEnd, count: n, mean: -1} })
}

// lay puts the nodes into layers, orders the layers and gives everything a
// place: the method of Sugiyama, Tagawa and Toda ("Methods for Visual
// Understanding of Hierarchical System Structures", 1981).
func (g *flowGraph) lay() {
	g.turnBack()
	g.layer()
	g.bend()
	g.order()
	g.place()
}

// turnBack marks the edges that lead back to where a walk from the beginning is
// coming from, the busiest ways walked first. Without them there is no circle.
func (g *flowGraph) turnBack() {
	out := map[string][]*flowEdge{}
	slices.SortStableFunc(g.edges, func(a, b *flowEdge) int {
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.from, b.from), strings.Compare(a.to, b.to))
	})
	for _, e := range g.edges {
		out[e.from] = append(out[e.from], e)
	}
	const walking, walked = 1, 2
	mark := map[string]int{}
	var walk func(name string)
	walk = func(name string) {
		mark[name] = walking
		for _, e := range out[name] {
			switch mark[e.to] {
			case walking:
				e.back = true
			case walked:
			default:
				walk(e.to)
			}
		}
		mark[name] = walked
	}
	starts := sortedKeys(g.nodes, func(a, b string) int {
		return cmp.Or(cmp.Compare(boolRank(a != flowBegin), boolRank(b != flowBegin)), cmp.Compare(g.nodes[b].count, g.nodes[a].count), strings.Compare(a, b))
	})
	for _, name := range starts {
		if mark[name] == 0 {
			walk(name)
		}
	}
}

// ends gives the upper and the lower end of an edge.
func (e *flowEdge) ends() (upper, lower string) {
	if e.back {
		return e.to, e.from
	}
	return e.from, e.to
}

// layer puts every node one below the lowest of those before it.
func (g *flowGraph) layer() {
	for range g.nodes { // no way is longer than there are nodes
		moved := false
		for _, e := range g.edges {
			if e.back {
				continue
			}
			if from, to := g.nodes[e.from], g.nodes[e.to]; to.layer <= from.layer {
				to.layer, moved = from.layer+1, true
			}
		}
		if !moved {
			break
		}
	}
	deepest := 0
	for _, n := range g.nodes {
		deepest = max(deepest, n.layer)
	}
	if end := g.nodes[flowEnd]; end != nil {
		end.layer = deepest
	}
	g.layers = make([][]*flowNode, deepest+1)
	for _, name := range sortedKeys(g.nodes, strings.Compare) {
		n := g.nodes[name]
		n.width = nodeWidth
		if n.name == flowBegin || n.name == flowEnd {
			n.width = endWidth
		}
		g.layers[n.layer] = append(g.layers[n.layer], n)
	}
}

// bend gives edges that skip layers a bend in each.
func (g *flowGraph) bend() {
	for _, e := range g.edges {
		upperName, lowerName := e.ends()
		upper, lower := g.nodes[upperName], g.nodes[lowerName]
		e.way = []*flowNode{upper}
		for layer := upper.layer + 1; layer < lower.layer; layer++ {
			bend := &flowNode{layer: layer, width: bendWidth}
			g.layers[layer] = append(g.layers[layer], bend)
			e.way = append(e.way, bend)
		}
		e.way = append(e.way, lower)
		for i := 1; i < len(e.way); i++ {
			e.way[i-1].down = append(e.way[i-1].down, e.way[i])
			e.way[i].up = append(e.way[i].up, e.way[i-1])
		}
	}
}

const orderRounds = 24

// order sorts each layer by the middle of the neighbours, down and up again,
// and keeps the order with the fewest crossings.
func (g *flowGraph) order() {
	best, fewest := g.copyOrder(), g.crossings()
	for round := range orderRounds {
		place := map[*flowNode]float64{}
		for _, layer := range g.layers {
			for i, n := range layer {
				place[n] = float64(i)
			}
		}
		sweep := func(layer []*flowNode, neighbours func(*flowNode) []*flowNode) {
			middle := map[*flowNode]float64{}
			for i, n := range layer {
				middle[n] = float64(i)
				if all := neighbours(n); len(all) > 0 {
					sum := 0.0
					for _, other := range all {
						sum += place[other]
					}
					middle[n] = sum / float64(len(all))
				}
			}
			slices.SortStableFunc(layer, func(a, b *flowNode) int { return cmp.Compare(middle[a], middle[b]) })
			for i, n := range layer {
				place[n] = float64(i)
			}
		}
		if round%2 == 0 {
			for _, layer := range g.layers {
				sweep(layer, func(n *flowNode) []*flowNode { return n.up })
			}
		} else {
			for _, layer := range slices.Backward(g.layers) {
				sweep(layer, func(n *flowNode) []*flowNode { return n.down })
			}
		}
		if n := g.crossings(); n < fewest {
			best, fewest = g.copyOrder(), n
		}
	}
	g.layers = best
}

func (g *flowGraph) copyOrder() [][]*flowNode {
	out := make([][]*flowNode, len(g.layers))
	for i, layer := range g.layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

func (g *flowGraph) crossings() int {
	place := map[*flowNode]int{}
	for _, layer := range g.layers {
		for i, n := range layer {
			place[n] = i
		}
	}
	n := 0
	for _, layer := range g.layers {
		type line struct{ a, b int }
		var lines []line
		for i, node := range layer {
			for _, below := range node.down {
				lines = append(lines, line{i, place[below]})
			}
		}
		for i, x := range lines {
			for _, y := range lines[i+1:] {
				if (x.a-y.a)*(x.b-y.b) < 0 {
					n++
				}
			}
		}
	}
	return n
}

// Measures of the picture, in units of its view box.
const (
	nodeWidth  = 176.0
	nodeHeight = 58.0
	endWidth   = 92.0
	endHeight  = 34.0
	bendWidth  = 30.0
	nodeGap    = 46.0
	layerPitch = 132.0
	mapMargin  = 26.0
)

// place gives each node its x: towards the middle of its neighbours, as far as
// those beside it in the layer let it.
func (g *flowGraph) place() {
	for _, layer := range g.layers {
		x := 0.0
		for _, n := range layer {
			n.x = x + n.width/2
			x += n.width + nodeGap
		}
	}
	for round := range 30 {
		for i := range g.layers {
			layer := g.layers[i]
			neighbours := func(n *flowNode) []*flowNode { return n.up }
			if round%2 == 1 {
				layer = g.layers[len(g.layers)-1-i]
				neighbours = func(n *flowNode) []*flowNode { return n.down }
			}
			if round >= 28 {
				neighbours = func(n *flowNode) []*flowNode { return append(slices.Clone(n.up), n.down...) }
			}
			pull(layer, neighbours)
		}
	}
	least := g.layers[0][0].x
	for _, layer := range g.layers {
		for _, n := range layer {
			least = min(least, n.x-n.width/2)
		}
	}
	for _, layer := range g.layers {
		for _, n := range layer {
			n.x += mapMargin - least
		}
	}
}

// pull moves the nodes of a layer to where they want to be and then apart, half
// from the left and half from the right, so that neither side wins.
func pull(layer []*flowNode, neighbours func(*flowNode) []*flowNode) {
	wish := make([]float64, len(layer))
	for i, n := range layer {
		wish[i] = n.x
		sum, weight := 0.0, 0.0
		for _, other := range neighbours(n) {
			// Long edges are to be straight rather than short ones.
			pull := 1.0
			switch {
			case n.name == "" && other.name == "":
				pull = 8
			case n.name == "" || other.name == "":
				pull = 2
			}
			sum, weight = sum+pull*other.x, weight+pull
		}
		if weight > 0 {
			wish[i] = sum / weight
		}
	}
	apart := func(i int) float64 { return (layer[i].width+layer[i+1].width)/2 + nodeGap }
	left, right := slices.Clone(wish), slices.Clone(wish)
	for i := 1; i < len(layer); i++ {
		left[i] = max(left[i], left[i-1]+apart(i-1))
	}
	for i := len(layer) - 2; i >= 0; i-- {
		right[i] = min(right[i], right[i+1]-apart(i))
	}
	for i, n := range layer {
		n.x = (left[i] + right[i]) / 2
	}
}
