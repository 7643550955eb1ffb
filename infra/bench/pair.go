package bench

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"time"
)

// Pair is a subject and its baseline, measured in turns.
type Pair struct {
	// Name tells this pair from the others of its benchmark.
	Name string
	// Unit is that of the samples' values: "events/s", "s", "ms".
	Unit     string
	Subject  Side
	Baseline Side
	Goals    []Goal
}

// Side is one of the two.
type Side struct {
	// Name says what it is, as a table's head would.
	Name string
	// Measure does the work once. What must be made ready before and cleared
	// away after is its own affair, and not in the value.
	Measure func(ctx context.Context) (Sample, error)
}

// Sample is what was measured once.
type Sample struct {
	Value float64
	// Figures are what was seen beside it, under names that end in their unit
	// ("peak_memory_bytes").
	Figures map[string]float64
}

// Rate is a sample of things done in a time, each second.
func Rate(n int, took time.Duration) Sample { return Sample{Value: float64(n) / took.Seconds()} }

// Seconds is a sample of a time.
func Seconds(took time.Duration) Sample { return Sample{Value: took.Seconds()} }

// With adds a figure.
func (s Sample) With(name string, value float64) Sample {
	figures := map[string]float64{name: value}
	for k, v := range s.Figures {
		figures[k] = v
	}
	s.Figures = figures
	return s
}

// Compare measures a pair as often as the run repeats. Which of the two comes
// first changes each time, so that a machine that becomes slower or quicker
// meanwhile favours neither. A pair without baseline is its subject alone.
func (r *Run) Compare(ctx context.Context, p Pair) error {
	var subject, baseline collected
	var ratios []float64
	for i := range r.Repetitions {
		sides := []*collected{&subject, &baseline}
		measures := []Side{p.Subject, p.Baseline}
		if i%2 == 1 {
			sides[0], sides[1] = sides[1], sides[0]
			measures[0], measures[1] = measures[1], measures[0]
		}
		for j, side := range measures {
			if side.Measure == nil {
				continue
			}
			runtime.GC() // what one leaves behind is not the other's to clear
			var sample Sample
			var err error
			pprof.Do(ctx, pprof.Labels("pair", p.Name, "side", side.Name), func(ctx context.Context) {
				sample, err = side.Measure(ctx)
			})
			if err != nil {
				return fmt.Errorf("%s: %s: %w", p.Name, side.Name, err)
			}
			sides[j].add(sample)
			r.Say("%s, %d of %d: %s: %s %s", p.Name, i+1, r.Repetitions, side.Name, number(sample.Value), p.Unit)
		}
		if p.Baseline.Measure != nil {
			ratios = append(ratios, subject.last()/baseline.last())
		}
	}
	done := Compared{Name: p.Name, Unit: p.Unit, Subject: subject.measured(p.Subject.Name)}
	if p.Baseline.Measure != nil {
		m, ratio := baseline.measured(p.Baseline.Name), spreadOf(ratios)
		done.Baseline, done.Ratio = &m, &ratio
	}
	for _, g := range p.Goals {
		reached, err := g.check(done)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		done.Goals = append(done.Goals, reached)
	}
	r.result.Pairs = append(r.result.Pairs, done)
	return nil
}

// collected are the samples of one side.
type collected struct {
	values  []float64
	figures map[string][]float64
}

func (c *collected) add(s Sample) {
	c.values = append(c.values, s.Value)
	if c.figures == nil {
		c.figures = map[string][]float64{}
	}
	for name, value := range s.Figures {
		c.figures[name] = append(c.figures[name], value)
	}
}

func (c *collected) last() float64 { return c.values[len(c.values)-1] }

func (c *collected) measured(name string) Measured {
	m := Measured{Name: name, Value: spreadOf(c.values)}
	for figure, values := range c.figures {
		if m.Figures == nil {
			m.Figures = map[string]Spread{}
		}
		m.Figures[figure] = spreadOf(values)
	}
	return m
}
