package pages

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// draw makes the picture of a graph.
func (g *flowGraph) draw(w words) *flowMap {
	g.lay()
	m := &flowMap{Shown: g.shown, Height: 2*mapMargin + layerPitch*float64(len(g.layers)-1) + nodeHeight}
	most := uint64(1)
	for _, n := range g.nodes {
		if n.name != flowBegin && n.name != flowEnd {
			most = max(most, n.count)
		}
	}
	for _, layer := range g.layers {
		for _, n := range layer {
			m.Width = max(m.Width, n.x+n.width/2+mapMargin)
			if n.name != "" {
				m.Nodes = append(m.Nodes, drawNode(n, w, most))
			}
		}
	}
	busiest := uint64(1)
	for _, e := range append(slices.Clone(g.edges), g.loops...) {
		busiest = max(busiest, e.count)
	}
	ports := g.ports()
	labels := map[int]int{} // labels so far between two layers
	for _, e := range g.edges {
		m.Edges = append(m.Edges, drawEdge(e, ports, w, busiest, labels))
	}
	for _, e := range g.loops {
		edge := drawLoop(g.nodes[e.from], e, w, busiest)
		m.Width = max(m.Width, edge.LabelX+50)
		m.Edges = append(m.Edges, edge)
	}
	m.Width, m.Height = math.Ceil(m.Width), math.Ceil(m.Height)
	return m
}

func (n *flowNode) height() float64 {
	switch n.name {
	case "":
		return 0
	case flowBegin, flowEnd:
		return endHeight
	}
	return nodeHeight
}

func (n *flowNode) top() float64 {
	return mapMargin + layerPitch*float64(n.layer) + (nodeHeight-n.height())/2
}

func drawNode(n *flowNode, w words, most uint64) mapNode {
	d := mapNode{X: rounded(n.x - n.width/2), Y: n.top(), W: n.width, H: n.height(), MiddleX: rounded(n.x), Count: w.whole(int64(n.count))}
	switch n.name {
	case flowBegin:
		d.Tone, d.Title = "begin", w.text("map.begin")
	case flowEnd:
		d.Tone, d.Title = "end", w.text("map.end")
	default:
		d.Title = w.activity(n.name)
		d.Tone = "f" + strconv.Itoa(1+min(3, int(4*n.count/(most+1))))
		lines := wrapped(d.Title, 25, 2)
		first := d.Y + 18 + 7*float64(2-len(lines))
		for i, line := range lines {
			d.Lines = append(d.Lines, mapLine{Text: line, Y: first + 15*float64(i)})
		}
		d.CountY = first + 15*float64(len(lines)) + 1
		return d
	}
	d.Lines = []mapLine{{Text: d.Title + ": " + d.Count, Y: d.Y + endHeight/2 + 4}}
	d.Count = ""
	return d
}

// wrapped breaks a text into at most so many lines of at most so many letters.
func wrapped(text string, letters, lines int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		for len([]rune(word)) > letters {
			// A word that fits no line is cut: the title of the node has all of it.
			word = string([]rune(word)[:letters-1]) + "…"
		}
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= letters:
			line += " " + word
		case len(out) == lines-1:
			return append(out, strings.TrimRight(line, "…")+"…")
		default:
			out, line = append(out, line), word
		}
	}
	return append(out, line)
}

// portKey is one end of an edge at a node.
type portKey struct {
	edge  *flowEdge
	upper bool
}

