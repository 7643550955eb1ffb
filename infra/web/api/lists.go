package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"dossierledger/domain/event"
	"dossierledger/infra/web/policy"
	"dossierledger/queries"
)

// list is an answer from the read models.
type list[T any] struct {
	Applied string `header:"Preference-Applied"`
	Cache   string `header:"Cache-Control"`
	Vary    string `header:"Vary"`
	Body    T
}

func listed[T any](body T, applied string) *list[T] {
	return &list[T]{Applied: applied, Cache: "private, no-store", Vary: "Authorization, Cookie", Body: body}
}

func (a *API) mountLists() {
	a.mountWorklist()
	a.mountSearch()
	a.mountReports()
}

func (a *API) mountWorklist() {
	type worklistInput struct {
		Freshness
		Agency     string `query:"agency" maxLength:"64" doc:"That holds the dossiers. Officers see their own agency's, which is the default."`
		Department string `query:"department" maxLength:"64"`
		Officer    string `query:"officer" maxLength:"128" doc:"A pseudonym, or me."`
		Procedure  string `query:"procedure" maxLength:"64"`
		Status     []int  `query:"status" maxItems:"10" minimum:"1" maximum:"10" doc:"National status codes, separated by commas; none is all in which somebody still has to act."`
		Overdue    bool   `query:"overdue" doc:"Only those whose appointment has passed."`
		Limit      int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
		Cursor     string `query:"cursor" maxLength:"1024" doc:"next of the page before."`
	}
	route(a, huma.Operation{
		OperationID: "worklist", Method: http.MethodGet, Path: Prefix + "/worklist", Tags: []string{"Lists"},
		Summary: "What there is to do", Description: "Dossiers by who holds them now, the overdue first, then by appointment.",
	}, policy.ReadWorklist, func(ctx context.Context, in *worklistInput) (*list[queries.Worklist], error) {
		who := actor(ctx)
		if in.Agency == "" && who.Role == event.RoleOfficer {
			in.Agency = who.Agency
		}
		if in.Officer == "me" {
			in.Officer = who.ID
		}
		if err := may(ctx, policy.ReadWorklist, policy.Resource{Agency: in.Agency}); err != nil {
			return nil, err
		}
		if a.Worklists == nil {
			return nil, errNoReadModels
		}
		applied, err := a.await(ctx, in.Freshness)
		if err != nil {
			return nil, err
		}
		page, err := a.Worklists.Page(ctx, queries.WorklistFilter{
			Agency: in.Agency, Department: in.Department, Officer: in.Officer, Procedure: in.Procedure,
			Statuses: statuses(in.Status), OverdueOnly: in.Overdue,
		}, queries.WorklistPage{Limit: in.Limit, Cursor: in.Cursor, Now: a.Now()})
		return listed(page, applied), err
	})
}

// FoundList is what a search found.
type FoundList struct {
	Items []queries.FoundDossier `json:"items"`
}

func (a *API) mountSearch() {
	type searchInput struct {
		Freshness
		Text  string `query:"q" maxLength:"64" doc:"What the code begins with."`
		Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	}
	route(a, huma.Operation{
		OperationID: "search", Method: http.MethodGet, Path: Prefix + "/search", Tags: []string{"Lists"},
		Summary: "Find dossiers by the beginning of their code", Description: "Only such as the caller may open: citizens their own, officers those of their agency, auditors all. The newest first.",
	}, policy.Search, func(ctx context.Context, in *searchInput) (*list[FoundList], error) {
		if err := may(ctx, policy.Search, policy.Resource{}); err != nil {
			return nil, err
		}
		if a.Worklists == nil {
			return nil, errNoReadModels
		}
		applied, err := a.await(ctx, in.Freshness)
		if err != nil {
			return nil, err
		}
		found, err := a.Worklists.FindDossiers(ctx, in.Text, among(actor(ctx)), in.Limit)
		return listed(FoundList{Items: found}, applied), err
	})
}

// among confines a search to what policy.ReadDossier would let the caller open.
func among(who event.Actor) queries.Among {
	switch who.Role {
	case event.RoleAuditor:
		return queries.Among{Everything: true}
	case event.RoleOfficer:
		return queries.Among{Agency: who.Agency}
	case event.RoleCitizen:
		return queries.Among{Subject: who.ID}
	default:
		return queries.Among{}
	}
}

// ReportNames lists the reports.
type ReportNames struct {
	Items []string `json:"items"`
}

func (a *API) mountReports() {
	route(a, huma.Operation{
		OperationID: "report-names", Method: http.MethodGet, Path: Prefix + "/reports", Tags: []string{"Lists"},
		Summary: "The names of the reports",
	}, policy.ReadCatalogue, func(ctx context.Context, _ *struct{}) (*list[ReportNames], error) {
		if a.Reports == nil {
			return nil, errNoReadModels
		}
		return listed(ReportNames{Items: a.Reports.Names()}, ""), nil
	})

	type reportInput struct {
		Freshness
		Name      string `path:"name" doc:"One of those that /reports lists."`
		From      When   `query:"from" doc:"Cases whose first event is at or after it; in on-time and transparency, their reception."`
		To        When   `query:"to" doc:"Cases whose first event is before it."`
		Agency    string `query:"agency" maxLength:"64" doc:"The competent agency, with those below it. Officers: their own or one below it; their own is the default."`
		Procedure string `query:"procedure" maxLength:"64"`
		Source    string `query:"source" maxLength:"200" doc:"The log that cases were taken over from; ledger for the ledger's own."`
		Working   bool   `query:"working" doc:"Durations in working time."`
		Approx    bool   `query:"approx" doc:"Approximate percentiles."`
		ByAgency  bool   `query:"by_agency" doc:"Bottlenecks by agency."`
		Limit     int    `query:"limit" minimum:"0" maximum:"100000" doc:"The first rows only; 0 is all."`
	}
	route(a, huma.Operation{
		OperationID: "report", Method: http.MethodGet, Path: Prefix + "/reports/{name}", Tags: []string{"Lists"},
		Summary: "A report", Description: "Times in seconds. transparency, on-time, durations and bottlenecks are for everybody; the others for analysts, auditors and administrators, and for officers about their own agency.",
	}, policy.ReadReport, func(ctx context.Context, in *reportInput) (*list[any], error) {
		who := actor(ctx)
		if in.Agency == "" && who.Role == event.RoleOfficer {
			in.Agency = who.Agency
		}
		resource := policy.Resource{Agency: in.Agency, Report: in.Name}
		if who.Role == event.RoleOfficer && in.Agency != who.Agency {
			below, err := a.Catalogue.Within(in.Agency, who.Agency)
			if err != nil {
				return nil, err
			}
			resource.Below = below
		}
		if err := may(ctx, policy.ReadReport, resource); err != nil {
			return nil, err
		}
		if a.Reports == nil {
			return nil, errNoReadModels
		}
		applied, err := a.await(ctx, in.Freshness)
		if err != nil {
			return nil, err
		}
		answer, err := a.Reports.Run(ctx, in.Name, queries.Filter{
			From: in.From.pointer(), To: in.To.pointer(), Agency: in.Agency, Procedure: in.Procedure, Source: in.Source,
		}, queries.Options{Working: in.Working, Approx: in.Approx, ByAgency: in.ByAgency, Limit: in.Limit, Now: a.Now()})
		return listed(answer, applied), err
	})
}

// statuses narrows codes that were checked to be national ones. A parameter of
// small integers would be taken for bytes in base64.
func statuses(codes []int) []uint8 {
	var out []uint8
	for _, code := range codes {
		out = append(out, uint8(code))
	}
	return out
}
