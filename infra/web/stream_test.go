package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/web"
)

// sse reads one event of a stream at a time; comments and retry are skipped.
type sse struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

type sseEvent struct{ id, name, data string }

func (s *site) follow(as, path string, header map[string]string) *sse {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	must(s.t, err)
	if as != "" {
		req.Header.Set("Authorization", "Bearer "+s.token(as))
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	response, err := client.Do(req)
	must(s.t, err)
	if response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		s.t.Fatalf("stream: %d %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	stream := &sse{t: s.t, lines: bufio.NewScanner(response.Body)}
	stream.lines.Buffer(nil, 1<<20)
	stream.close = func() { cancel(); _ = response.Body.Close() }
	s.t.Cleanup(stream.close)
	return stream
}

func (s *sse) next() (e sseEvent, ok bool) {
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if e.name != "" {
				return e, true
			}
		}
	}
	return e, false
}

// entry reads up to the next entry.
func (s *sse) entry() (id string, entry map[string]any) {
	s.t.Helper()
	for {
		e, ok := s.next()
		if !ok {
			s.t.Fatalf("the stream ended: %v", s.lines.Err())
		}
		if e.name == "entry" {
			must(s.t, json.Unmarshal([]byte(e.data), &entry))
			return e.id, entry
		}
	}
}

func TestALiveTimelineHasNoGapAndNoDuplicate(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	stream := s.follow("", path+"/timeline/stream", nil)
	if e, _ := stream.next(); e.name != "status" {
		t.Fatalf("it begins with %+v", e)
	}
	time.Sleep(150 * time.Millisecond) // some heartbeats
	s.post(deskOfficer, path+"/receive", `{"slip":"TN-1"}`).is(t, 200)
	id, entry := stream.entry()
	if entry["activity"] != "dossier.received.v1" || id == "" {
		t.Fatalf("live: %v", entry)
	}
	s.post(citizen, path+"/attach-document", document("")).refused(t, 409, "dossier.documents-closed")
	s.post(deskOfficer, path+"/start-step", `{"step":"reception"}`).is(t, 200)
	if _, entry := stream.entry(); entry["activity"] != "dossier.step-started.v1" {
		t.Fatalf("live: %v", entry)
	}
	stream.close()

	// Whoever comes back with the last id gets what they missed, once.
	s.post(deskOfficer, path+"/complete-step", `{"step":"reception"}`).is(t, 200)
	again := s.follow("", path+"/timeline/stream", map[string]string{"Last-Event-ID": id})
	for _, want := range []string{"dossier.step-started.v1", "dossier.step-completed.v1"} {
		if _, entry := again.entry(); entry["activity"] != want {
			t.Fatalf("after %s: %v, want %s", id, entry["activity"], want)
		}
	}
	s.post(deskOfficer, path+"/add-note", `{"visibility":"internal","text":"x"}`).is(t, 200)
	if _, entry := again.entry(); entry["details"] != nil {
		t.Fatalf("anybody learns of an internal note: %v", entry)
	}
	// From the start, by position 0.
	first := s.follow("", path+"/timeline/stream?after=0", nil)
	if _, entry := first.entry(); entry["revision"] == nil {
		t.Fatalf("from the start: %v", entry)
	}
}

func TestStreamsAreUnderTheSameRules(t *testing.T) {
	s := open(t, func(c *web.Config, _ *web.Dependencies) { c.Streams = 2 })
	path := s.submitted()
	s.get("", "/api/v1/dossiers/no-such/timeline/stream").refused(t, 404, "dossier.not-found")
	s.do(call{method: "GET", path: path + "/timeline/stream", header: map[string]string{"Last-Event-ID": "soon"}}).refused(t, 400, "request.invalid")
	s.do(call{method: "GET", path: path + "/timeline/stream", header: map[string]string{"Authorization": "Bearer forged"}}).refused(t, 401, "auth.token")

	anybody, applicant := s.follow("", path+"/timeline/stream", nil), s.follow(citizen, path+"/timeline/stream", nil)
	s.get("", path+"/timeline/stream").refused(t, 503, "stream.too-many")
	s.post(deskOfficer, path+"/receive", `{"slip":"TN-1"}`).is(t, 200)
	s.post(deskOfficer, path+"/assess-fee", `{"item":"licence"}`).is(t, 200)
	for name, stream := range map[string]*sse{"anybody": anybody, "applicant": applicant} {
		stream.entry()
		_, fee := stream.entry()
		details, err := json.Marshal(fee["details"])
		must(t, err)
		if got := strings.Contains(string(details), "115000"); got != (name == "applicant") {
			t.Errorf("%s sees the amount: %v", name, got)
		}
	}
	// A client that is gone frees its place at the next heartbeat.
	anybody.close()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path+"/timeline/stream", nil)
		must(t, err)
		response, err := client.Do(req)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a client that is gone was not freed")
		}
	}
}

func TestDrainingEndsStreamsAndFinishesRequests(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	stream := s.follow("", path+"/timeline/stream", nil)
	if _, ok := stream.next(); !ok {
		t.Fatal("the stream did not begin")
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for {
		if _, ok := stream.next(); !ok {
			break
		}
	}
	select {
	case err := <-stopped:
		must(t, err)
	case <-time.After(2 * time.Minute):
		t.Fatal("it did not stop")
	}
	if _, err := client.Get(s.url + "/healthz"); err == nil {
		t.Error("a server that stopped still answers")
	}
}
