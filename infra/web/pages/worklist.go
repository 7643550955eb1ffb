package pages

import (
	"net/http"

	"dossierledger/domain/procedure"
	"dossierledger/infra/web/policy"
	"dossierledger/queries"
)

type worklistPage struct {
	AsOf        queries.Instant
	Rows        []workRow
	Next, First string
	Agency      string
	Mine        bool
	OverdueOnly bool
	AllLink     string
	MineLink    string
	OverdueLink string
}

type workRow struct {
	queries.WorklistItem
	ProcedureName string
	StepName      string
	StatusName    string
}

func (v *visit) worklist() error {
	if err := v.may(policy.ReadWorklist, policy.Resource{Agency: v.who.Agency}); err != nil {
		return err
	}
	if v.Worklists == nil {
		return errNoReadModels
	}
	filter := queries.WorklistFilter{Agency: v.who.Agency, OverdueOnly: v.query.Get("overdue") == "1"}
	if v.query.Get("mine") == "1" {
		filter.Officer = v.who.ID
	}
	list, err := v.Worklists.Page(v.ctx, filter, queries.WorklistPage{Cursor: v.query.Get("cursor"), Limit: 25, Now: v.now})
	if err != nil {
		return err
	}
	page := worklistPage{
		AsOf: list.AsOf, Agency: v.agencyName(v.who.Agency), Mine: filter.Officer != "", OverdueOnly: filter.OverdueOnly,
		AllLink: v.link("mine", "", "overdue", "", "cursor", ""), MineLink: v.link("mine", "1", "cursor", ""),
		OverdueLink: v.link("overdue", "1", "cursor", ""),
	}
	if list.Next != "" {
		page.Next = v.link("cursor", list.Next)
	}
	if v.query.Get("cursor") != "" {
		page.First = v.link("cursor", "")
	}
	for _, item := range list.Items {
		page.Rows = append(page.Rows, workRow{
			WorklistItem: item, ProcedureName: v.procedureName(item.Procedure),
			StepName: v.code("step", item.Step), StatusName: v.statusName(int(item.Status)),
		})
	}
	return v.show(http.StatusOK, "worklist", "worklist", v.text("worklist.title"), page)
}

// agencyName gives what an agency is called now, its identifier where nobody knows.
func (v *visit) agencyName(id string) string {
	directory, err := v.Pages.Agencies.Directory()
	if err != nil || id == "" {
		return id
	}
	if a, ok := directory.Get(id); ok {
		return a.NameAt(v.now).In(string(v.words))
	}
	return id
}

func (v *visit) procedureName(code string) string {
	found := v.Catalogue.Search(procedure.Query{Text: code, AnyStanding: true, Limit: 1}, v.now)
	if len(found.Items) == 1 && found.Items[0].Code == code {
		return found.Items[0].Name.In(string(v.words))
	}
	return code
}

func (v *visit) statusName(code int) string {
	return v.code("status", wholePlain(uint64(code)))
}
