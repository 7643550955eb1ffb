package queries_test

import (
	"cmp"
	"crypto/md5"
	"slices"
	"sort"
	"strings"
	"time"
)

// The in-memory model that reports are compared with: histories as a log gives
// them, and each report worked out from them by plain loops.

type action struct {
	activity string
	resource string
	known    bool // there is a resource
	at       time.Time
}

type history struct {
	code, source, agency, procedure string
	actions                         []action // in the order of the log
}

// inTime gives the actions in order of time, ties in the order of the log.
func (h history) inTime() []action {
	sorted := slices.Clone(h.actions)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].at.Before(sorted[j].at) })
	return sorted
}

func (h history) activities() []string {
	var path []string
	for _, a := range h.inTime() {
		path = append(path, a.activity)
	}
	return path
}

type eventRow struct {
	Code       string    `ch:"code"`
	Revision   uint32    `ch:"revision"`
	Source     string    `ch:"source"`
	Position   uint64    `ch:"position"`
	Activity   string    `ch:"activity"`
	Resource   string    `ch:"resource"`
	Known      uint8     `ch:"has_resource"`
	Agency     string    `ch:"agency"`
	OccurredAt time.Time `ch:"occurred_at"`
	Place      uint32    `ch:"place"`
	Previous   string    `ch:"prev_activity"`
	Giver      string    `ch:"prev_resource"`
	GiverKnown uint8     `ch:"prev_has_resource"`
	Micros     int64     `ch:"micros_since"`
	Working    int64     `ch:"working_since"`
	Occurrence uint32    `ch:"occurrence"`
	Turn       uint32    `ch:"resource_occurrence"`
	Version    uint64    `ch:"version"`
}

type dossierRow struct {
	Code          string    `ch:"code"`
	Source        string    `ch:"source"`
	Procedure     string    `ch:"procedure"`
	Agency        string    `ch:"competent_agency"`
	Micros        int64     `ch:"calendar_micros"`
	Working       int64     `ch:"working_seconds"`
	Events        uint32    `ch:"events"`
	FirstAt       time.Time `ch:"first_at"`
	LastAt        time.Time `ch:"last_at"`
	FirstActivity string    `ch:"first_activity"`
	LastActivity  string    `ch:"last_activity"`
	Variant       string    `ch:"variant"`
	Revision      uint32    `ch:"revision"`
	Version       uint64    `ch:"version"`
}

// workingPart makes working time out of calendar time in tests: any measure
// other than calendar time does.
func workingPart(d time.Duration) int64 { return int64(d/time.Second) / 3 }

