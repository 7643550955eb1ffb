package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Growth is how what one thing costs grows with what it is done on. The cost
// is fitted as size to the power of an exponent: 0 is flat, 1 linear.
type Growth struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Points are in rising order of size.
	Points   []Point  `json:"points"`
	Exponent float64  `json:"exponent"`
	Goal     *Reached `json:"goal,omitempty"`
}

// Point is the cost at one size.
type Point struct {
	Size int    `json:"size"`
	Cost Spread `json:"cost"`
}

// decades are the sizes that a growth is measured at: tenths of the largest down to
// ten thousand or a hundredth of it, whichever is less, and none below the least.
func decades(largest, least int) []int {
	sizes := []int{largest}
	for n := largest / 10; n >= 10_000 || n >= largest/100 && n > 0; n /= 10 {
		sizes = append(sizes, max(n, least))
	}
	slices.Reverse(sizes)
	return slices.Compact(sizes)
}

// ExponentAtMost wants the cost to grow no faster.
func ExponentAtMost(limit float64) Goal { return Goal{"exponent", false, limit} }

// Grow notes one more point of a growth, measured as often as the run repeats.
func (r *Run) Grow(ctx context.Context, name, unit string, goal Goal, size int, cost func(ctx context.Context) (float64, error)) error {
	var costs []float64
	for range r.Repetitions {
		c, err := cost(ctx)
		if err != nil {
			return fmt.Errorf("%s at %d: %w", name, size, err)
		}
		costs = append(costs, c)
	}
	r.Point(name, unit, goal, size, costs...)
	return nil
}

// Point notes what was measured elsewhere as one more point of a growth.
func (r *Run) Point(name, unit string, goal Goal, size int, costs ...float64) {
	point := Point{size, spreadOf(costs)}
	r.Say("%s at %s: %s %s", name, thousands(int64(size)), number(point.Cost.Median), unit)
	var g *Growth
	for i := range r.result.Growths {
		if r.result.Growths[i].Name == name {
			g = &r.result.Growths[i]
		}
	}
	if g == nil {
		r.result.Growths = append(r.result.Growths, Growth{Name: name, Unit: unit})
		g = &r.result.Growths[len(r.result.Growths)-1]
	}
	g.Points = append(g.Points, point)
	g.Exponent = rounded(exponent(g.Points))
	if len(g.Points) > 1 {
		reached := goal.reached(g.Exponent)
		g.Goal = &reached
	}
}

// exponent is the slope of the line through the logarithms, by least squares.
func exponent(points []Point) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		if p.Size <= 0 || p.Cost.Median <= 0 {
			continue
		}
		x, y := math.Log(float64(p.Size)), math.Log(p.Cost.Median)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := n*sxx - sx*sx; d > 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}
