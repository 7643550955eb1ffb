package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/storetest"
	"dossierledger/infra/ledger"
)

// fillLedger makes a data folder whose embedded store holds a log.
func fillLedger(t testing.TB, data string, log []eventstore.Recorded) {
	t.Helper()
	m, err := embedded.OpenImport(t.Context(), embedded.Options{Dir: filepath.Join(data, "events")})
	if err != nil {
		t.Fatal(err)
	}
	for batch := range slices.Chunk(log, 4000) {
		if err := m.Add(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(m.Finish(t.Context()), m.Close()); err != nil {
		t.Fatal(err)
	}
}

// digestOf is the hash of events as `ledger copy` and `ledger restore` print it.
func digestOf(log []eventstore.Recorded) string {
	sum := eventstore.NewDigest()
	for i := range log {
		sum.Add(&log[i])
	}
	return sum.String()
}

// eventStoreDB serves an embedded store in EventStoreDB's protocol and gives a
// file with its connection string.
func eventStoreDB(t testing.TB, data string) string {
	t.Helper()
	store, err := ledger.OpenStore(t.Context(), ledger.Config{Data: data})
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
		if err := errors.Join(<-served, store.Close()); err != nil {
			t.Error(err)
		}
	})
	return write(t, "connection", "esdb://"+listener.Addr().String()+"?tls=false\n")
}

// lasts is how long a command line takes in a process of its own.
func lasts(t testing.TB, args ...string) time.Duration {
	t.Helper()
	began := time.Now()
	if !killed(t, time.Hour, args...) {
		t.Fatalf("%v did not end", args)
	}
	return time.Since(began)
}

// killed runs a command line in a process of its own and kills it at some moment
// before longest; it says whether the command had ended by itself.
func killed(t testing.TB, longest time.Duration, args ...string) (ended bool) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(program)
	child.Env = append(os.Environ(), commandVariable+"="+strings.Join(append(args, "--log", "error"), "\x1f"))
	var stderr strings.Builder
	child.Stderr = &stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	after := longest
	if longest < time.Hour {
		after = time.Duration(rand.Int64N(int64(longest)))
	}
	timer := time.AfterFunc(after, func() { _ = child.Process.Kill() }) // it may have ended
	defer timer.Stop()
	err = child.Wait()
	if code := child.ProcessState.ExitCode(); code > 0 {
		t.Errorf("exit %d: %v: %s", code, err, &stderr)
	}
	return err == nil
}

// copied is what `ledger copy --json` prints.
type copied struct {
	Events     uint64 `json:"events"`
	Present    uint64 `json:"already_present"`
	Copied     uint64 `json:"copied"`
	LeftOut    uint64 `json:"left_out"`
	Hash       string `json:"hash"`
	Positions  bool   `json:"positions_kept"`
	Difference string `json:"difference"`
}

func TestAKilledCopyIsMadeWholeByTheNext(t *testing.T) {
	for name, c := range map[string]struct {
		events int
		target func(t *testing.T) string
	}{
		"into a folder":        {40_000, func(t *testing.T) string { return filepath.Join(t.TempDir(), "copy") }},
		"into an EventStoreDB": {1500, func(t *testing.T) string { return eventStoreDB(t, t.TempDir()) }},
	} {
		t.Run(name, func(t *testing.T) {
			data, log := t.TempDir(), slices.Collect(storetest.Log(4, c.events))
			fillLedger(t, data, log)
			longest := lasts(t, "copy", "--from", data, "--to", c.target(t))
			target := c.target(t)
			kills := 0
			for range 4 {
				if !killed(t, longest*4/5, "copy", "--from", data, "--to", target) {
					kills++
				}
			}
			var result copied
			ledgerCommand(data, "copy", "--from", data, "--to", target, "--json").document(t, &result)
			t.Logf("%d kills, %d events outlived them", kills, result.Present)
			if result.Events != uint64(len(log)) || result.Hash != digestOf(log) || result.Present+result.Copied != result.Events {
				t.Errorf("%+v, want the hash %s", result, digestOf(log))
			}
		})
	}
}

// The read models of a copy that went through an EventStoreDB are those of the
// original: the same reports, and the same rows of every table.
func TestReadModelsOfACopyAreThoseOfTheOriginal(t *testing.T) {
	needsReadModels(t)
	dir := t.TempDir()
	original, back := filepath.Join(dir, "original"), filepath.Join(dir, "back")
	for _, line := range [][]string{{"seed"}, {"simulate", "--dossiers", "15", "--seed", "3", "--from", "2026-01-01", "--to", "2026-02-01"}} {
		if a := ledgerCommand(original, line...); a.code != exitDone {
			t.Fatalf("%v: %+v", line, a)
		}
	}
	there := eventStoreDB(t, filepath.Join(dir, "server"))
	for _, line := range [][]string{{"copy", "--from", original, "--to", there}, {"copy", "--from", there, "--to", back}} {
		if a := ledgerCommand(dir, line...); a.code != exitDone {
			t.Fatalf("%v: %+v", line, a)
		}
	}
	for _, report := range []string{"summary", "dfg", "durations", "resources"} {
		want, got := ledgerCommand(original, "report", report, "--json"), ledgerCommand(back, "report", report, "--json")
		if want.code != exitDone || got != want || len(want.stdout) < 20 {
			t.Errorf("%s of the original: %+v\nof the copy: %+v", report, want, got)
		}
	}
	if a := ledgerCommand(back, "doctor", "--deep"); a.code != exitDone {
		t.Errorf("%+v", a)
	}
}

func TestACopyThatDiffersIsADefect(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	log := slices.Collect(storetest.Log(5, 100))
	fillLedger(t, a, log)
	log[40].Data = []byte(`{"forged":true}`)
	fillLedger(t, b, log[:60])
	answer := ledgerCommand(dir, "copy", "--from", a, "--to", b, "--json")
	if answer.code != exitDefect {
		t.Fatalf("%+v", answer)
	}
	answer.code = exitDone
	var result copied
	if answer.document(t, &result); !strings.Contains(result.Difference, log[40].ID.String()) {
		t.Errorf("%+v", result)
	}
}

func TestACopyOfNothingIsRefused(t *testing.T) {
	dir := t.TempDir()
	fillLedger(t, filepath.Join(dir, "a"), slices.Collect(storetest.Log(5, 10)))
	ledgerCommand(dir, "copy", "--from", filepath.Join(dir, "none"), "--to", filepath.Join(dir, "b")).refused(t, exitFailed, "ledger.none", "none")
	ledgerCommand(dir, "copy", "--from", filepath.Join(dir, "a"), "--to", filepath.Join(dir, "x", "..", "a")).refused(t, exitUsage, "the same place")
	if _, err := os.Stat(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("the source was made: %v", err)
	}
}
