package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossierledger/infra/eventstore/esdb"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// demonstration is a built program and a ledger that it serves.
type demonstration struct {
	binary  string
	address string // http://host:port
	library string // the embedded ClickHouse engine
}

// documented is the address that the docs use.
const documented = "http://127.0.0.1:8080"

// Logs of others that a block can ask for; they are not part of the repository.
const logs = "../shared/data/logs"

// serveDemonstration builds the program as `make build` does and serves a small
// demonstration on a free port until the test ends, when it must drain and stop.
func serveDemonstration(t *testing.T) *demonstration {
	t.Helper()
	library, err := filepath.Abs(".cache/chdb/libchdb.so")
	if given := os.Getenv("LEDGER_CHDB_LIB"); given != "" {
		library = given
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(library); err != nil {
		t.Fatalf("the embedded ClickHouse engine is not installed: run `make chdb` (%v)", err)
	}
	d := &demonstration{binary: filepath.Join(t.TempDir(), "ledger"), library: library}
	build := exec.Command("go", "build", "-o", d.binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	serve := exec.Command(d.binary, "serve", "--demo", "--demo-dossiers", "60", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data"),
		"--outbound-file", receiverFile(t))
	serve.Env = d.environment()
	stderr, err := serve.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	said := make(chan string, 1)
	go func() { said <- listen(stderr, ready) }()
	t.Cleanup(func() {
		if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := serve.Wait(); err != nil {
			t.Errorf("the demonstration did not stop well: %v", err)
		}
	})
	select {
	case d.address = <-ready:
	case text := <-said:
		t.Fatalf("the demonstration ended: %s", text)
	case <-time.After(5 * time.Minute):
		t.Fatal("the demonstration is not ready")
	}
	return d
}

// receiverFile describes a receiver of events, which takes them all.
func receiverFile(t *testing.T) string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(site.Close)
	dir := t.TempDir()
	path, secret := filepath.Join(dir, "receivers.yaml"), filepath.Join(dir, "secret")
	text := "receivers: [{name: portal, webhook: {url: '" + site.URL + "', allow_http: true, secret_files: ['" + secret + "']}}]"
	for file, content := range map[string]string{path: text, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// environment is that of the program, without settings of whoever runs the tests.
func (d *demonstration) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LEDGER_") })
	return append(env, "LEDGER_CHDB_LIB="+d.library, "LEDGER_LOG=warn")
}

var welcome = regexp.MustCompile(`Pages +(http://[^/\s]+)/`)

// listen reads what the program says until its end, and tells its address.
func listen(from io.Reader, ready chan<- string) string {
	var all strings.Builder
	address := ""
	for lines := bufio.NewScanner(from); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if m := welcome.FindStringSubmatch(lines.Text()); m != nil && address == "" {
			address = m[1]
			ready <- address
		}
	}
	return all.String()
}

func (d *demonstration) get(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, response.Status, err)
	}
	return string(text)
}

// endpoint is one operation of the API.
type endpoint struct{ method, path, summary string }

func (d *demonstration) endpoints(t *testing.T) []endpoint {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct{ Summary string }
	}
	if err := json.Unmarshal([]byte(d.get(t, "/api/v1/openapi.json")), &document); err != nil {
		t.Fatal(err)
	}
	var all []endpoint
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(document.Paths[path])) {
			all = append(all, endpoint{strings.ToUpper(method), path, document.Paths[path][method].Summary})
		}
	}
	return all
}

func endpointTable(all []endpoint) string {
	var rows [][]string
	for _, e := range all {
		rows = append(rows, []string{"`" + e.method + " " + e.path + "`", e.summary})
	}
	return table([]string{"Endpoint", "Is"}, rows)
}

var (
	address = regexp.MustCompile(`/(?:api/v1/[A-Za-z0-9/{}$._-]+|dev/[tp][a-z]+)`)
	// An address in the docs may leave open which dossier, report or action it is about.
	leftOpen = regexp.MustCompile(`^(\$?[A-Z]+|\{[a-z]+\})$`)
)

// checkAddresses holds that addresses in the docs are those of the API.
func checkAddresses(t *testing.T, pages []*page, all []endpoint) {
	for _, p := range pages {
		for _, named := range address.FindAllString(p.written(), -1) {
			named = strings.TrimRight(named, ".")
			exists := named == "/api/v1/openapi.json" || strings.HasSuffix(named, "/")
			for _, e := range all {
				exists = exists || sameAddress(named, e.path)
			}
			if !exists {
				t.Errorf("%s names %s, which the API does not have", p.path, named)
			}
		}
	}
}

func sameAddress(named, template string) bool {
	a, b := strings.Split(named, "/"), strings.Split(template, "/")
	return slices.EqualFunc(a, b, func(x, y string) bool {
		return x == y || strings.HasPrefix(y, "{") || leftOpen.MatchString(x)
	})
}

var metric = regexp.MustCompile(`ledger_[a-z_]+[a-z]`)

