package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"dossierledger/infra/eventstore/embedded"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// childDir is set in the environment of the child that TestKilledProcess kills.
const childDir = "EMBEDDED_STORE_CRASH_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(writeForEver(dir))
	}
	if dir := os.Getenv(linearChild); dir != "" {
		os.Exit(actForEver(dir))
	}
	os.Exit(m.Run())
}

// writeForEver is the child: it writes until it is killed and says on stdout
// what the store has acknowledged.
func writeForEver(dir string) int {
	s, err := embedded.Open(context.Background(), embedded.Options{Dir: dir}.WithTables(100))
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	writeUntil(context.Background(), s, 16, func(a acknowledgement) { os.Stdout.WriteString(a.String()) })
	return 1
}

func TestKilledProcessLosesNothingAcknowledgedAndNoHalfBatch(t *testing.T) {
	kills := 8
	if testing.Short() {
		kills = 3
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var acknowledged []acknowledgement
	for kill := range kills {
		before := len(acknowledged)
		acknowledged = append(acknowledged, runAndKill(t, self, dir)...)
		s := open(t, embedded.Options{Dir: dir}.WithTables(100))
		found := verifyLedger(t, s, acknowledged)
		mustClose(t, s)
		t.Logf("kill %d: %d batches acknowledged, %d events in all", kill, len(acknowledged)-before, found)
	}
	if len(acknowledged) == 0 {
		t.Fatal("no child acknowledged anything, the test has tested nothing")
	}
}

func runAndKill(t *testing.T, self, dir string) (acknowledged []acknowledgement) {
	t.Helper()
	child := exec.Command(self)
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	acks, told, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer acks.Close()
	child.Stdout = told
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if err := told.Close(); err != nil {
		t.Fatal(err)
	}
	// The clock starts with the first acknowledgement, so that slow machines
	// kill under load too; small numbers kill during start and first sync.
	first := make([]byte, 1)
	if _, err := io.ReadFull(acks, first); err != nil {
		t.Fatalf("the child wrote nothing: %v", err)
	}
	killer := time.AfterFunc(time.Duration(rand.Int64N(int64(150*time.Millisecond))), func() {
		if err := child.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("kill: %v", err)
		}
	})
	defer killer.Stop()
	err = parseAcknowledgements(io.MultiReader(bytes.NewReader(first), acks), func(a acknowledgement) {
		acknowledged = append(acknowledged, a)
	})
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v", err)
	}
	return acknowledged
}

// The disk keeps everything that was synced and, block by block, a random part
// of what was not. The store must hold every batch acknowledged before.
func TestCrashedDiskLosesNothingAcknowledgedAndNoHalfBatch(t *testing.T) {
	crashes := 25
	if testing.Short() {
		crashes = 5
	}
	disk := vfs.NewCrashableMem()
	var told diary
	for crash := range crashes {
		s := open(t, embedded.Options{Dir: "ledger", FS: disk, SegmentBytes: 100 << 10}.WithTables(40))
		verifyLedger(t, s, told.all())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			writeUntil(ctx, s, 8, told.note)
		}()
		time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond))))
		before := told.all()
		seed := rand.Uint64()
		kept := disk.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: crash * 100 / crashes,
			RNG:                 rand.New(rand.NewPCG(seed, 0)),
		})
		stop()
		<-ended
		mustClose(t, s)
		// What was acknowledged after the crash happened in a world that is gone.
		told.mu.Lock()
		told.entries = before
		told.mu.Unlock()
		disk = kept
		t.Logf("crash %d (seed %d): %d batches acknowledged", crash, seed, len(before))
	}
	s := open(t, embedded.Options{Dir: "ledger", FS: disk})
	defer mustClose(t, s)
	if n := verifyLedger(t, s, told.all()); n == 0 {
		t.Fatal("nothing was written, the test has tested nothing")
	}
}
