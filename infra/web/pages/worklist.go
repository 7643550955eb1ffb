package pages

import (
	"net/http"
	"strings"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/event"
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

type minePage struct{ Rows []ownRow }

// ownRow is a dossier in the list of somebody's own.
type ownRow struct {
	queries.FoundDossier
	ProcedureName string
	AgencyName    string
	StatusName    string
}

// mine lists the dossiers of the citizen who signed in.
func (v *visit) mine() error {
	if !v.who.Known() {
		return policy.ErrUnauthenticated
	}
	if v.who.Role != event.RoleCitizen {
		return policy.ErrForbidden
	}
	if v.Worklists == nil {
		return errNoReadModels
	}
	found, err := v.Worklists.FindDossiers(v.ctx, "", queries.Among{Subject: v.who.ID}, queries.MaxSearchLimit)
	if err != nil {
		return err
	}
	var page minePage
	for _, f := range found {
		page.Rows = append(page.Rows, ownRow{
			FoundDossier: f, ProcedureName: v.procedureName(f.Procedure), AgencyName: v.agencyName(f.Agency), StatusName: v.statusName(int(f.Status)),
		})
	}
	return v.show(http.StatusOK, "mine", "mine", v.text("mine.title"), page)
}

type detailsPage struct {
	queries.DossierDetail
	State       []changeRow
	AllowedText []string
	CanLook     bool // staff who may look at personal data by saying why
	Purpose     string
	Looks       []queries.Look
	SeesLooks   bool
	Slip        slip
}

// slip is what the acceptance slip (giấy tiếp nhận hồ sơ và hẹn trả kết quả) says.
type slip struct {
	Number    string
	Applicant string
	Documents int
}

func (v *visit) details() error { return v.showDetails("") }

// lookAtDetails shows staff personal values, after the look is on record.
func (v *visit) lookAtDetails() error {
	if err := v.sameSite(); err != nil {
		return err
	}
	purpose := strings.TrimSpace(strings.Clone(v.fiber.FormValue("purpose")))
	if purpose == "" {
		return commands.ErrPurpose
	}
	return v.showDetails(purpose)
}

func (v *visit) showDetails(purpose string) error {
	c, err := v.load(policy.ReadDossier)
	if err != nil {
		return err
	}
	subject := policy.Resource{Dossier: &c.State}
	own := v.who.Role == event.RoleCitizen
	view := queries.View{Concerned: true, Personal: own && v.can(policy.ReadPersonal, subject)}
	if purpose != "" && !own {
		if err := v.may(policy.ReadPersonal, subject); err != nil {
			return err
		}
		look := access.PersonalDataViewed{
			Dossier: c.Code, Means: access.Detail, Subjects: c.Subjects(), Purpose: purpose, Revision: c.Last().Revision,
		}
		req := commands.Request{Actor: v.who.Actor, Trace: v.who.Trace, Correlation: v.who.Trace}
		if err := v.Looks.Record(v.ctx, req, look); err != nil {
			return err
		}
		view.Personal = true
	}
	detail, err := v.Dossiers.DetailOf(v.ctx, c, v.who.Actor, view)
	if err != nil {
		return err
	}
	page := detailsPage{
		DossierDetail: detail, State: v.stateRows(detail.State), Purpose: purpose,
		CanLook: !own && !view.Personal && v.can(policy.ReadPersonal, subject), SeesLooks: v.can(policy.ReadLooks, subject),
		Slip: slip{Number: c.State.AcceptanceSlip, Documents: len(c.State.Documents), Applicant: v.applicant(detail.State)},
	}
	for _, name := range detail.Allowed {
		page.AllowedText = append(page.AllowedText, v.code("action", name))
	}
	if page.SeesLooks {
		if page.Looks, err = v.Dossiers.Looks(v.ctx, c.Code); err != nil {
			return err
		}
	}
	return v.show(http.StatusOK, "details", "find", v.text("details.title", c.Code), page)
}
