// Package policy decides who may ask for what. It is one pure function over one
// table, so that every way to the same data, be it a page, a list, a search, a
// stream or a replay, is decided by the same rule. What an action on a dossier
// needs beyond this is decided by the domain (dossier.May).
package policy

import (
	"slices"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// Action is what somebody wants.
type Action string

// The actions. Each endpoint of the API belongs to one.
const (
	ReadCatalogue Action = "catalogue.read"
	ReadStatus    Action = "dossier.status"   // and the timeline: nothing personal
	ReadDossier   Action = "dossier.read"     // everything but personal values
	ReadPersonal  Action = "dossier.personal" // personal values
	ReadHistory   Action = "dossier.history"  // replay, single events
	ReadLooks     Action = "dossier.looks"    // who looked at personal data
	Submit        Action = "dossier.submit"
	Act           Action = "dossier.act"
	Search        Action = "dossier.search"
	ReadWorklist  Action = "worklist.read"
	ReadReport    Action = "report.read"
	// How deliveries to receivers outside stand, and what was given up; and to have
	// that sent again or skipped.
	ReadDeliveries Action = "outbound.read"
	Resend         Action = "outbound.resend"
	SignIn         Action = "session.sign-in"
	WhoAmI         Action = "session.read"
)

// Actions lists them all.
func Actions() []Action {
	return []Action{
		ReadCatalogue, ReadStatus, ReadDossier, ReadPersonal, ReadHistory, ReadLooks,
		Submit, Act, Search, ReadWorklist, ReadReport, ReadDeliveries, Resend, SignIn, WhoAmI,
	}
}

// Resource is what it is wanted of. Fields that do not concern an action are ignored.
type Resource struct {
	// Dossier is the one asked for; nil where it is about none or many.
	Dossier *dossier.State
	// Agency is whose worklist or figures are asked for; empty means all.
	Agency string
	// Below is true where Agency lies below the actor's own in the tree.
	Below bool
	// Report is the name of the report.
	Report string
}

// PublicReports may be read by anybody: the official index is published, and so
// is whether promises are kept, how long things take and where they wait. They
// speak of agencies, procedures and steps, never of a person.
var PublicReports = []string{"transparency", "on-time", "durations", "bottlenecks"}

// The refusals.
var (
	ErrUnauthenticated = fault.New(fault.Unauthenticated, "auth.required", "sign in first: send a bearer token")
	ErrForbidden       = fault.New(fault.Forbidden, "auth.forbidden", "you may not see or do this")
)

// May gives nil where the actor may, ErrUnauthenticated where signing in could
// help, else ErrForbidden.
func May(actor event.Actor, action Action, r Resource) error {
	if allowed(actor, action, r) {
		return nil
	}
	if actor.ID == "" {
		return ErrUnauthenticated
	}
	return ErrForbidden
}

func allowed(a event.Actor, action Action, r Resource) bool {
	switch action {
	case ReadCatalogue, ReadStatus, SignIn:
		return true
	case WhoAmI:
		return a.ID != ""
	case ReadReport:
		return slices.Contains(PublicReports, r.Report) || report(a, r)
	}
	if a.ID == "" {
		return false
	}
	switch action {
	case ReadDossier, ReadHistory:
		return a.Role == event.RoleAuditor || concerned(a, r.Dossier)
	case ReadPersonal:
		return a.Role == event.RoleAuditor || owns(a, r.Dossier) || handles(a, r.Dossier)
	case ReadLooks:
		return a.Role == event.RoleAuditor || owns(a, r.Dossier)
	case Submit:
		return a.Role == event.RoleCitizen || officer(a) || gateway(a)
	case Act:
		// Who runs the ledger reports synchronisation, a gateway what it was told;
		// the domain lets them do nothing else.
		return a.Role == event.RoleAdmin || gateway(a) || concerned(a, r.Dossier)
	case Search:
		return a.Role == event.RoleAuditor || a.Role == event.RoleCitizen || officer(a)
	case ReadWorklist:
		return a.Role == event.RoleAuditor || officer(a) && r.Agency == a.Agency
	case ReadDeliveries:
		return a.Role == event.RoleAuditor || a.Role == event.RoleAdmin
	case Resend:
		return a.Role == event.RoleAdmin
	default:
		return false
	}
}

func report(a event.Actor, r Resource) bool {
	switch a.Role {
	case event.RoleAnalyst, event.RoleAuditor, event.RoleAdmin:
		return a.ID != ""
	case event.RoleOfficer:
		return officer(a) && r.Agency != "" && (r.Agency == a.Agency || r.Below)
	default:
		return false
	}
}

// gateway is a program of another system that the ledger's operator has given an
// account: a payment gateway, a portal. It tells what happened there and reads
// nothing but what is public.
func gateway(a event.Actor) bool { return a.ID != "" && a.Role == event.RoleSystem }

// officer is a member of a known agency's staff.
func officer(a event.Actor) bool { return a.ID != "" && a.Role == event.RoleOfficer && a.Agency != "" }

// concerned are the applicant's side and every agency with a part in the dossier.
func concerned(a event.Actor, s *dossier.State) bool {
	return owns(a, s) || handles(a, s) || consulted(a, s)
}

// owns is the applicant, the representative, or the citizen who submitted it.
func owns(a event.Actor, s *dossier.State) bool {
	if s == nil || !s.Exists() || a.ID == "" || a.Role != event.RoleCitizen {
		return false
	}
	return a.ID == s.Applicant.Subject || s.Representative != nil && a.ID == s.Representative.Subject ||
		s.SubmittedBy.Role == event.RoleCitizen && a.ID == s.SubmittedBy.ID
}

// handles is an officer of one of the three agencies or of the one that holds it.
func handles(a event.Actor, s *dossier.State) bool {
	return s != nil && s.Exists() && officer(a) &&
		slices.Contains([]string{s.Support, s.Receiving, s.Competent, s.Holder.Agency}, a.Agency)
}

// consulted is an officer of an agency that was asked, or that has a part to do.
func consulted(a event.Actor, s *dossier.State) bool {
	if s == nil || !s.Exists() || !officer(a) {
		return false
	}
	return slices.ContainsFunc(s.Opinions, func(o dossier.Opinion) bool { return o.Agency == a.Agency }) ||
		slices.ContainsFunc(s.Forwards, func(f dossier.Forwarding) bool { return f.To.Agency == a.Agency })
}
