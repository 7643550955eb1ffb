package pages

import (
	"net/http"

	"dossierledger/domain/event"
	"dossierledger/infra/web/auth"
)

type signInPage struct {
	Next     string
	Others   []auth.Persona
	Agencies []staff
}

// staff are the made-up officers of one agency.
type staff struct {
	Agency   string
	Officers []auth.Persona
}

// signIn offers the made-up people of a demonstration.
func (v *visit) signIn() error {
	page := signInPage{Next: v.query.Get("next")}
	place := map[string]int{}
	for _, p := range v.Personas() {
		if p.Role != event.RoleOfficer {
			page.Others = append(page.Others, p)
			continue
		}
		i, known := place[p.Agency]
		if !known {
			i = len(page.Agencies)
			place[p.Agency] = i
			page.Agencies = append(page.Agencies, staff{Agency: v.agencyName(p.Agency)})
		}
		page.Agencies[i].Officers = append(page.Agencies[i].Officers, p)
	}
	return v.show(http.StatusOK, "signin", "", v.text("signin.title"), page)
}
