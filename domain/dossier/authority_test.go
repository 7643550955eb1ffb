package dossier_test

import (
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
)

// Everybody who could try, and for every action those who may. The dossier is
// with the specialist, an opinion of the police was asked, and the tax office
// has a part of the work.
func TestAuthorityActionByAction(t *testing.T) {
	everybody := map[string]event.Actor{
		"applicant": applicant, "agent": agent, "stranger": stranger, "desk": desk, "specialist": specialist,
		"colleague": colleague, "leader": leader, "registry": registry, "taxDesk": taxDesk, "taxOfficer": taxOfficer,
		"taxLeader": taxLeader, "police": police, "ledger": ledger, "admin": admin, "auditor": auditor, "analyst": analyst,
		"nobody":                 {},
		"officer of no agency":   {ID: "x", Role: event.RoleOfficer, Department: dossier.Leadership},
		"citizen named officer":  {ID: "sub-chi", Role: event.RoleCitizen, Agency: "H15.01", Department: dossier.Leadership},
		"officer named citizen":  {ID: "sub-an", Role: event.RoleOfficer, Agency: "H99", Department: dossier.OneStop},
		"leader of another one":  officer("lead-9", "H99", dossier.Leadership),
		"officer, no department": {ID: "spec-9", Role: event.RoleOfficer, Agency: "H15.01"},
	}
	handler := "colleague specialist"
	may := map[string]string{
		"submit":               "agent applicant desk ledger",
		"attach-document":      "agent applicant desk " + handler,
		"receive":              "desk",
		"refuse-reception":     "desk",
		"request-supplement":   "desk " + handler,
		"provide-supplement":   "agent applicant desk",
		"expire-supplement":    "desk ledger " + handler,
		"assess-fee":           "desk ledger " + handler,
		"pay-fee":              "desk ledger",
		"exempt-fee":           "desk leader " + handler,
		"refund-fee":           "desk leader ledger",
		"impose-obligation":    "desk ledger " + handler,
		"meet-obligation":      "desk ledger " + handler,
		"assign":               "leader " + handler,
		"reassign":             "leader " + handler,
		"start-step":           handler,
		"complete-step":        handler,
		"return-step":          "leader " + handler,
		"request-opinion":      "leader " + handler,
		"give-opinion":         "police",
		"forward":              "leader " + handler,
		"answer-forward":       "taxDesk taxLeader taxOfficer",
		"appraise":             handler,
		"record-inspection":    handler,
		"extend-deadline":      "leader " + handler,
		"submit-for-signature": handler,
		"sign":                 "leader",
		"issue-result":         "registry",
		"reject":               "leader",
		"stop":                 "leader " + handler,
		"deliver-result":       "desk ledger",
		"withdraw":             "agent applicant desk",
		"reopen":               "leader",
		"correct-result":       "leader registry",
		"rate":                 "agent applicant",
		"add-note":             "agent applicant desk leader officer,-no-department police registry taxDesk taxLeader taxOfficer " + handler,
		"correct":              "desk leader officer,-no-department registry " + handler,
		"report-sync":          "admin ledger",
	}
	s := given(t, licence(), append(appraising(),
		does(on(13, "09:00"), specialist, dossier.RequestOpinion{Agency: "H15.03"}),
		does(on(13, "09:00"), specialist, dossier.Forward{Agency: "H15.02", Task: "tax", Parallel: true}))...).state
	for _, c := range dossier.Commands() {
		name := c.CommandName()
		if name == "submit" {
			c = submission()
		}
		if _, listed := may[name]; !listed {
			t.Errorf("%s is not in the table", name)
		}
		if len(dossier.Authority(name)) == 0 {
			t.Errorf("%s belongs to nobody", name)
		}
		var got []string
		for who, actor := range everybody {
			if dossier.May(actor, &s, c) {
				got = append(got, strings.ReplaceAll(who, " ", "-"))
			}
		}
		want := strings.Fields(may[name])
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %v\nwant %v", name, got, want)
		}
	}
	if len(may) != len(dossier.Commands()) {
		t.Errorf("%d actions in the table, %d exist", len(may), len(dossier.Commands()))
	}
}

func TestAForwardedDossierGivesTheOtherAgencysLeaderAPart(t *testing.T) {
	s := given(t, licence(), append(appraising(), does(on(13, "09:00"), specialist, dossier.Forward{Agency: "H15.02", Task: "tax"}))...).state
	for _, c := range []struct {
		who  event.Actor
		cmd  dossier.Command
		want bool
	}{
		{taxLeader, dossier.Assign{}, true},
		{taxDesk, dossier.Assign{}, true},
		{specialist, dossier.Appraise{}, false},
		{leader, dossier.Reopen{}, true},
	} {
		if got := dossier.May(c.who, &s, c.cmd); got != c.want {
			t.Errorf("%s %s: %v", c.who.ID, c.cmd.CommandName(), got)
		}
	}
}

func TestAllowedActions(t *testing.T) {
	for _, c := range []struct {
		name string
		acts []act
		who  event.Actor
		want string
	}{
		{"a stranger", received(), stranger, ""},
		{"the applicant of a new dossier", submitted(), applicant, "attach-document withdraw add-note"},
		{"the desk of a new dossier", submitted(), desk, "attach-document receive refuse-reception request-supplement assess-fee impose-obligation withdraw add-note correct"},
		{"the applicant who is asked", askedInProcess(), applicant, "attach-document provide-supplement withdraw add-note"},
		{"the specialist who waits", askedInProcess(), specialist, "attach-document assess-fee impose-obligation assign reassign complete-step return-step stop add-note correct"},
		{"the leader with a draft", drafted(), leader, "attach-document assess-fee impose-obligation reassign start-step return-step request-opinion forward extend-deadline sign reject stop add-note correct"},
		{"the registry with a signed one", signed(), registry, "attach-document assess-fee impose-obligation start-step return-step request-opinion forward extend-deadline issue-result stop add-note correct"},
		{"the desk with a result", issued(), desk, "deliver-result add-note correct"},
		{"the applicant with the result", delivered(), applicant, "rate add-note"},
		{"the leader of a delivered one", delivered(), leader, "reopen correct-result add-note correct"},
		{"nothing", nil, desk, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := given(t, licence(), c.acts...)
			facts := dossier.Facts{Now: on(14, "16:00"), Procedure: s.procedure, Calendar: standard}
			if got := strings.Join(dossier.Allowed(&s.state, c.who, facts), " "); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}
