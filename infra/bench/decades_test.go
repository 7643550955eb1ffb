package bench

import (
	"slices"
	"testing"
)

func TestAGrowthIsMeasuredAtDecades(t *testing.T) {
	for _, c := range []struct {
		largest, least int
		want           []int
	}{
		{10_000_000, 100, []int{10_000, 100_000, 1_000_000, 10_000_000}},
		{1_000_000, 20, []int{10_000, 100_000, 1_000_000}},
		{2_000, 20, []int{20, 200, 2_000}},
		{2_000, 200, []int{200, 2_000}},
		{5, 5, []int{5}},
	} {
		if got := decades(c.largest, c.least); !slices.Equal(got, c.want) {
			t.Errorf("up to %d and not below %d: %v, want %v", c.largest, c.least, got, c.want)
		}
	}
}
