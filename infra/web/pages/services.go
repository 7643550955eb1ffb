package pages

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"dossierledger/domain/agency"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/queries"
)

// servicesPerPage is how many services a page of the list has.
const servicesPerPage = 20

type servicesPage struct {
	Query      procedure.Query
	Items      []serviceItem
	Total      int
	Facets     []facet
	LifeEvent  string // the name of the one that is asked for
	Chosen     bool   // something narrows the list
	Prev, Next string
	From, To   int
}

type serviceItem struct {
	queries.ProcedureItem
	FieldName procedure.Text
}

// facet is one way to narrow the list.
type facet struct {
	Name    string // of the parameter
	Label   string
	Choices []choice
}

type choice struct {
	Label  string
	Count  int
	Chosen bool
	Link   string
}

func (v *visit) services() error {
	level, _ := strconv.Atoi(v.query.Get("level")) // what is no number is no restriction
	offset, _ := strconv.Atoi(v.query.Get("offset"))
	q := procedure.Query{
		Text: strings.TrimSpace(v.query.Get("q")), LifeEvent: v.query.Get("event"), Class: procedure.Class(v.query.Get("class")),
		Level: procedure.Level(level), Modern: procedure.Modern(v.query.Get("modern")), Field: v.query.Get("field"),
		Audience: procedure.Audience(v.query.Get("audience")), Competent: procedure.Tier(v.query.Get("tier")),
		Offset: max(offset, 0), Limit: servicesPerPage,
	}
	found := v.Catalogue.Search(q, v.now)
	page := servicesPage{
		Query: q, Total: found.Total, From: q.Offset + 1, To: q.Offset + len(found.Items),
		Chosen: q.LifeEvent != "" || q.Class != "" || q.Level != 0 || q.Modern != "" || q.Field != "" || q.Audience != "" || q.Competent != "",
	}
	for _, item := range found.Items {
		page.Items = append(page.Items, serviceItem{item, v.field(item.Field)})
	}
	if found.Next != nil {
		page.Next = v.link("offset", strconv.Itoa(*found.Next))
	}
	if q.Offset > 0 {
		back := ""
		if q.Offset > servicesPerPage {
			back = strconv.Itoa(q.Offset - servicesPerPage)
		}
		page.Prev = v.link("offset", back)
	}
	page.LifeEvent = v.lifeEvent(q.LifeEvent)
	page.Facets = v.facets(q, found.Facets)
	return v.show(http.StatusOK, "services", "services", v.text("services.title"), page)
}

func (v *visit) lifeEvent(slug string) string {
	for _, of := range []procedure.Audience{procedure.Citizen, procedure.Enterprise} {
		for _, e := range v.Catalogue.LifeEvents(of, v.now) {
			if e.Slug == slug {
				return e.Name.In(string(v.words))
			}
		}
	}
	return slug
}

func (v *visit) field(slug string) procedure.Text {
	if name, ok := v.fields[slug]; ok {
		return name
	}
	return procedure.Text{VI: slug, EN: slug}
}

func (v *visit) facets(q procedure.Query, found procedure.Facets) []facet {
	level := ""
	if q.Level != 0 {
		level = strconv.Itoa(int(q.Level))
	}
	levels := map[string]int{}
	for l, n := range found.Level {
		levels[strconv.Itoa(int(l))] = n
	}
	named := func(prefix string) func(string) string {
		return func(code string) string { return v.code(prefix, code) }
	}
	facets := []facet{
		v.facet("class", string(q.Class), counts(found.Class), named("class")),
		v.facet("modern", string(q.Modern), counts(found.Modern), named("modern")),
		v.facet("level", level, levels, named("level")),
		v.facet("audience", string(q.Audience), counts(found.Audience), named("audience")),
		v.facet("tier", string(q.Competent), counts(found.Competent), named("tier")),
		v.facet("field", q.Field, counts(found.Field), func(slug string) string { return v.field(slug).In(string(v.words)) }),
	}
	return slices.DeleteFunc(facets, func(f facet) bool { return len(f.Choices) == 0 })
}

func counts[K ~string](found map[K]int) map[string]int {
	out := map[string]int{}
	for k, n := range found {
		out[string(k)] = n
	}
	return out
}

// facet lists the values of one parameter, the most frequent first; choosing
// the chosen one again takes the restriction away.
func (v *visit) facet(name, chosen string, counts map[string]int, label func(string) string) facet {
	f := facet{Name: name, Label: v.text("facet." + name)}
	for code, n := range counts {
		if code == "" {
			continue
		}
		c := choice{Label: label(code), Count: n, Chosen: code == chosen, Link: v.link(name, code, "offset", "")}
		if c.Chosen {
			c.Link = v.link(name, "", "offset", "")
		}
		f.Choices = append(f.Choices, c)
	}
	slices.SortFunc(f.Choices, func(a, b choice) int {
		if name == "level" {
			return strings.Compare(a.Label, b.Label)
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Label, b.Label))
	})
	return f
}

