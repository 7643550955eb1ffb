package pages

import (
	"net/http"

	"dossierledger/domain/event"
	"dossierledger/infra/web/policy"
	"dossierledger/queries"
)

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
