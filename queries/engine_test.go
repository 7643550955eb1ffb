package queries_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse"
	"dossierledger/infra/clickhouse/chdb"
)

// db is the embedded engine, migrated: a process can have it open once.
var db *clickhouse.DB

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "queries-test-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()
	db, err = clickhouse.Open(ctx, clickhouse.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if fault.CodeOf(err) == chdb.CodePlatform {
		fmt.Fprintln(os.Stderr, "skipping the tests of queries on the real engine:", err)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() {
		if closing := db.Close(); closing != nil && err == nil {
			err = closing
		}
	}()
	if _, err := db.Migrate(ctx); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// tester is what *testing.T and *rapid.T have in common here.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// empty gives the test tables without rows.
func empty(t tester) {
	t.Helper()
	for _, table := range []string{"dossiers", "events", "steps", "agencies", "procedures"} {
		if err := db.Exec(context.Background(), "TRUNCATE TABLE "+table); err != nil {
			t.Fatalf("%v", err)
		}
	}
}

func insert[T any](t tester, table string, rows []T) {
	t.Helper()
	if err := clickhouse.Insert(context.Background(), db, table, rows); err != nil {
		t.Fatalf("%v", err)
	}
}
