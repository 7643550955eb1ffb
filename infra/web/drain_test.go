package web_test

import (
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"dossierledger/infra/web"
)

// A load balancer learns that a server leaves while requests are still taken, and
// clients are told to take another connection; only then is it closed.
func TestALeavingServerAnswersAndSaysSo(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	stream := s.follow("", path+"/timeline/stream", nil)
	if e, _ := stream.next(); e.name != "status" {
		t.Fatalf("it begins with %+v", e)
	}
	s.get("", "/readyz").is(t, http.StatusOK)
	s.server.Leave()
	var ready struct{ Ready, Draining bool }
	must(t, json.Unmarshal([]byte(s.get("", "/readyz").is(t, http.StatusServiceUnavailable).body), &ready))
	if ready.Ready || !ready.Draining {
		t.Errorf("%+v", ready)
	}
	s.get("", "/healthz").is(t, http.StatusOK)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	must(t, err)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	must(t, response.Body.Close())
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("status %d, and the connection stays: %v", response.StatusCode, !response.Close)
	}
	s.post(deskOfficer, path+"/receive", `{"slip":"TN-1"}`).is(t, http.StatusOK)
	if _, entry := stream.entry(); entry["activity"] != "dossier.received.v1" {
		t.Errorf("a live timeline ended, or told %v", entry)
	}
	must(t, s.stop())
	if conn, err := net.Dial("tcp", s.url[len("http://"):]); err == nil {
		_ = conn.Close() // it should not be there
		t.Error("a server that has stopped takes connections")
	}
}

func TestAServerTakesRequestsForTheDrainDelay(t *testing.T) {
	const delay = 300 * time.Millisecond
	s := open(t, func(c *web.Config, _ *web.Dependencies) { c.DrainDelay = delay })
	s.get("", "/readyz").is(t, http.StatusOK)
	began := time.Now()
	must(t, s.stop())
	if took := time.Since(began); took < delay {
		t.Errorf("it stopped after %v", took)
	}
	if _, err := web.New(web.Config{DrainDelay: -1}, web.Dependencies{}); err == nil {
		t.Error("a negative delay was taken")
	}
}
