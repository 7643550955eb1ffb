package web_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/web"
	"dossierledger/queries"
)

// gate is how far the read models of a test are.
type gate struct {
	mu      sync.Mutex
	seen    uint64
	changed chan struct{}
}

func (g *gate) reach(position uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = position
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *gate) WaitFor(ctx context.Context, position uint64, _ ...string) error {
	for {
		g.mu.Lock()
		seen, changed := g.seen, g.changed
		g.mu.Unlock()
		if seen >= position {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// reports answers with what it was asked.
type reports struct {
	mu     sync.Mutex
	filter queries.Filter
	err    error
}

func (r *reports) Names() []string { return []string{"summary", "transparency"} }

func (r *reports) Run(_ context.Context, name string, filter queries.Filter, _ queries.Options) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filter = filter
	return map[string]string{"name": name}, r.err
}

func TestReadingOnesOwnWrites(t *testing.T) {
	models, asked := &gate{changed: make(chan struct{})}, &reports{}
	s := open(t, func(_ *web.Config, d *web.Dependencies) { d.API.ReadModels, d.API.Reports = models, asked })
	position := s.post(citizen, "/api/v1/dossiers", submission()).is(t, http.StatusCreated).header.Get("Ledger-Position")
	read := func(prefer string) answer {
		return s.do(call{as: analyst, method: "GET", path: "/api/v1/reports/summary", header: map[string]string{"Ledger-Position": position, "Prefer": prefer}})
	}
	behind := read("wait=0")
	behind.refused(t, http.StatusServiceUnavailable, "read-model.behind")
	if behind.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	read("wait=soon").refused(t, http.StatusBadRequest, "request.prefer")
	// Who does not ask for the position does not wait for it.
	s.get(analyst, "/api/v1/reports/summary").is(t, 200)
	go func() {
		time.Sleep(50 * time.Millisecond)
		models.reach(1 << 40)
	}()
	if got := read("wait=20").is(t, 200).header.Get("Preference-Applied"); got != "wait=20" {
		t.Errorf("Preference-Applied: %q", got)
	}
	s.get(analyst, "/api/v1/reports/summary?position="+position).is(t, 200)
	s.get(analyst, "/api/v1/reports/summary?position=-1").is(t, 400)

	// An officer's report is about their own agency, whatever they leave out.
	s.get(deskOfficer, "/api/v1/reports/summary?from=2026-01-01&to=2026-02-01").is(t, 200)
	if asked.filter.Agency != receivingAgency || asked.filter.From.Format(time.RFC3339) != "2025-12-31T17:00:00Z" {
		t.Errorf("asked for %+v", asked.filter)
	}
	asked.err = fault.New(fault.Unavailable, "clickhouse.away", "the database of the read models is away")
	s.get(analyst, "/api/v1/reports/summary").refused(t, http.StatusServiceUnavailable, "clickhouse.away")
}

func TestAnErasedPersonIsGoneAndTheDossierStays(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	must(t, s.vault.Erase(t.Context(), citizen))
	detail := s.get(deskOfficer, path+"?purpose=thu-ly").is(t, 200)
	if strings.Contains(detail.body, "Nguyễn") || at(detail.object(t), "state", "applicant", "name", "erased") != true {
		t.Errorf("after erasure: %v", at(detail.object(t), "state", "applicant"))
	}
	s.get("", path+"/timeline").is(t, 200)
	s.post(deskOfficer, path+"/receive", `{"slip":"TN-1"}`).is(t, 200)
}
