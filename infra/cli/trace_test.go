package cli

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver is a collector of spans, by OTLP over HTTP.
type receiver struct {
	mu    sync.Mutex
	raw   bytes.Buffer
	spans []*otlp.Span
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var sent collector.ExportTraceServiceRequest
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &sent) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw.Write(body)
	for _, of := range sent.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

// find gives a span that fits.
func (r *receiver) find(fits func(*otlp.Span) bool) *otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.spans, fits); i >= 0 {
		return r.spans[i]
	}
	return nil
}

// await waits for a span that fits.
func (r *receiver) await(t *testing.T, what string, fits func(*otlp.Span) bool) *otlp.Span {
	t.Helper()
	for range 2400 { // two minutes: a busy machine is no failure
		if span := r.find(fits); span != nil {
			return span
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no span came of %s", what)
	return nil
}

// served is a running `ledger serve`.
type served struct {
	cmd   *exec.Cmd
	url   string
	lines sync.WaitGroup
	mu    sync.Mutex
	log   strings.Builder
}

// serveChild runs `ledger serve` on a ledger of its own, until the test ends.
func serveChild(t *testing.T, environment []string, args ...string) *served {
	t.Helper()
	return serveLedger(t, t.TempDir(), environment, args...)
}

// serveLedger runs `ledger serve` in a process of its own until the test ends.
func serveLedger(t *testing.T, data string, environment []string, args ...string) *served {
	t.Helper()
	needsReadModels(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data}, args...)
	s := &served{cmd: exec.Command(exe)}
	s.cmd.Env = append(append(os.Environ(), commandVariable+"="+strings.Join(line, "\x1f")), environment...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	s.lines.Go(func() {
		defer close(address)
		for in := bufio.NewScanner(stderr); in.Scan(); {
			s.mu.Lock()
			s.log.WriteString(in.Text() + "\n")
			s.mu.Unlock()
			var told struct{ Msg, Address string }
			if json.Unmarshal(in.Bytes(), &told) == nil && told.Msg == "serving" {
				address <- "http://" + told.Address
			}
		}
	})
	t.Cleanup(func() { s.stop(t) })
	s.url = <-address
	if s.url == "" {
		t.Fatalf("the ledger ended: %s", s.said())
	}
	return s
}

// stop asks the program to end, as an operator would, and waits for it.
func (s *served) stop(t *testing.T) {
	t.Helper()
	if s.cmd.ProcessState != nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.lines.Wait()
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the ledger did not stop well: %v\n%s", err, s.said())
	}
}

// kill ends the program as a crash does.
func (s *served) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.lines.Wait()
	_ = s.cmd.Wait() // it was killed
}

func (s *served) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// post sends a document and gives the answer's headers and members.
func (s *served) post(t *testing.T, path, body string, headers map[string]string) (http.Header, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	answer := map[string]any{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s: %d %v %v", path, response.StatusCode, answer, err)
	}
	return response.Header, answer
}

// One submission is one trace: from the caller's span through the request, the
// command and its appends; and the projections' pages, which are of many requests,
// link to it and hold the writing to ClickHouse. Nothing that is sent names a
// person or a dossier.
func TestASubmissionCanBeFollowedToClickHouse(t *testing.T) {
	spans := &receiver{}
	sink := httptest.NewServer(spans)
	t.Cleanup(sink.Close)
	s := serveChild(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.URL, "OTEL_BSP_SCHEDULE_DELAY=50"}, "--demo", "--demo-dossiers", "0")

	const caller, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	_, token := s.post(t, "/dev/token", `{"persona":"citizen-an"}`, nil)
	headers, answer := s.post(t, "/api/v1/dossiers", `{"procedure":"3.000347","channel":"online","receiving_agency":"G01.21","competent_agency":"G01.21",
		"applicant":{"subject":"citizen-an","kind":"citizen","name":"Lý Thị Bí Mật","phone":"0912345678","email":"bi.mat@example.vn"},"delivery":"post"}`,
		map[string]string{"Authorization": "Bearer " + token["access_token"].(string), "Traceparent": "00-" + caller + "-" + parent + "-01"})
	code := answer["code"].(string)
	if !strings.HasPrefix(headers.Get("Traceparent"), "00-"+caller+"-") || strings.Contains(headers.Get("Traceparent"), parent) {
		t.Errorf("the answer's traceparent is %q", headers.Get("Traceparent"))
	}

	named := func(name string, below *otlp.Span) func(*otlp.Span) bool {
		return func(s *otlp.Span) bool {
			return s.Name == name && hex.EncodeToString(s.TraceId) == caller && (below == nil || bytes.Equal(s.ParentSpanId, below.SpanId))
		}
	}
	request := spans.await(t, "the request", named("POST /api/v1/dossiers", nil))
	if hex.EncodeToString(request.ParentSpanId) != parent || request.Kind != otlp.Span_SPAN_KIND_SERVER {
		t.Errorf("the request's span: %v", request)
	}
	command := spans.await(t, "the command", named("command submit", request))
	spans.await(t, "an append", named("journal append", command))
	page := spans.await(t, "a page that links to the request", func(s *otlp.Span) bool {
		return s.Name == "page dossiers" && slices.ContainsFunc(s.Links, func(l *otlp.Span_Link) bool { return hex.EncodeToString(l.TraceId) == caller })
	})
	spans.await(t, "what the page links to", func(s *otlp.Span) bool { return bytes.Equal(s.SpanId, page.Links[0].SpanId) })
	for _, table := range []string{"dossiers", "events", "checkpoints"} {
		spans.await(t, "the insert into "+table, func(s *otlp.Span) bool {
			return s.Name == "clickhouse insert "+table && bytes.Equal(s.TraceId, page.TraceId) && bytes.Equal(s.ParentSpanId, page.SpanId)
		})
	}
	// Reading is traced too: the store's for a status, ClickHouse's for figures.
	for path, below := range map[string][2]string{
		"/api/v1/dossiers/" + code: {"GET /api/v1/dossiers/:code", "journal read"}, "/statistics": {"GET /statistics", "clickhouse select"},
	} {
		response, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close() // only its trace is wanted
		asked := spans.await(t, below[0], func(s *otlp.Span) bool { return s.Name == below[0] })
		spans.await(t, below[1], func(s *otlp.Span) bool { return s.Name == below[1] && bytes.Equal(s.ParentSpanId, asked.SpanId) })
	}
	s.stop(t) // what is left is sent

	found := false
	for line := range strings.Lines(s.said()) {
		var told map[string]any
		if json.Unmarshal([]byte(line), &told) == nil && told["msg"] == "request" && told["route"] == "/api/v1/dossiers" {
			found = told["trace_id"] == caller && told["span_id"] == hex.EncodeToString(request.SpanId)
		}
	}
	if !found {
		t.Errorf("no line of the log carries the trace:\n%s", s.said())
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	for _, secret := range []string{"Bí Mật", "0912345678", "bi.mat", "citizen-an", code, token["access_token"].(string)} {
		if bytes.Contains(spans.raw.Bytes(), []byte(secret)) {
			t.Errorf("%q left the program", secret)
		}
	}
}
