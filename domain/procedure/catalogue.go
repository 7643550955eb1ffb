package procedure

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/vietnamese"
)

// Limits of a search.
const (
	MaxQuery    = 400 // bytes; what is longer is cut
	MaxWords    = 16  // words of a query that count
	MaxPageSize = 200
)

// Catalogue is a read-only index of versions for the three ways in which people
// find a procedure: by keyword, by life event, and by list with facets. It is
// safe for concurrent reads.
type Catalogue struct {
	entries []entry
	byCode  map[string]int
	events  []LifeEvent
}

// entry is a version with its texts made ready for comparing, with diacritics and without.
type entry struct {
	Listed
	exact, folded texts
}

type texts struct{ name, keywords, summary string }

// Listed is a version in the catalogue with its standing.
type Listed struct {
	Version  Version
	Standing Standing
}

// NewCatalogue indexes versions; of several with one code the highest number counts.
func NewCatalogue(listed []Listed, events []LifeEvent) *Catalogue {
	c := &Catalogue{byCode: make(map[string]int, len(listed)), events: slices.Clone(events)}
	sorted := slices.Clone(listed)
	slices.SortStableFunc(sorted, func(a, b Listed) int {
		return cmp.Or(strings.Compare(a.Version.Code, b.Version.Code), cmp.Compare(b.Version.Number, a.Version.Number))
	})
	for _, l := range sorted {
		if _, twice := c.byCode[l.Version.Code]; twice {
			continue
		}
		c.byCode[l.Version.Code] = len(c.entries)
		c.entries = append(c.entries, entry{
			Listed: l,
			exact:  textsOf(l.Version, vietnamese.Lower),
			folded: textsOf(l.Version, vietnamese.Fold),
		})
	}
	return c
}

// CatalogueAt indexes what is known of every procedure on a date, for use on
// that date; a zero known means everything recorded up to now.
func CatalogueAt(histories []History, events []LifeEvent, valid, known time.Time) *Catalogue {
	listed := make([]Listed, 0, len(histories))
	for _, h := range histories {
		if v, standing, ok := h.At(valid, known); ok {
			listed = append(listed, Listed{Version: v, Standing: standing})
		}
	}
	return NewCatalogue(listed, events)
}

// Get gives a procedure by its code.
func (c *Catalogue) Get(code string) (Listed, bool) {
	i, ok := c.byCode[code]
	if !ok {
		return Listed{}, false
	}
	return c.entries[i].Listed, true
}

// Len is how many procedures the catalogue has.
func (c *Catalogue) Len() int { return len(c.entries) }

// LifeEvents lists the occasions of citizens or of businesses.
func (c *Catalogue) LifeEvents(of Audience) []LifeEvent {
	var found []LifeEvent
	for _, e := range c.events {
		if e.Of(of) {
			found = append(found, e)
		}
	}
	return found
}

// Query says what is looked for. Empty fields do not restrict.
type Query struct {
	Text      string
	LifeEvent string
	Class     Class
	Level     Level
	Modern    Modern
	Field     string
	Audience  Audience
	Competent Tier
	// Agency restricts to procedures that this agency may decide: those that name
	// it, and those that name none and belong to AgencyTier.
	Agency     string
	AgencyTier Tier
	// AnyStanding shows what is suspended, superseded or not yet in force too.
	AnyStanding bool
	Offset      int
	Limit       int // 0 means 20; at most MaxPageSize
}

// Facets count, for each value, the procedures that would be found if that
// value were asked for and everything else of the query stayed.
type Facets struct {
	Class     map[Class]int    `json:"class"`
	Level     map[Level]int    `json:"level"`
	Modern    map[Modern]int   `json:"modern"`
	Field     map[string]int   `json:"field"`
	Audience  map[Audience]int `json:"audience"`
	Competent map[Tier]int     `json:"competent"`
	Agency    map[string]int   `json:"agency"` // only agencies that procedures name
}

// Page is a part of what was found, the best first.
type Page struct {
	Hits   []Listed
	Total  int
	Facets Facets
}

// Search finds procedures. Without text they come in the order of their names;
// with text, those that have every word in the name come first, then in the
// keywords, then in the summary, then spread over the three. Diacritics are
// ignored when the text has none. A code finds its procedure alone.
func (c *Catalogue) Search(q Query) Page {
	match := newMatcher(q.Text)
	type scored struct {
		*entry
		score int
	}
	var hits []scored
	facets := newFacets()
	for i := range c.entries {
		e := &c.entries[i]
		score, ok := match.score(e)
		if !ok || !q.stands(e) {
			continue
		}
		misses := q.misses(&e.Version)
		facets.count(&e.Version, misses)
		if misses == 0 {
			hits = append(hits, scored{e, score})
		}
	}
	slices.SortStableFunc(hits, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.folded.name, b.folded.name))
	})
	page := Page{Total: len(hits), Facets: facets}
	limit := q.Limit
	if limit <= 0 {
		limit = 20
	}
	from := min(max(q.Offset, 0), len(hits))
	to := min(from+min(limit, MaxPageSize), len(hits))
	for _, h := range hits[from:to] {
		page.Hits = append(page.Hits, h.Listed)
	}
	return page
}