// ports spreads the ends of edges along the side of their node, in the order of
// where they come from, so that lines do not lie upon each other.
func (g *flowGraph) ports() map[portKey]float64 {
	type end struct {
		key   portKey
		other float64
	}
	sides := map[*flowNode]*[2][]end{}
	add := func(n *flowNode, side int, e end) {
		if sides[n] == nil {
			sides[n] = &[2][]end{}
		}
		sides[n][side] = append(sides[n][side], e)
	}
	for _, e := range g.edges {
		last := len(e.way) - 1
		add(e.way[0], 0, end{portKey{e, true}, e.way[1].x})
		add(e.way[last], 1, end{portKey{e, false}, e.way[last-1].x})
	}
	places := map[portKey]float64{}
	for n, both := range sides {
		for _, ends := range both {
			slices.SortStableFunc(ends, func(a, b end) int {
				return cmp.Or(cmp.Compare(a.other, b.other), cmp.Compare(boolRank(a.key.edge.back), boolRank(b.key.edge.back)))
			})
			room := n.width * 0.7
			for i, e := range ends {
				places[e.key] = n.x
				if len(ends) > 1 {
					places[e.key] = n.x - room/2 + room*float64(i)/float64(len(ends)-1)
				}
			}
		}
	}
	return places
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

type point struct{ x, y float64 }

func drawEdge(e *flowEdge, ports map[portKey]float64, w words, busiest uint64, labels map[int]int) mapEdge {
	last := len(e.way) - 1
	points := []point{{ports[portKey{e, true}], e.way[0].top() + e.way[0].height()}}
	for _, bend := range e.way[1:last] {
		y := mapMargin + layerPitch*float64(bend.layer)
		points = append(points, point{bend.x, y}, point{bend.x, y + nodeHeight})
	}
	points = append(points, point{ports[portKey{e, false}], e.way[last].top()})
	// Labels lie in the gap in the middle of the way, one lower than the other.
	gap := (last - 1) / 2
	from, to := points[2*gap], points[2*gap+1]
	t := []float64{0.5, 0.3, 0.7}[labels[e.way[gap].layer]%3]
	labels[e.way[gap].layer]++
	label := onCurve(from, to, t)
	if e.back {
		slices.Reverse(points)
	}
	return mapEdge{
		Path: curve(points), Width: thickness(e.count, busiest), LabelX: rounded(label.x + 5 + thickness(e.count, busiest)/2), LabelY: rounded(label.y),
		Count: w.whole(int64(e.count)), Mean: meanText(e, w), Title: edgeTitle(e, w), Back: e.back,
	}
}

func meanText(e *flowEdge, w words) string {
	if e.mean < 0 {
		return ""
	}
	return w.short(e.mean)
}

func edgeTitle(e *flowEdge, w words) string {
	name := func(n string) string {
		switch n {
		case flowBegin:
			return w.text("map.begin")
		case flowEnd:
			return w.text("map.end")
		}
		return w.activity(n)
	}
	title := name(e.from) + " → " + name(e.to) + ": " + w.whole(int64(e.count))
	if e.mean >= 0 {
		title += ", " + w.text("map.mean", w.elapsed(int64(e.mean+0.5)))
	}
	return title
}

func thickness(count, busiest uint64) float64 {
	return rounded(1.2 + 5*math.Sqrt(float64(count)/float64(busiest)))
}

// onCurve is a point of the vertical S between two points.
func onCurve(a, b point, t float64) point {
	middle := (a.y + b.y) / 2
	u := 1 - t
	cubic := func(p0, p1, p2, p3 float64) float64 {
		return u*u*u*p0 + 3*u*u*t*p1 + 3*u*t*t*p2 + t*t*t*p3
	}
	return point{cubic(a.x, a.x, b.x, b.x), cubic(a.y, middle, middle, b.y)}
}

// curve writes a path of vertical S bends.
func curve(points []point) string {
	var b strings.Builder
	number := func(v float64) string { return strconv.FormatFloat(rounded(v), 'f', -1, 64) }
	b.WriteString("M" + number(points[0].x) + " " + number(points[0].y))
	for i := 1; i < len(points); i++ {
		p, q := points[i-1], points[i]
		if p.x == q.x {
			b.WriteString(" L" + number(q.x) + " " + number(q.y))
			continue
		}
		middle := number((p.y + q.y) / 2)
		b.WriteString(" C" + number(p.x) + " " + middle + " " + number(q.x) + " " + middle + " " + number(q.x) + " " + number(q.y))
	}
	return b.String()
}

func drawLoop(n *flowNode, e *flowEdge, w words, busiest uint64) mapEdge {
	right, middle := n.x+n.width/2, n.top()+n.height()/2
	number := func(v float64) string { return strconv.FormatFloat(rounded(v), 'f', -1, 64) }
	path := "M" + number(right) + " " + number(middle-12) +
		" C" + number(right+26) + " " + number(middle-22) + " " + number(right+26) + " " + number(middle+22) + " " + number(right) + " " + number(middle+12)
	return mapEdge{
		Path: path, Width: thickness(e.count, busiest), LabelX: rounded(right + 24), LabelY: rounded(middle),
		Count: w.whole(int64(e.count)), Mean: meanText(e, w), Title: edgeTitle(e, w),
	}
}
