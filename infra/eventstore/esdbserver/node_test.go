package esdbserver_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/eventstore/esdbserver/esdbtest"
)

// TestNodeClients holds the server to EventStoreDB's and KurrentDB's own clients for
// Node, with a restart of the server in between.
func TestNodeClients(t *testing.T) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: the clients for Node are not tested", tool)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "node"))); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("the clients for Node could not be installed and are not tested: %v: %s", err, lastLine(string(out)))
		}
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	for _, library := range []string{"@eventstore/db-client", "@kurrent/kurrentdb-client"} {
		t.Run(library, func(t *testing.T) { runNode(ctx, t, dir, library) })
	}
}

func runNode(ctx context.Context, t *testing.T, dir, library string) {
	n := esdbtest.StartNode(t)
	run := exec.CommandContext(ctx, "node", "client.mjs", n.Address, library)
	run.Dir = dir
	run.Stderr = os.Stderr
	in, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch line := lines.Text(); {
		case line == "restart":
			n.Restart(t)
			if _, err := fmt.Fprintln(in, "restarted"); err != nil {
				t.Errorf("tell the client of the restart: %v", err)
			}
		case strings.HasPrefix(line, "ok: "):
			steps++
		default:
			t.Log(line)
		}
	}
	if err := run.Wait(); err != nil || steps < 15 {
		t.Fatalf("the client after %d steps: %v", steps, err)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
