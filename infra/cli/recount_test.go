package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// loggedEvent is one event of a log that a test makes, with the moment it happened.
type loggedEvent struct {
	caseID, activity, resource string
	at                         time.Time
}

// recount works every report out anew, in the plainest way, from a log whose
// events are in the order of the file.
func recount(log []loggedEvent) map[string]any {
	cases := map[string][]loggedEvent{}
	for _, e := range log {
		cases[e.caseID] = append(cases[e.caseID], e)
	}
	activities, resources := map[string][2]int{}, map[string][2]int{}
	rework, start, end, variants, handover := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	between := map[string][]float64{}
	var durations []float64
	for _, c := range cases {
		slices.SortStableFunc(c, func(a, b loggedEvent) int { return a.at.Compare(b.at) })
		var trace []string
		times, turns := map[string]int{}, map[string]int{}
		for i, e := range c {
			trace = append(trace, e.activity)
			times[e.activity]++
			if e.resource != "" {
				turns[e.resource]++
			}
			if i == 0 {
				continue
			}
			before := c[i-1]
			edge := pair(before.activity, e.activity)
			between[edge] = append(between[edge], e.at.Sub(before.at).Seconds())
			if before.resource != "" && e.resource != "" {
				handover[pair(before.resource, e.resource)]++
			}
		}
		for name, n := range times {
			activities[name] = [2]int{activities[name][0] + n, activities[name][1] + 1}
			if n > 1 {
				rework[name]++
			}
		}
		for name, n := range turns {
			resources[name] = [2]int{resources[name][0] + n, resources[name][1] + 1}
		}
		first, last := c[0], c[len(c)-1]
		start[first.activity]++
		end[last.activity]++
		variants[strings.Join(trace, "\x00")]++
		durations = append(durations, last.at.Sub(first.at).Seconds())
	}
	summary := map[string]any{"cases": len(cases), "events": len(log), "activities": len(activities), "first": nil, "last": nil}
	if len(log) > 0 {
		byTime := func(a, b loggedEvent) int { return a.at.Compare(b.at) }
		summary["first"] = slices.MinFunc(log, byTime).at.UTC().Format(time.RFC3339Nano)
		summary["last"] = slices.MaxFunc(log, byTime).at.UTC().Format(time.RFC3339Nano)
	}
	dfg := map[string]any{}
	for edge, seconds := range between {
		dfg[edge] = map[string]any{"count": len(seconds), "mean": mean(seconds), "median": percentile(seconds, 0.5), "max": slices.Max(seconds)}
	}
	spread := map[string]any{"n": len(durations), "min": nil, "mean": nil, "median": nil, "p90": nil, "p95": nil, "max": nil}
	if len(durations) > 0 {
		spread = map[string]any{
			"n": len(durations), "min": slices.Min(durations), "mean": mean(durations), "max": slices.Max(durations),
			"median": percentile(durations, 0.5), "p90": percentile(durations, 0.9), "p95": percentile(durations, 0.95),
		}
	}
	return map[string]any{
		"summary": summary, "activities": activities, "starts-ends": map[string]any{"start": start, "end": end}, "dfg": dfg,
		"variants": variants, "durations": spread, "resources": resources, "handover": handover, "rework": rework,
	}
}

func pair(from, to string) string { return from + "\x00" + to }

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// percentile interpolates linearly between the closest ranks (type 7).
func percentile(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	rank := p * float64(len(sorted)-1)
	low := int(rank)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(rank-float64(low))
}

