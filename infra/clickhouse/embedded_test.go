package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
)

func TestMain(m *testing.M) {
	if _, err := chdb.Find(""); err != nil {
		fmt.Fprintln(os.Stderr, "these tests run on the real engine:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

type checkpointRow struct {
	Projection string    `ch:"projection"`
	Position   uint64    `ch:"position"`
	Version    uint64    `ch:"version"`
	UpdatedAt  time.Time `ch:"updated_at"`
}

// openEmbedded gives a database on the embedded engine.
func openEmbedded(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatalf("opening the embedded engine: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return db
}

func migrated(t *testing.T) *DB {
	t.Helper()
	db := openEmbedded(t)
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func count(t *testing.T, db *DB, sql string) uint64 {
	t.Helper()
	var n uint64
	if err := db.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func wantFault(t *testing.T, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("got %v, want a fault %s", err, code)
	}
}

func TestMigratingAgainDoesNothing(t *testing.T) {
	db := migrated(t)
	first, err := db.Migrate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first < 1 {
		t.Errorf("version %d after migrating", first)
	}
	if applied := count(t, db, "SELECT count() FROM schema_migrations WHERE version_id > 0"); applied != uint64(first) {
		t.Errorf("%d migrations applied, want %d", applied, first)
	}
}

func TestAMigrationThatFailsRunsAgain(t *testing.T) {
	db := openEmbedded(t)
	const good = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE IF NOT EXISTS a (id UInt64) ENGINE = {{engine \"MergeTree\"}} ORDER BY id;\nCREATE TABLE IF NOT EXISTS b AS a;\n"
	broken := strings.Replace(good, "b AS a", "b AS nowhere", 1)

	_, err := db.migrate(t.Context(), fstest.MapFS{"00001_a.sql": {Data: []byte(broken)}})
	wantFault(t, err, CodeMigration)
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) || exception.Code != 390 {
		t.Errorf("the cause is not found: %v", err)
	}
	version, err := db.migrate(t.Context(), fstest.MapFS{"00001_a.sql": {Data: []byte(good)}})
	if err != nil || version != 1 {
		t.Errorf("version %d, %v", version, err)
	}

	_, err = db.migrate(t.Context(), fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nSELECT {{nonsense}};")}})
	if err != nil {
		t.Errorf("an applied migration was read again: %v", err)
	}
	_, err = db.migrate(t.Context(), fstest.MapFS{"00001_a.sql": {Data: []byte(good)}, "00002_b.sql": {Data: []byte("-- +goose Up\nSELECT {{nonsense}};")}})
	wantFault(t, err, CodeMigration)

	// A binary that is older than the tables leaves them alone.
	newer := fstest.MapFS{"00001_a.sql": {Data: []byte(good)}, "00002_b.sql": {Data: []byte("-- +goose Up\nCREATE TABLE c AS a;")}}
	if version, err = db.migrate(t.Context(), newer); err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	if version, err = db.migrate(t.Context(), fstest.MapFS{"00001_a.sql": {Data: []byte(good)}}); err != nil || version != 2 {
		t.Errorf("version %d, %v", version, err)
	}
}

func TestInsertedRowsAreThere(t *testing.T) {
	db := migrated(t)
	ctx := t.Context()
	at := time.Date(2026, 3, 1, 8, 30, 0, 123456000, time.UTC)
	for range 3 {
		if err := Insert(ctx, db, "checkpoints", []checkpointRow{{"dossiers", 41, 1, at}, {"steps", 7, 1, at}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := Insert(ctx, db, "checkpoints", []checkpointRow{{"dossiers", 42, 2, at}}); err != nil {
		t.Fatal(err)
	}
	if err := Insert(ctx, db, "checkpoints", []checkpointRow(nil)); err != nil {
		t.Errorf("no rows: %v", err)
	}
	var got []checkpointRow
	if err := db.Select(ctx, &got, "SELECT projection, position, version, updated_at FROM checkpoints FINAL ORDER BY projection"); err != nil {
		t.Fatal(err)
	}
	want := []checkpointRow{{"dossiers", 42, 2, at}, {"steps", 7, 1, at}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestInsertRefusesWhatDoesNotFit(t *testing.T) {
	db := migrated(t)
	ctx := t.Context()
	wantFault(t, Insert(ctx, db, "checkpoints", []int{1}), CodeRows)
	wantFault(t, Insert(ctx, db, "checkpoints", []struct{ Projection string }{{"x"}}), CodeRows)
	wantFault(t, Insert(ctx, db, "checkpoints", []struct {
		Position []string `ch:"position"`
	}{{nil}}), CodeRows)
	if err := Insert(ctx, db, "checkpoints", []struct {
		Nowhere string `ch:"nowhere"`
	}{{"x"}}); err == nil {
		t.Error("a column that is not there was taken")
	}
	err := Insert(ctx, db, "nowhere", []checkpointRow{{}})
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) || exception.Code != 60 {
		t.Errorf("a table that is not there: %v", err)
	}
	// Every refused batch has given its connection back.
	for range 40 {
		if err := Insert(ctx, db, "checkpoints", []int{1}); err == nil {
			t.Fatal("taken")
		}
	}
	if n := count(t, db, "SELECT count() FROM checkpoints"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestInsertFollowsTheTablesColumns(t *testing.T) {
	db := migrated(t)
	ctx := t.Context()
	type row struct {
		ID   uint64 `ch:"id"`
		Name string `ch:"name"`
	}
	for _, sql := range []string{"CREATE TABLE t (id UInt64, name String, extra UInt8 DEFAULT 7) ENGINE = MergeTree ORDER BY id"} {
		if err := db.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	insert := func(id uint64, name string) error { return Insert(ctx, db, "t", []row{{id, name}}) }
	if err := insert(1, "a"); err != nil {
		t.Fatal(err)
	}
	// Another type than the one that is remembered: ClickHouse converts.
	if err := db.Exec(ctx, "ALTER TABLE t MODIFY COLUMN name LowCardinality(String)"); err != nil {
		t.Fatal(err)
	}
	if err := insert(2, "b"); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec(ctx, "ALTER TABLE t DROP COLUMN name"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := insert(3, "c"); err == nil {
			t.Error("a column that is gone was taken")
		}
	}
	if err := db.Exec(ctx, "ALTER TABLE t ADD COLUMN name String"); err != nil {
		t.Fatal(err)
	}
	if err := insert(4, "d"); err != nil {
		t.Error(err)
	}
	if n := count(t, db, "SELECT sum(id * extra) FROM t"); n != 7*(1+2+4) {
		t.Errorf("sum %d", n)
	}
}

func TestATableIsRebuiltBesideAndSwapped(t *testing.T) {
	db := migrated(t)
	ctx := t.Context()
	at := time.Unix(0, 0).UTC()
	if err := Insert(ctx, db, "checkpoints", []checkpointRow{{"old", 1, 1, at}}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time in the place of what a broken-off rebuild left
		if err := db.CreateLike(ctx, "checkpoints_new", "checkpoints"); err != nil {
			t.Fatal(err)
		}
		if err := Insert(ctx, db, "checkpoints_new", []checkpointRow{{"new", 2, 1, at}, {"new", 3, 2, at}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Exchange(ctx, "checkpoints", "checkpoints_new"); err != nil {
		t.Fatal(err)
	}
	if err := db.Drop(ctx, "checkpoints_new"); err != nil {
		t.Fatal(err)
	}
	if err := db.Drop(ctx, "checkpoints_new"); err != nil {
		t.Errorf("dropping what is not there: %v", err)
	}
	if n := count(t, db, "SELECT sum(position) FROM checkpoints FINAL"); n != 3 {
		t.Errorf("sum of positions %d, want 3 (by the engine of the table it was made like)", n)
	}
	if err := db.Exchange(ctx, "checkpoints", "nowhere"); err == nil {
		t.Error("swapped with a table that is not there")
	}
}

func TestOverloadIsUnavailable(t *testing.T) {
	db := openEmbedded(t)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_memory_usage": 10 << 20}))
	err := db.QueryRow(ctx, "SELECT length(groupArray(toString(number))) FROM numbers(100000000)").Err()
	wantFault(t, err, CodeUnavailable)
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) || exception.Code != 241 {
		t.Errorf("the cause is not found: %v", err)
	}
	rows, err := db.Query(t.Context(), "SELECT throwIf(number = 500000) FROM numbers(1000000)")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
	}
	if err := rows.Err(); !errors.As(err, &exception) || exception.Code != 395 || errors.Is(err, ErrUnavailable) {
		t.Errorf("in the midst of a result: %v", err)
	}
}

func TestAClosedDatabaseIsUnavailable(t *testing.T) {
	db, err := Open(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(context.Background()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("ping after Close: %v", err)
	}
	_, err = Open(t.Context(), Config{})
	wantFault(t, err, CodeDSN)
}
