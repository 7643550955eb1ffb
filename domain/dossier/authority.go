package dossier

import (
	"slices"

	"dossierledger/domain/event"
)

// Part is the part that somebody plays in the handling of one dossier. It
// follows from the actor's role, agency and department and from the dossier.
type Part string

// The parts.
const (
	// PartApplicant is the applicant, the representative, or the citizen who submitted.
	PartApplicant Part = "applicant"
	// PartDesk is the one-stop desk where the dossier was handed in, and that of
	// the competent agency.
	PartDesk Part = "one-stop-desk"
	// PartHandler is everybody in the department that holds the dossier, because
	// colleagues stand in for each other; the event says who it was.
	PartHandler Part = "handler"
	// PartLeader is the leadership of the competent agency, and that of an agency
	// to which the dossier was forwarded.
	PartLeader Part = "leader"
	// PartRegistry is the registry of the competent agency.
	PartRegistry Part = "registry"
	// PartConsulted is an agency whose opinion was asked.
	PartConsulted Part = "consulted-agency"
	// PartForwardee is an agency to which something was forwarded.
	PartForwardee Part = "forwardee-agency"
	// PartStaff is every officer of an agency concerned: the three organisations
	// and the holder.
	PartStaff Part = "staff"
	// PartSystem is the ledger itself: gateways' and portals' messages, due dates.
	PartSystem Part = "system"
	// PartAdmin is who runs the ledger; they take no part in any decision.
	PartAdmin Part = "admin"
)

// authority is the table of who may do what. Payments are recorded by the desk
// or from a gateway's message, never on the payer's word.
var authority = map[string][]Part{
	"submit":               {PartApplicant, PartDesk, PartSystem},
	"attach-document":      {PartApplicant, PartDesk, PartHandler},
	"receive":              {PartDesk},
	"refuse-reception":     {PartDesk},
	"request-supplement":   {PartDesk, PartHandler},
	"provide-supplement":   {PartApplicant, PartDesk},
	"expire-supplement":    {PartDesk, PartHandler, PartSystem},
	"assess-fee":           {PartDesk, PartHandler, PartSystem},
	"pay-fee":              {PartDesk, PartSystem},
	"exempt-fee":           {PartDesk, PartHandler, PartLeader},
	"refund-fee":           {PartDesk, PartLeader, PartSystem},
	"impose-obligation":    {PartDesk, PartHandler, PartSystem},
	"meet-obligation":      {PartDesk, PartHandler, PartSystem},
	"assign":               {PartHandler, PartLeader},
	"reassign":             {PartHandler, PartLeader},
	"start-step":           {PartHandler},
	"complete-step":        {PartHandler},
	"return-step":          {PartHandler, PartLeader},
	"request-opinion":      {PartHandler, PartLeader},
	"give-opinion":         {PartConsulted},
	"forward":              {PartHandler, PartLeader},
	"answer-forward":       {PartForwardee},
	"appraise":             {PartHandler},
	"record-inspection":    {PartHandler},
	"extend-deadline":      {PartHandler, PartLeader},
	"submit-for-signature": {PartHandler},
	"sign":                 {PartLeader},
	"issue-result":         {PartRegistry},
	"reject":               {PartLeader},
	"stop":                 {PartHandler, PartLeader},
	"deliver-result":       {PartDesk, PartSystem},
	"withdraw":             {PartApplicant, PartDesk},
	"reopen":               {PartLeader},
	"correct-result":       {PartRegistry, PartLeader},
	"rate":                 {PartApplicant},
	"add-note":             {PartApplicant, PartStaff, PartConsulted, PartForwardee},
	"correct":              {PartStaff},
	"report-sync":          {PartSystem, PartAdmin},
}

// Authority lists the parts that may take an action; nil for an unknown one.
func Authority(command string) []Part { return slices.Clone(authority[command]) }

// May reports whether the actor plays a part that may take the action on this
// dossier. It says nothing about whether the order of the law allows it now.
// For Submit the dossier does not exist yet: the parts follow from the command.
func May(a event.Actor, s *State, c Command) bool {
	if submit, ok := c.(Submit); ok {
		asked := State{Receiving: submit.Receiving, Competent: submit.Support, Applicant: Party{Subject: submit.Applicant.Subject}}
		if submit.Representative != nil {
			asked.Representative = &Party{Subject: submit.Representative.Subject}
		}
		s = &asked
	}
	for _, part := range authority[c.CommandName()] {
		if s.plays(a, part) {
			return true
		}
	}
	return false
}

func (s *State) plays(a event.Actor, part Part) bool {
	if a.ID == "" {
		return false
	}
	switch part {
	case PartApplicant:
		return a.Role == event.RoleCitizen && s.belongsTo(a.ID)
	case PartSystem:
		return a.Role == event.RoleSystem
	case PartAdmin:
		return a.Role == event.RoleAdmin
	}
	if a.Role != event.RoleOfficer || a.Agency == "" {
		return false
	}
	switch part {
	case PartDesk:
		return a.Department == OneStop && (a.Agency == s.Receiving || a.Agency == s.Competent)
	case PartHandler:
		return a.Agency == s.Holder.Agency && a.Department != "" && a.Department == s.Holder.Department
	case PartLeader:
		return a.Department == Leadership && (a.Agency == s.Competent || s.holdsForward(a.Agency))
	case PartRegistry:
		return a.Department == Registry && a.Agency == s.Competent
	case PartConsulted:
		return slices.ContainsFunc(s.Opinions, func(o Opinion) bool { return o.asks(a) })
	case PartForwardee:
		return slices.ContainsFunc(s.Forwards, func(f Forwarding) bool { return f.To.Agency == a.Agency })
	case PartStaff:
		return slices.Contains([]string{s.Support, s.Receiving, s.Competent, s.Holder.Agency}, a.Agency)
	default:
		return false
	}
}

// belongsTo reports whether a citizen's pseudonym has a part in the dossier.
func (s *State) belongsTo(subject string) bool {
	return subject == s.Applicant.Subject || s.Representative != nil && subject == s.Representative.Subject ||
		(s.SubmittedBy.Role == event.RoleCitizen && subject == s.SubmittedBy.ID)
}

// holdsForward reports whether the dossier itself lies with that agency.
func (s *State) holdsForward(agency string) bool {
	f := s.openSerialForward()
	return f != nil && f.To.Agency == agency
}

func (s *State) openSerialForward() *Forwarding {
	for _, f := range s.Forwards {
		if !f.Closed && !f.Parallel {
			return &f
		}
	}
	return nil
}

func (o Opinion) asks(a event.Actor) bool {
	return o.Agency == a.Agency && (o.Department == "" || o.Department == a.Department)
}

// Allowed names the actions that this actor could take now: theirs to take, and
// allowed by the order of the law as far as that can be said before the action's
// content is known. Pages and clients show their buttons from it. Submit is
// never among them.
func Allowed(s *State, a event.Actor, f Facts) []string {
	if !s.Exists() || f.Procedure == nil {
		return nil
	}
	f.Actor = a
	var names []string
	for _, c := range Commands() {
		name := c.CommandName()
		if name != "submit" && May(a, s, c) && rules[name].when(s, f) == nil {
			names = append(names, name)
		}
	}
	return names
}