// project makes the rows of histories. Versions start after position.
func project(histories []history, position uint64) (dossiers []dossierRow, events []eventRow) {
	for _, h := range histories {
		first := len(events)
		rank := make([]int, len(h.actions)) // place of each action
		order := make([]int, len(h.actions))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return h.actions[a].at.Compare(h.actions[b].at) })
		for place, i := range order {
			rank[i] = place
		}
		position += uint64(len(h.actions))
		for i, a := range h.actions {
			row := eventRow{
				Code: h.code, Revision: uint32(i), Source: h.source, Position: position, Activity: a.activity,
				Resource: a.resource, Known: flag(a.known), Agency: h.agency, OccurredAt: a.at, Place: uint32(rank[i]), Version: position,
			}
			if rank[i] > 0 {
				before := h.actions[order[rank[i]-1]]
				row.Previous, row.Giver, row.GiverKnown = before.activity, before.resource, flag(before.known)
				row.Micros = a.at.Sub(before.at).Microseconds()
				row.Working = workingPart(a.at.Sub(before.at))
			}
			for _, j := range order[:rank[i]+1] {
				if h.actions[j].activity == a.activity {
					row.Occurrence++
				}
				if a.known && h.actions[j].known && h.actions[j].resource == a.resource {
					row.Turn++
				}
			}
			events = append(events, row)
		}
		path, sorted := h.activities(), h.inTime()
		hash := md5.Sum([]byte(strings.Join(path, "\x00")))
		start, end := sorted[0].at, sorted[len(sorted)-1].at
		dossiers = append(dossiers, dossierRow{
			Code: h.code, Source: h.source, Procedure: h.procedure, Agency: h.agency,
			Micros: end.Sub(start).Microseconds(), Working: workingPart(end.Sub(start)),
			Events: uint32(len(events) - first), FirstAt: start, LastAt: end,
			FirstActivity: path[0], LastActivity: path[len(path)-1], Variant: string(hash[:]),
			Revision: uint32(len(h.actions) - 1), Version: position,
		})
	}
	return dossiers, events
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// load projects histories into the tables, preceded by outdated versions of all
// their rows, so that a report that counts rows as they lie is wrong.
func load(t tester, histories []history) {
	t.Helper()
	dossiers, events := project(histories, 1)
	staleDossiers, staleEvents := slices.Clone(dossiers), slices.Clone(events)
	for i := range staleDossiers {
		d := &staleDossiers[i]
		// Of the values that a filter may ask for, too.
		d.Procedure, d.Agency = "1.000002", "H010"
		d.Version, d.Events, d.Micros, d.Working, d.LastActivity, d.Variant = 0, 1, 1, 1, "outdated", strings.Repeat("x", 16)
	}
	for i := range staleEvents {
		e := &staleEvents[i]
		e.Version, e.Place, e.Previous, e.Giver, e.GiverKnown, e.Known, e.Occurrence, e.Turn = 0, 1, "outdated", "outdated", 1, 1, 2, 1
	}
	insert(t, "dossiers", staleDossiers)
	insert(t, "events", staleEvents)
	insert(t, "dossiers", dossiers)
	insert(t, "events", events)
}

// expected works the reports of process mining out of histories.
type expected struct {
	cases, events   uint64
	names           map[string]bool
	first, last     time.Time
	count, casesOf  map[string]uint64 // by activity
	rework          map[string]uint64
	start, end      map[string]uint64
	edges           map[[2]string][]float64 // seconds
	variants        map[string]uint64       // by activities joined with NUL
	durations       []float64
	work, workCases map[string]uint64 // by resource
	handover        map[[2]string]uint64
}

func expect(histories []history) expected {
	x := expected{
		names: map[string]bool{}, count: map[string]uint64{}, casesOf: map[string]uint64{}, rework: map[string]uint64{},
		start: map[string]uint64{}, end: map[string]uint64{}, edges: map[[2]string][]float64{}, variants: map[string]uint64{},
		work: map[string]uint64{}, workCases: map[string]uint64{}, handover: map[[2]string]uint64{},
	}
	for _, h := range histories {
		sorted := h.inTime()
		times, workers := map[string]int{}, map[string]bool{}
		for i, a := range sorted {
			x.events++
			x.names[a.activity] = true
			x.count[a.activity]++
			times[a.activity]++
			if a.known {
				x.work[a.resource]++
				workers[a.resource] = true
			}
			if x.first.IsZero() || a.at.Before(x.first) {
				x.first = a.at
			}
			if a.at.After(x.last) {
				x.last = a.at
			}
			if i == 0 {
				continue
			}
			before := sorted[i-1]
			edge := [2]string{before.activity, a.activity}
			x.edges[edge] = append(x.edges[edge], a.at.Sub(before.at).Seconds())
			if before.known && a.known {
				x.handover[[2]string{before.resource, a.resource}]++
			}
		}
		for name, n := range times {
			x.casesOf[name]++
			if n > 1 {
				x.rework[name]++
			}
		}
		for name := range workers {
			x.workCases[name]++
		}
		x.cases++
		x.start[sorted[0].activity]++
		x.end[sorted[len(sorted)-1].activity]++
		x.variants[strings.Join(h.activities(), "\x00")]++
		x.durations = append(x.durations, sorted[len(sorted)-1].at.Sub(sorted[0].at).Seconds())
	}
	return x
}

// percentile is type 7: linear between the closest ranks.
func percentile(values []float64, level float64) float64 {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare[float64])
	h := level * float64(len(sorted)-1)
	below := int(h)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[below] + (h-float64(below))*(sorted[below+1]-sorted[below])
}

func mean(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total / float64(len(values))
}
