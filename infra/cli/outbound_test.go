package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dossierledger/domain/delivery"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/ledger"
	"dossierledger/infra/outbound"
	"dossierledger/queries"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// portal is a receiver of webhooks that checks what it gets as a receiver should.
type portal struct {
	t        *testing.T
	verifier *standard.Webhook
	mu       sync.Mutex
	refuses  func(outbound.CloudEvent) bool
	got      []outbound.CloudEvent
}

func openPortal(t *testing.T, refuses func(outbound.CloudEvent) bool) (*portal, *httptest.Server) {
	t.Helper()
	verifier, err := standard.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	p := &portal{t: t, verifier: verifier, refuses: refuses}
	site := httptest.NewServer(p)
	t.Cleanup(site.Close)
	return p, site
}

// ServeHTTP implements http.Handler.
func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the ledger was killed meanwhile
	}
	var e outbound.CloudEvent
	if err := p.verifier.Verify(body, r.Header); err != nil {
		p.t.Errorf("a delivery does not verify: %v", err)
	} else if err := json.Unmarshal(body, &e); err != nil {
		p.t.Errorf("a delivery is no CloudEvent: %v", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses(e) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	p.got = append(p.got, e)
	w.WriteHeader(http.StatusNoContent)
}

func (p *portal) let(refuses func(outbound.CloudEvent) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = refuses
}

func (p *portal) seen() []outbound.CloudEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// sequences lists what was seen of each key, each event once, in order of its
// first coming.
func (p *portal) sequences() map[string][]string {
	found, known := map[string][]string{}, map[string]bool{}
	for _, e := range p.seen() {
		if !known[e.ID] {
			known[e.ID] = true
			found[e.PartitionKey] = append(found[e.PartitionKey], e.Sequence)
		}
	}
	return found
}

// receiversOf writes a file with one receiver of webhooks.
func receiversOf(t *testing.T, url, more string) string {
	t.Helper()
	return write(t, "receivers.yaml", fmt.Sprintf(`
source: https://ledger.example/
receivers:
  - name: portal
    retry_min: 5ms
    retry_max: 50ms
%s
    webhook:
      url: %s/hook
      allow_http: true
      secret_files: [%s]
`, more, url, write(t, "secret", hookSecret)))
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it did not come about: %s", what)
}

func TestAKilledServerDeliversEverythingInOrder(t *testing.T) {
	portal, site := openPortal(t, func(outbound.CloudEvent) bool { return rand.IntN(10) == 0 })
	data, receivers := t.TempDir(), receiversOf(t, site.URL, "    attempts: 1000")
	kills := 5
	for seed := range kills {
		if a := ledgerCommand(data, "simulate", "--dossiers", "25", "--seed", fmt.Sprint(seed), "--from", "2026-01-01", "--to", "2026-02-01"); a.code != exitDone {
			t.Fatal(a.stderr)
		}
		s := serveLedger(t, data, nil, "--outbound-file", receivers)
		more := len(portal.seen()) + 1 + rand.IntN(250)
		eventually(t, "some are delivered", func() bool { return len(portal.seen()) >= more })
		s.kill(t)
	}
	if a := ledgerCommand(data, "policies"); a.code != exitDone { // so that those that are served add nothing
		t.Fatal(a.stderr)
	}
	s := serveLedger(t, data, nil, "--outbound-file", receivers)
	eventually(t, "all is delivered", func() bool {
		shown := s.get(t, "/readyz")
		return strings.Contains(shown, `"outbound portal","state":"live"`) && strings.Contains(shown, `"behind":0,"given_up":0`)
	})
	s.stop(t)
	wanted := wantedOf(t, data)
	got := portal.sequences()
	total := 0
	for key, sequences := range wanted {
		total += len(sequences)
		if !slices.Equal(got[key], sequences) {
			t.Errorf("of %s came %v, want %v", key, got[key], sequences)
		}
	}
	if len(got) != len(wanted) {
		t.Errorf("%d keys came, want %d", len(got), len(wanted))
	}
	t.Logf("%d kills, %d events, %d deliveries", kills, total, len(portal.seen()))
}

// wantedOf lists, by key, what a receiver without filters has to get.
func wantedOf(t *testing.T, data string) map[string][]string {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it was only read
	wanted := map[string][]string{}
	for e, err := range l.Store.ReadAll(t.Context(), eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: []string{"dossier-", "notice-"}}}) {
		if err != nil {
			t.Fatal(err)
		}
		wanted[outbound.KeyOf(e.Stream)] = append(wanted[outbound.KeyOf(e.Stream)], fmt.Sprintf("%020d", e.Position))
	}
	return wanted
}

func (s *served) get(t *testing.T, path string) string {
	t.Helper()
	return s.getAs(t, path, "")
}

func (s *served) getAs(t *testing.T, path, token string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", path, response.StatusCode, body, err)
	}
	return string(body)
}