func (q Query) stands(e *entry) bool {
	return q.AnyStanding || e.Standing == InForce || e.Standing == ""
}

// facet is a set of the facets of a query, one bit each.
type facet uint8

const (
	facetClass facet = 1 << iota
	facetLevel
	facetModern
	facetField
	facetAudience
	facetCompetent
	facetAgency
	facetLifeEvent
)

// misses tells which restrictions of the query a version does not meet.
func (q Query) misses(v *Version) facet {
	var m facet
	miss := func(f facet, bad bool) {
		if bad {
			m |= f
		}
	}
	miss(facetClass, q.Class != "" && v.Class != q.Class)
	miss(facetLevel, q.Level != 0 && v.Level != q.Level)
	miss(facetModern, q.Modern != "" && v.Modern != q.Modern)
	miss(facetField, q.Field != "" && v.Field != q.Field)
	miss(facetAudience, q.Audience != "" && !slices.Contains(v.Audience, q.Audience))
	miss(facetCompetent, q.Competent != "" && v.Competent != q.Competent)
	miss(facetLifeEvent, q.LifeEvent != "" && !slices.Contains(v.LifeEvents, q.LifeEvent))
	if q.Agency != "" {
		named := slices.Contains(v.Agencies, q.Agency)
		byTier := len(v.Agencies) == 0 && q.AgencyTier == v.Competent
		miss(facetAgency, !named && !byTier)
	}
	return m
}

func newFacets() Facets {
	return Facets{
		Class: map[Class]int{}, Level: map[Level]int{}, Modern: map[Modern]int{}, Field: map[string]int{},
		Audience: map[Audience]int{}, Competent: map[Tier]int{}, Agency: map[string]int{},
	}
}

// count adds a version to each facet whose own restriction is the only one it misses, if any.
func (f *Facets) count(v *Version, misses facet) {
	counts := func(own facet) bool { return misses&^own == 0 }
	if counts(facetClass) {
		f.Class[v.Class]++
	}
	if counts(facetLevel) {
		f.Level[v.Level]++
	}
	if counts(facetModern) {
		f.Modern[v.Modern]++
	}
	if counts(facetField) {
		f.Field[v.Field]++
	}
	if counts(facetAudience) {
		for _, a := range v.Audience {
			f.Audience[a]++
		}
	}
	if counts(facetCompetent) {
		f.Competent[v.Competent]++
	}
	if counts(facetAgency) {
		for _, a := range v.Agencies {
			f.Agency[a]++
		}
	}
}

// matcher holds a query's words in the spelling in which they are compared.
type matcher struct {
	code   string
	words  []string
	phrase string
	marked bool
	asked  bool
}

func newMatcher(text string) matcher {
	text = strings.TrimSpace(text)
	if len(text) > MaxQuery {
		text = strings.ToValidUTF8(text[:MaxQuery], "")
	}
	m := matcher{asked: text != "", marked: vietnamese.Marked(text)}
	if codePattern.MatchString(text) {
		m.code = text
		return m
	}
	spell := vietnamese.Fold
	if m.marked {
		spell = vietnamese.Lower
	}
	m.words = vietnamese.Words(spell(text))
	m.words = m.words[:min(len(m.words), MaxWords)]
	m.phrase = " " + strings.Join(m.words, " ")
	return m
}

// The weights keep the order name, keywords, summary, spread: no sum of the
// lower ones reaches the next higher one.
const (
	inName     = 1000
	inKeywords = 300
	inSummary  = 100
	asPhrase   = 50
)

func (m matcher) score(e *entry) (int, bool) {
	if m.code != "" {
		return inName, e.Version.Code == m.code
	}
	if !m.asked {
		return 0, true
	}
	if len(m.words) == 0 {
		return 0, false
	}
	t := e.folded
	if m.marked {
		t = e.exact
	}
	if !hasEach(m.words, t.name, t.keywords, t.summary) {
		return 0, false
	}
	score := 0
	for _, part := range []struct {
		text   string
		weight int
	}{{t.name, inName}, {t.keywords, inKeywords}, {t.summary, inSummary}} {
		if hasEach(m.words, part.text) {
			score += part.weight
			if strings.Contains(part.text, m.phrase) {
				score += asPhrase
			}
		}
	}
	return score, true
}

// hasEach reports whether every word begins a word of one of the texts, which
// have a space before each of their words.
func hasEach(words []string, texts ...string) bool {
	for _, w := range words {
		if !slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, " "+w) }) {
			return false
		}
	}
	return true
}

func textsOf(v Version, spell func(string) string) texts {
	spaced := func(parts ...string) string {
		var b strings.Builder
		for _, p := range parts {
			for _, w := range vietnamese.Words(spell(p)) {
				b.WriteString(" " + w)
			}
			// A bar keeps phrases from running over the end of a text.
			b.WriteString(" |")
		}
		return b.String()
	}
	return texts{
		name:     spaced(v.Name.VI, v.Name.EN),
		keywords: spaced(v.Keywords...),
		summary:  spaced(v.Summary.VI, v.Summary.EN),
	}
}
