package web_test

import (
	"testing"
	"time"
)

// Receiving a dossier is the desk's step: nobody starts it, and it lasts until
// the next department has the dossier.
func TestTheDeskDoesItsStepByReceiving(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	reception := func() map[string]any {
		return s.get("", path+"/timeline").is(t, 200).object(t)["steps"].([]any)[0].(map[string]any)
	}
	if step := reception(); step["verdict"] != "not-started" {
		t.Errorf("before the reception: %v", step)
	}
	s.post(deskOfficer, path+"/receive", `{"slip":"TN-1"}`).is(t, 200)
	s.clock.pass(10 * time.Minute)
	if step := reception(); step["verdict"] != "running" || step["used_seconds"] != 600.0 {
		t.Errorf("at the desk: %v", step)
	}
	s.post(deskOfficer, path+"/assign", `{"department":"specialist"}`).is(t, 200)
	s.clock.pass(time.Hour)
	if step := reception(); step["verdict"] != "kept" || step["used_seconds"] != 600.0 {
		t.Errorf("after the desk: %v", step)
	}
}

// Money that came in online is told by the gateway, never by the payer.
func TestAPaymentOnlineIsToldByTheGateway(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	s.post(deskOfficer, path+"/receive", `{"slip":"TN-1"}`).is(t, 200)
	const fee = "licence"
	s.post(deskOfficer, path+"/assess-fee", `{"item":"`+fee+`"}`).is(t, 200)
	payment := `{"obligation":"` + fee + `","amount":115000,"transaction":"GD-1","method":"online","gateway":"national-portal"}`
	s.post(citizen, path+"/pay-fee", payment).is(t, 403)
	s.post(gateway, path+"/sign", `{"hash":"x"}`).is(t, 403)
	s.post(gateway, path+"/pay-fee", payment).is(t, 200)
	if again := s.post(gateway, path+"/pay-fee", payment).is(t, 200).object(t); len(again["events"].([]any)) != 0 {
		t.Errorf("the gateway's repeat made %v", again)
	}
	s.get(gateway, path+"/replay").is(t, 403)
}
