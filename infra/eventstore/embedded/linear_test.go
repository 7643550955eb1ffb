package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/storetest"
)

// These make this test binary a process that clients act in until it is killed:
// in a folder, in a round, with events numbered from a first one.
const (
	linearChild = "EMBEDDED_STORE_LINEAR_CHILD"
	linearRound = "EMBEDDED_STORE_LINEAR_ROUND"
	linearFirst = "EMBEDDED_STORE_LINEAR_FIRST"
)

// linearStreams are few, so that clients meet, and new in each round but for the
// last round's, so that the search for an order stays small.
func linearStreams(round int) (streams []string) {
	for _, r := range []int{max(0, round-1), round} {
		for i := range 3 {
			streams = append(streams, fmt.Sprintf("r%d-%d", r, i))
		}
	}
	return streams
}

func actForEver(dir string) int {
	round, roundErr := strconv.Atoi(os.Getenv(linearRound))
	first, firstErr := strconv.ParseUint(os.Getenv(linearFirst), 10, 32)
	s, err := embedded.Open(context.Background(), embedded.Options{Dir: dir}.WithTables(60))
	if err := errors.Join(roundErr, firstErr, err); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	// More than this search would be long; the parent kills sooner or later.
	storetest.NewHistory(uint32(first), os.Stdout).Act(context.Background(), s, linearStreams(round), 6, 60, rand.Uint64())
	select {}
}

func TestAppendsHaveASingleOrder(t *testing.T) {
	dir, h := t.TempDir(), storetest.NewHistory(0, nil)
	for round := range 4 {
		s := open(t, embedded.Options{Dir: dir}.WithTables(60))
		h.Act(t.Context(), s, linearStreams(round), 8, 40, uint64(round))
		mustClose(t, s)
	}
	h.Check(t)
}

func TestAppendsHaveASingleOrderAcrossKills(t *testing.T) {
	kills := 8
	if testing.Short() {
		kills = 3
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, h := t.TempDir(), storetest.NewHistory(0, nil)
	for round := range kills {
		child := exec.Command(self)
		child.Env = append(os.Environ(), linearChild+"="+dir, linearRound+"="+strconv.Itoa(round),
			linearFirst+"="+strconv.FormatUint(uint64(h.Next()), 10))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		before := h.Next()
		ended := make(chan error, 1)
		go func() { ended <- h.Follow(out) }()
		for h.Next() == before { // the clock of the kill starts with the first append
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(60 * time.Millisecond))))
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("the child was not killed: %v", err)
		}
	}
	s := open(t, embedded.Options{Dir: dir})
	defer mustClose(t, s)
	for round := range kills {
		for _, stream := range linearStreams(round) {
			if _, err := h.Read(t.Context(), s, stream); err != nil {
				t.Error(err)
			}
		}
	}
	h.Check(t)
}
