package chdb_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"dossierledger/infra/clickhouse/chdb"
)

// forever does not end by itself within any test's patience.
const forever = "SELECT count() FROM numbers_mt(1000000000000) WHERE NOT ignore(sipHash64(number))"

// others counts the statements that the engine lists, this one aside.
const others = "SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%'"

// waitUntil asks again until the condition holds; a test that waits in vain
// fails by the condition's name, not by the time that it took.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func TestCancelledStatementsEndInTheEngine(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{MaxConnections: 2})
	run(t, conn, "CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id")
	for name, run := range map[string]func(ctx context.Context) error{
		"select":        func(ctx context.Context) error { return conn.QueryRow(ctx, forever).Err() },
		"exec":          func(ctx context.Context) error { return conn.Exec(ctx, forever) },
		"insert select": func(ctx context.Context) error { return conn.Exec(ctx, "INSERT INTO t "+forever) },
		"not streamed": func(ctx context.Context) error {
			return conn.Exec(ctx, "EXPLAIN SELECT ("+forever+")")
		},
	} {
		// More often than there are sessions, so that a lost one would be missed.
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error, 1)
			go func() { result <- run(ctx) }()
			waitUntil(t, name+" is running", func() bool { return scalar[uint64](t, conn, others) > 0 })
			cancel()
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want the context's error", name, err)
			}
			if n := scalar[uint64](t, conn, others); n != 0 {
				t.Errorf("%s: %d statements are still listed", name, n)
			}
		}
	}
	if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != 0 {
		t.Errorf("%d rows of a cancelled insert", n)
	}
}

func TestAnEndedContextStartsNothing(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := conn.Exec(ctx, "CREATE TABLE t (id UInt64) ENGINE = Memory"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := scalar[uint64](t, conn, "SELECT count() FROM system.tables WHERE name = 't'"); n != 0 {
		t.Error("the statement ran")
	}
}

func TestAbandonedResultsGiveTheirSessionBack(t *testing.T) {
	engine, conn := open(t, t.TempDir(), chdb.Options{MaxConnections: 1})
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		rows, err := conn.Query(ctx, "SELECT number FROM system.numbers")
		if err != nil {
			t.Fatal(err)
		}
		for range 100_000 {
			if !rows.Next() {
				t.Fatal(rows.Err())
			}
		}
		cancel()
		if err := rows.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if n := scalar[uint64](t, conn, others); n != 0 {
			t.Errorf("%d statements are still listed", n)
		}
	}
	// The body is neither read nor closed: the context's end is enough.
	ctx, cancel := context.WithCancel(t.Context())
	forgotten := get(t, ctx, engine, "SELECT number FROM system.numbers")
	cancel()
	if n := scalar[uint64](t, conn, others); n != 0 {
		t.Errorf("%d statements are still listed", n)
	}
	if _, err := io.ReadAll(forgotten.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("reading after the context's end: %v", err)
	}
	if err := forgotten.Body.Close(); err != nil {
		t.Error(err)
	}
	// Without a context's end: the body is closed with most of it unread.
	response := get(t, t.Context(), engine, "SELECT number FROM system.numbers")
	if _, err := io.ReadFull(response.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := response.Body.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Error("a closed body can be read")
	}
	if n := scalar[uint64](t, conn, others); n != 0 {
		t.Errorf("%d statements are still listed", n)
	}
}

