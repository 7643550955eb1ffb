package ledger_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dossierledger/infra/ledger"
)

// childEnv makes the test binary a server on the folder that it names.
const childEnv = "LEDGER_TEST_SERVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := serveChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serveChild(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := ledger.Open(ctx, ledger.Config{Data: dir, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	if _, err := l.Seed(ctx); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	config := ledger.ServeConfig{Demo: true}
	config.Web.Rate = -1
	err = l.Serve(ctx, config, listener, func(*ledger.LateReadModels) { fmt.Println("http://" + listener.Addr().String()) })
	if cerr := l.Close(); err == nil {
		err = cerr
	}
	return err
}

// server is a child process that serves.
type server struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

func start(t *testing.T, dir string) *server {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, cmd: cmd}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has mostly ended by then
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	s.url = strings.TrimSpace(line)
	return s
}

// post sends JSON and returns the status with the decoded answer.
func (s *server) post(path, token, key, body string) (int, map[string]any, error) {
	req, err := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{}
	err = json.NewDecoder(bytes.NewReader(text)).Decode(&answer)
	return res.StatusCode, answer, err
}

func (s *server) token(persona string) string {
	s.t.Helper()
	status, answer, err := s.post("/dev/token", "", "", `{"persona":"`+persona+`"}`)
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("no token for %s: %d %v %v", persona, status, answer, err)
	}
	return answer["access_token"].(string)
}

const submission = `{"procedure":"3.000347","channel":"online","receiving_agency":"G01.21","competent_agency":"G01.21",
"applicant":{"subject":"citizen-an","kind":"citizen","name":"Người Mẫu"},"delivery":"post"}`

// Killed at random while people submit, the ledger has every acknowledged
// dossier once, answers a repeat the same, and leaves no number out.
func TestKilledWhilePeopleSubmit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	acknowledged := map[string]string{} // key → code
	var mu sync.Mutex
	number := 0
	for round := range 4 {
		s := start(t, dir)
		token := s.token("citizen-an")
		mu.Lock()
		before := len(acknowledged)
		for key, code := range acknowledged {
			status, answer, err := s.post("/api/v1/dossiers", token, key, submission)
			if err != nil || status >= 300 || answer["code"] != code {
				t.Fatalf("round %d: the repeat of %s was answered %d %v (%v), not %s", round, key, status, answer, err, code)
			}
		}
		mu.Unlock()
		if round == 3 {
			verify(t, s, acknowledged)
			if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := s.cmd.Wait(); err != nil {
				t.Fatalf("asked to stop, the server ended with %v", err)
			}
			return
		}
		var writers sync.WaitGroup
		for range 16 {
			writers.Go(func() {
				for {
					mu.Lock()
					number++
					key := fmt.Sprintf("key-%d", number)
					mu.Unlock()
					status, answer, err := s.post("/api/v1/dossiers", token, key, submission)
					if err != nil {
						return // killed
					}
					if status >= 300 {
						t.Errorf("submission %s: %d %v", key, status, answer)
						return
					}
					mu.Lock()
					acknowledged[key] = answer["code"].(string)
					mu.Unlock()
				}
			})
		}
		// The clock starts when something was acknowledged, so that a slow machine
		// kills under load too.
		for told := false; !told && !t.Failed(); time.Sleep(5 * time.Millisecond) {
			mu.Lock()
			told = len(acknowledged) >= before+4
			mu.Unlock()
		}
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		writers.Wait()
		_ = s.cmd.Wait() // it was killed
	}
}

// verify looks at every acknowledged dossier, and that codes are neither shared
// nor left out: at most those of the requests in flight at a kill are more.
func verify(t *testing.T, s *server, acknowledged map[string]string) {
	t.Helper()
	if len(acknowledged) < 10 {
		t.Fatalf("only %d submissions were acknowledged: nothing was tested", len(acknowledged))
	}
	seen := map[string]string{}
	highest := ""
	for key, code := range acknowledged {
		if other, twice := seen[code]; twice {
			t.Fatalf("%s and %s were given the same code %s", key, other, code)
		}
		seen[code] = key
		highest = max(highest, code)
	}
	for code := highest; ; {
		res, err := http.Get(s.url + "/api/v1/dossiers/" + code)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body) // the status says all
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("dossier %s of %d below %s: status %d", code, len(acknowledged), highest, res.StatusCode)
		}
		prefix, digits := code[:len(code)-4], code[len(code)-4:]
		var n int
		if _, err := fmt.Sscanf(digits, "%d", &n); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			return
		}
		code = fmt.Sprintf("%s%04d", prefix, n-1)
	}
}
