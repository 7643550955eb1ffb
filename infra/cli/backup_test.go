package cli

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/storetest"
	"github.com/google/uuid"
)

// restored is what `ledger restore --json` prints.
type restored struct {
	Events struct {
		Events  uint64 `json:"events"`
		Present uint64 `json:"already_present"`
		Hash    string `json:"hash"`
	} `json:"events"`
	Defect string `json:"defect"`
}

// taken is what `ledger backup --json` prints.
type taken struct {
	Events   uint64 `json:"events"`
	Total    uint64 `json:"total_events"`
	Snapshot string `json:"snapshot"`
	Persons  uint64 `json:"persons"`
	Chain    string `json:"chain"`
}

func TestKilledBackupsAndRestoresAreMadeWholeByTheNext(t *testing.T) {
	dir := t.TempDir()
	data, place, target := filepath.Join(dir, "data"), filepath.Join(dir, "backup"), filepath.Join(dir, "restored")
	log := slices.Collect(storetest.Log(6, 40_000))
	backups := 0
	for _, part := range [][]eventstore.Recorded{log[:20_000], log[20_000:]} {
		fillLedger(t, data, part)
		longest := lasts(t, "backup", "--data", data, "--to", filepath.Join(dir, "measured"))
		for range 3 {
			if !killed(t, longest*4/5, "backup", "--data", data, "--to", place) {
				backups++
			}
		}
	}
	var after taken
	if ledgerCommand(data, "backup", "--to", place, "--json").document(t, &after); after.Total != uint64(len(log)) {
		t.Fatalf("%+v", after)
	}
	longest := lasts(t, "restore", "--data", filepath.Join(dir, "measuring"), "--from", place)
	restores := 0
	// One that is killed after its work has come to its end as well.
	ended := func() bool {
		return exists(filepath.Join(target, "events")) && !exists(filepath.Join(target, "restoring.json"))
	}
	for range 4 {
		if ended() {
			if err := os.RemoveAll(target); err != nil {
				t.Fatal(err)
			}
		}
		if !killed(t, longest*4/5, "restore", "--data", target, "--from", place) {
			restores++
		} else if err := os.RemoveAll(target); err != nil {
			t.Fatal(err)
		}
	}
	if exists(filepath.Join(target, "restoring.json")) {
		if a := ledgerCommand(target, "doctor"); a.code != exitDefect || !strings.Contains(a.stdout, "restore.unfinished") {
			t.Errorf("half a ledger is opened: %+v", a)
		}
	}
	if ended() {
		ledgerCommand(target, "restore", "--from", place).refused(t, exitFailed, "restore.not-empty")
	} else {
		var result restored
		ledgerCommand(target, "restore", "--from", place, "--json").document(t, &result)
		t.Logf("%d kills of backups and %d of restores; %d events outlived the latter", backups, restores, result.Events.Present)
		if result.Events.Events != uint64(len(log)) || result.Events.Hash != digestOf(log) {
			t.Errorf("%+v, want the hash %s", result, digestOf(log))
		}
	}
	var same copied
	ledgerCommand(data, "copy", "--from", data, "--to", target, "--json").document(t, &same)
	if same.Present != uint64(len(log)) || same.Hash != digestOf(log) {
		t.Errorf("%+v, want the hash %s", same, digestOf(log))
	}
	ledgerCommand(target, "restore", "--from", place).refused(t, exitFailed, "restore.not-empty")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// background is a command that serves in a process of its own.
type background struct {
	process *exec.Cmd
	address string
}

// inBackground starts a command and waits until it says where it serves.
func inBackground(t *testing.T, args ...string) background {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := background{process: exec.Command(program)}
	b.process.Env = append(os.Environ(), commandVariable+"="+strings.Join(append(args, "--listen", "127.0.0.1:0"), "\x1f"))
	log, err := b.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill)
	told := make(chan string, 1)
	go func() {
		defer close(told)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && strings.HasPrefix(line.Msg, "serving") {
				told <- line.Address
			}
		}
	}()
	if b.address = <-told; b.address == "" {
		t.Fatalf("%v ended instead of serving", args)
	}
	return b
}

// kill ends the process with kill -9.
func (b background) kill() {
	_ = b.process.Process.Kill() // it may have ended
	_ = b.process.Wait()
}

