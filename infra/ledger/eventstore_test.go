package ledger_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/ledger"
)

// The same dossiers come to be, event for event, on an EventStoreDB as on the
// embedded store.
func TestTheLedgerRunsOnAnEventStoreDB(t *testing.T) {
	dir := t.TempDir()
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
	remote, err := ledger.Open(t.Context(), ledger.Config{Data: filepath.Join(dir, "remote"), EventStoreFile: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remote.Close(); err != nil {
			t.Error(err)
		}
	})
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
