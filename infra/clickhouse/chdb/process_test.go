package chdb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
)

// child starts this test binary as another process, which works on dir.
func child(t *testing.T, part, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) // this very binary
	cmd.Env = append(os.Environ(), envChild+"="+part, "LEDGER_TEST_DIR="+dir)
	return cmd
}

// childOpen is how a child gets its engine.
func childOpen() driver.Conn {
	engine, err := chdb.Open(os.Getenv("LEDGER_TEST_DIR"), chdb.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{"embedded"},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine.Transport(), nil },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	return conn
}

// childLoads inserts batches until it is killed, and says each one that the
// engine has acknowledged.
func childLoads() {
	conn := childOpen()
	ctx := context.Background()
	var next uint64
	if err := conn.QueryRow(ctx, "SELECT if(count() = 0, 0, max(batch) + 1) FROM t").Scan(&next); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	for ; ; next++ {
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO t")
		for i := range uint64(batchRows) {
			err = errors.Join(err, batch.Append(next, i))
		}
		if err = errors.Join(err, batch.Send()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		fmt.Println(next)
	}
}

const batchRows = 2000

func TestAcknowledgedBatchesSurviveKill9(t *testing.T) {
	dir := t.TempDir()
	func() {
		engine, err := chdb.Open(dir, chdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close(context.Background()) // the reopening tells
		run(t, connect(t, engine, 2), "CREATE TABLE t (batch UInt64, id UInt64) ENGINE = MergeTree ORDER BY (batch, id)")
	}()

	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	acknowledged := map[uint64]bool{}
	for range rounds {
		cmd := child(t, "load", dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// In the midst of a later batch, wherever that is.
		last := 3 + rand.IntN(40)
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			batch, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			acknowledged[batch] = true
			if n == last {
				time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed
		check(t, dir, acknowledged)
	}
}

func check(t *testing.T, dir string, acknowledged map[uint64]bool) {
	t.Helper()
	engine, err := chdb.Open(dir, chdb.Options{})
	if err != nil {
		t.Fatalf("reopening after kill -9: %v", err)
	}
	defer engine.Close(context.Background()) // read only
	conn := connect(t, engine, 2)
	rows, err := conn.Query(t.Context(), "SELECT batch, count(), uniqExact(id) FROM t GROUP BY batch")
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint64]bool{}
	for rows.Next() {
		var batch, count, distinct uint64
		if err := rows.Scan(&batch, &count, &distinct); err != nil {
			t.Fatal(err)
		}
		if count != batchRows || distinct != batchRows {
			t.Errorf("batch %d has %d rows, %d distinct; want %d", batch, count, distinct, batchRows)
		}
		found[batch] = true
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	for batch := range acknowledged {
		if !found[batch] {
			t.Errorf("acknowledged batch %d is lost", batch)
		}
	}
	if len(found) < 4 || len(found) > len(acknowledged)+4 {
		t.Errorf("%d batches found, %d acknowledged", len(found), len(acknowledged))
	}
}

// childPanics recovers from one nil dereference and dies of the next.
func childPanics() {
	conn := childOpen()
	if err := conn.Exec(context.Background(), "SELECT count() FROM numbers_mt(10000000)"); err != nil {
		fmt.Println(err)
		return
	}
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		dereference(nil)
	}()
	if err := conn.Exec(context.Background(), "SELECT 1"); err != nil {
		fmt.Println(err)
		return
	}
	dereference(nil)
}

//go:noinline
func dereference(p *int) { *p = 1 }

func TestGoPanicsStayGoPanics(t *testing.T) {
	cmd := child(t, "panic", t.TempDir())
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("ended with %v, want exit status 2", err)
	}
	for _, want := range []string{"recovered: runtime error: invalid memory address or nil pointer dereference", "panic: runtime error: invalid memory address", "process_test.go"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in the output:\n%s", want, out)
		}
	}
}

// childIsSignalled sends itself signals while the engine works, and counts them.
func childIsSignalled() {
	conn := childOpen()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGTSTP)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- conn.Exec(ctx, forever) }()
	for i := range 300 {
		s := []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGTSTP}[i%3]
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			fmt.Println(err)
			return
		}
		if got := <-signals; got != s {
			fmt.Println("sent", s, "got", got)
			return
		}
	}
	cancel()
	fmt.Println("all 300 came,", errors.Is(<-done, context.Canceled))
}

func TestSignalsReachGo(t *testing.T) {
	cmd := child(t, "signal", t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all 300 came, true") {
		t.Errorf("%v: %s", err, out)
	}
}

// childHolds keeps the engine until its input ends.
func childHolds() {
	childOpen()
	fmt.Println("open")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

func TestADirectoryHasOneProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "hold", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := chdb.Open(dir, chdb.Options{}); fault.CodeOf(err) != chdb.CodeLocked || !strings.Contains(err.Error(), dir) {
		t.Errorf("second process: %v, want %s", err, chdb.CodeLocked)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, chdb.Options{})
}

func TestAProcessHasOneEngine(t *testing.T) {
	engine, _ := open(t, t.TempDir(), chdb.Options{})
	for _, dir := range []string{t.TempDir(), engine.Dir()} {
		if _, err := chdb.Open(dir, chdb.Options{}); fault.CodeOf(err) != chdb.CodeOpen || !strings.Contains(err.Error(), engine.Dir()) {
			t.Errorf("second engine on %s: %v, want %s", dir, err, chdb.CodeOpen)
		}
	}
}

func TestAcknowledgedMeansSynced(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	const unsynced = "SELECT count() FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory') AND value != '1'"
	if n := scalar[uint64](t, conn, unsynced); n != 0 {
		t.Errorf("%d settings leave inserts to the system's cache", n)
	}
}
