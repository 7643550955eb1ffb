package pages

import (
	"cmp"
	"slices"
	"strings"

	"dossierledger/domain/procedure"
	"dossierledger/queries"
)

// chartRows is how many bars a picture has; the table has all.
const chartRows = 12

// reportFigures lists the reports in the order of the page.
var reportFigures = []report{
	{"on-time", onTimeFigures},
	{"durations", durationFigures},
	{"bottlenecks", bottleneckFigures},
	{"dfg", mapFigures},
	{"activities", activityFigures},
	{"rework", reworkFigures},
	{"handover", handoverFigures},
	{"variants", variantFigures},
	{"transparency", indexFigures},
}

func (v *visit) allProcedures() []queries.ProcedureItem {
	return v.Catalogue.Search(procedure.Query{AnyStanding: true, Limit: procedure.MaxPageSize}, v.now).Items
}

// names looks up procedures once for a whole table.
func (v *visit) procedureNames() map[string]string {
	names := map[string]string{}
	for _, item := range v.allProcedures() {
		names[item.Code] = item.Name.In(string(v.words))
	}
	return names
}

func (w words) heads(keys ...string) []head {
	heads := make([]head, len(keys))
	for i, key := range keys {
		// A # marks a column of numbers.
		name, number := strings.CutPrefix(key, "#")
		heads[i] = head{Text: w.text("column." + name), Number: number}
	}
	return heads
}

func onTimeFigures(v *visit, f queries.Filter, _ statisticsForm) ([]figure, error) {
	found, err := v.Reports.OnTime(v.ctx, f, queries.Options{Now: v.now})
	if err != nil {
		return nil, err
	}
	months, agencies, procedures := map[string]queries.Timeliness{}, map[string]queries.Timeliness{}, map[string]queries.Timeliness{}
	for _, row := range found.Rows {
		months[row.Month] = sum(months[row.Month], row.Timeliness)
		agencies[row.Agency] = sum(agencies[row.Agency], row.Timeliness)
		procedures[row.Procedure] = sum(procedures[row.Procedure], row.Timeliness)
	}
	names := v.procedureNames()
	byMonth := v.timelinessFigure("on-time-by-month", "month", months, func(month string) string {
		year, number, _ := strings.Cut(month, "-")
		return number + "/" + year
	}, strings.Compare)
	byMonth.Columns, byMonth.Wide = v.monthColumns(months), len(months) > 10
	byCount := func(of map[string]queries.Timeliness) func(a, b string) int {
		return func(a, b string) int {
			return cmp.Or(cmp.Compare(of[b].Received, of[a].Received), strings.Compare(a, b))
		}
	}
	byAgency := v.timelinessFigure("on-time-by-agency", "agency", agencies, v.agencyName, byCount(agencies))
	byAgency.Bars = v.rateBars(byAgency.Table, agencies, v.agencyName, byCount(agencies))
	name := func(code string) string {
		if n, ok := names[code]; ok {
			return n
		}
		return code
	}
	byProcedure := v.timelinessFigure("on-time-by-procedure", "procedure", procedures, name, byCount(procedures))
	byProcedure.Bars = v.rateBars(byProcedure.Table, procedures, name, byCount(procedures))
	return []figure{byMonth, byAgency, byProcedure}, nil
}

func sum(a, b queries.Timeliness) queries.Timeliness {
	a.Received += b.Received
	a.Open += b.Open
	a.OpenOverdue += b.OpenOverdue
	a.Early += b.Early
	a.OnTime += b.OnTime
	a.Late += b.Late
	a.Untimed += b.Untimed
	a.Rejected += b.Rejected
	a.Withdrawn += b.Withdrawn
	a.Stopped += b.Stopped
	if ended := a.Early + a.OnTime + a.Late; ended > 0 {
		rate := float64(a.Early+a.OnTime) / float64(ended)
		a.Rate = &rate
	}
	return a
}

func (v *visit) timelinessFigure(id, by string, of map[string]queries.Timeliness, name func(string) string, order func(a, b string) int) figure {
	f := figure{ID: id, Title: v.text("report." + id), Note: v.text("report.on-time.note"), Table: table{
		Caption: v.text("report." + id),
		Heads:   v.heads(by, "#received", "#early", "#on-time", "#late", "#open", "#open-overdue", "#rate"),
	}}
	for _, key := range sortedKeys(of, order) {
		t := of[key]
		f.Table.Rows = append(f.Table.Rows, []cell{
			text(name(key)), v.count(t.Received), v.count(t.Early), v.count(t.OnTime), v.count(t.Late),
			v.count(t.Open), v.count(t.OpenOverdue), v.optional(t.Rate, v.percent),
		})
	}
	return f
}

func sortedKeys[V any](of map[string]V, order func(a, b string) int) []string {
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, order)
	return keys
}

