package agency

import (
	"fmt"
	"slices"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// Agency is the state of one agency with its whole past. The zero Agency is one
// that was never established. It is a value: Evolve never changes its argument.
type Agency struct {
	ID           string
	Kind         Kind
	Tier         procedure.Tier
	Parent       string
	Fields       []string
	Predecessors []string
	From         time.Time
	// To is when it ended, exclusive; zero while it lasts.
	To         time.Time
	Successors []string
	Sample     bool

	areas       []area
	names       []named
	aliases     []Alias
	departments []opened
}

type area struct {
	place Place
	from  time.Time
}

type named struct {
	name procedure.Text
	from time.Time
}

// Alias is another identifier of an agency with the time for which it means it.
type Alias struct {
	Name   string
	Scheme Scheme
	From   time.Time
	Until  time.Time // exclusive; zero for no end
}

type opened struct {
	Department
	from, to time.Time // to: exclusive; zero while it lasts
}

// Foreign is the error for an event that has no place in the stream it was read from.
type Foreign struct{ Type, Stream string }

// Error implements error.
func (e *Foreign) Error() string {
	return fmt.Sprintf("agency.foreign-event: %s does not belong in stream %q", e.Type, e.Stream)
}

// Evolve applies one event; another kind of event is an error, since skipping it
// could make a state that never was.
func Evolve(a Agency, e event.Event) (Agency, error) {
	switch p := e.Payload.(type) {
	case Established:
		a = Agency{
			ID: p.ID, Kind: p.Kind, Tier: p.Tier, Parent: p.Parent, Fields: p.Fields,
			Predecessors: p.Predecessors, From: p.From, Sample: p.Sample,
			areas: []area{{place: p.Place, from: p.From}},
			names: []named{{name: p.Name, from: p.From}},
		}
	case AreaChanged:
		a.areas = append(slices.Clip(a.areas), area{place: p.Place, from: p.From})
	case Renamed:
		a.names = append(slices.Clip(a.names), named{name: p.Name, from: p.From})
	case AliasAdded:
		alias := Alias{Name: p.Alias, Scheme: p.Scheme, From: p.From}
		if p.Until != nil {
			alias.Until = *p.Until
		}
		a.aliases = append(slices.Clip(a.aliases), alias)
	case DepartmentOpened:
		a.departments = append(slices.Clip(a.departments), opened{Department: p.Department, from: p.From})
	case DepartmentClosed:
		a.departments = slices.Clone(a.departments)
		for i, d := range a.departments {
			if d.Slug == p.Slug && d.to.IsZero() {
				a.departments[i].to = p.From
			}
		}
	case MergedInto:
		a.To, a.Successors = p.Effective, []string{p.Into}
	case Dissolved:
		a.To, a.Successors = p.Effective, p.Successors
	default:
		kind := "an empty payload"
		if e.Payload != nil {
			kind = e.Payload.EventType()
		}
		return a, &Foreign{Type: kind, Stream: e.Stream}
	}
	return a, nil
}

// Fold applies events in order to the zero agency.
func Fold(events []event.Event) (Agency, error) {
	var a Agency
	var err error
	for _, e := range events {
		if a, err = Evolve(a, e); err != nil {
			return Agency{}, err
		}
	}
	return a, nil
}

// Exists reports whether the agency was ever established.
func (a Agency) Exists() bool { return a.ID != "" }

// ActiveAt reports whether the agency exists on a date.
func (a Agency) ActiveAt(at time.Time) bool { return a.Exists() && within(at, a.From, a.To) }

// NameAt gives the name that the agency had on a date: its first one before it
// existed, its last one after it ended.
func (a Agency) NameAt(at time.Time) procedure.Text {
	var found named
	for i, n := range a.names {
		// Of two names with the same date, the one recorded later counts.
		if i == 0 || !n.from.After(at) && !n.from.Before(found.from) {
			found = n
		}
	}
	return found.name
}

// PlaceAt gives the place for which the agency is competent on a date, with the
// same rule as NameAt.
func (a Agency) PlaceAt(at time.Time) Place {
	var found area
	for i, p := range a.areas {
		if i == 0 || !p.from.After(at) && !p.from.Before(found.from) {
			found = p
		}
	}
	return found.place
}

// Names gives every name that the agency ever had, in the order of recording.
func (a Agency) Names() []procedure.Text {
	all := make([]procedure.Text, len(a.names))
	for i, n := range a.names {
		all[i] = n.name
	}
	return all
}

// Aliases gives the agency's other identifiers. The slice is the caller's own.
func (a Agency) Aliases() []Alias { return slices.Clone(a.aliases) }

// DepartmentsAt lists the departments that the agency has on a date, in the
// order in which they were opened.
func (a Agency) DepartmentsAt(at time.Time) []Department {
	var all []Department
	for _, d := range a.departments {
		if within(at, d.from, d.to) {
			all = append(all, d.Department)
		}
	}
	return all
}

// DepartmentAt finds a department by its slug on a date.
func (a Agency) DepartmentAt(slug string, at time.Time) (Department, bool) {
	for i := range a.departments {
		if d := &a.departments[i]; d.Slug == slug && within(at, d.from, d.to) {
			return d.Department, true
		}
	}
	return Department{}, false
}

// DepartmentFor finds the department that does a step: the one of that slug, else
// the first of that kind.
func (a Agency) DepartmentFor(step string, at time.Time) (Department, bool) {
	if d, ok := a.DepartmentAt(step, at); ok {
		return d, true
	}
	for _, d := range a.DepartmentsAt(at) {
		if string(d.Kind) == step {
			return d, true
		}
	}
	return Department{}, false
}

// Handles reports whether the agency decides in a field of work.
func (a Agency) Handles(field string) bool {
	return len(a.Fields) == 0 || slices.Contains(a.Fields, field)
}

func within(at, from, to time.Time) bool {
	return !at.Before(from) && (to.IsZero() || at.Before(to))
}
