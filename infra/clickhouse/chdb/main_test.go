package chdb_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"dossierledger/infra/clickhouse/chdb"
)

// envChild names the part that a test binary plays when a test has started it
// again as a process of its own.
const envChild = "LEDGER_TEST_CHILD"

var children = map[string]func(){
	"load":   childLoads,
	"panic":  childPanics,
	"signal": childIsSignalled,
	"hold":   childHolds,
}

func TestMain(m *testing.M) {
	if _, err := chdb.Find(""); err != nil {
		fmt.Fprintln(os.Stderr, "these tests run on the real engine:", err)
		os.Exit(1)
	}
	if child, ok := children[os.Getenv(envChild)]; ok {
		child()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// open starts an engine on a directory and connects the driver to it.
func open(t testing.TB, dir string, options chdb.Options) (*chdb.Engine, driver.Conn) {
	t.Helper()
	engine, err := chdb.Open(dir, options)
	if err != nil {
		t.Fatalf("opening the engine: %v", err)
	}
	conn := connect(t, engine, 32)
	t.Cleanup(func() {
		_ = conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := engine.Close(ctx); err != nil {
			t.Errorf("closing the engine: %v", err)
		}
	})
	return engine, conn
}

func connect(t testing.TB, engine *chdb.Engine, connections int) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol:      clickhouse.HTTP,
		Addr:          []string{"embedded"},
		MaxOpenConns:  connections,
		MaxIdleConns:  connections,
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine.Transport(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func run(t testing.TB, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := conn.Exec(context.Background(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func scalar[T any](t testing.TB, conn driver.Conn, sql string, args ...any) T {
	t.Helper()
	var value T
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}
