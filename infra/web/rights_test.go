package web_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dossierledger/infra/web/policy"
)

// The callers of the table, one of each kind that the policy tells apart.
var callers = []string{"", citizen, otherCitizen, deskOfficer, stranger, auditor, analyst, admin, gateway}

// What a caller may meet. A request that is let in is answered with something
// else than 401 and 403: success, or a refusal of its content.
const (
	open_   = "in"
	signIn  = "401"
	nothing = "403"
)

// rights says for every endpoint what each caller meets: anybody, the applicant,
// another citizen, an officer of the dossier's agency, one of another agency, an
// auditor, an analyst, an administrator, a payment gateway.
var rights = map[string][9]string{
	"submit":       {signIn, open_, open_, open_, open_, nothing, nothing, nothing, open_},
	"dossier":      {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"timeline":     {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"replay":       {signIn, open_, nothing, open_, nothing, open_, nothing, nothing, nothing},
	"events":       {signIn, open_, nothing, open_, nothing, open_, nothing, nothing, nothing},
	"allowed":      {signIn, open_, nothing, open_, nothing, nothing, nothing, open_, open_},
	"looks":        {signIn, open_, nothing, nothing, nothing, open_, nothing, nothing, nothing},
	"search":       {signIn, open_, open_, open_, open_, open_, nothing, nothing, nothing},
	"worklist":     {signIn, nothing, nothing, open_, nothing, open_, nothing, nothing, nothing},
	"report":       {signIn, nothing, nothing, open_, nothing, open_, open_, open_, nothing},
	"report-names": {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"procedures":   {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"procedure":    {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"where-to-go":  {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"life-events":  {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"agencies":     {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"agency":       {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"receivers":    {signIn, nothing, nothing, nothing, nothing, open_, nothing, open_, nothing},
	"dead-letters": {signIn, nothing, nothing, nothing, nothing, open_, nothing, open_, nothing},
	"resend":       {signIn, nothing, nothing, nothing, nothing, nothing, nothing, open_, nothing},
	"skip":         {signIn, nothing, nothing, nothing, nothing, nothing, nothing, open_, nothing},
	"me":           {signIn, open_, open_, open_, open_, open_, open_, open_, open_},
	"dev-token":    {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	"dev-personas": {open_, open_, open_, open_, open_, open_, open_, open_, open_},
	// A stream does not end by itself; its own test tries every caller.
	"timeline-stream": {},
}

// onDossiers are the rights of every action on a dossier that exists. What each
// part may do there is the domain's table, tested with the domain; here it is
// held that nobody without a part gets that far.
var onDossiers = [9]string{signIn, open_, nothing, open_, nothing, nothing, nothing, open_, open_}

// TestEveryEndpointWithEveryRole takes its endpoints from the OpenAPI document:
// one that is added without a row here fails.
func TestEveryEndpointWithEveryRole(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Action      string `json:"x-action"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(s.get("", "/api/v1/openapi.json").is(t, 200).body), &document); err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, template := range slices.Sorted(maps.Keys(document.Paths)) {
		for method, op := range document.Paths[template] {
			expected, known := rights[op.OperationID]
			if !known && strings.HasPrefix(template, "/api/v1/dossiers/{code}/") && method == "post" {
				expected, known = onDossiers, true
			}
			if !known {
				t.Errorf("%s %s (%s) has no row in the table of rights", method, template, op.OperationID)
				continue
			}
			if !slices.Contains(policy.Actions(), policy.Action(op.Action)) {
				t.Errorf("%s: %q is no action of the policy", op.OperationID, op.Action)
			}
			tried[op.OperationID] = true
			if op.OperationID == "timeline-stream" {
				continue
			}
			address := strings.NewReplacer(
				"/api/v1/dossiers/{code}", path, "{name}", "summary", "procedures/{code}", "procedures/"+procedureCode, "{id}", receivingAgency,
			).Replace(template)
			switch op.OperationID {
			case "worklist", "report": // of the officer's agency, which the stranger's is not
				address += "?agency=" + receivingAgency
			}
			for i, who := range callers {
				c := call{as: who, method: strings.ToUpper(method), path: address}
				if c.method == http.MethodPost {
					c.body = `{"nothing":"such"}`
				}
				if got := met(s.do(c).status); got != expected[i] {
					t.Errorf("%s %s as %q: %s, want %s", c.method, address, who, got, expected[i])
				}
			}
		}
	}
	for operation := range rights {
		if !tried[operation] {
			t.Errorf("the table has a row for %s, which is no endpoint", operation)
		}
	}
}

func met(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return signIn
	case http.StatusForbidden:
		return nothing
	default:
		return open_
	}
}

// The public report is for everybody; other figures are not, by whatever name.
func TestThePublicReportIsPublic(t *testing.T) {
	s := open(t, nil)
	s.get("", "/api/v1/reports/transparency").refused(t, http.StatusServiceUnavailable, "read-model.none")
	s.get("", "/api/v1/reports/TRANSPARENCY").refused(t, http.StatusUnauthorized, "auth.required")
	s.get(deskOfficer, "/api/v1/reports/summary").refused(t, http.StatusServiceUnavailable, "read-model.none")
	s.get(deskOfficer, "/api/v1/reports/summary?agency="+otherAgency).refused(t, http.StatusForbidden, "auth.forbidden")
	s.get(deskOfficer, "/api/v1/worklist?agency="+otherAgency).refused(t, http.StatusForbidden, "auth.forbidden")
}

// What anybody sees of a dossier holds nothing about a person, in whichever
// answer; those concerned see values only where the rule says so.
func TestPersonalValuesAreShownToWhoMaySeeThem(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	s.post(deskOfficer, path+"/add-note", `{"visibility":"internal","text":"ghi chú nội bộ bí mật"}`).is(t, 200)
	secrets := []string{"Nguyễn Văn Mẫu", "0900000001", "don.pdf", "bí mật", citizen}
	for _, who := range []string{"", otherCitizen, stranger, analyst, admin} {
		for _, address := range []string{path, path + "/timeline"} {
			body := s.get(who, address).is(t, 200).body
			for _, secret := range secrets {
				if strings.Contains(body, secret) {
					t.Errorf("%q sees %q in %s", who, secret, address)
				}
			}
		}
	}
	reads := []string{"", "/replay", "/events"}
	for _, read := range reads {
		own := s.get(citizen, path+read).is(t, 200).body
		if !strings.Contains(own, "Nguyễn Văn Mẫu") || !strings.Contains(own, "don.pdf") {
			t.Errorf("the applicant does not see their own data in %q", read)
		}
		if strings.Contains(own, "bí mật") {
			t.Errorf("the applicant reads an internal note in %q", read)
		}
		for _, who := range []string{deskOfficer, auditor} {
			hidden := s.get(who, path+read).is(t, 200).body
			for _, secret := range secrets[:4] {
				if strings.Contains(hidden, secret) {
					t.Errorf("%s sees %q in %q without a purpose", who, secret, read)
				}
			}
		}
	}
	if n := len(s.get(citizen, path+"/access").is(t, 200).object(t)["items"].([]any)); n != 0 {
		t.Fatalf("%d looks before anybody looked", n)
	}
	for i, read := range reads {
		shown := s.get(deskOfficer, path+read+"?purpose=thu-ly-ho-so").is(t, 200).body
		if !strings.Contains(shown, "Nguyễn Văn Mẫu") || !strings.Contains(shown, "bí mật") {
			t.Errorf("the officer does not see the values for a purpose in %q", read)
		}
		looks := s.get(citizen, path+"/access").is(t, 200).object(t)["items"].([]any)
		if len(looks) != i+1 {
			t.Fatalf("%d looks are on record, want %d", len(looks), i+1)
		}
		look := looks[i].(map[string]any)
		if look["purpose"] != "thu-ly-ho-so" || look["by"].(map[string]any)["officer"] != deskOfficer {
			t.Errorf("look %v", look)
		}
	}
	// A look that is refused is not on record, and one at nothing is not taken.
	s.get(stranger, path+"?purpose=x").refused(t, http.StatusForbidden, "auth.forbidden")
	s.get("", path+"?purpose=x").refused(t, http.StatusUnauthorized, "auth.required")
	s.get(auditor, path+"/replay?revision=99&purpose=x").refused(t, http.StatusNotFound, "replay.no-revision")
	if n := len(s.get(auditor, path+"/access").is(t, 200).object(t)["items"].([]any)); n != len(reads) {
		t.Errorf("%d looks, want %d", n, len(reads))
	}
}
