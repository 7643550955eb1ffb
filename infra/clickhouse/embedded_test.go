package clickhouse

import (
	"context"
	"testing"
	"time"
)

type checkpointRow struct {
	Projection string    `ch:"projection"`
	Position   uint64    `ch:"position"`
	Version    uint64    `ch:"version"`
	UpdatedAt  time.Time `ch:"updated_at"`
}

// openEmbedded gives a migrated database on the embedded engine.
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
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestMigratingAgainDoesNothing(t *testing.T) {
	db := openEmbedded(t)
	first, err := db.Migrate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first < 1 {
		t.Errorf("version %d after migrating", first)
	}
	var applied uint64
	if err := db.QueryRow(t.Context(), "SELECT count() FROM schema_migrations WHERE version_id > 0").Scan(&applied); err != nil {
		t.Fatal(err)
	}
	if applied != uint64(first) {
		t.Errorf("%d migrations applied, want %d", applied, first)
	}
}

func TestInsertedRowsAreThere(t *testing.T) {
	db := openEmbedded(t)
	ctx := context.Background()
	at := time.Date(2026, 3, 1, 8, 30, 0, 123456000, time.UTC)
	for range 3 {
		err := Insert(ctx, db, "checkpoints", []checkpointRow{{"dossiers", 41, 1, at}, {"steps", 7, 1, at}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := Insert(ctx, db, "checkpoints", []checkpointRow{{"dossiers", 42, 2, at}}); err != nil {
		t.Fatal(err)
	}
	var got []checkpointRow
	if err := db.Select(ctx, &got, "SELECT * FROM checkpoints FINAL ORDER BY projection"); err != nil {
		t.Fatal(err)
	}
	want := []checkpointRow{{"dossiers", 42, 2, at}, {"steps", 7, 1, at}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
}
