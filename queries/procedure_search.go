package queries

import (
	"errors"
	"time"

	"dossierledger/domain/procedure"
)

// Catalogue answers questions about procedures and agencies. Its methods may be
// called from any goroutine.
type Catalogue struct {
	procedures Procedures
	agencies   Agencies
}

// NewCatalogue wires the questions; nothing may be nil.
func NewCatalogue(procedures Procedures, agencies Agencies) (*Catalogue, error) {
	if procedures == nil || agencies == nil {
		return nil, errors.New("queries: the catalogue needs the registers of procedures and of agencies")
	}
	return &Catalogue{procedures: procedures, agencies: agencies}, nil
}

// ProcedurePage is a part of the procedures that were found, the best first.
type ProcedurePage struct {
	Items  []ProcedureItem  `json:"items"`
	Total  int              `json:"total"`
	Facets procedure.Facets `json:"facets"`
	// Next is the offset of the next page; absent on the last.
	Next *int `json:"next,omitempty"`
}

// ProcedureItem is a procedure in a list.
type ProcedureItem struct {
	Code       string               `json:"code"`
	Version    int                  `json:"version"`
	Name       procedure.Text       `json:"name"`
	Summary    procedure.Text       `json:"summary"`
	Field      string               `json:"field"`
	Class      procedure.Class      `json:"class"`
	Level      procedure.Level      `json:"level"`
	Modern     procedure.Modern     `json:"modern"`
	Audience   []procedure.Audience `json:"audience"`
	Competent  procedure.Tier       `json:"competent"`
	Standing   procedure.Standing   `json:"standing"`
	LifeEvents []string             `json:"life_events,omitempty"`
	Offers     procedure.Features   `json:"offers"`
	Route      string               `json:"route,omitempty"`
}

// Search finds procedures as of a time.
func (c *Catalogue) Search(q procedure.Query, at time.Time) ProcedurePage {
	found := c.procedures.Catalogue(at).Search(q)
	page := ProcedurePage{Items: make([]ProcedureItem, 0, len(found.Hits)), Total: found.Total, Facets: found.Facets}
	for _, hit := range found.Hits {
		page.Items = append(page.Items, itemOf(hit))
	}
	if next := max(q.Offset, 0) + len(found.Hits); len(found.Hits) > 0 && next < found.Total {
		page.Next = &next
	}
	return page
}

func itemOf(l procedure.Listed) ProcedureItem {
	v := l.Version
	return ProcedureItem{
		Code: v.Code, Version: v.Number, Name: v.Name, Summary: v.Summary, Field: v.Field, Class: v.Class,
		Level: v.Level, Modern: v.Modern, Audience: v.Audience, Competent: v.Competent, Standing: l.Standing,
		LifeEvents: v.LifeEvents, Offers: v.Offers(), Route: v.Route,
	}
}

// LifeEventItem is an occasion with how many procedures belong to it.
type LifeEventItem struct {
	procedure.LifeEvent
	Procedures int `json:"procedures"`
}

// LifeEvents lists the occasions of citizens or of businesses.
func (c *Catalogue) LifeEvents(of procedure.Audience, at time.Time) []LifeEventItem {
	index := c.procedures.Catalogue(at)
	items := []LifeEventItem{}
	for _, e := range index.LifeEvents(of) {
		items = append(items, LifeEventItem{LifeEvent: e, Procedures: index.Search(procedure.Query{LifeEvent: e.Slug, Limit: 1}).Total})
	}
	return items
}

// ProcedureDetail is everything about a procedure on a day, as known at a time.
type ProcedureDetail struct {
	procedure.Version
	Situation procedure.Situation `json:"situation"`
	Offers    procedure.Features  `json:"offers"`
	// Versions are all that were known, in the order of their effective dates.
	Versions []VersionItem `json:"versions"`
	// Basis is what has become of each norm that the version rests on.
	Basis []BasisView `json:"basis"`
	AsOf  Instant     `json:"as_of"`
	// KnownAt is absent where everything recorded so far counts.
	KnownAt *Instant `json:"known_at,omitempty"`
}

// VersionItem is a version of a procedure with its time.
type VersionItem struct {
	Number int            `json:"number"`
	Name   procedure.Text `json:"name"`
	From   Instant        `json:"from"`
	To     *Instant       `json:"to,omitempty"` // exclusive
}

// BasisView is a norm with what has effect in its place.
type BasisView struct {
	Norm      string              `json:"norm"`
	Article   string              `json:"article,omitempty"`
	Operative string              `json:"operative,omitempty"`
	Situation procedure.Situation `json:"situation"`
}

// Procedure answers what holds for a procedure at a valid time as known at
// another; a zero known means everything recorded.
func (c *Catalogue) Procedure(code string, valid, known time.Time) (ProcedureDetail, error) {
	history, err := c.procedures.Procedure(code)
	if err != nil {
		return ProcedureDetail{}, err
	}
	if !known.IsZero() {
		history = history.AsAnnounced()
	}
	version, _, ok := history.At(valid, known)
	if !ok {
		return ProcedureDetail{}, notKnownThen(code)
	}
	answer := ProcedureDetail{
		Version: version, Situation: history.SituationAt(valid, known), Offers: version.Offers(),
		Versions: []VersionItem{}, Basis: []BasisView{}, AsOf: Instant{valid.UTC()}, KnownAt: moment(known),
	}
	for _, p := range history.Schedule(known) {
		answer.Versions = append(answer.Versions, VersionItem{
			Number: p.Version.Number, Name: p.Version.Name, From: Instant{p.From.UTC()}, To: moment(p.To),
		})
	}
	norms := c.procedures.Norms()
	if !known.IsZero() {
		for name, h := range norms {
			norms[name] = h.AsAnnounced()
		}
	}
	for _, b := range norms.Standing(version, valid, known) {
		answer.Basis = append(answer.Basis, BasisView{Norm: b.Norm, Article: b.Article, Operative: b.Operative, Situation: b.Situation})
	}
	return answer, nil
}
