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
	// A backup of both is put back, into a folder and another NATS.
	dir := t.TempDir()
	events, snapshots := filepath.Join(dir, "events"), filepath.Join(dir, "snapshots")
	var before, snapshot taken
	ledgerCommand(t.TempDir(), "backup", "--to", events, "--eventstore-file", target, "--json").document(t, &before)
	ledgerCommand(t.TempDir(), append([]string{"backup", "--keys", "--to", snapshots, "--json"}, shared...)...).document(t, &snapshot)
	if snapshot.Persons != uint64(copied.Persons-1) {
		t.Errorf("keys of %d persons were taken, want %d", snapshot.Persons, copied.Persons-1)
	}
	other := []string{"--nats-file", natstest.File(t, natstest.Start(t)), "--nats-replicas", "1", "--master-key-file", master}
	var back struct {
		restored
		Keys struct {
			Persons uint64 `json:"persons"`
		} `json:"keys"`
		Erased int `json:"erased"`
	}
	restoreTo := func(where []string) answer {
		return ledgerCommand(filepath.Join(t.TempDir(), "data"), append([]string{"restore", "--from", events, "--keys-from", snapshots, "--json"}, where...)...)
	}
	restoreTo(other).document(t, &back)
	if back.Events.Events != before.Total || back.Keys.Persons != snapshot.Persons || back.Erased != 1 {
		t.Errorf("%+v was restored, of %+v and %+v", back, before, snapshot)
	}
	var alike taken
	ledgerCommand(t.TempDir(), append([]string{"backup", "--keys", "--to", filepath.Join(dir, "again"), "--json"}, other...)...).document(t, &alike)
	if alike.Persons != snapshot.Persons {
		t.Errorf("the restored keys are of %d persons, want %d", alike.Persons, snapshot.Persons)
	}
	restoreTo(shared[:4]).refused(t, exitUsage, "--master-key-file")
	ledgerCommand(t.TempDir(), copyKeys...).refused(t, exitFailed, "is in use")
	ledgerCommand(t.TempDir(), "keys", "copy", "--from", data).refused(t, exitUsage, "--nats-file")
	ledgerCommand(t.TempDir(), append([]string{"keys", "copy", "--from", t.TempDir()}, shared...)...).refused(t, exitFailed, "there are no keys")
	for _, term := range []string{"0.5s", "20ms"} {
		ledgerCommand(t.TempDir(), append(erase, "--lease-term", term)...).refused(t, exitUsage, "a second or more")
	}
}
