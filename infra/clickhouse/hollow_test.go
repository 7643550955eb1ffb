package clickhouse

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
)

// A full disk leaves the definition of a table empty, and the engine would not
// start again: it is begun anew, since all that it holds is made of the events.
func TestAnEngineWithAnEmptyDefinitionIsBegunAnew(t *testing.T) {
	config := Config{Dir: t.TempDir()}
	fill := func() {
		t.Helper()
		db, err := Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, "SELECT count() FROM checkpoints"); n != 0 {
			t.Errorf("%d rows in an engine that was begun anew", n)
		}
		if err := Insert(t.Context(), db, "checkpoints", []checkpointRow{{"dossiers", 5, 1, time.Unix(0, 0).UTC()}}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	definitions, err := filepath.Glob(filepath.Join(config.Dir, "store/*/*/checkpoints.sql"))
	if err != nil || len(definitions) != 1 {
		t.Fatalf("definitions %v, %v", definitions, err)
	}
	if err := os.Truncate(definitions[0], 0); err != nil {
		t.Fatal(err)
	}
	if engine, err := chdb.Open(config.Dir, chdb.Options{}); fault.CodeOf(err) != chdb.CodeHollow {
		t.Fatalf("%v, %v", engine, err)
	}
	fill()
}