// What could not be delivered is looked at and sent again, through the server while
// it runs and on the command line while it does not; and the person concerned sees
// that their data went out.
func TestWhatWasGivenUpIsSentAgainThroughTheServerAndTheCommandLine(t *testing.T) {
	portal, site := openPortal(t, func(outbound.CloudEvent) bool { return true })
	data := t.TempDir()
	receivers := receiversOf(t, site.URL, "    attempts: 2\n    personal: true\n    purpose: trả kết quả tại nhà\n    types: [dossier.]")
	s := serveLedger(t, data, nil, "--demo", "--demo-dossiers", "0", "--outbound-file", receivers)
	as := func(persona string) string {
		_, token := s.post(t, "/dev/token", fmt.Sprintf(`{"persona":%q}`, persona), nil)
		return token["access_token"].(string)
	}
	submit := func() string {
		_, answer := s.post(t, "/api/v1/dossiers", `{"procedure":"3.000347","channel":"online","receiving_agency":"G01.21","competent_agency":"G01.21",
			"applicant":{"subject":"citizen-an","kind":"citizen","name":"Lý Thị Bí Mật"},"delivery":"post"}`, map[string]string{"Authorization": "Bearer " + as("citizen-an")})
		return answer["code"].(string)
	}
	first, second := submit(), submit()
	admin := map[string]string{"Authorization": "Bearer " + as("admin-1")}
	var standing struct{ Items []outbound.Status }
	eventually(t, "two are given up", func() bool {
		if err := json.Unmarshal([]byte(s.getAs(t, "/api/v1/outbound", as("admin-1"))), &standing); err != nil {
			t.Fatal(err)
		}
		return standing.Items[0].GivenUp == 2
	})
	if metrics := s.get(t, "/metrics"); !strings.Contains(metrics, `ledger_outbound_given_up{receiver="portal"} 2`) {
		t.Error("the metrics do not tell it")
	}
	if letters := s.getAs(t, "/api/v1/outbound/portal/dead-letters", as("auditor-1")); !strings.Contains(letters, "HTTP 422") || !strings.Contains(letters, first) {
		t.Errorf("%s", letters)
	}
	portal.let(func(outbound.CloudEvent) bool { return false })
	if _, answer := s.post(t, "/api/v1/outbound/portal/resend", fmt.Sprintf(`{"keys":[%q]}`, first), admin); fmt.Sprint(answer["keys"]) != "[dossier-"+first+"]" {
		t.Errorf("%v", answer)
	}
	eventually(t, "it is there", func() bool { return len(portal.seen()) == 1 })
	if e := portal.seen()[0]; e.Subject != first || !strings.Contains(string(e.Data), "Lý Thị Bí Mật") {
		t.Errorf("%+v", e)
	}
	looks := s.getAs(t, "/api/v1/dossiers/"+first+"/access", as("citizen-an"))
	if !strings.Contains(looks, "trả kết quả tại nhà") || !strings.Contains(looks, "outbound-portal") || !strings.Contains(looks, `"delivery"`) {
		t.Errorf("the applicant sees %s", looks)
	}
	s.stop(t)

	var listed []queries.Delivered
	ledgerCommand(data, "outbound", "list", "--json").document(t, &listed)
	if len(listed) != 1 || listed[0].Receiver != "portal" || listed[0].GivenUp != 1 {
		t.Errorf("%+v", listed)
	}
	var letters []delivery.Letter
	ledgerCommand(data, "outbound", "dead", "portal", "--json").document(t, &letters)
	if len(letters) != 1 || letters[0].Key != "dossier-"+second || letters[0].Reason != "HTTP 422" {
		t.Errorf("%+v", letters)
	}
	for _, line := range [][]string{{"outbound", "list"}, {"outbound", "dead", "portal"}} {
		if a := ledgerCommand(data, line...); a.code != exitDone || !strings.Contains(a.stdout, "portal") && !strings.Contains(a.stdout, second) {
			t.Errorf("%v: exit %d, %s%s", line, a.code, a.stdout, a.stderr)
		}
	}
	ledgerCommand(data, "outbound", "resend", "portal").refused(t, exitUsage, "--all")
	ledgerCommand(data, "outbound", "skip", "portal", second).refused(t, exitUsage, "--why")
	ledgerCommand(data, "outbound", "dead").refused(t, exitUsage, "receiver")
	ledgerCommand(data, "outbound", "list", "portal").refused(t, exitUsage, "list")
	ledgerCommand(data, "outbound", "resend", "portal", "H00").refused(t, exitFailed, "outbound.no-letter")
	if a := ledgerCommand(data, "outbound", "resend", "portal", "--all"); a.code != exitDone || !strings.HasPrefix(a.stdout, "1 ") {
		t.Errorf("exit %d: %s%s", a.code, a.stdout, a.stderr)
	}
	ledgerCommand(data, "outbound", "skip", "portal", second, "--why", "x").refused(t, exitFailed, "outbound.being-sent")
	serveLedger(t, data, nil, "--demo", "--demo-dossiers", "0", "--outbound-file", receivers)
	eventually(t, "it is there", func() bool { return len(portal.seen()) >= 2 && portal.seen()[len(portal.seen())-1].Subject == second })
}

func TestAWrongFileOfReceiversIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no YAML":         "receivers: [",
		"none":            "source: x",
		"an unknown key":  "receivers: [{name: a, webhok: {}}]",
		"no way":          "receivers: [{name: a}]",
		"two ways":        "receivers: [{name: a, webhook: {url: 'https://h/', secret_files: [/none]}, nats: {servers: ['nats://h:1'], subject: a}}]",
		"a wrong topic":   "receivers: [{name: a, kafka: {brokers: ['h:1'], topic: 'a b'}}]",
		"a wrong setting": "receivers: [{name: A, nats: {servers: ['nats://h:1'], subject: a}}]",
		"twice":           "receivers: [{name: a, nats: {servers: ['nats://h:1'], subject: a}}, {name: a, nats: {servers: ['nats://h:1'], subject: a}}]",
	} {
		a := ledgerCommand(t.TempDir(), "serve", "--listen", "127.0.0.1:0", "--outbound-file", write(t, "receivers.yaml", text))
		if a.code != exitUsage || !strings.Contains(a.stderr, "usage.outbound") {
			t.Errorf("%s: exit %d: %s", name, a.code, a.stderr)
		}
	}
}