func get(t *testing.T, ctx context.Context, engine *chdb.Engine, sql string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://embedded/?default_format=Native&"+url.Values{"max_threads": {"1"}}.Encode(), strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	response, err := engine.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestAnInsertWaitsForItsProducerOnlyAsLongAsTheContext(t *testing.T) {
	engine, conn := open(t, t.TempDir(), chdb.Options{MaxConnections: 1})
	run(t, conn, "CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id")
	ctx, cancel := context.WithCancel(t.Context())
	data, producer := io.Pipe()
	defer producer.Close() // a test's own
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://embedded/?query="+url.QueryEscape("INSERT INTO t FORMAT Native"), data)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := engine.Transport().RoundTrip(r)
		result <- err
	}()
	if _, err := producer.Write([]byte("\x01")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestLargeResultsAreStreamed(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	const count = 5_000_000
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	rows, err := conn.Query(t.Context(), "SELECT number, 'a text of some length ' || toString(number) FROM numbers(5000000)")
	if err != nil {
		t.Fatal(err)
	}
	var (
		number, sum, seen uint64
		text              string
		peak              uint64
	)
	for rows.Next() {
		if err := rows.Scan(&number, &text); err != nil {
			t.Fatal(err)
		}
		sum += number
		if seen++; seen%500_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
	}
	if rows.Err() != nil || seen != count || sum != count*(count-1)/2 {
		t.Fatalf("%d rows, sum %d, %v", seen, sum, rows.Err())
	}
	if peak > 64<<20 {
		t.Errorf("%d MB of heap in use while 5 million rows were read", peak>>20)
	}
}

func TestInsertsAreStreamed(t *testing.T) {
	engine, conn := open(t, t.TempDir(), chdb.Options{})
	run(t, conn, "CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id")
	data, producer := io.Pipe()
	const blocks, perBlock = 200, 20_000
	go func() {
		block := []byte("\x01\xa0\x9c\x01\x02id\x06UInt64") // 20,000 rows
		block = append(block, make([]byte, 8*perBlock)...)
		for range blocks {
			if _, err := producer.Write(block); err != nil {
				return // the request's own error tells why
			}
		}
		_ = producer.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://embedded/?query="+url.QueryEscape("INSERT INTO t FORMAT Native"), data)
	if err != nil {
		t.Fatal(err)
	}
	response, err := engine.Transport().RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", response, err)
	}
	if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != blocks*perBlock {
		t.Errorf("%d rows, want %d", n, blocks*perBlock)
	}
}

func TestStatementsRunBesideEachOther(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{MaxConnections: 8})
	run(t, conn, "CREATE TABLE t (worker UInt32, id UInt64) ENGINE = MergeTree ORDER BY (worker, id)")

	var wait sync.WaitGroup
	const workers, rounds, rows = 12, 8, 500
	for w := range workers {
		wait.Go(func() {
			for round := range rounds {
				if err := insertRows(conn, uint32(w), round*rows, rows); err != nil {
					t.Errorf("worker %d: %v", w, err)
					return
				}
				ctx := clickhouse.Context(context.Background(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": w + 1}))
				var n, threads uint64
				err := conn.QueryRow(ctx, "SELECT count(), toUInt64(getSetting('max_threads')) FROM t WHERE worker = {w:UInt32}", clickhouse.Named("w", fmt.Sprint(w))).Scan(&n, &threads)
				if err != nil || n != uint64((round+1)*rows) || threads != uint64(w+1) {
					t.Errorf("worker %d, round %d: %d rows, %d threads, %v", w, round, n, threads, err)
				}
				if round%3 == 0 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+w)*time.Millisecond)
					if err := conn.Exec(ctx, forever); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, clickhouse.ErrAcquireConnTimeout) {
						t.Errorf("worker %d: %v", w, err)
					}
					cancel()
				}
			}
		})
	}
	wait.Wait()
	if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != workers*rounds*rows {
		t.Errorf("%d rows, want %d", n, workers*rounds*rows)
	}
}

func insertRows(conn driver.Conn, worker uint32, from, count int) error {
	batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO t")
	if err != nil {
		return err
	}
	for i := range count {
		if err := batch.Append(worker, uint64(from+i)); err != nil {
			return err
		}
	}
	return batch.Send()
}

func TestMoreStatementsThanConnectionsWaitTheirTurn(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{MaxConnections: 2})
	var wait sync.WaitGroup
	var most atomic.Int64
	for range 10 {
		wait.Go(func() {
			n := scalar[uint64](t, conn, "SELECT count() + sum(0 * sleepEachRow(0.05)) FROM (SELECT 1 FROM system.processes)")
			most.Store(max(most.Load(), int64(n)))
		})
	}
	wait.Wait()
	// The session that kills is listed only while it does.
	if most.Load() > 2 {
		t.Errorf("%d statements at once, want at most 2", most.Load())
	}
}

func TestCloseWaitsForRunningStatements(t *testing.T) {
	dir := t.TempDir()
	engine, err := chdb.Open(dir, chdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, engine, 8)
	run(t, conn, "CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id")
	rows, err := conn.Query(context.Background(), "SELECT number FROM numbers(10000000)")
	if err != nil {
		t.Fatal(err)
	}

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	var busy interface{ Error() string }
	if busy = engine.Close(ended); busy == nil || !strings.HasPrefix(busy.Error(), chdb.CodeBusy) {
		t.Fatalf("closing with an open result: %v, want %s", busy, chdb.CodeBusy)
	}
	if err := conn.Exec(context.Background(), "SELECT 1"); !errors.Is(err, chdb.ErrClosed) {
		t.Errorf("a statement after Close: %v", err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if rows.Err() != nil || n != 10_000_000 {
		t.Errorf("the open result broke off after %d rows: %v", n, rows.Err())
	}
	if err := engine.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := engine.Close(context.Background()); err != nil {
		t.Errorf("closing again: %v", err)
	}

	// The process may go elsewhere, and come back.
	_, elsewhere := open(t, t.TempDir(), chdb.Options{})
	run(t, elsewhere, "CREATE TABLE t (id UInt64) ENGINE = Memory")
}

func TestDataOutliveTheEngine(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		engine, err := chdb.Open(dir, chdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		conn := connect(t, engine, 8)
		run(t, conn, "CREATE TABLE IF NOT EXISTS t (id UInt64) ENGINE = MergeTree ORDER BY id", fmt.Sprintf("INSERT INTO t VALUES (%d)", round))
		if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != uint64(round+1) {
			t.Errorf("round %d: %d rows", round, n)
		}
		if err := engine.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
