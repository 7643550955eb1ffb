package web_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/infra/web"
)

func at(object map[string]any, path ...string) any {
	var value any = object
	for _, name := range path {
		next, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = next[name]
	}
	return value
}

// Where it is stuck, with whom, for how long; and while the applicant is asked,
// the clock stands and nothing becomes overdue.
func TestTheTimelineSaysWhereADossierIsStuck(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	s.post(deskOfficer, path+"/receive", `{"slip":"TN-1"}`).is(t, 200) // Monday 09:00
	s.clock.pass(time.Hour)
	s.post(deskOfficer, path+"/assign", `{"department":"specialist","officer":"`+specialist+`"}`).is(t, 200)
	s.post(specialist, path+"/start-step", `{"step":"reception"}`).is(t, 200)
	s.post(specialist, path+"/complete-step", `{"step":"reception"}`).is(t, 200)
	s.post(specialist, path+"/start-step", `{"step":"appraisal"}`).is(t, 200)
	s.clock.pass(30 * time.Minute) // 10:30
	s.post(specialist, path+"/request-supplement",
		`{"slip":"BS-1","components":[{"code":"photo","copies":1}],"why":{"ground":"unreadable","text":"ảnh mờ"},"basis":"NĐ 118/2025/NĐ-CP","approver":"`+leader+`"}`).is(t, 200)
	s.clock.pass(14 * 24 * time.Hour) // two weeks later, far beyond the appointment

	timeline := s.get("", path+"/timeline").is(t, 200).object(t)
	if kind := at(timeline, "status", "timeliness", "kind"); kind != "running" || at(timeline, "status", "timeliness", "paused") != true {
		t.Errorf("while the applicant is asked: %v", at(timeline, "status", "timeliness"))
	}
	if at(timeline, "status", "status", "code") != 5.0 || at(timeline, "status", "status", "name", "vi") != "Yêu cầu bổ sung giấy tờ" {
		t.Errorf("status %v", at(timeline, "status", "status"))
	}
	stuck := at(timeline, "stuck").(map[string]any)
	if at(stuck, "waits_for", "code") != "supplement" || at(stuck, "holder", "officer") != specialist ||
		at(stuck, "step", "code") != "appraisal" || at(stuck, "calendar_seconds") != (14*24*time.Hour).Seconds() {
		t.Errorf("stuck: %v", stuck)
	}
	if seconds := at(stuck, "working_seconds").(float64); seconds <= 0 || seconds >= (14*24*time.Hour).Seconds()/2 {
		t.Errorf("stuck for %v working seconds", seconds)
	}
	for _, step := range timeline["steps"].([]any) {
		step := step.(map[string]any)
		if at(step, "step", "code") != "appraisal" {
			continue
		}
		if at(step, "used_seconds") != 1800.0 || at(step, "waited_seconds").(float64) <= 0 || at(step, "verdict") != "running" {
			t.Errorf("appraisal: %v", step)
		}
		// 40 % of five days of eight hours.
		if at(step, "promised_seconds") != 16*3600.0 || at(step, "due_by") == nil {
			t.Errorf("promise of appraisal: %v, %v", at(step, "promised_seconds"), at(step, "due_by"))
		}
	}
	if strings.Contains(s.get("", path+"/timeline").body, "ảnh mờ") {
		t.Error("anybody reads the officer's words")
	}

	due := at(timeline, "status", "due_at")
	s.post(citizen, path+"/provide-supplement", `{"documents":[`+strings.Replace(document("photo"), hash, strings.Repeat("a", 64), 1)+`]}`).is(t, 200)
	timeline = s.get("", path+"/timeline").is(t, 200).object(t)
	if moved := at(timeline, "status", "due_at").(string); moved <= due.(string) {
		t.Errorf("the appointment did not move: %v, %v", due, moved)
	}
	s.clock.pass(30 * 24 * time.Hour)
	status := s.get("", path).is(t, 200).object(t)
	if at(status, "timeliness", "kind") != "overdue" || at(status, "timeliness", "overdue_seconds").(float64) <= 0 {
		t.Errorf("a month later: %v", at(status, "timeliness"))
	}
}

