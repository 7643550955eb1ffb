package policy_test

import (
	"errors"
	"testing"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/web/policy"
)

var concern = dossier.State{
	Phase: dossier.PhaseProcessing, Support: "S", Receiving: "R", Competent: "C", Holder: dossier.Holder{Agency: "H", Department: "specialist"},
	Applicant: dossier.Party{Subject: "an"}, Representative: &dossier.Party{Subject: "rep"},
	SubmittedBy: event.Actor{ID: "sub", Role: event.RoleCitizen},
	Opinions:    []dossier.Opinion{{Agency: "O"}}, Forwards: []dossier.Forwarding{{To: dossier.Holder{Agency: "F"}}},
}

func officer(agency string) event.Actor {
	return event.Actor{ID: "o", Role: event.RoleOfficer, Agency: agency}
}
func citizen(id string) event.Actor     { return event.Actor{ID: id, Role: event.RoleCitizen} }
func staff(role event.Role) event.Actor { return event.Actor{ID: "x", Role: role} }

// Who may read what of a dossier, person by person.
func TestWhoMayReadADossier(t *testing.T) {
	anybody := event.Actor{}
	for _, c := range []struct {
		who                                   event.Actor
		read, personal, history, looks, acted bool
	}{
		{anybody, false, false, false, false, false},
		{citizen("an"), true, true, true, true, true},
		{citizen("rep"), true, true, true, true, true},
		{citizen("sub"), true, true, true, true, true},
		{citizen("other"), false, false, false, false, false},
		{citizen(""), false, false, false, false, false},
		{officer("S"), true, true, true, false, true},
		{officer("R"), true, true, true, false, true},
		{officer("C"), true, true, true, false, true},
		{officer("H"), true, true, true, false, true},
		{officer("O"), true, false, true, false, true},
		{officer("F"), true, false, true, false, true},
		{officer("X"), false, false, false, false, false},
		{officer(""), false, false, false, false, false},
		{staff(event.RoleAuditor), true, true, true, true, false},
		{staff(event.RoleAnalyst), false, false, false, false, false},
		{staff(event.RoleAdmin), false, false, false, false, true},
		{staff(event.RoleSystem), false, false, false, false, true},
		{staff("invented"), false, false, false, false, false},
	} {
		for action, want := range map[policy.Action]bool{
			policy.ReadStatus: true, policy.ReadDossier: c.read, policy.ReadPersonal: c.personal,
			policy.ReadHistory: c.history, policy.ReadLooks: c.looks, policy.Act: c.acted,
		} {
			err := policy.May(c.who, action, policy.Resource{Dossier: &concern})
			if (err == nil) != want {
				t.Errorf("%+v %s: %v", c.who, action, err)
			}
			if err != nil && (c.who.ID == "") != errors.Is(err, policy.ErrUnauthenticated) {
				t.Errorf("%+v %s: %v", c.who, action, err)
			}
		}
	}
	// Of a dossier that has no state (a history taken over) nobody is concerned,
	// whatever is empty on both sides.
	for _, who := range []event.Actor{citizen(""), officer(""), citizen("an"), officer("C")} {
		for _, s := range []*dossier.State{nil, {}} {
			if policy.May(who, policy.ReadDossier, policy.Resource{Dossier: s}) == nil {
				t.Errorf("%+v is concerned with nothing", who)
			}
		}
	}
}

func TestWhoMayReadLists(t *testing.T) {
	for _, c := range []struct {
		who                    event.Actor
		agency                 string
		below                  bool
		worklist, report, find bool
	}{
		{event.Actor{}, "", false, false, false, false},
		{citizen("an"), "", false, false, false, true},
		{officer("C"), "C", false, true, true, true},
		{officer("C"), "C.1", true, false, true, true},
		{officer("C"), "X", false, false, false, true},
		{officer("C"), "", false, false, false, true},
		{officer(""), "", false, false, false, false},
		{staff(event.RoleAuditor), "", false, true, true, true},
		{staff(event.RoleAnalyst), "", false, false, true, false},
		{staff(event.RoleAdmin), "", false, false, true, false},
	} {
		r := policy.Resource{Agency: c.agency, Below: c.below, Report: "summary"}
		for action, want := range map[policy.Action]bool{policy.ReadWorklist: c.worklist, policy.ReadReport: c.report, policy.Search: c.find} {
			if err := policy.May(c.who, action, r); (err == nil) != want {
				t.Errorf("%+v %s of %q: %v", c.who, action, c.agency, err)
			}
		}
		if err := policy.May(c.who, policy.ReadReport, policy.Resource{Report: "transparency"}); err != nil {
			t.Errorf("%+v may not read the public report: %v", c.who, err)
		}
	}
	if policy.May(staff(event.RoleAuditor), "invented", policy.Resource{}) == nil {
		t.Error("an action that nobody defined is allowed")
	}
}
