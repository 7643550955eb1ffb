package queries

import (
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
)

// Codes of the faults of the catalogue.
const (
	CodeAgencyUnknown  = "agency.not-found"
	CodeProcedureEarly = "procedure.not-known"
)

func notKnownThen(code string) error {
	return fault.New(fault.NotFound, CodeProcedureEarly, "nothing was known of procedure %s at that time", code)
}

// AgencyItem is an agency in a list.
type AgencyItem struct {
	ID     string         `json:"id"`
	Name   procedure.Text `json:"name"`
	Kind   agency.Kind    `json:"kind"`
	Tier   procedure.Tier `json:"tier"`
	Parent string         `json:"parent,omitempty"`
	Place  agency.Place   `json:"place,omitzero"`
	Sample bool           `json:"sample,omitempty"` // its identifier or name is made up
}

// AgencyDetail is everything about an agency on a day.
type AgencyDetail struct {
	AgencyItem
	Fields       []string            `json:"fields,omitempty"` // none: every field of its tier and place
	From         Instant             `json:"from"`
	To           *Instant            `json:"to,omitempty"` // exclusive; absent while it lasts
	Names        []procedure.Text    `json:"names"`        // every name it ever had
	Aliases      []AgencyAlias       `json:"aliases,omitempty"`
	Departments  []agency.Department `json:"departments,omitempty"`
	Ancestors    []AgencyItem        `json:"ancestors,omitempty"` // the nearest first
	Children     []AgencyItem        `json:"children,omitempty"`
	Predecessors []AgencyItem        `json:"predecessors,omitempty"`
	// Current are the agencies that do its work on that day: itself while it lasts.
	Current []AgencyItem `json:"current"`
}

// AgencyAlias is another identifier of an agency with its time.
type AgencyAlias struct {
	Name   string        `json:"name"`
	Scheme agency.Scheme `json:"scheme"`
	From   Instant       `json:"from"`
	Until  *Instant      `json:"until,omitempty"`
}

func agencyItems(agencies []agency.Agency, at time.Time) []AgencyItem {
	items := make([]AgencyItem, len(agencies))
	for i, a := range agencies {
		items[i] = AgencyItem{
			ID: a.ID, Name: a.NameAt(at), Kind: a.Kind, Tier: a.Tier, Parent: a.Parent, Place: a.PlaceAt(at), Sample: a.Sample,
		}
	}
	return items
}

// Agency finds an agency by any identifier that meant it on a day, else by its own.
func (c *Catalogue) Agency(id string, at time.Time) (AgencyDetail, error) {
	directory, err := c.agencies.Directory()
	if err != nil {
		return AgencyDetail{}, err
	}
	a, ok := directory.Resolve(id, at)
	if !ok {
		a, ok = directory.Get(id)
	}
	if !ok {
		return AgencyDetail{}, fault.New(fault.NotFound, CodeAgencyUnknown, "there is no agency %q", id)
	}
	answer := AgencyDetail{
		AgencyItem: agencyItems([]agency.Agency{a}, at)[0], Fields: a.Fields, From: Instant{a.From.UTC()}, To: moment(a.To),
		Names: a.Names(), Departments: a.DepartmentsAt(at), Ancestors: agencyItems(directory.Ancestors(a.ID), at),
		Children: agencyItems(directory.Children(a.ID), at), Predecessors: agencyItems(directory.Predecessors(a.ID), at),
		Current: agencyItems(directory.Current(a.ID, at), at),
	}
	for _, alias := range a.Aliases() {
		answer.Aliases = append(answer.Aliases, AgencyAlias{
			Name: alias.Name, Scheme: alias.Scheme, From: Instant{alias.From.UTC()}, Until: moment(alias.Until),
		})
	}
	return answer, nil
}

// AgencySearch finds agencies that exist on a day by words of a name or an
// identifier; with no text it lists those directly under a parent, or the top.
func (c *Catalogue) AgencySearch(text, parent string, at time.Time, limit int) ([]AgencyItem, error) {
	directory, err := c.agencies.Directory()
	if err != nil {
		return nil, err
	}
	if text != "" {
		return agencyItems(directory.Search(text, at, limit), at), nil
	}
	var found []agency.Agency
	for _, id := range directory.IDs() {
		if a, ok := directory.Get(id); ok && a.Parent == parent && a.ActiveAt(at) && len(found) < limit {
			found = append(found, a)
		}
	}
	return agencyItems(found, at), nil
}

// Within reports whether an agency is another one or lies below it.
func (c *Catalogue) Within(id, upper string) (bool, error) {
	directory, err := c.agencies.Directory()
	if err != nil {
		return false, err
	}
	return directory.Within(id, upper), nil
}

// WhereToGo is who decides on a procedure for a place, and where to hand in.
type WhereToGo struct {
	Procedure string         `json:"procedure"`
	Name      procedure.Text `json:"name"`
	Place     agency.Place   `json:"place"`
	Competent []AgencyItem   `json:"competent"`
	// Centres are the service centres (trung tâm phục vụ hành chính công) that
	// receive for the place, those of the commune first.
	Centres []AgencyItem `json:"centres"`
}

// WhereToGo answers who is competent for a procedure in a place on a day.
func (c *Catalogue) WhereToGo(code string, place agency.Place, at time.Time) (WhereToGo, error) {
	version, err := c.procedures.InForce(code, at)
	if err != nil {
		return WhereToGo{}, err
	}
	directory, err := c.agencies.Directory()
	if err != nil {
		return WhereToGo{}, err
	}
	return WhereToGo{
		Procedure: code, Name: version.Name, Place: place,
		Competent: agencyItems(directory.CompetentFor(*version, place, at), at),
		Centres:   agencyItems(directory.ServiceCentres(place, at), at),
	}, nil
}
