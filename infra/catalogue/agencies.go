package catalogue

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// agencyFile is one entry of a file of agencies: how it began and what became of it.
type agencyFile struct {
	agency.Established
	Aliases []agency.AliasAdded  `json:"aliases"`
	Renamed []agency.Renamed     `json:"renamed"`
	Areas   []agency.AreaChanged `json:"areas"`
	// Departments names a set of departments.yaml; they open with the agency.
	Departments string             `json:"departments"`
	Merged      *agency.MergedInto `json:"merged"`
	Dissolved   *agency.Dissolved  `json:"dissolved"`
}

// departmentSet is the departments that agencies of one sort have.
type departmentSet struct {
	Set         string              `json:"set"`
	Departments []agency.Department `json:"departments"`
}

func (c *Catalogue) loadAgencies(files fs.FS) error {
	list, err := decodeList[departmentSet](files, "departments.yaml")
	if err != nil {
		return err
	}
	sets := map[string][]agency.Department{"": nil}
	for _, s := range list {
		sets[s.Set] = s.Departments
	}
	entries, err := decodeList[agencyFile](files, "agencies/*.yaml")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		departments, ok := sets[entry.Departments]
		if !ok {
			return fmt.Errorf("catalogue.agency: %s: no set of departments is named %q", entry.ID, entry.Departments)
		}
		if err := c.loadAgency(entry, departments); err != nil {
			return fmt.Errorf("catalogue.agency: %s: %w", entry.ID, err)
		}
	}
	if c.directory, err = agency.NewDirectory(c.agencies); err != nil {
		return fmt.Errorf("catalogue.agencies: %w", err)
	}
	c.places = placesOf(c.agencies)
	for _, a := range c.agencies {
		for _, other := range append(a.Predecessors, a.Successors...) {
			if _, ok := c.directory.Get(other); !ok {
				return fmt.Errorf("catalogue.agency: %s: it names %s, which is not in the files", a.ID, other)
			}
		}
	}
	return nil
}

func (c *Catalogue) loadAgency(entry agencyFile, departments []agency.Department) error {
	stream := Stream{Name: agency.Stream(entry.ID)}
	var a agency.Agency
	type dated struct {
		at   time.Time
		fact event.Payload
	}
	facts := []dated{{entry.From, entry.Established}}
	for _, d := range departments {
		facts = append(facts, dated{entry.From, agency.DepartmentOpened{Department: d, From: entry.From}})
	}
	for _, alias := range entry.Aliases {
		if alias.From.IsZero() {
			alias.From = entry.From
		}
		facts = append(facts, dated{alias.From, alias})
	}
	for _, area := range entry.Areas {
		facts = append(facts, dated{area.From, area})
	}
	for _, r := range entry.Renamed {
		facts = append(facts, dated{r.From, r})
	}
	if entry.Merged != nil {
		facts = append(facts, dated{entry.Merged.Effective, *entry.Merged})
	}
	if entry.Dissolved != nil {
		facts = append(facts, dated{entry.Dissolved.Effective, *entry.Dissolved})
	}
	for _, f := range facts {
		made, err := agency.Decide(a, f.fact)
		if err != nil {
			return err
		}
		if len(made) == 0 {
			return fmt.Errorf("%s is there twice", f.fact.EventType())
		}
		for _, e := range stream.add(f.at, made...) {
			if a, err = agency.Evolve(a, e); err != nil {
				return err
			}
		}
	}
	c.agencies = append(c.agencies, a)
	c.seeds = append(c.seeds, stream)
	return nil
}

// checkDepartments holds the steps of a version against the agencies that
// decide on it today: each must have a department for every step.
func (c *Catalogue) checkDepartments(v procedure.Version) error {
	if c.histories[v.Code].SituationAt(farFuture, time.Time{}).Standing == procedure.Superseded {
		return nil
	}
	competent := 0
	for _, place := range c.places {
		for _, a := range c.directory.CompetentFor(v, place, farFuture) {
			competent++
			for _, s := range v.Steps {
				if _, ok := a.DepartmentFor(s.Department, farFuture); !ok {
					return fmt.Errorf("step %s: agency %s has no department %q", s.Code, a.ID, s.Department)
				}
			}
		}
	}
	if competent == 0 {
		return fmt.Errorf("no agency is competent for it anywhere")
	}
	return nil
}

// placesOf lists the places of the agencies that exist today.
func placesOf(agencies []agency.Agency) []agency.Place {
	var all []agency.Place
	seen := map[agency.Place]bool{}
	for _, a := range agencies {
		if place := a.PlaceAt(farFuture); a.ActiveAt(farFuture) && !seen[place] {
			seen[place] = true
			all = append(all, place)
		}
	}
	return all
}

func (c *Catalogue) loadOfficers(files fs.FS) error {
	var err error
	if c.officers, err = decodeList[Officer](files, "officers/*.yaml"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, o := range c.officers {
		a, ok := c.directory.Get(o.Agency)
		_, open := a.DepartmentAt(o.Department, farFuture)
		switch {
		case seen[o.ID] || !strings.HasPrefix(o.ID, "o-"):
			return fmt.Errorf("catalogue.officer: %q is there twice, or does not begin with o-", o.ID)
		case !ok || !open:
			return fmt.Errorf("catalogue.officer: %s: agency %s has no department %q", o.ID, o.Agency, o.Department)
		case o.Role != event.RoleOfficer:
			return fmt.Errorf("catalogue.officer: %s: the role is officer, not %q", o.ID, o.Role)
		case o.Title.VI == "" || o.Name.VI == "":
			return fmt.Errorf("catalogue.officer: %s: title and name are missing", o.ID)
		}
		seen[o.ID] = true
	}
	return nil
}
