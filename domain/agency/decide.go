package agency

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"golang.org/x/text/unicode/norm"
)

// The refusals of this package. They are found with errors.Is.
var (
	ErrEstablished = fault.New(fault.Conflict, "agency.already-established", "an agency of this identifier exists with other facts")
	ErrUnknown     = fault.New(fault.NotFound, "agency.unknown", "no agency of this identifier is in the register; establish it first")
	ErrInvalid     = fault.New(fault.Invalid, "agency.invalid", "the agency breaks the rules of the register")
	ErrEnded       = fault.New(fault.Refused, "agency.ended", "the agency has ended by that date")
	ErrBegins      = fault.New(fault.Invalid, "agency.before-it-began", "the date lies before the agency began")
	ErrNoDate      = fault.New(fault.Invalid, "agency.no-date", "the date from which it holds is missing")
	ErrNoBasis     = fault.New(fault.Invalid, "agency.no-basis", "the norm or decision that it rests on is missing")
	ErrItself      = fault.New(fault.Invalid, "agency.itself", "an agency is not its own parent, predecessor or successor")
	ErrDepartment  = fault.New(fault.Conflict, "agency.department-open", "a department of this slug is open")
	ErrNoSuchDept  = fault.New(fault.NotFound, "agency.department-unknown", "no department of this slug is open on that date")
	ErrAliasPeriod = fault.New(fault.Invalid, "agency.alias-period", "the end must be later than the beginning")
)

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Decide says what recording a fact about an agency makes happen, or why it
// cannot be. The command is the event that is wished for; one that says nothing
// new makes nothing happen, so that repeating it is safe. Times are stored in UTC.
func Decide(a Agency, wish event.Payload) ([]event.Payload, error) {
	wish, from := normal(wish)
	if e, ok := wish.(Established); ok {
		return establish(a, e)
	}
	if !a.Exists() {
		return nil, ErrUnknown
	}
	if a.knows(wish) {
		return nil, nil
	}
	switch {
	case from.IsZero():
		return nil, ErrNoDate
	case from.Before(a.From):
		return nil, ErrBegins
	}
	if err := a.allows(wish, from); err != nil {
		return nil, err
	}
	return []event.Payload{wish}, nil
}

func establish(a Agency, e Established) ([]event.Payload, error) {
	if a.Exists() {
		if a.knows(e) {
			return nil, nil
		}
		return nil, ErrEstablished
	}
	var wrong []string
	miss := func(bad bool, field string) {
		if bad {
			wrong = append(wrong, field)
		}
	}
	id, err := ParseIdentifier(e.ID)
	miss(err != nil || id.Scheme != SchemeQD20 || id.String() != e.ID, "id")
	miss(!goodText(e.Name), "name")
	miss(!slices.Contains([]Kind{Ministry, CentralAgency, PeopleCommittee, ProvincialDepartment, ServiceCentre, PublicUnit}, e.Kind), "kind")
	miss(!slices.Contains([]procedure.Tier{procedure.TierMinistry, procedure.TierProvince, procedure.TierCommune}, e.Tier), "tier")
	miss(!e.Place.wellFormed(), "place")
	miss(e.Tier == procedure.TierCommune && e.Place.Commune == "", "place.commune")
	for _, f := range e.Fields {
		miss(!slugPattern.MatchString(f), "fields")
	}
	if len(wrong) > 0 {
		return nil, fault.New(ErrInvalid.Kind, ErrInvalid.Code, "agency %s: not as the register wants it: %s", e.ID, strings.Join(wrong, ", ")).Lacking(wrong...)
	}
	switch {
	case e.From.IsZero():
		return nil, ErrNoDate
	case e.Basis == "":
		return nil, ErrNoBasis
	case e.Parent == e.ID || slices.Contains(e.Predecessors, e.ID):
		return nil, ErrItself
	}
	return []event.Payload{e}, nil
}

// allows holds a fact against the state. Names and aliases may be recorded for
// an agency that has ended: old papers still have to be read.
func (a Agency) allows(wish event.Payload, from time.Time) error {
	ended := !a.To.IsZero() && !from.Before(a.To)
	switch p := wish.(type) {
	case Renamed:
		switch {
		case !goodText(p.Name):
			return invalid(a.ID, "name")
		case p.Basis == "":
			return ErrNoBasis
		case ended:
			return ErrEnded
		}
	case AreaChanged:
		switch {
		case !p.Place.wellFormed() || a.Tier == procedure.TierCommune && p.Place.Commune == "":
			return invalid(a.ID, "place")
		case p.Basis == "":
			return ErrNoBasis
		case ended:
			return ErrEnded
		}
	case AliasAdded:
		return a.allowsAlias(p)
	case DepartmentOpened:
		open := slices.ContainsFunc(a.departments, func(d opened) bool {
			return d.Slug == p.Department.Slug && (d.to.IsZero() || from.Before(d.to))
		})
		switch {
		case !slugPattern.MatchString(p.Department.Slug) || !slugPattern.MatchString(string(p.Department.Kind)) || !goodText(p.Department.Name):
			return invalid(a.ID, "department")
		case open:
			return ErrDepartment
		case ended:
			return ErrEnded
		}
	case DepartmentClosed:
		if _, open := a.DepartmentAt(p.Slug, from); !open {
			return ErrNoSuchDept
		}
	case MergedInto:
		return a.allowsEnd(p.Basis, p.Into)
	case Dissolved:
		return a.allowsEnd(p.Basis, p.Successors...)
	default:
		return fault.New(fault.Invalid, "agency.unknown-command", "the register of agencies knows no %T", wish)
	}
	return nil
}

