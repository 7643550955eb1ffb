//go:build unix

package chdb_test

import (
	"context"
	"os"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
	"dossierledger/infra/room/roomtest"
)

// The engine passes over writes that fail. What it says to be done then is refused,
// as is everything after it, and a new engine begins with nothing.
func TestAnEngineThatCouldNotWriteIsGivenUp(t *testing.T) {
	for what, statement := range map[string]string{
		"insert": "INSERT INTO t SELECT number FROM numbers(10)",
		"merge":  "OPTIMIZE TABLE t FINAL",
		"table":  "CREATE TABLE u (n UInt64) ENGINE = MergeTree ORDER BY n",
		"change": "ALTER TABLE t DELETE WHERE n = 3 SETTINGS mutations_sync = 2",
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			engine, err := chdb.Open(dir, chdb.Options{})
			if err != nil {
				t.Fatal(err)
			}
			conn := connect(t, engine, 4)
			run(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n",
				"INSERT INTO t SELECT number FROM numbers(10)", "INSERT INTO t SELECT number FROM numbers(10, 10)")
			roomtest.Without(t, func() {
				if err := conn.Exec(t.Context(), statement); fault.CodeOf(err) != chdb.CodeLost {
					t.Errorf("without room: %v", err)
				}
			})
			select {
			case <-engine.Lost():
			default:
				t.Error("nobody is told that the engine has lost something")
			}
			if err := conn.Exec(t.Context(), "SELECT count() FROM t"); fault.CodeOf(err) != chdb.CodeLost {
				t.Errorf("of an engine that has lost something: %v", err)
			}
			if err := engine.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 { // the lock
				t.Errorf("left over: %v, %v", left, err)
			}
			engine, conn = open(t, dir, chdb.Options{})
			if n := scalar[uint64](t, conn, "SELECT count() FROM system.tables WHERE database = 'default'"); n != 0 {
				t.Errorf("a new engine has %d tables", n)
			}
			run(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n", "INSERT INTO t VALUES (1)")
			select {
			case <-engine.Lost():
				t.Error("a new engine is taken for one that has lost something")
			default:
			}
		})
	}
}
