// Package deploy_test holds the files with which a ledger is put into operation to
// the program: settings, addresses, ports and metrics that they name exist.
package deploy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/cli"
	"dossierledger/infra/clickhouse/chdb"
	"github.com/goccy/go-yaml"
)

// childVariable makes the test program a ledger that serves the folder it names.
const childVariable = "LEDGER_TEST_DEPLOY"

// receivers is the file, in that folder, of the receivers to which it delivers.
const receivers = "receivers.yaml"

func TestMain(m *testing.M) {
	if data := os.Getenv(childVariable); data != "" {
		os.Exit(cli.Run([]string{"serve", "--demo", "--demo-dossiers", "1", "--listen", "127.0.0.1:0", "--data", data,
			"--outbound-file", filepath.Join(data, receivers)}, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// ledger is a running program.
type ledger struct{ url string }

// serve starts a ledger of one dossier, which must drain and stop when the test
// ends, and waits until its read models follow.
func serve(t *testing.T) ledger {
	t.Helper()
	if _, err := chdb.Find(""); fault.CodeOf(err) == chdb.CodePlatform {
		t.Skip(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	secret := filepath.Join(data, "receiver.secret")
	for file, text := range map[string]string{
		secret:                         "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		filepath.Join(data, receivers): "receivers: [{name: portal, webhook: {url: 'http://127.0.0.1:1/', allow_http: true, secret_files: ['" + secret + "']}}]",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childVariable+"="+data)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, said, reading := make(chan string, 1), strings.Builder{}, sync.WaitGroup{}
	reading.Go(func() {
		defer close(address)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if m := welcome.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	})
	t.Cleanup(func() {
		err := cmd.Process.Signal(syscall.SIGTERM)
		reading.Wait()
		if err := errors.Join(err, cmd.Wait()); err != nil {
			t.Errorf("the ledger did not stop well: %v\n%s", err, &said)
		}
	})
	select {
	case url, ok := <-address:
		if !ok {
			t.Fatal("the ledger ended before it was ready")
		}
		return ledger{url}
	case <-time.After(2 * time.Minute):
		t.Fatal("the ledger is not ready")
	}
	return ledger{}
}

var welcome = regexp.MustCompile(`Pages +(http://[^/\s]+)/`)

// get answers with the status and the body at a path.
func (l ledger) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := http.Get(l.url + path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// object is a mapping of YAML or JSON.
type object = map[string]any

// at follows names and indexes into a document; nil where there is nothing.
func at(node any, path ...any) any {
	for _, step := range path {
		switch key := step.(type) {
		case string:
			m, _ := node.(object)
			node = m[key]
		case int:
			l, _ := node.([]any)
			if key >= len(l) {
				return nil
			}
			node = l[key]
		}
	}
	return node
}

func text(node any, path ...any) string {
	s, _ := at(node, path...).(string)
	return s
}

func list(node any, path ...any) []any {
	l, _ := at(node, path...).([]any)
	return l
}

func mapping(node any, path ...any) object {
	m, _ := at(node, path...).(object)
	return m
}

func number(node any, path ...any) int {
	switch n := at(node, path...).(type) {
	case uint64:
		return int(n)
	case int64:
		return int(n)
	}
	return 0
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// documents reads the mappings of a YAML file; a key that comes twice is an error.
func documents(t *testing.T, path string) []object {
	t.Helper()
	var all []object
	for decoder := yaml.NewDecoder(strings.NewReader(read(t, path))); ; {
		var document object
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("%s: %v", path, err)
		case len(document) > 0:
			all = append(all, document)
		}
	}
}

func document(t *testing.T, path string) object {
	t.Helper()
	all := documents(t, path)
	if len(all) != 1 {
		t.Fatalf("%s holds %d documents", path, len(all))
	}
	return all[0]
}

// TestFilesCanBeRead holds that every file of YAML or JSON is one.
func TestFilesCanBeRead(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".yaml", ".yml":
			if len(documents(t, path)) == 0 {
				t.Errorf("%s holds nothing", path)
			}
			seen++
		case ".json":
			decoder := json.NewDecoder(bytes.NewReader([]byte(read(t, path))))
			var any object
			if err := decoder.Decode(&any); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
				t.Errorf("%s holds more than one document", path)
			}
			seen++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 15 {
		t.Errorf("only %d files were found", seen)
	}
}