type servicePage struct {
	queries.ProcedureDetail
	FieldName procedure.Text
	Steps     []stepShare
	Deadlines []channelDeadline
	Fees      []feeRow
	Levels    []levelRow
	Agencies  []agencyRow
	Places    []choice // provinces to choose from
	Place     string
	Centres   []agencyRow
	Events    []string
}

type stepShare struct {
	procedure.Step
	Department string
	Offset     int // hundredths before it
}

type channelDeadline struct {
	Channel string
	Term    string
}

type feeRow struct {
	procedure.Fee
	AtDesk, Online int64
}

type levelRow struct {
	Level   int
	Offered bool
	Own     bool
}

type agencyRow struct {
	ID   string
	Name procedure.Text
}

func (v *visit) service() error {
	code := v.param("code")
	found, err := v.Catalogue.Procedure(code, v.now, v.now)
	if fault.CodeOf(err) == queries.CodeProcedureEarly {
		// Announced later than the ledger can know: what is on record still says more.
		found, err = v.Catalogue.Procedure(code, v.now, v.now.AddDate(100, 0, 0))
	}
	if err != nil {
		return err
	}
	page := servicePage{ProcedureDetail: found, FieldName: v.field(found.Field), Place: v.query.Get("province")}
	before := 0
	for _, s := range found.Version.Steps {
		page.Steps = append(page.Steps, stepShare{Step: s, Department: v.code("department", s.Department), Offset: before})
		before += s.Share
	}
	for _, channel := range []procedure.Channel{procedure.Online, procedure.InPerson, procedure.ByPost} {
		page.Deadlines = append(page.Deadlines, channelDeadline{string(channel), v.term(found.Deadline(channel))})
	}
	for _, f := range found.Fees {
		page.Fees = append(page.Fees, feeRow{f, f.For(procedure.InPerson), f.For(procedure.Online)})
	}
	for level := 1; level <= 4; level++ {
		page.Levels = append(page.Levels, levelRow{level, int(found.Level) >= level, int(found.Level) == level})
	}
	for _, slug := range found.LifeEvents {
		page.Events = append(page.Events, v.lifeEvent(slug))
	}
	if err := v.agenciesOf(&page); err != nil {
		return err
	}
	return v.show(http.StatusOK, "service", "services", found.Name.In(string(v.words)), page)
}

// maxAgencies bounds the list of agencies on the page of a service.
const maxAgencies = 40

// agenciesOf lists who decides: those of the province that was chosen, or all
// where they are few.
func (v *visit) agenciesOf(page *servicePage) error {
	directory, err := v.Pages.Agencies.Directory()
	if err != nil {
		return err
	}
	place := agency.Place{Province: page.Place}
	for _, a := range directory.CompetentFor(page.Version, place, v.now) {
		// An agency of a commune covers no whole province, so it is looked for by its place.
		if len(page.Agencies) < maxAgencies {
			page.Agencies = append(page.Agencies, agencyRow{a.ID, a.NameAt(v.now)})
		}
	}
	seen := map[string]bool{}
	for _, id := range directory.IDs() {
		a, ok := directory.Get(id)
		if !ok || !a.ActiveAt(v.now) {
			continue
		}
		at := a.PlaceAt(v.now)
		if a.Kind == agency.PeopleCommittee && a.Tier == procedure.TierProvince && !seen[at.Province] {
			seen[at.Province] = true
			page.Places = append(page.Places, choice{Label: a.NameAt(v.now).In(string(v.words)), Link: at.Province, Chosen: at.Province == page.Place})
		}
		if page.Place == "" || at.Province != page.Place {
			continue
		}
		row := agencyRow{a.ID, a.NameAt(v.now)}
		switch {
		case a.Kind == agency.ServiceCentre && len(page.Centres) < maxAgencies:
			page.Centres = append(page.Centres, row)
		case page.Version.Competent == procedure.TierCommune && a.Tier == procedure.TierCommune && a.Kind == agency.PeopleCommittee &&
			a.Handles(page.Version.Field) && len(page.Agencies) < maxAgencies && !slices.Contains(page.Agencies, row):
			page.Agencies = append(page.Agencies, row)
		}
	}
	slices.SortFunc(page.Places, func(a, b choice) int { return strings.Compare(a.Label, b.Label) })
	return nil
}
