package bench

import "fmt"

// Goal is what a median should reach: of the ratio, of the subject's value, or
// of one of its figures.
type Goal struct {
	of    string
	least bool
	limit float64
}

const (
	ofRatio = "ratio"
	ofValue = "value"
)

// RatioAtLeast wants the subject to reach a share of the baseline.
func RatioAtLeast(limit float64) Goal { return Goal{ofRatio, true, limit} }

// RatioAtMost wants the subject to need at most so many times what the baseline does.
func RatioAtMost(limit float64) Goal { return Goal{ofRatio, false, limit} }

// AtLeast wants the subject's value to reach a number.
func AtLeast(limit float64) Goal { return Goal{ofValue, true, limit} }

// AtMost wants the subject's value to stay under a number.
func AtMost(limit float64) Goal { return Goal{ofValue, false, limit} }

// FigureAtMost wants a figure of the subject to stay under a number.
func FigureAtMost(name string, limit float64) Goal { return Goal{name, false, limit} }

// Reached is a goal with what was measured.
type Reached struct {
	Of       string   `json:"of"` // "ratio", "value", "exponent" or a figure's name
	AtLeast  *float64 `json:"at_least,omitempty"`
	AtMost   *float64 `json:"at_most,omitempty"`
	Measured float64  `json:"measured"`
	Met      bool     `json:"met"`
}

// check looks the goal's median up.
func (g Goal) check(c Compared) (Reached, error) {
	switch {
	case g.of == ofValue:
		return g.reached(c.Subject.Value.Median), nil
	case g.of == ofRatio && c.Ratio != nil:
		return g.reached(c.Ratio.Median), nil
	}
	figure, ok := c.Subject.Figures[g.of]
	if !ok {
		return Reached{}, fmt.Errorf("a goal is set for %s, which was not measured", g.of)
	}
	return g.reached(figure.Median), nil
}

func (g Goal) reached(measured float64) Reached {
	r := Reached{Of: g.of, Measured: measured}
	if g.least {
		r.AtLeast, r.Met = &g.limit, measured >= g.limit
	} else {
		r.AtMost, r.Met = &g.limit, measured <= g.limit
	}
	return r
}
