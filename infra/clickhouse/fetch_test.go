package clickhouse

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dossierledger/infra/clickhouse/chdb"
)

// fetch runs the script that gets the library, with nothing on its path but
// the named tools and a uname of the test's own.
func fetch(t *testing.T, dir, machine string, tools ...string) (stdout, stderr string, status int) {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range append(tools, "sh", "cut", "awk", "ls", "cat", "mkdir", "mktemp", "rm") {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	uname := "#!/bin/sh\n[ \"$1\" = -s ] && echo " + strings.Replace(machine, " ", " || echo ", 1) + "\n"
	if err := os.WriteFile(filepath.Join(bin, "uname"), []byte(uname), 0o700); err != nil { // a program
		t.Fatal(err)
	}
	script, err := filepath.Abs("fetch-chdb.sh")
	if err != nil {
		t.Fatal(err)
	}
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", script, dir) // a test's own
	cmd.Env = []string{"PATH=" + bin}
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), complaint.String(), cmd.ProcessState.ExitCode()
}

func TestFetchingAgainDoesNothing(t *testing.T) {
	library, err := chdb.Find("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(library, filepath.Join(dir, "libchdb.so")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first time by the hash, then by the stamp
		if stdout, stderr, status := fetch(t, dir, "Linux x86_64", "sha256sum"); status != 0 || stdout+stderr != "" {
			t.Errorf("status %d, %q, %q", status, stdout, stderr)
		}
	}
}

func TestFetchingSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		machine string
		tools   []string
		want    string
	}{
		{"Plan9 mips", []string{"sha256sum"}, "no verified build"},
		{"Linux x86_64", nil, "neither sha256sum nor shasum"},
		{"Linux x86_64", []string{"sha256sum"}, "npm is not installed"},
	} {
		dir := t.TempDir()
		stdout, stderr, status := fetch(t, dir, c.machine, c.tools...)
		if status != 1 || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %q, %q; want %q in one line", c.machine, status, stdout, stderr, c.want)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s left %v, %v", c.machine, left, err)
		}
	}

	// Bytes that are not the library are not taken for it.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "libchdb.so"), []byte("other bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := fetch(t, dir, "Linux x86_64", "sha256sum"); status != 1 || !strings.Contains(stderr, "not the expected build") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