func (a Agency) allowsAlias(p AliasAdded) error {
	id, err := ParseIdentifier(p.Alias)
	switch {
	case p.Scheme != SchemeLocal && (err != nil || id.Scheme != p.Scheme):
		return invalid(a.ID, "alias")
	case p.Scheme == SchemeLocal && (strings.TrimSpace(p.Alias) == "" || len(p.Alias) > MaxIdentifier):
		return invalid(a.ID, "alias")
	case p.Until != nil && !p.Until.After(p.From):
		return ErrAliasPeriod
	}
	return nil
}

func (a Agency) allowsEnd(basis string, successors ...string) error {
	switch {
	case basis == "":
		return ErrNoBasis
	case slices.Contains(successors, a.ID):
		return ErrItself
	case slices.Contains(successors, ""):
		return invalid(a.ID, "into")
	case !a.To.IsZero():
		return ErrEnded
	}
	return nil
}

// knows reports whether a fact would leave the agency as it is.
func (a Agency) knows(wish event.Payload) bool {
	switch p := wish.(type) {
	case Established:
		if len(a.names) == 0 {
			return false
		}
		first := Established{ID: a.ID, Name: a.names[0].name, Kind: a.Kind, Tier: a.Tier, Parent: a.Parent, Place: a.areas[0].place,
			Fields: a.Fields, Predecessors: a.Predecessors, From: a.From, Basis: p.Basis, Sample: a.Sample}
		return same(first, p)
	case Renamed:
		return slices.ContainsFunc(a.names, func(n named) bool { return n.name == p.Name && n.from.Equal(p.From) })
	case AreaChanged:
		return slices.ContainsFunc(a.areas, func(known area) bool { return known.place == p.Place && known.from.Equal(p.From) })
	case AliasAdded:
		var until time.Time
		if p.Until != nil {
			until = *p.Until
		}
		return slices.ContainsFunc(a.aliases, func(known Alias) bool {
			return Normalize(known.Name) == Normalize(p.Alias) && known.From.Equal(p.From) && known.Until.Equal(until)
		})
	case DepartmentOpened:
		return slices.ContainsFunc(a.departments, func(d opened) bool { return d.Department == p.Department && d.from.Equal(p.From) })
	case DepartmentClosed:
		return slices.ContainsFunc(a.departments, func(d opened) bool { return d.Slug == p.Slug && d.to.Equal(p.From) })
	case MergedInto:
		return a.To.Equal(p.Effective) && slices.Equal(a.Successors, []string{p.Into})
	case Dissolved:
		return !p.Effective.IsZero() && a.To.Equal(p.Effective) && slices.Equal(a.Successors, p.Successors)
	}
	return false
}

// normal puts the times of a fact into UTC and gives the one from which it holds.
func normal(wish event.Payload) (event.Payload, time.Time) {
	switch p := wish.(type) {
	case Established:
		p.From = p.From.UTC()
		return p, p.From
	case Renamed:
		p.From = p.From.UTC()
		return p, p.From
	case AreaChanged:
		p.From = p.From.UTC()
		return p, p.From
	case AliasAdded:
		p.From = p.From.UTC()
		if p.Until != nil {
			until := p.Until.UTC()
			p.Until = &until
		}
		return p, p.From
	case DepartmentOpened:
		p.From = p.From.UTC()
		return p, p.From
	case DepartmentClosed:
		p.From = p.From.UTC()
		return p, p.From
	case MergedInto:
		p.Effective = p.Effective.UTC()
		return p, p.Effective
	case Dissolved:
		p.Effective = p.Effective.UTC()
		return p, p.Effective
	}
	return wish, time.Time{}
}

func (p Place) wellFormed() bool {
	province := p.Province == "" || len(p.Province) == 2 && digits(p.Province)
	commune := p.Commune == "" || p.Province != "" && len(p.Commune) == 5 && digits(p.Commune)
	return province && commune
}

func goodText(t procedure.Text) bool {
	return strings.TrimSpace(t.VI) != "" && len(t.VI) <= procedure.MaxText && len(t.EN) <= procedure.MaxText &&
		norm.NFC.IsNormalString(t.VI) && norm.NFC.IsNormalString(t.EN)
}

func invalid(id, field string) error {
	return fault.New(ErrInvalid.Kind, ErrInvalid.Code, "agency %s: not as the register wants it: %s", id, field).Lacking(field)
}

func same(a, b event.Payload) bool {
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}