// keyed brings the JSON of a report to the form that recount gives: what the
// report lists is found by its key, which no two rows may share.
func keyed(name string, text []byte) (any, error) {
	var rows []map[string]any
	if text[0] == '[' {
		if err := json.Unmarshal(text, &rows); err != nil {
			return nil, err
		}
	}
	out := map[string]any{}
	for i, row := range rows {
		key, value := "", any(row["count"])
		switch name {
		case "activities":
			key, value = row["activity"].(string), []any{row["count"], row["cases"]}
		case "resources":
			key, value = row["resource"].(string), []any{row["events"], row["cases"]}
		case "rework":
			key, value = row["activity"].(string), row["cases"]
		case "handover":
			key = pair(row["from"].(string), row["to"].(string))
		case "dfg":
			key = pair(row["from"].(string), row["to"].(string))
			delete(row, "from")
			delete(row, "to")
			value = row
		case "variants":
			var names []string
			for _, a := range row["activities"].([]any) {
				names = append(names, a.(string))
			}
			key = strings.Join(names, "\x00")
			if i > 0 && rows[i-1]["count"].(float64) < row["count"].(float64) {
				return nil, fmt.Errorf("variant %d is more frequent than the one before", i)
			}
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("%q stands twice", key)
		}
		out[key] = value
	}
	if text[0] == '[' {
		return out, nil
	}
	var document any
	return document, json.Unmarshal(text, &document)
}

// differ gives the first difference between a report and its recount; counts
// must be equal, seconds to a millionth.
func differ(path string, got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
		for key := range want {
			if d := differ(path+"/"+key, got[key], want[key]); d != "" {
				return d
			}
		}
		return ""
	case float64:
		if got, ok := got.(float64); ok && math.Abs(got-want) <= 1e-6*max(math.Abs(want), 1e-3) {
			return ""
		}
	case string:
		text, _ := got.(string)
		a, errA := time.Parse(time.RFC3339Nano, text)
		b, errB := time.Parse(time.RFC3339Nano, want)
		if text == want || errA == nil && errB == nil && a.Equal(b) {
			return ""
		}
	default:
		if reflect.DeepEqual(got, want) {
			return ""
		}
	}
	return fmt.Sprintf("%s: got %v, want %v", path, got, want)
}

// plain gives a value as JSON gives it back.
func plain(value any) (out any, err error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(text, &out)
}

// names are what logs from elsewhere are seen to hold.
var names = []string{
	"Tiếp nhận hồ sơ", `Thẩm định "kỹ"`, "O'Neil, check", "A & B", "x < y > z", "a;b\tc", "Trả kết quả 🎉", "NA", "null", "0", "01", "-5",
	`a\b`, "%s {x:String}", "'); DROP TABLE events; --", "Ký số|ban hành", "&amp;", "É", "two\nlines", strings.Repeat("dài ", 200),
}

// offsets of the zones that times are written in, in minutes.
var offsets = []int{0, 420, 345, -210, 840, -720}

// drawLog makes a log in the order of a file: cases in turns, unsorted, with
// ties, repeated activities and missing resources. Each event's time is in the
// zone that it shall be written in.
func drawLog(t *rapid.T) []loggedEvent {
	cases := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 6, rapid.ID).Draw(t, "cases")
	known := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 5, rapid.ID).Draw(t, "activities")
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) loggedEvent {
		seconds := rapid.SampledFrom([]int64{-1_000_000_000, 0, 1_600_000_000}).Draw(t, "era") + rapid.Int64Range(0, 20).Draw(t, "seconds")*rapid.SampledFrom([]int64{1, 3_600, 86_400}).Draw(t, "unit")
		micros := rapid.SampledFrom([]int64{0, 0, 250_000, 123_456}).Draw(t, "fraction")
		zone := time.FixedZone("", 60*rapid.SampledFrom(offsets).Draw(t, "offset"))
		return loggedEvent{
			caseID:   rapid.SampledFrom(cases).Draw(t, "case"),
			activity: rapid.SampledFrom(known).Draw(t, "activity"),
			resource: rapid.SampledFrom(append([]string{""}, names[:6]...)).Draw(t, "resource"),
			at:       time.Unix(seconds, micros*1000).In(zone),
		}
	}), 0, 30).Draw(t, "events")
}

// byTraces orders a log as a file of traces has it: case by case.
func byTraces(log []loggedEvent) []loggedEvent {
	place := map[string]int{}
	for _, e := range log {
		if _, known := place[e.caseID]; !known {
			place[e.caseID] = len(place)
		}
	}
	sorted := slices.Clone(log)
	slices.SortStableFunc(sorted, func(a, b loggedEvent) int { return cmp.Compare(place[a.caseID], place[b.caseID]) })
	return sorted
}
