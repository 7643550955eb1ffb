package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
)

// commandVariable makes the test program run a command line, its words apart by
// unit separators, instead of tests.
const commandVariable = "LEDGER_TEST_COMMAND"

func TestMain(m *testing.M) {
	if line := os.Getenv(commandVariable); line != "" {
		os.Exit(Run(strings.Split(line, "\x1f"), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// answer is what a command line gave.
type answer struct {
	code           int
	stdout, stderr string
}

// ledgerCommand runs a command line in a data folder.
func ledgerCommand(data string, args ...string) answer {
	var stdout, stderr bytes.Buffer
	code := Run(append(args, "--data", data, "--log", "error"), strings.NewReader(""), &stdout, &stderr)
	return answer{code, stdout.String(), stderr.String()}
}

// document reads the one JSON document that a command prints, and nothing else.
func (a answer) document(t testing.TB, into any) {
	t.Helper()
	if a.code != exitDone {
		t.Fatalf("exit %d: %s", a.code, a.stderr)
	}
	dec := json.NewDecoder(strings.NewReader(a.stdout))
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, a.stdout)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Fatalf("more than one document: %s", a.stdout)
	}
}

// refused holds that a command failed with one line on standard error, which
// says all of it, and nothing on standard output.
func (a answer) refused(t testing.TB, code int, says ...string) {
	t.Helper()
	if a.code != code || a.stdout != "" || strings.Count(a.stderr, "\n") != 1 {
		t.Errorf("exit %d instead of %d, stdout %q, stderr %q", a.code, code, a.stdout, a.stderr)
	}
	for _, text := range says {
		if !strings.Contains(a.stderr, text) {
			t.Errorf("%q is not in %q", text, a.stderr)
		}
	}
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// needsReadModels skips where the platform has no embedded ClickHouse engine.
func needsReadModels(t testing.TB) {
	t.Helper()
	if _, err := chdb.Find(""); fault.CodeOf(err) == chdb.CodePlatform {
		t.Skip(err)
	}
}
