package bench

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// The recounts work reports out by plain loops over a history that lies decoded
// in memory, with activities and resources as small numbers: what a program
// does that has loaded the log and holds it.

// recountEdges is the report dfg.
func (h *history) recountEdges() int {
	type edge struct {
		from, to           int
		count              int
		mean, median, most float64
	}
	times := map[[2]int][]float64{}
	for _, actions := range h.cases {
		for i := 1; i < len(actions); i++ {
			pair := [2]int{actions[i-1].activity, actions[i].activity}
			times[pair] = append(times[pair], actions[i].at.Sub(actions[i-1].at).Seconds())
		}
	}
	edges := make([]edge, 0, len(times))
	for pair, seconds := range times {
		slices.Sort(seconds)
		e := edge{from: pair[0], to: pair[1], count: len(seconds), median: percentile(seconds, 0.5), most: seconds[len(seconds)-1]}
		for _, s := range seconds {
			e.mean += s / float64(len(seconds))
		}
		edges = append(edges, e)
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(b.count, a.count) })
	return len(edges)
}

// recountVariants is the report variants.
func (h *history) recountVariants() int {
	counts := map[string]int{}
	for _, actions := range h.cases {
		var path strings.Builder
		for _, a := range actions {
			path.WriteString(strconv.Itoa(a.activity))
			path.WriteByte(',')
		}
		counts[path.String()]++
	}
	type variant struct {
		path  string
		count int
	}
	variants := make([]variant, 0, len(counts))
	for path, n := range counts {
		variants = append(variants, variant{path, n})
	}
	slices.SortFunc(variants, func(a, b variant) int { return cmp.Compare(b.count, a.count) })
	return len(variants)
}

// recountDurations is the report durations.
func (h *history) recountDurations() int {
	seconds := make([]float64, len(h.cases))
	sum := 0.0
	for i, actions := range h.cases {
		seconds[i] = actions[len(actions)-1].at.Sub(actions[0].at).Seconds()
		sum += seconds[i]
	}
	slices.Sort(seconds)
	for _, p := range []float64{0.5, 0.9, 0.95} {
		sum += percentile(seconds, p)
	}
	return len(seconds)
}

// recountActivities is the report activities, and with resources in their place
// the report resources.
func (h *history) recountActivities(of func(historyAction) int) int {
	counts, cases := map[int]int{}, map[int]int{}
	for _, actions := range h.cases {
		seen := map[int]bool{}
		for _, a := range actions {
			counts[of(a)]++
			if !seen[of(a)] {
				seen[of(a)] = true
				cases[of(a)]++
			}
		}
	}
	return len(counts) + len(cases)
}

// recountHandover is the report handover.
func (h *history) recountHandover() int {
	counts := map[[2]int]int{}
	for _, actions := range h.cases {
		for i := 1; i < len(actions); i++ {
			counts[[2]int{actions[i-1].resource, actions[i].resource}]++
		}
	}
	return len(counts)
}

// recountRework is the report rework.
func (h *history) recountRework() int {
	cases := map[int]int{}
	for _, actions := range h.cases {
		times := map[int]int{}
		for _, a := range actions {
			if times[a.activity]++; times[a.activity] == 2 {
				cases[a.activity]++
			}
		}
	}
	return len(cases)
}

// recountEnds is the report starts-ends.
func (h *history) recountEnds() int {
	starts, ends := map[int]int{}, map[int]int{}
	for _, actions := range h.cases {
		starts[actions[0].activity]++
		ends[actions[len(actions)-1].activity]++
	}
	return len(starts) + len(ends)
}

// percentile is that of type 7 of sorted values.
func percentile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	low := int(at)
	if low+1 == len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}
