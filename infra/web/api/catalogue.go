package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dossierledger/domain/agency"
	"dossierledger/domain/procedure"
	"dossierledger/infra/web/policy"
	"dossierledger/queries"
)

// known is an answer that everybody gets alike.
type known[T any] struct {
	Cache string `header:"Cache-Control"`
	Body  T
}

func knownTo[T any](body T) *known[T] { return &known[T]{Cache: "public, max-age=30", Body: body} }

// LifeEventList is the occasions of citizens or of businesses.
type LifeEventList struct {
	Items []queries.LifeEventItem `json:"items"`
}

// AgencyList is a list of agencies.
type AgencyList struct {
	Items []queries.AgencyItem `json:"items"`
}

func (a *API) mountCatalogue() {
	type searchInput struct {
		Text       string `query:"q" maxLength:"400" doc:"Words of name, keywords or summary, with or without diacritics; or a code."`
		LifeEvent  string `query:"life_event" maxLength:"64"`
		Class      string `query:"class" enum:"administrative,public-career,public-utility"`
		Level      int    `query:"level" minimum:"0" maximum:"4"`
		Modern     string `query:"modern" enum:"information-only,partial,full"`
		Field      string `query:"field" maxLength:"64"`
		Audience   string `query:"audience" enum:"citizen,enterprise,household-business"`
		Competent  string `query:"competent" enum:"ministry,province,commune"`
		Agency     string `query:"agency" maxLength:"64" doc:"That may decide it."`
		AgencyTier string `query:"agency_tier" enum:"ministry,province,commune" doc:"The tier of that agency."`
		Any        bool   `query:"any_standing" doc:"Also what is suspended, superseded or not yet in force."`
		Offset     int    `query:"offset" minimum:"0" maximum:"100000"`
		Limit      int    `query:"limit" minimum:"1" maximum:"200" default:"20"`
		At         When   `query:"at" doc:"As of a day; today where it is not given."`
	}
	route(a, huma.Operation{
		OperationID: "procedures", Method: http.MethodGet, Path: Prefix + "/procedures", Tags: []string{"Catalogue"},
		Summary: "Find procedures", Description: "By words, by life event, or by list; each facet counts what would be found with another value of it.",
	}, policy.ReadCatalogue, func(_ context.Context, in *searchInput) (*known[queries.ProcedurePage], error) {
		return knownTo(a.Catalogue.Search(procedure.Query{
			Text: in.Text, LifeEvent: in.LifeEvent, Class: procedure.Class(in.Class), Level: procedure.Level(in.Level),
			Modern: procedure.Modern(in.Modern), Field: in.Field, Audience: procedure.Audience(in.Audience),
			Competent: procedure.Tier(in.Competent), Agency: in.Agency, AgencyTier: procedure.Tier(in.AgencyTier),
			AnyStanding: in.Any, Offset: in.Offset, Limit: in.Limit,
		}, a.day(in.At))), nil
	})

	type procedureInput struct {
		Code  Segment `path:"code"`
		At    When    `query:"at" doc:"The day for which it is asked; today where it is not given."`
		Known When    `query:"known" doc:"With only what had been announced by then."`
	}
	route(a, huma.Operation{
		OperationID: "procedure", Method: http.MethodGet, Path: Prefix + "/procedures/{code}", Tags: []string{"Catalogue"},
		Summary: "A procedure", Description: "The version for a day with its standing, all versions, and what has become of the norms it rests on.",
	}, policy.ReadCatalogue, func(_ context.Context, in *procedureInput) (*known[queries.ProcedureDetail], error) {
		detail, err := a.Catalogue.Procedure(in.Code.Text, a.day(in.At), in.Known.Time)
		return knownTo(detail), err
	})

	type whereInput struct {
		Code     Segment `path:"code"`
		Province string  `query:"province" maxLength:"8"`
		Commune  string  `query:"commune" maxLength:"8"`
		At       When    `query:"at"`
	}
	route(a, huma.Operation{
		OperationID: "where-to-go", Method: http.MethodGet, Path: Prefix + "/procedures/{code}/agencies", Tags: []string{"Catalogue"},
		Summary: "Who decides on a procedure in a place, and where to hand in",
	}, policy.ReadCatalogue, func(_ context.Context, in *whereInput) (*known[queries.WhereToGo], error) {
		where, err := a.Catalogue.WhereToGo(in.Code.Text, agency.Place{Province: in.Province, Commune: in.Commune}, a.day(in.At))
		return knownTo(where), err
	})

	type lifeInput struct {
		Audience string `query:"audience" enum:"citizen,enterprise" default:"citizen"`
	}
	route(a, huma.Operation{
		OperationID: "life-events", Method: http.MethodGet, Path: Prefix + "/life-events", Tags: []string{"Catalogue"},
		Summary: "Life events, with how many procedures belong to each",
	}, policy.ReadCatalogue, func(_ context.Context, in *lifeInput) (*known[LifeEventList], error) {
		return knownTo(LifeEventList{Items: a.Catalogue.LifeEvents(procedure.Audience(in.Audience), a.Now())}), nil
	})

	a.mountAgencies()
}

func (a *API) mountAgencies() {
	type agenciesInput struct {
		Text   string `query:"q" maxLength:"200" doc:"Words of any name it has or had, or an identifier."`
		Parent string `query:"parent" maxLength:"64" doc:"Where no words are given: those directly below this one; the top where this is not given either."`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
		At     When   `query:"at"`
	}
	route(a, huma.Operation{
		OperationID: "agencies", Method: http.MethodGet, Path: Prefix + "/agencies", Tags: []string{"Catalogue"},
		Summary: "Find agencies",
	}, policy.ReadCatalogue, func(_ context.Context, in *agenciesInput) (*known[AgencyList], error) {
		found, err := a.Catalogue.AgencySearch(in.Text, in.Parent, a.day(in.At), in.Limit)
		return knownTo(AgencyList{Items: found}), err
	})

	type agencyInput struct {
		ID Segment `path:"id" doc:"Its identifier of either shape, or another name by which it is known."`
		At When    `query:"at"`
	}
	route(a, huma.Operation{
		OperationID: "agency", Method: http.MethodGet, Path: Prefix + "/agencies/{id}", Tags: []string{"Catalogue"},
		Summary: "An agency, with its past and its place in the tree",
	}, policy.ReadCatalogue, func(_ context.Context, in *agencyInput) (*known[queries.AgencyDetail], error) {
		detail, err := a.Catalogue.Agency(in.ID.Text, a.day(in.At))
		return knownTo(detail), err
	})
}

// day is the moment for which a question about the catalogue is asked.
func (a *API) day(at When) time.Time {
	if at.IsZero() {
		return a.Now()
	}
	return at.Time
}
