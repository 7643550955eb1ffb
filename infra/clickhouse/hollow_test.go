package clickhouse

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
)

// A full disk leaves the definition of a table empty, and the engine would not
// start again, or a part of a table broken, and the engine starts without its rows,
// behind the checkpoint. It is begun anew then, since all that it holds is made of
// the events.
func TestAnEngineThatAFullDiskHollowedIsBegunAnew(t *testing.T) {
	for what, hollow := range map[string]struct {
		files string
		size  int64
	}{
		"a definition that is empty":   {"store/*/*/checkpoints.sql", 0},
		"a definition that is cut off": {"store/*/*/checkpoints.sql", 100},
		"a part without its rows":      {"store/*/*/all_*/data.bin", 0},
		"a part whose end is missing":  {"store/*/*/all_*/data.bin", 40},
		"a part without checksums":     {"store/*/*/all_*/checksums.txt", 0},
	} {
		t.Run(what, func(t *testing.T) {
			config := Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
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
			files, err := filepath.Glob(filepath.Join(config.Dir, hollow.files))
			if err != nil || len(files) == 0 {
				t.Fatalf("files %v, %v", files, err)
			}
			if err := os.Truncate(files[0], hollow.size); err != nil {
				t.Fatal(err)
			}
			if engine, err := chdb.Open(config.Dir, chdb.Options{}); fault.CodeOf(err) != chdb.CodeHollow {
				t.Fatalf("%v, %v", engine, err)
			}
			fill()
		})
	}
}
