package simulator

import (
	"math"
	"math/rand/v2"
	"time"
)

// chance is the luck of one dossier.
type chance struct{ *rand.Rand }

func newChance(seed, number uint64) chance {
	return chance{rand.New(rand.NewPCG(seed, number*0x9E3779B97F4A7C15+1))}
}

// happens is true with a probability.
func (c chance) happens(p float64) bool { return c.Float64() < p }

// around draws a duration that is log-normally distributed about a median, as
// times of people's work and waiting are; spread is the standard deviation of
// its logarithm. It is at least a second and at most forty times the median.
func (c chance) around(median time.Duration, spread float64) time.Duration {
	d := time.Duration(float64(median) * math.Exp(spread*c.NormFloat64()))
	return min(max(d, time.Second), 40*median).Truncate(time.Second)
}

func pick[T any](c chance, from []T) T { return from[c.IntN(len(from))] }
