package pages

import (
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/infra/web/auth"
)

// officers are the names of officers by their pseudonyms, where they are known:
// people may know who handles their dossier.
type officers map[string]procedure.Text

func officersOf(personas func() []auth.Persona) officers {
	found := officers{}
	if personas == nil {
		return found
	}
	for _, p := range personas() {
		if p.Role == event.RoleOfficer {
			found[p.ID] = p.Name
		}
	}
	return found
}

// name gives an officer's name, the pseudonym where nobody knows the name.
func (o officers) name(id string, w words) string {
	if name, ok := o[id]; ok {
		return name.In(string(w))
	}
	return id
}

func (v *visit) officer(id string) string { return v.people.name(id, v.words) }