// A replay tells what was known then from what had happened by then, and shows
// each step's changes.
func TestReplayingADossier(t *testing.T) {
	s := open(t, nil)
	path := s.submitted() // 02:00 UTC
	s.clock.pass(4 * time.Hour)
	// Received at 03:00, entered at 06:00.
	s.do(call{as: deskOfficer, method: "POST", path: path + "/receive", body: `{"slip":"TN-1"}`, header: map[string]string{"Occurred-At": "2026-11-16T03:00:00Z"}}).is(t, 200)
	s.clock.pass(time.Hour)

	replay := func(query string) map[string]any {
		t.Helper()
		return s.get(auditor, path+"/replay"+query).is(t, 200).object(t)
	}
	known := replay("?at=2026-11-16T04:00:00Z")
	if at(known, "state", "phase") != "submitted" || known["basis"] != "recorded" || at(known, "status", "status", "code") != 1.0 {
		t.Errorf("as it was known at 04:00: %v, %v", at(known, "state", "phase"), known["basis"])
	}
	happened := replay("?at=2026-11-16T04:00:00Z&basis=occurred")
	if at(happened, "state", "phase") != "processing" || happened["basis"] != "occurred" {
		t.Errorf("as it had happened by 04:00: %v", at(happened, "state", "phase"))
	}
	if now := replay(""); now["next"] != nil || now["revision"] != now["last"] || at(now, "state", "phase") != "processing" {
		t.Errorf("now: %v of %v", now["revision"], now["last"])
	}
	changed := map[string]any{}
	for _, change := range replay("?at=2026-11-16T04:00:00Z&basis=occurred")["changes"].([]any) {
		c := change.(map[string]any)
		changed[c["path"].(string)] = c["after"]
	}
	if changed["/acceptance_slip"] != "TN-1" || changed["/phase"] != "processing" {
		t.Errorf("reception changed %v", changed)
	}
	// Step by step, backwards, to the very beginning.
	revision, steps := "?revision="+trim(replay("")["last"]), 0
	for {
		r := replay(revision)
		steps++
		if r["previous"] == nil {
			break
		}
		revision = "?revision=" + trim(r["previous"])
	}
	if events := s.get("", path).object(t)["events"].(float64); float64(steps) != events {
		t.Errorf("%d steps back over %v events", steps, events)
	}
	// The timeline in parts is the timeline.
	whole := s.get("", path+"/timeline").object(t)["entries"].([]any)
	var parts []any
	for address := path + "/timeline?limit=2"; ; {
		part := s.get("", address).is(t, 200).object(t)
		parts = append(parts, part["entries"].([]any)...)
		if part["next"] == nil {
			break
		}
		address = path + "/timeline?limit=2&from=" + trim(part["next"])
	}
	if !reflect.DeepEqual(parts, whole) {
		t.Errorf("%d entries in parts, %d at once", len(parts), len(whole))
	}
	s.get(auditor, path+"/replay?at=2026-11-16T01:00:00Z").refused(t, 404, "replay.before-first")
}

func trim(number any) string { return strconv.FormatFloat(number.(float64), 'f', -1, 64) }

