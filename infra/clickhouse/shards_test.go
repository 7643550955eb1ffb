package clickhouse

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/twoshards"
)

func TestWhatWouldGiveWrongAnswersIsRefused(t *testing.T) {
	for name, config := range map[string]Config{
		"the embedded engine": {Dir: t.TempDir(), Cluster: "c", Replicated: true, Sharded: true},
		"no cluster":          {DSN: "clickhouse://h:9000/ledger", Replicated: true, Sharded: true},
		"no replicas":         {DSN: "clickhouse://h:9000/ledger", Cluster: "c", Sharded: true},
		"no database":         {DSN: "clickhouse://h:9000/", Cluster: "c", Replicated: true, Sharded: true},
	} {
		if _, err := Open(t.Context(), config); fault.CodeOf(err) != CodeDSN || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every table is spread by the first column of its key, for ever; nothing says so
// in the migrations.
func TestEveryTableIsSpreadByItsKey(t *testing.T) {
	made := regexp.MustCompile("(?s)CREATE TABLE IF NOT EXISTS `?(\\w+)`? .*?ORDER BY [(`]*(\\w+)")
	var tables []string
	err := fs.WalkDir(migrationFiles, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(migrationFiles, path)
		for _, m := range made.FindAllStringSubmatch(string(content), -1) {
			tables = append(tables, m[1])
			if shardKeys[m[1]] != m[2] {
				t.Errorf("%s is spread by %q, its key begins with %s", m[1], shardKeys[m[1]], m[2])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for table := range shardKeys {
		if !slices.Contains(tables, table) {
			t.Errorf("the table %s, of which it is said how it is spread, does not exist", table)
		}
	}
}

// What a cluster is told is SQL to the engine, and says what is meant.
func TestStatementsForShards(t *testing.T) {
	db := migrated(t)
	layout := Layout{Cluster: "cả`nước", Replicated: true, Local: "ledger", Over: "ledger_distributed"}
	for _, c := range []struct{ statement, want string }{
		{layout.over("dossiers", "code"), "CREATE OR REPLACE TABLE ledger_distributed.dossiers ON CLUSTER `cả\\`nước` AS ledger.dossiers ENGINE = Distributed('cả`nước', 'ledger', 'dossiers', sipHash64(code))"},
		{versions{layout}.CreateTable("schema_migrations"), "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/everywhere', '{replica}') ORDER BY version_id"},
		{"EXCHANGE TABLES " + layout.own("a") + " AND " + layout.own("b") + " " + layout.OnCluster(), "EXCHANGE TABLES ledger.a AND ledger.b ON CLUSTER `cả\\`nước`"},
	} {
		var formatted string
		if err := db.QueryRow(t.Context(), "SELECT formatQuerySingleLine({statement:String})", clickhouse.Named("statement", c.statement)).Scan(&formatted); err != nil {
			t.Errorf("%s: %v", c.statement, err)
		}
		if !strings.Contains(formatted, c.want) {
			t.Errorf("it is read as\n%s\nwhich is not\n%s", formatted, c.want)
		}
	}
}

// On two shards a table holds each key once, whichever way its versions came, and
// is made again beside and swapped as on one server.
func TestTablesAreSpreadOverShards(t *testing.T) {
	server := twoshards.Start(t)
	plain, err := Open(t.Context(), Config{DSN: server.DSN("default")})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close() // a test's own
	if err := plain.Exec(t.Context(), "CREATE DATABASE ledger"); err != nil {
		t.Fatal(err)
	}
	config := Config{DSN: server.DSN("ledger"), Cluster: twoshards.Cluster, Replicated: true, Sharded: true}
	open := func() *DB {
		t.Helper()
		db, err := Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() }) // a test's own
		for range 2 {
			if _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return db
	}
	db := open()
	rows := func(from, to int, version uint64) (all []checkpointRow) {
		for i := from; i < to; i++ {
			all = append(all, checkpointRow{string(rune('a'+i/26)) + string(rune('a'+i%26)), version, version, time.Unix(0, 0).UTC()})
		}
		return all
	}
	insert := func(table string, all []checkpointRow) {
		t.Helper()
		if err := Insert(t.Context(), db, table, all); err != nil {
			t.Fatal(err)
		}
	}
	insert("checkpoints", rows(0, 100, 1))
	insert("checkpoints", rows(0, 50, 2))
	for sql, want := range map[string]uint64{
		"SELECT count() FROM checkpoints FINAL":       100,
		"SELECT sum(position) FROM checkpoints FINAL": 150,
		// Both shards have some, and together no more than there are.
		"SELECT uniqExact(shardNum()) FROM checkpoints": 2,
		"SELECT count() FROM checkpoints FINAL WHERE projection IN (SELECT projection FROM checkpoints FINAL WHERE position = 2)": 50,
	} {
		if n := count(t, db, sql); n != want {
			t.Errorf("%s: %d, want %d", sql, n, want)
		}
	}
	if err := db.CreateLike(t.Context(), "checkpoints__rebuild", "checkpoints"); err != nil {
		t.Fatal(err)
	}
	insert("checkpoints__rebuild", rows(0, 30, 7))
	if n := count(t, db, "SELECT count() FROM checkpoints FINAL"); n != 100 {
		t.Errorf("%d rows while another table is made", n)
	}
	if err := db.Exchange(t.Context(), "checkpoints__rebuild", "checkpoints"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT sum(position) FROM checkpoints FINAL"); n != 210 {
		t.Errorf("sum %d after the swap, want 210", n)
	}
	if err := db.Drop(t.Context(), "checkpoints__rebuild"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, open(), "SELECT count() FROM checkpoints FINAL"); n != 30 {
		t.Errorf("%d rows at the next start", n)
	}
	if err := db.CreateLike(t.Context(), "x", "unknown"); err == nil {
		t.Error("a table of unknown spread was made")
	}
}
