package readmodels_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"dossierledger/infra/readmodels"
	"dossierledger/projections"
)

// childDir names, for a child process, the folder of the ledger to catch up in.
const childDir = "LEDGER_TEST_READMODELS_DIR"

// TestChildCatchesUp is the child of the test below: it tells each write.
func TestChildCatchesUp(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("this is for a child process")
	}
	w := &world{t: t, dir: dir}
	w.open()
	defer w.close()
	w.warehouse.set(
		func(table string, _ projections.Batch) error { fmt.Println("before", table); return nil },
		func(table string) error { fmt.Println("after", table); return nil })
	config := w.config()
	config.PageEvents = 23
	w.catchUp(w.runner(config))
}

func TestNothingIsLostOrDoubledByKillingTheProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("each kill costs a start of the engines")
	}
	w := &world{t: t, dir: t.TempDir()}
	w.open()
	w.cases(60, 5)
	w.close()
	for range 4 {
		child := exec.Command(os.Args[0], "-test.run", "^TestChildCatchesUp$")
		child.Env = append(os.Environ(), childDir+"="+w.dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := rand.IntN(25); n > 0 && lines.Scan(); n-- {
			continue
		}
		if err := child.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
	}
	w.open()
	defer w.close()
	r := w.runner(w.config())
	w.catchUp(r)
	findings, err := r.Verify(context.Background(), readmodels.Deep)
	if err := errors.Join(err, readmodels.Mismatch(findings)); err != nil {
		t.Error(err)
	}
	if n := w.count("SELECT count() FROM events FINAL"); n != 300 {
		t.Errorf("%d events, want 300", n)
	}
}
