package cli

import (
	"path/filepath"
	"testing"

	"dossierledger/infra/nats/natstest"
)

// A ledger in a folder becomes one that several share: its events go to an
// EventStoreDB and its keys to NATS, where a person's key is found and destroyed.
func TestKeysAreCopiedToNATS(t *testing.T) {
	data := t.TempDir()
	if a := ledgerCommand(data, "seed"); a.code != exitDone {
		t.Fatal(a.stderr)
	}
	if a := ledgerCommand(data, "simulate", "--dossiers", "50", "--seed", "7", "--from", "2026-01-01", "--to", "2026-03-01"); a.code != exitDone {
		t.Fatal(a.stderr)
	}
	target, server := eventStoreDB(t, t.TempDir()), natstest.Start(t)
	if a := ledgerCommand(data, "copy", "--from", data, "--to", target); a.code != exitDone {
		t.Fatal(a.stderr)
	}
	master := filepath.Join(data, "master.key")
	shared := []string{"--nats-file", natstest.File(t, server), "--nats-replicas", "1", "--master-key-file", master}
	var copied, again struct {
		Persons int `json:"persons"`
		Erased  int `json:"erased"`
		Shards  int `json:"shards"`
		Present int `json:"shards_present"`
	}
	copyKeys := append([]string{"keys", "copy", "--from", data, "--json"}, shared...)
	ledgerCommand(t.TempDir(), copyKeys...).document(t, &copied)
	ledgerCommand(t.TempDir(), copyKeys...).document(t, &again)
	if copied.Persons == 0 || copied.Present != 0 || again.Present != copied.Shards || again.Persons != copied.Persons {
		t.Errorf("first %+v, again %+v", copied, again)
	}
	erase := append([]string{"erase", "p-sim-7-0", "--ground", "request", "--eventstore-file", target, "--clickhouse-dsn-file", write(t, "dsn", "http://127.0.0.1:1/default")}, shared...)
	if a := ledgerCommand(t.TempDir(), erase...); a.code != exitDone {
		t.Fatalf("a person whose key was copied is not known: %s", a.stderr)
	}
	ledgerCommand(t.TempDir(), copyKeys...).refused(t, exitFailed, "is in use")
	ledgerCommand(t.TempDir(), "keys", "copy", "--from", data).refused(t, exitUsage, "--nats-file")
	ledgerCommand(t.TempDir(), append([]string{"keys", "copy", "--from", t.TempDir()}, shared...)...).refused(t, exitFailed, "there are no keys")
	for _, term := range []string{"0.5s", "20ms"} {
		ledgerCommand(t.TempDir(), append(erase, "--lease-term", term)...).refused(t, exitUsage, "a second or more")
	}
}
