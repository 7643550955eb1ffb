package pages

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/web/policy"
	"dossierledger/queries"
)

// figure is one report on the page: at most one picture, always a table, and
// where to get its data.
type figure struct {
	ID      string // the report's name
	Title   string
	Note    string
	Bars    *barChart
	Columns *columnChart
	Map     *flowMap
	Table   table
	CSV     string
	JSON    string
	Failed  string // what to tell where the report did not come
	Wide    bool
}

// table is the data of a figure, to be shown and to be downloaded.
type table struct {
	Caption string
	Heads   []head
	Rows    [][]cell
	More    int // rows that are in the download only
}

type head struct {
	Text   string
	Number bool
}

// cell is a value: Text for people, Raw for the download.
type cell struct {
	Text, Raw string
	Number    bool
	Path      []string // of a variant
}

func text(s string) cell { return cell{Text: s, Raw: s} }

func (w words) count(n uint64) cell {
	return cell{Text: w.whole(int64(n)), Raw: strconv.FormatUint(n, 10), Number: true}
}

func (w words) seconds(v float64, working bool) cell {
	shown := w.elapsed(int64(v + 0.5))
	if working {
		shown = w.brief(int64(v + 0.5))
	}
	return cell{Text: shown, Raw: strconv.FormatFloat(v, 'f', -1, 64), Number: true}
}

func (w words) share(v float64) cell {
	return cell{Text: w.percent(v), Raw: strconv.FormatFloat(v, 'f', 6, 64), Number: true}
}

func (w words) optional(v *float64, show func(float64) string) cell {
	if v == nil {
		return cell{Text: "–", Number: true}
	}
	return cell{Text: show(*v), Raw: strconv.FormatFloat(*v, 'f', -1, 64), Number: true}
}

// tableRows is how many rows of a table are on the page; the rest is in the download.
const tableRows = 50

// pathRows is the same for paths, which are long.
const pathRows = 10

type statisticsPage struct {
	Form    statisticsForm
	Summary *queries.Summary
	Figures []figure
	Limited bool // the reader sees what is public only
}

type statisticsForm struct {
	From, To, Agency, Procedure, Source string
	Working                             bool
	Edges                               string
	Agencies, Procedures                []choice
	AgencyName                          string
	Fixed                               bool // an officer's figures are those of the own agency
	EdgeChoices                         []choice
}

// filter reads the form. Dates are days in Vietnam, both inclusive.
func (v *visit) filter() (queries.Filter, statisticsForm, error) {
	form := statisticsForm{
		From: v.query.Get("from"), To: v.query.Get("to"), Agency: v.query.Get("agency"), Procedure: v.query.Get("procedure"),
		Source: strings.TrimSpace(v.query.Get("source")), Working: v.query.Get("working") == "1", Edges: v.query.Get("edges"),
	}
	if v.who.Role == event.RoleOfficer {
		form.Fixed = true
		if form.Agency == "" {
			form.Agency = v.who.Agency
		}
	}
	if form.Source == "all" {
		form.Source = ""
	}
	f := queries.Filter{Agency: form.Agency, Procedure: form.Procedure, Source: form.Source}
	var wrong []string
	day := func(name, text string, plus int) *time.Time {
		if text == "" {
			return nil
		}
		at, err := time.ParseInLocation("2006-01-02", text, ict)
		if err != nil {
			wrong = append(wrong, name)
			return nil
		}
		at = at.AddDate(0, 0, plus).UTC()
		return &at
	}
	f.From, f.To = day("from", form.From, 0), day("to", form.To, 1)
	if len(wrong) > 0 {
		return f, form, fault.New(fault.Invalid, "statistics.date", "a date is written as 2026-10-08").Lacking(wrong...)
	}
	return f, form, nil
}

func (v *visit) below(id string) bool {
	directory, err := v.Pages.Agencies.Directory()
	return err == nil && v.who.Agency != "" && directory.Within(id, v.who.Agency)
}

func (v *visit) mayReport(name string, f queries.Filter) bool {
	return v.can(policy.ReadReport, policy.Resource{Report: name, Agency: f.Agency, Below: v.below(f.Agency)})
}

// reportTime bounds the work for the whole page; what is late then is told to be late.
const reportTime = 20 * time.Second

func (v *visit) statistics() error {
	filter, form, err := v.filter()
	if err != nil {
		return err
	}
	if v.Reports == nil {
		return errNoReadModels
	}
	ctx, cancel := context.WithTimeout(v.ctx, reportTime)
	defer cancel()
	v.ctx = ctx
	page := statisticsPage{Form: v.choices(form), Limited: !v.mayReport("summary", filter)}
	if !page.Limited {
		summary, err := v.Reports.Summary(v.ctx, filter, queries.Options{})
		if err != nil {
			return err
		}
		page.Summary = &summary
	}
	for _, report := range reportFigures {
		if !v.mayReport(report.name, filter) {
			continue
		}
		page.Figures = append(page.Figures, v.figuresOf(report, filter, form)...)
	}
	return v.show(http.StatusOK, "statistics", "statistics", v.text("statistics.title"), page)
}

// report makes the figures of one report.
type report struct {
	name string
	make func(v *visit, f queries.Filter, form statisticsForm) ([]figure, error)
}

