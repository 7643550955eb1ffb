package ledger_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/ledger"
)

// onEventStoreDB opens a ledger whose events are on an EventStoreDB, under a folder.
func onEventStoreDB(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	return openOn(t, eventStoreDB(t, dir), filepath.Join(dir, "remote"))
}

// eventStoreDB serves one under a folder and gives the file with its address.
func eventStoreDB(t *testing.T, dir string) (connection string) {
	t.Helper()
	store, err := ledger.OpenStore(t.Context(), ledger.Config{Data: filepath.Join(dir, "server")})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- ledger.ServeEventStore(ctx, store, ledger.Face{Insecure: true}, listener, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(dir, "connection")
	if err := os.WriteFile(file, []byte("esdb://"+listener.Addr().String()+"?tls=false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// openOn opens a ledger whose events are where a file says.
func openOn(t *testing.T, connection, dir string) *ledger.Ledger {
	t.Helper()
	remote, err := ledger.Open(t.Context(), ledger.Config{Data: dir, EventStoreFile: connection})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remote.Close(); err != nil {
			t.Error(err)
		}
	})
	return remote
}

// The same dossiers come to be, event for event, on an EventStoreDB as on the
// embedded store.
func TestTheLedgerRunsOnAnEventStoreDB(t *testing.T) {
	dir := t.TempDir()
	remote := onEventStoreDB(t, dir)
	if _, err := remote.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	simulate(t, remote, 5, 20)
	there, _ := told(t, remote)

	embedded := open(t, filepath.Join(dir, "embedded"))
	simulate(t, embedded, 5, 20)
	if here, _ := told(t, embedded); !slices.Equal(here, there) {
		t.Fatalf("%d events on the EventStoreDB, %d in the embedded store, or others", len(there), len(here))
	}
}

// What a served ledger measures of its EventStoreDB is for whoever scrapes it.
func TestAServedLedgerShowsItsEventStoreDB(t *testing.T) {
	remote := onEventStoreDB(t, t.TempDir())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- remote.Serve(ctx, ledger.ServeConfig{Demo: true}, listener, nil) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	answer, err := http.Get("http://" + listener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	for _, sample := range []string{
		`ledger_esdb_call_seconds_count{operation="read",outcome="ok"} [1-9]`,
		`ledger_esdb_failures_total{kind="unavailable"} 0`, `ledger_esdb_reconnects_total 0`,
	} {
		if !regexp.MustCompile(`(?m)^` + sample).Match(shown) {
			t.Errorf("/metrics does not show %s", sample)
		}
	}
}

func TestAFaceWithoutProtectionHasToBeAskedFor(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	users := write("users", "an: {password: x, admin: true}\n", 0o600)
	for name, face := range map[string]ledger.Face{
		"nobody may call":             {},
		"passwords in clear text":     {UsersFile: users},
		"a users file open to others": {UsersFile: write("open", "an: {password: x}\n", 0o644)},
		"a users file of no users":    {UsersFile: write("empty", "", 0o600)},
		"an unknown member":           {UsersFile: write("odd", "an: {pasword: x}\n", 0o600)},
	} {
		if err := ledger.CheckFace(face); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ledger.CheckFace(ledger.Face{Insecure: true}); err != nil {
		t.Error(err)
	}
}