// onEventStoreDB are the metrics that are added where the ledger is on an EventStoreDB.
func onEventStoreDB(t *testing.T) string {
	t.Helper()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(esdb.NewMetrics())
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

func checkMetrics(t *testing.T, pages []*page, d *demonstration) {
	described := find(t, pages, "docs/operator.md").written()
	shown := d.get(t, "/metrics") + onEventStoreDB(t)
	for line := range strings.SplitSeq(shown, "\n") {
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok && strings.HasPrefix(rest, "ledger_") {
			if name, _, _ := strings.Cut(rest, " "); !strings.Contains(described, "`"+name+"`") {
				t.Errorf("docs/operator.md does not describe %s", name)
			}
		}
	}
	for _, p := range pages {
		for _, name := range metric.FindAllString(p.written(), -1) {
			// Counters with labels are shown from their first count on.
			if !strings.Contains(shown, name) && name != "ledger_projection_failures_total" {
				t.Errorf("%s names %s, which is no metric", p.path, name)
			}
		}
	}
}

// block is something to run, or what must come out of the block before it.
type block struct {
	line   int
	with   string // a log that must be there
	shell  string
	output []string
}

// runs lists the blocks of a page that are marked for running.
func (p *page) runs() []*block {
	var all []*block
	var last *block
	for _, at := range fence.FindAllStringSubmatchIndex(p.text, -1) {
		info, body := p.text[at[2]:at[3]], p.text[at[4]:at[5]]
		switch kind, rest, _ := strings.Cut(info, " "); {
		case kind == "sh" && strings.HasPrefix(rest, "run"):
			_, with, _ := strings.Cut(rest, "with=")
			last = &block{line: 1 + strings.Count(p.text[:at[0]], "\n"), with: with, shell: body}
			all = append(all, last)
		case info == "text output" && last != nil:
			last.output = strings.Split(strings.TrimRight(body, "\n"), "\n")
		default:
			last = nil
		}
	}
	return all
}

// runTimeout bounds the running of one page.
const runTimeout = 5 * time.Minute

// run runs all blocks of a page in one shell, in an empty folder with the
// program at bin/ledger, and looks for the promised lines in what comes out.
func (p *page) run(t *testing.T, d *demonstration) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: the commands of the docs cannot be run")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(d.binary, filepath.Join(dir, "bin", "ledger")); err != nil {
		t.Fatal(err)
	}
	script := "set -eu\n"
	var blocks []*block
	for _, b := range p.runs() {
		if b.with != "" && !copyLog(t, b.with, dir) {
			t.Logf("%s:%d is not run: %s is not there", p.path, b.line, filepath.Join(logs, b.with))
			continue
		}
		script += fmt.Sprintf("printf '\\n%s\\n' | tee /dev/stderr\n%s\n", b.mark(), strings.ReplaceAll(b.shell, documented, d.address))
		blocks = append(blocks, b)
	}
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	file := filepath.Join(t.TempDir(), "page.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(ctx, "sh", file)
	shell.Dir, shell.Env = dir, append(d.environment(), "LC_ALL=C.UTF-8")
	// What a page starts in the background ends with it, also where the page
	// fails: it would hold the outputs open, and the failure would not be told.
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	shell.WaitDelay = 10 * time.Second
	var out, errs strings.Builder
	shell.Stdout, shell.Stderr = &out, &errs
	failure := shell.Run()
	if shell.Process == nil {
		t.Fatal(failure)
	}
	if err := syscall.Kill(-shell.Process.Pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		t.Error(err)
	}
	rest := out.String()
	for i, b := range blocks {
		_, after, reached := strings.Cut(rest, b.mark()+"\n")
		if !reached {
			break
		}
		mine := after
		if i+1 < len(blocks) {
			mine, _, _ = strings.Cut(after, blocks[i+1].mark()+"\n")
		}
		rest = after
		if failure != nil && !strings.Contains(rest, "### line ") {
			_, complaint, _ := strings.Cut(errs.String(), b.mark()+"\n")
			t.Fatalf("%s:%d fails: %v\n%s%s", p.path, b.line, failure, mine, complaint)
		}
		if missing := firstMissing(b.output, mine); missing != "" {
			t.Errorf("%s:%d promises a line that does not come, or not in this order: %s\nwhat came:\n%s", p.path, b.line, missing, mine)
		}
	}
	if failure != nil {
		t.Fatalf("%s: %v\n%s", p.path, failure, &errs)
	}
}

func (b *block) mark() string { return fmt.Sprintf("### line %d", b.line) }

// copyLog puts a log into a folder; false where it is not on this machine.
func copyLog(t *testing.T, name, dir string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(logs, name))
	if os.IsNotExist(err) {
		return false
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// firstMissing gives the first promised line that does not come behind those
// before it; "…" in a promise stands for anything.
func firstMissing(promised []string, came string) string {
	lines := strings.Split(came, "\n")
	for _, want := range promised {
		if strings.TrimSpace(want) == "" {
			continue
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(want)), "…", ".*")
		i := slices.IndexFunc(lines, regexp.MustCompile(pattern).MatchString)
		if i < 0 {
			return want
		}
		lines = lines[i:]
	}
	return ""
}