// figuresOf makes the figures of a report; one that fails does not take the page with it.
func (v *visit) figuresOf(r report, f queries.Filter, form statisticsForm) []figure {
	figures, err := r.make(v, f, form)
	if err != nil {
		v.Logger.WarnContext(v.ctx, "a report did not come", "report", r.name, "error", err)
		figures = []figure{{ID: r.name, Title: v.text("report." + r.name), Failed: v.text("statistics.failed", fault.CodeOf(err))}}
	}
	for i := range figures {
		figures[i].JSON = apiLink(r.name, v.query)
		figures[i].CSV = csvLink(figures[i].ID, v.query)
		rows := tableRows
		if r.name == "variants" {
			rows = pathRows
		}
		if more := len(figures[i].Table.Rows) - rows; more > 0 {
			figures[i].Table.More = more
			figures[i].Table.Rows = figures[i].Table.Rows[:rows]
		}
	}
	return figures
}

func apiLink(name string, query url.Values) string {
	return "/api/v1/reports/" + url.PathEscape(name) + queryOf(query, map[string]string{
		"from": "from", "to": "to", "agency": "agency", "procedure": "procedure", "source": "source", "working": "working",
	})
}

func csvLink(name string, query url.Values) string {
	return "/statistics/" + url.PathEscape(name) + ".csv" + queryOf(query, map[string]string{
		"from": "from", "to": "to", "agency": "agency", "procedure": "procedure", "source": "source", "working": "working",
	})
}

func queryOf(query url.Values, names map[string]string) string {
	kept := url.Values{}
	for from, to := range names {
		value := query.Get(from)
		if from == "working" && value == "1" {
			value = "true"
		}
		if value != "" {
			kept.Set(to, value)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "?" + kept.Encode()
}

// statisticsFile is the table of a figure as CSV (RFC 4180).
func (v *visit) statisticsFile() error {
	name := strings.TrimSuffix(v.param("report"), ".csv")
	if v.query.Get("working") == "true" {
		v.query.Set("working", "1")
	}
	filter, form, err := v.filter()
	if err != nil {
		return err
	}
	if v.Reports == nil {
		return errNoReadModels
	}
	for _, r := range reportFigures {
		if name != r.name && !strings.HasPrefix(name, r.name+"-by-") {
			continue
		}
		if err := v.may(policy.ReadReport, policy.Resource{Report: r.name, Agency: filter.Agency, Below: v.below(filter.Agency)}); err != nil {
			return err
		}
		figures, err := r.make(v, filter, form)
		if err != nil {
			return err
		}
		for _, f := range figures {
			if f.ID == name {
				return v.sendCSV(f)
			}
		}
	}
	return fault.New(fault.NotFound, queries.CodeReportUnknown, "there is no report %q", name)
}

func (v *visit) sendCSV(f figure) error {
	var out bytes.Buffer
	// Spreadsheets take a file for UTF-8 only where it says so.
	out.WriteString("\ufeff")
	w := csv.NewWriter(&out)
	line := make([]string, len(f.Table.Heads))
	for i, h := range f.Table.Heads {
		line[i] = harmless(h.Text)
	}
	if err := w.Write(line); err != nil {
		return err
	}
	for _, row := range f.Table.Rows {
		for i, c := range row {
			line[i] = c.Raw
			if !c.Number {
				line[i] = harmless(c.Raw)
			}
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	c := v.fiber
	c.Set("Content-Type", "text/csv; charset=utf-8")
	c.Set("Content-Disposition", `attachment; filename="`+f.ID+`.csv"`)
	c.Set("Cache-Control", "private, no-cache")
	c.Set("X-Content-Type-Options", "nosniff")
	return c.Send(out.Bytes())
}

// harmless keeps a spreadsheet from taking a text for a formula: names of
// activities and resources come from outside (OWASP, "CSV Injection").
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// choices fills the form's lists.
func (v *visit) choices(form statisticsForm) statisticsForm {
	directory, err := v.Pages.Agencies.Directory()
	if err == nil {
		for _, id := range directory.IDs() {
			if form.Fixed && id != v.who.Agency && !directory.Within(id, v.who.Agency) {
				continue
			}
			if a, ok := directory.Get(id); ok && a.ActiveAt(v.now) {
				form.Agencies = append(form.Agencies, choice{Label: a.NameAt(v.now).In(string(v.words)), Link: id, Chosen: id == form.Agency})
			}
		}
	}
	form.AgencyName = v.agencyName(form.Agency)
	for _, item := range v.allProcedures() {
		form.Procedures = append(form.Procedures, choice{Label: item.Name.In(string(v.words)), Link: item.Code, Chosen: item.Code == form.Procedure})
	}
	byLabel := func(a, b choice) int {
		return cmp.Or(strings.Compare(a.Label, b.Label), strings.Compare(a.Link, b.Link))
	}
	slices.SortFunc(form.Agencies, byLabel)
	slices.SortFunc(form.Procedures, byLabel)
	for _, share := range edgeShares {
		form.EdgeChoices = append(form.EdgeChoices, choice{
			Label: v.text("statistics.edges.choice", share), Link: share, Chosen: share == edgeShare(form.Edges),
		})
	}
	return form
}