func (v *visit) rateBars(t table, of map[string]queries.Timeliness, name func(string) string, order func(a, b string) int) *barChart {
	var bars []bar
	for _, key := range sortedKeys(of, order) {
		if rate := of[key].Rate; rate != nil && len(bars) < chartRows {
			tone := "good"
			if *rate < 0.9 {
				tone = "warn"
			}
			if *rate < 0.7 {
				tone = "bad"
			}
			bars = append(bars, bar{Label: name(key), Value: *rate, Text: v.percent(*rate), Tone: tone})
		}
	}
	return newBarChart(t.Caption, bars, 1)
}

func (v *visit) monthColumns(months map[string]queries.Timeliness) *columnChart {
	c := &columnChart{Title: v.text("report.on-time-by-month"), Series: []series{
		{v.text("column.kept"), "good"}, {v.text("column.late"), "bad"}, {v.text("column.open"), "none"},
	}}
	keys := sortedKeys(months, strings.Compare)
	// The newest months say most; the table has all.
	for _, key := range keys[max(0, len(keys)-24):] {
		t := months[key]
		column := column{Label: key[5:] + "/" + key[2:4], Values: []float64{float64(t.Early + t.OnTime), float64(t.Late), float64(t.Open)}}
		if t.Rate != nil {
			column.Text = v.decimal(100**t.Rate, 0) + "%"
		}
		c.Columns = append(c.Columns, column)
	}
	return c.laidOut(v.words)
}

func durationFigures(v *visit, f queries.Filter, form statisticsForm) ([]figure, error) {
	found, err := v.Reports.Durations(v.ctx, f, queries.Options{Working: form.Working})
	if err != nil {
		return nil, err
	}
	fig := figure{ID: "durations", Title: v.text("report.durations"), Note: v.text("report.durations.calendar"),
		Table: table{Caption: v.text("report.durations"), Heads: v.heads("measure", "#duration")}}
	if form.Working {
		fig.Note = v.text("report.durations.working")
	}
	var bars []bar
	longest := 0.0
	for _, measure := range []struct {
		key   string
		value *float64
		tone  string
	}{
		{"min", found.Min, "none"}, {"median", found.Median, "calm"}, {"mean", found.Mean, "calm"},
		{"p90", found.P90, "warn"}, {"p95", found.P95, "warn"}, {"max", found.Max, "bad"},
	} {
		if measure.value == nil {
			continue
		}
		value := v.seconds(*measure.value, form.Working)
		fig.Table.Rows = append(fig.Table.Rows, []cell{text(v.text("measure." + measure.key)), value})
		bars = append(bars, bar{Label: v.text("measure." + measure.key), Value: *measure.value, Text: value.Text, Tone: measure.tone})
		longest = max(longest, *measure.value)
	}
	fig.Bars = newBarChart(fig.Title, bars, longest)
	return []figure{fig}, nil
}

func bottleneckFigures(v *visit, f queries.Filter, _ statisticsForm) ([]figure, error) {
	found, err := v.Reports.Bottlenecks(v.ctx, f, queries.Options{})
	if err != nil {
		return nil, err
	}
	fig := figure{ID: "bottlenecks", Title: v.text("report.bottlenecks"), Note: v.text("report.bottlenecks.note"), Table: table{
		Caption: v.text("report.bottlenecks"), Heads: v.heads("step", "#visits", "#median", "#p90", "#total", "#others", "#share"),
	}}
	var bars []bar
	largest := 0.0
	for _, b := range found {
		name := v.activity(b.Step)
		if b.Kind == queries.WaitStep {
			name = v.code("step", b.Step)
		}
		fig.Table.Rows = append(fig.Table.Rows, []cell{
			text(name), v.count(b.N), v.seconds(b.Median, true), v.seconds(b.P90, true), v.seconds(b.Total, true), v.seconds(b.Others, true), v.share(b.Share),
		})
		if len(bars) < chartRows {
			bars = append(bars, bar{Label: name, Value: b.Share, Text: v.percent(b.Share), Tone: "warn"})
			largest = max(largest, b.Share)
		}
	}
	fig.Bars = newBarChart(fig.Title, bars, largest)
	return []figure{fig}, nil
}

func activityFigures(v *visit, f queries.Filter, _ statisticsForm) ([]figure, error) {
	found, err := v.Reports.Activities(v.ctx, f, queries.Options{})
	if err != nil {
		return nil, err
	}
	fig := figure{ID: "activities", Title: v.text("report.activities"), Table: table{
		Caption: v.text("report.activities"), Heads: v.heads("activity", "#events", "#cases"),
	}}
	var bars []bar
	for _, a := range found {
		fig.Table.Rows = append(fig.Table.Rows, []cell{{Text: v.activity(a.Activity), Raw: a.Activity}, v.count(a.Count), v.count(a.Cases)})
		if len(bars) < chartRows {
			bars = append(bars, bar{Label: v.activity(a.Activity), Value: float64(a.Count), Text: v.whole(int64(a.Count)), Tone: "calm"})
		}
	}
	fig.Bars = newBarChart(fig.Title, bars, largestOf(bars))
	return []figure{fig}, nil
}

func largestOf(bars []bar) float64 {
	largest := 0.0
	for _, b := range bars {
		largest = max(largest, b.Value)
	}
	return largest
}