// A ledger that takes appends is backed up and copied beside its server, the
// server is killed, and what the backup holds is a beginning of what the ledger has.
func TestAServedLedgerIsBackedUpAndCopied(t *testing.T) {
	dir := t.TempDir()
	data, place := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	fillLedger(t, data, slices.Collect(storetest.Log(7, 5000)))
	s := inBackground(t, "eventstore", "--insecure", "--data", data)
	client, err := esdb.Open(t.Context(), esdb.Options{ConnectionString: "esdb://" + s.address + "?tls=false"})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			stream := "s-" + uuid.NewString()
			for {
				select {
				case <-stop:
					return
				default:
				}
				e := eventstore.Proposed{ID: uuid.New(), Type: "t", Data: []byte("{}")}
				if _, err := client.Append(t.Context(), stream, event.Any, e); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	var last taken
	for range 4 {
		before := last.Total
		if ledgerCommand(data, "backup", "--to", place, "--json").document(t, &last); last.Total < before {
			t.Errorf("%+v", last)
		}
	}
	var beside copied
	ledgerCommand(dir, "copy", "--from", data, "--to", filepath.Join(dir, "copy"), "--json").document(t, &beside)
	close(stop)
	writers.Wait()
	s.kill()
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if last.Total <= 5000 || beside.Events < last.Total {
		t.Errorf("nothing was appended meanwhile: %+v, %+v", last, beside)
	}
	// The copy and the restored backup are both beginnings of the ledger.
	ledgerCommand(filepath.Join(dir, "restored"), "restore", "--from", place, "--json").document(t, &restored{})
	for name, from := range map[string]uint64{"copy": beside.Events, "restored": last.Total} {
		var whole copied
		ledgerCommand(dir, "copy", "--from", data, "--to", filepath.Join(dir, name), "--json").document(t, &whole)
		if whole.Present != from || whole.Events <= from {
			t.Errorf("%s: %+v, want %d of them there", name, whole, from)
		}
	}
}

// A ledger of dossiers is backed up while it is served, killed and lost; what is
// restored tells the same, and personal values open with the master key.
func TestALostLedgerComesBackFromItsBackups(t *testing.T) {
	needsReadModels(t)
	dir := t.TempDir()
	data, back := filepath.Join(dir, "data"), filepath.Join(dir, "back")
	for _, line := range [][]string{{"seed"}, {"simulate", "--dossiers", "15", "--seed", "3", "--from", "2026-01-01", "--to", "2026-02-01"}, {"policies"}} {
		if a := ledgerCommand(data, line...); a.code != exitDone {
			t.Fatalf("%v: %+v", line, a)
		}
	}
	want := ledgerCommand(data, "report", "durations", "--json")
	s := inBackground(t, "serve", "--data", data)
	var events, keys taken
	ledgerCommand(data, "backup", "--to", filepath.Join(dir, "events"), "--json").document(t, &events)
	ledgerCommand(data, "backup", "--keys", "--to", filepath.Join(dir, "keys"), "--json").document(t, &keys)
	s.kill()
	if events.Total == 0 || keys.Persons == 0 {
		t.Fatalf("%+v, %+v", events, keys)
	}
	ledgerCommand(back, "restore", "--from", filepath.Join(dir, "events"), "--keys-from", filepath.Join(dir, "keys"), "--json").document(t, &restored{})
	if err := os.Rename(filepath.Join(data, "master.key"), filepath.Join(back, "master.key")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if got := ledgerCommand(back, "report", "durations", "--json"); got != want || len(want.stdout) < 20 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if a := ledgerCommand(back, "doctor"); a.code != exitDone {
		t.Errorf("%+v", a)
	}
}

func TestADamagedBackupIsADefect(t *testing.T) {
	dir := t.TempDir()
	data, place := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	fillLedger(t, data, slices.Collect(storetest.Log(8, 200)))
	ledgerCommand(data, "backup", "--to", place, "--json").document(t, &taken{})
	segments, err := filepath.Glob(filepath.Join(place, "segments", "*"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	if err := os.Remove(segments[0]); err != nil {
		t.Fatal(err)
	}
	found := ledgerCommand(filepath.Join(dir, "back"), "restore", "--from", place, "--json")
	checked := ledgerCommand(filepath.Join(dir, "none"), "restore", "--check", "--from", place, "--json")
	for name, a := range map[string]answer{"restore": found, "check": checked} {
		if a.code != exitDefect || !json.Valid([]byte(a.stdout)) || !strings.Contains(a.stdout, filepath.Base(segments[0])) || !strings.Contains(a.stdout, "positions 0 to 199") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if exists(filepath.Join(dir, "none")) {
		t.Error("a check makes a folder")
	}
}

func TestWrongUsesOfBackups(t *testing.T) {
	dir := t.TempDir()
	ledgerCommand(filepath.Join(dir, "none"), "backup", "--to", filepath.Join(dir, "b")).refused(t, exitFailed, "ledger.none")
	ledgerCommand(filepath.Join(dir, "none"), "backup", "--keys", "--to", filepath.Join(dir, "b")).refused(t, exitFailed, "keys.none")
	ledgerCommand(dir, "backup", "--to", filepath.Join(dir, "b"), "--keep", "3").refused(t, exitUsage, "--keep")
	ledgerCommand(dir, "restore").refused(t, exitUsage, "--from")
	ledgerCommand(dir, "restore", "--keys-from", dir, "--position", "3").refused(t, exitUsage, "--position")
	ledgerCommand(filepath.Join(dir, "x"), "restore", "--from", filepath.Join(dir, "nowhere")).refused(t, exitFailed, "backup.none")
	ledgerCommand(dir, "restore", "--from", dir, "--at", "yesterday").refused(t, exitUsage, "--at")
}
