package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"dossierledger/infra/catalogue"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/journal"
	"dossierledger/infra/keys"
	"dossierledger/infra/registers"
	"dossierledger/infra/telemetry"
	"dossierledger/infra/web"
	"dossierledger/infra/web/api"
	"dossierledger/infra/web/auth"
	"dossierledger/queries"
)

// The sample people and places of the tests.
const (
	receivingAgency = "G01.21"
	otherAgency     = "H26.01"
	procedureCode   = "3.000347"

	citizen      = "citizen-an"
	otherCitizen = "citizen-binh"
	deskOfficer  = "o-g01-21-1"
	specialist   = "o-g01-21-2"
	leader       = "o-g01-21-4"
	registrar    = "o-g01-21-5"
	stranger     = "o-h26-01-1" // an officer of another agency
	auditor      = "auditor-1"
	analyst      = "analyst-1"
	admin        = "admin-1"
	gateway      = "gateway-1"
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// site is a ledger with its web on a loopback address.
type site struct {
	t       *testing.T
	url     string
	clock   *clock
	store   *embedded.Store
	journal *journal.Journal
	vault   keys.Vault
	server  *web.Server
	issuer  *auth.DevIssuer
	logs    *syncBuffer
	stop    func() error
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// open starts a site. change, where not nil, has the last word on its wiring.
func open(t *testing.T, change func(*web.Config, *web.Dependencies)) *site {
	t.Helper()
	s := &site{t: t, clock: &clock{at: time.Date(2026, 11, 16, 2, 0, 0, 0, time.UTC)}, logs: &syncBuffer{}} // Monday 09:00 in Vietnam
	logger := slog.New(telemetry.Traced(slog.NewJSONHandler(s.logs, nil)))
	dir := t.TempDir()
	acts, registers := s.openLedger(dir, logger)
	officers, err := catalogue.Officers()
	must(t, err)
	s.issuer, err = auth.OpenDevIssuer(filepath.Join(dir, "dev-issuer.pem"), officers, s.clock.now)
	must(t, err)
	dossiers, err := queries.NewDossiers(s.journal, registers, s.clock.now)
	must(t, err)
	procedures, err := queries.NewCatalogue(registers, registers)
	must(t, err)
	looks, err := commands.NewLooks(s.journal, s.clock.now)
	must(t, err)
	config := web.Config{Rate: -1, Heartbeat: 50 * time.Millisecond}
	deps := web.Dependencies{
		API: api.Dependencies{
			Commands: acts, Dossiers: dossiers, Catalogue: procedures, Looks: looks,
			Store: s.store, Decode: s.journal.Decode,
		},
		DevIssuer: s.issuer, Logger: logger, Now: s.clock.now,
	}
	if change != nil {
		change(&config, &deps)
	}
	s.server, err = web.New(config, deps)
	must(t, err)
	s.serve()
	return s
}

// openLedger opens a store with keys in a folder and publishes the sample catalogue.
func (s *site) openLedger(dir string, logger *slog.Logger) (*commands.Dossiers, *registers.Registers) {
	s.t.Helper()
	var err error
	s.store, err = embedded.Open(s.t.Context(), embedded.Options{Dir: filepath.Join(dir, "events"), Logger: logger, Now: s.clock.now})
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, s.store.Close()) })
	must(s.t, keys.MakeMaster(filepath.Join(dir, "master.key")))
	master, err := keys.ReadMaster(filepath.Join(dir, "master.key"))
	must(s.t, err)
	vault, err := keys.OpenFolder(s.t.Context(), filepath.Join(dir, "keys"), master)
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, vault.Close()) })
	types := event.NewRegistry()
	for _, register := range []func(*event.Registry){
		dossier.Register, legacy.Register, procedure.Register, agency.Register, worktime.Register, access.Register, commands.Register,
	} {
		register(types)
	}
	s.vault = vault
	s.journal, err = journal.New(s.store, types, vault)
	must(s.t, err)
	sample, err := catalogue.Sample()
	must(s.t, err)
	for _, stream := range sample.Streams() {
		_, err := s.journal.Append(s.t.Context(), stream.Name, event.None, stream.Events...)
		must(s.t, err)
	}
	known := registers.New(sample.LifeEvents())
	must(s.t, known.Load(s.journal.ReadAll(s.t.Context(), nil, registers.StreamPrefixes...)))
	acts, err := commands.NewDossiers(s.journal, s.journal, known, known, known, s.clock.now)
	must(s.t, err)
	return acts, known
}

func (s *site) serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	s.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(ctx, listener) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	s.t.Cleanup(func() { must(s.t, s.stop()) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call is one request as somebody; "" is nobody.
type call struct {
	as, method, path, body string
	header                 map[string]string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) token(persona string) string {
	s.t.Helper()
	token, _, err := s.issuer.Issue(persona)
	must(s.t, err)
	return token
}

var client = &http.Client{
	Timeout:       2 * time.Minute,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{DisableKeepAlives: true},
}

func (s *site) do(c call) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url+c.path, strings.NewReader(c.body))
	must(s.t, err)
	if c.as != "" {
		req.Header.Set("Authorization", "Bearer "+s.token(c.as))
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	response, err := client.Do(req)
	must(s.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(s.t, err)
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}
}

func (s *site) get(as, path string) answer {
	s.t.Helper()
	return s.do(call{as: as, method: http.MethodGet, path: path})
}

func (s *site) post(as, path, body string) answer {
	s.t.Helper()
	return s.do(call{as: as, method: http.MethodPost, path: path, body: body})
}

// object reads a JSON object.
func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(a.body), &object); err != nil {
		t.Fatalf("status %d: not a JSON object: %v: %.300s", a.status, err, a.body)
	}
	return object
}

// is fails the test where the status is another.
func (a answer) is(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %.600s", a.status, status, a.body)
	}
	return a
}

// refused fails the test where it is not a problem with this status and code.
func (a answer) refused(t *testing.T, status int, code string) map[string]any {
	t.Helper()
	a.is(t, status)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
		t.Fatalf("content type %q: %.300s", got, a.body)
	}
	p := a.object(t)
	if p["code"] != code {
		t.Fatalf("code %v, want %s: %.400s", p["code"], code, a.body)
	}
	if trace, _ := p["trace"].(string); len(trace) != 32 {
		t.Fatalf("a problem without a trace id: %.300s", a.body)
	}
	return p
}

const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func submission() string {
	return `{"procedure":"` + procedureCode + `","channel":"online","applicant":{"subject":"` + citizen + `","kind":"citizen","name":"Nguyễn Văn Mẫu","phone":"0900000001"},
	"receiving_agency":"` + receivingAgency + `","competent_agency":"` + receivingAgency + `","delivery":"post","documents":[` +
		document("application") + `,` + document("licence") + `,` + document("photo") + `]}`
}

func document(component string) string {
	return `{"component":"` + component + `","hash":"` + hash + `","size_bytes":1000,"media_type":"application/pdf","form":"electronic","file_name":"don.pdf"}`
}

// submitted hands in a dossier as the citizen and gives its path.
func (s *site) submitted() string {
	s.t.Helper()
	a := s.post(citizen, "/api/v1/dossiers", submission()).is(s.t, http.StatusCreated)
	return a.header.Get("Location")
}
