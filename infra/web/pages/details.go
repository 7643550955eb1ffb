package pages

import (
	"net/http"
	"strings"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/event"
	"dossierledger/infra/web/policy"
	"dossierledger/queries"
)

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