// The text of a timeline goes out from where it is kept: whole each time, with its
// size in header and log, and not at all where there is nothing new or only the
// headers are asked for.
func TestATimelineIsSentWhole(t *testing.T) {
	s := open(t, nil)
	path := s.submitted() + "/timeline"
	first := s.get("", path).is(t, 200)
	size := strconv.Itoa(len(first.body))
	if again := s.get("", path).is(t, 200); again.body != first.body || first.header.Get("Content-Length") != size {
		t.Errorf("%s bytes, announced as %s, and then\n%s", size, first.header.Get("Content-Length"), again.body)
	}
	if log := s.logs.String(); strings.Count(log, `"bytes":`+size+`,`) != 2 {
		t.Errorf("the log does not tell twice of %s bytes:\n%s", size, log)
	}
	if head := s.do(call{method: "HEAD", path: path}).is(t, 200); head.body != "" || head.header.Get("ETag") != first.header.Get("ETag") {
		t.Errorf("only headers: %s %q", head.header.Get("ETag"), head.body)
	}
	seen := map[string]string{"If-None-Match": first.header.Get("ETag")}
	if same := s.do(call{method: "GET", path: path, header: seen}).is(t, 304); same.body != "" {
		t.Errorf("nothing new: %q", same.body)
	}
}

// A history of an older system has its own words, and no state.
func TestAHistoryOfAnOlderSystem(t *testing.T) {
	s := open(t, nil)
	code := "old log/case 1"
	var events []event.Event
	for i, activity := range []string{"01_HOOFD_010", "Nhận <hồ sơ> & \"kiểm\" tra"} {
		events = append(events, event.New(uuid.New(), event.Metadata{
			OccurredAt: time.Date(2011, 1, 3+i, 8, 0, 0, 0, time.UTC), Actor: event.Actor{ID: "import", Role: event.RoleSystem},
		}, legacy.ActionRecorded{Source: "BPIC15_1", Case: "case 1", Activity: activity, Resource: "560872", Attributes: []legacy.Attribute{{Name: "question", Value: "secret"}}}))
	}
	_, err := s.journal.Append(t.Context(), dossier.StreamOf(code), event.None, events...)
	must(t, err)
	path := "/api/v1/dossiers/old%20log%2Fcase%201"
	status := s.get("", path).is(t, 200).object(t)
	if status["source"] != "BPIC15_1" || status["code"] != code || status["status"] != nil {
		t.Errorf("status %v", status)
	}
	timeline := s.get("", path+"/timeline").is(t, 200)
	entries := timeline.object(t)["entries"].([]any)
	if len(entries) != 2 || at(entries[1].(map[string]any), "activity") != "Nhận <hồ sơ> & \"kiểm\" tra" || at(entries[0].(map[string]any), "by", "officer") != "560872" {
		t.Errorf("entries %v", entries)
	}
	if strings.Contains(timeline.body, "secret") {
		t.Error("anybody reads what the older system noted")
	}
	s.get("", path+"/replay").refused(t, 401, "auth.required")
	s.get(deskOfficer, path+"/replay").refused(t, 403, "auth.forbidden")
	then := s.get(auditor, path+"/replay?at=2011-01-03T12:00:00Z&basis=occurred").is(t, 200).object(t)
	if n := len(then["history"].([]any)); n != 1 || then["state"] != nil {
		t.Errorf("%d entries were there on the first day", n)
	}
	// Nothing can be done on it here, by whoever that is let near it.
	s.post(admin, path+"/report-sync", `{"portal":"p","state":"sent"}`).refused(t, 409, "dossier.history-only")
}

// failingLooks cannot record.
type failingLooks struct{}

func (failingLooks) Record(context.Context, commands.Request, access.PersonalDataViewed) error {
	return errors.New("the disk is away")
}

func TestWhereALookCannotBeRecordedNothingIsShown(t *testing.T) {
	s := open(t, func(_ *web.Config, d *web.Dependencies) { d.API.Looks = failingLooks{} })
	path := s.submitted()
	for _, read := range []string{"", "/replay", "/events"} {
		a := s.get(deskOfficer, path+read+"?purpose=thu-ly")
		a.refused(t, http.StatusInternalServerError, "internal")
		if strings.Contains(a.body, "Mẫu") || strings.Contains(a.body, "disk") {
			t.Errorf("%q shows %s", read, a.body)
		}
	}
	if !strings.Contains(s.logs.String(), "the disk is away") {
		t.Error("the cause is not in the log")
	}
}