func variantFigures(v *visit, f queries.Filter, _ statisticsForm) ([]figure, error) {
	found, err := v.Reports.Variants(v.ctx, f, queries.Options{Limit: 200})
	if err != nil {
		return nil, err
	}
	fig := figure{ID: "variants", Title: v.text("report.variants"), Note: v.text("report.variants.note"), Wide: true, Table: table{
		Caption: v.text("report.variants"), Heads: v.heads("#cases", "#length", "path"),
	}}
	for _, one := range found {
		var path []string
		for _, a := range one.Activities {
			path = append(path, v.activity(a))
		}
		fig.Table.Rows = append(fig.Table.Rows, []cell{
			v.count(one.Count), v.count(uint64(len(path))), {Path: path, Raw: strings.Join(one.Activities, " → ")},
		})
	}
	return []figure{fig}, nil
}

func handoverFigures(v *visit, f queries.Filter, _ statisticsForm) ([]figure, error) {
	found, err := v.Reports.Handover(v.ctx, f, queries.Options{Limit: 500})
	if err != nil {
		return nil, err
	}
	fig := figure{ID: "handover", Title: v.text("report.handover"), Note: v.text("report.handover.note"), Wide: true, Table: table{
		Caption: v.text("report.handover"), Heads: v.heads("giver", "taker", "#count"),
	}}
	var bars []bar
	for _, h := range found {
		giver, taker := v.worker(h.From), v.worker(h.To)
		fig.Table.Rows = append(fig.Table.Rows, []cell{{Text: giver, Raw: h.From}, {Text: taker, Raw: h.To}, v.count(h.Count)})
		if h.From != h.To && len(bars) < chartRows {
			bars = append(bars, bar{Label: giver + " → " + taker, Value: float64(h.Count), Text: v.whole(int64(h.Count)), Tone: "calm"})
		}
	}
	fig.Bars = newBarChart(fig.Title, bars, largestOf(bars))
	return []figure{fig}, nil
}

// worker names a resource of the read models: an officer, or the word for those who are none.
func (v *visit) worker(id string) string {
	if name := v.officer(id); name != id {
		return name
	}
	return v.code("resource", id)
}

func reworkFigures(v *visit, f queries.Filter, _ statisticsForm) ([]figure, error) {
	found, err := v.Reports.Rework(v.ctx, f, queries.Options{})
	if err != nil {
		return nil, err
	}
	fig := figure{ID: "rework", Title: v.text("report.rework"), Note: v.text("report.rework.note"), Table: table{
		Caption: v.text("report.rework"), Heads: v.heads("activity", "#cases"),
	}}
	var bars []bar
	for _, r := range found {
		fig.Table.Rows = append(fig.Table.Rows, []cell{{Text: v.activity(r.Activity), Raw: r.Activity}, v.count(r.Cases)})
		if len(bars) < chartRows {
			bars = append(bars, bar{Label: v.activity(r.Activity), Value: float64(r.Cases), Text: v.whole(int64(r.Cases)), Tone: "warn"})
		}
	}
	fig.Bars = newBarChart(fig.Title, bars, largestOf(bars))
	return []figure{fig}, nil
}

func indexFigures(v *visit, f queries.Filter, _ statisticsForm) ([]figure, error) {
	index, err := v.Reports.Transparency(v.ctx, f, queries.Options{Now: v.now})
	if err != nil {
		return nil, err
	}
	fig := figure{ID: "transparency", Title: v.text("report.transparency"), Note: v.text("report.transparency.note"), Wide: true, Table: table{
		Caption: v.text("report.transparency"), Heads: v.heads("indicator", "#numerator", "#denominator", "#value", "#points", "#max", "state"),
	}}
	var bars []bar
	for _, g := range index.Groups {
		name := g.NameVI
		if v.english() {
			name = g.Name
		}
		if g.Points != nil && g.AvailableMax > 0 {
			bars = append(bars, bar{
				Label: g.ID + ". " + name, Value: *g.Points / g.AvailableMax,
				Text: v.decimal(*g.Points, 2) + " / " + v.decimal(g.AvailableMax, 0), Tone: "calm",
			})
		}
		for _, i := range g.Indicators {
			name := i.NameVI
			if v.english() {
				name = i.Name
			}
			value := v.optional(i.Value, func(x float64) string {
				return v.decimal(x, 2) + " " + v.code("index-unit", i.Unit)
			})
			fig.Table.Rows = append(fig.Table.Rows, []cell{
				text(i.ID + " " + name), v.inputs(i.Numerator), v.inputs(i.Denominator), value,
				v.optional(i.Points, func(x float64) string { return v.decimal(x, 2) }),
				{Text: v.decimal(i.MaxPoints, 0), Raw: v.decimal(i.MaxPoints, 0), Number: true}, text(v.code("index-state", string(i.State))),
			})
		}
	}
	fig.Bars = newBarChart(fig.Title, bars, 1)
	return []figure{fig}, nil
}

func (v *visit) inputs(n *uint64) cell {
	if n == nil {
		return cell{Text: "–", Number: true}
	}
	return v.count(*n)
}
