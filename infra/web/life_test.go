package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// The sentences of the domain, said over HTTP: given what was done, when
// somebody does this, then that is so.

func TestADossiersLifeOverHTTP(t *testing.T) {
	s := open(t, nil)

	submitted := s.post(citizen, "/api/v1/dossiers", submission()).is(t, http.StatusCreated)
	path := submitted.header.Get("Location")
	code, _ := submitted.object(t)["code"].(string)
	if code == "" || path != "/api/v1/dossiers/"+code || submitted.header.Get("Ledger-Position") == "" {
		t.Fatalf("location %q for code %q", path, code)
	}
	if status := s.get("", path).is(t, http.StatusOK).object(t); status["status"].(map[string]any)["code"] != 1.0 {
		t.Fatalf("a new dossier has status %v", status["status"])
	}

	steps := []struct{ as, action, body string }{
		{deskOfficer, "receive", `{"slip":"TN-1"}`},
		{deskOfficer, "start-step", `{"step":"reception"}`},
		{deskOfficer, "complete-step", `{"step":"reception"}`},
		{deskOfficer, "assign", `{"department":"specialist","officer":"` + specialist + `"}`},
		{specialist, "start-step", `{"step":"appraisal"}`},
		{specialist, "appraise", `{"conclusion":"eligible"}`},
		{specialist, "complete-step", `{"step":"appraisal"}`},
		{specialist, "submit-for-signature", `{"hash":"` + hash + `"}`},
		{leader, "sign", `{"hash":"` + hash + `"}`},
		{registrar, "issue-result", `{"number":"KQ-1","hash":"` + hash + `"}`},
		{deskOfficer, "deliver-result", `{"method":"counter"}`},
		{citizen, "rate", `{"satisfied":true}`},
	}
	for _, step := range steps {
		s.clock.pass(10 * time.Minute)
		allowed := s.get(step.as, path+"/allowed").is(t, http.StatusOK).object(t)["allowed"].([]any)
		if !slices.Contains(allowed, any(step.action)) {
			t.Errorf("%s is not said to be allowed to %s: %v", step.as, step.action, allowed)
		}
		done := s.post(step.as, path+"/"+step.action, step.body).is(t, http.StatusOK)
		if events := done.object(t)["events"].([]any); len(events) == 0 {
			t.Errorf("%s did nothing", step.action)
		}
	}

	status := s.get("", path).is(t, http.StatusOK).object(t)
	if status["status"].(map[string]any)["code"] != 10.0 || status["timeliness"].(map[string]any)["kind"] != "early" {
		t.Errorf("at the end: %v, %v", status["status"], status["timeliness"])
	}
	timeline := s.get("", path+"/timeline").is(t, http.StatusOK).object(t)
	if n := len(timeline["entries"].([]any)); n != int(status["events"].(float64)) {
		t.Errorf("%d entries for %v events", n, status["events"])
	}
	if timeline["stuck"] != nil {
		t.Errorf("a delivered dossier is stuck: %v", timeline["stuck"])
	}
	for _, step := range timeline["steps"].([]any) {
		step := step.(map[string]any)
		if step["step"].(map[string]any)["code"] == "delivery" && step["due_by"] != status["due_at"] {
			t.Errorf("the last step is due at %v, the dossier at %v", step["due_by"], status["due_at"])
		}
		if step["step"].(map[string]any)["code"] == "appraisal" && step["verdict"] != "kept" {
			t.Errorf("appraisal took 20 of 40 minutes: %v", step)
		}
	}
	again := s.post(citizen, path+"/withdraw", `{"why":{"ground":"x"}}`)
	again.refused(t, http.StatusConflict, "dossier.ended")
}

func TestARepeatedRequestDoesNothingMore(t *testing.T) {
	s := open(t, nil)
	key := map[string]string{"Idempotency-Key": "k-1"}
	first := s.do(call{as: citizen, method: "POST", path: "/api/v1/dossiers", body: submission(), header: key}).is(t, http.StatusCreated)
	// The same content in other white space and order is the same content.
	spaced := strings.Replace(submission(), `{"procedure"`, `{   "procedure"`, 1)
	second := s.do(call{as: citizen, method: "POST", path: "/api/v1/dossiers", body: spaced, header: key}).is(t, http.StatusCreated)
	if second.object(t)["code"] != first.object(t)["code"] || second.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the repeat answered %s", second.body)
	}
	other := strings.Replace(submission(), "0900000001", "0900000002", 1)
	s.do(call{as: citizen, method: "POST", path: "/api/v1/dossiers", body: other, header: key}).refused(t, http.StatusUnprocessableEntity, "idempotency.key-reused")

	path := first.header.Get("Location")
	receive := call{as: deskOfficer, method: "POST", path: path + "/receive", body: `{"slip":"TN-1"}`, header: key}
	done := s.do(receive).is(t, http.StatusOK)
	repeat := s.do(receive).is(t, http.StatusOK)
	if done.header.Get("ETag") != repeat.header.Get("ETag") || repeat.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the repeat moved from %s to %s", done.header.Get("ETag"), repeat.header.Get("ETag"))
	}
	receive.body = `{"slip":"TN-2"}`
	s.do(receive).refused(t, http.StatusUnprocessableEntity, "idempotency.key-reused")
}

func TestWhoInsistsOnARevisionIsToldThatItIsGone(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	seen := s.get(deskOfficer, path).is(t, http.StatusOK).header.Get("ETag")
	s.do(call{as: deskOfficer, method: "GET", path: path, header: map[string]string{"If-None-Match": seen}}).is(t, http.StatusNotModified)
	s.post(citizen, path+"/attach-document", document("")).is(t, http.StatusOK)
	s.do(call{as: deskOfficer, method: "GET", path: path, header: map[string]string{"If-None-Match": seen}}).is(t, http.StatusOK)

	head := s.do(call{as: deskOfficer, method: "HEAD", path: path}).is(t, http.StatusOK)
	if head.body != "" || head.header.Get("ETag") != s.get("", path).header.Get("ETag") {
		t.Errorf("HEAD: %s %q", head.header.Get("ETag"), head.body)
	}

	insist := func(tag string) answer {
		return s.do(call{as: deskOfficer, method: "POST", path: path + "/receive", body: `{"slip":"TN-1"}`, header: map[string]string{"If-Match": tag}})
	}
	insist(seen).refused(t, http.StatusPreconditionFailed, "revision.stale")
	insist("W/"+seen).refused(t, http.StatusPreconditionFailed, "revision.stale")
	insist("17").refused(t, http.StatusBadRequest, "request.if-match")
	insist(s.get("", path).header.Get("ETag")).is(t, http.StatusOK)
}

func TestACodeMayHoldAnyCharacter(t *testing.T) {
	s := open(t, nil)
	for _, code := range []string{"03706/2026/07906", "a%2Fb", "Hồ-sơ#1?x=y", "..", "x+y"} {
		body := strings.Replace(submission(), `{"procedure"`, `{"code":"`+code+`","procedure"`, 1)
		path := s.post(deskOfficer, "/api/v1/dossiers", body).is(t, http.StatusCreated).header.Get("Location")
		got := s.get("", path).is(t, http.StatusOK).object(t)
		if got["code"] != code {
			t.Errorf("%q came back as %v from %s", code, got["code"], path)
		}
		s.post(deskOfficer, path+"/receive", `{"slip":"TN-1"}`).is(t, http.StatusOK)
		s.get("", path+"/timeline").is(t, http.StatusOK)
	}
}
