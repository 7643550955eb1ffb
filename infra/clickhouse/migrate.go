package clickhouse

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"dossierledger/domain/fault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// versionTable is where the applied migrations are kept.
const versionTable = "schema_migrations"

// Migrate brings the tables up to date with the migrations in this binary, and
// gives the version that they are at. Applied again it does nothing. A
// migration is not atomic: one that failed half-way runs again from its
// beginning, so its statements say IF NOT EXISTS. A database that is newer than
// the binary is left alone. Faults: CodeMigration, CodeUnavailable.
func (db *DB) Migrate(ctx context.Context) (version int64, err error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return 0, fmt.Errorf("finding migrations: %w", err)
	}
	return db.migrate(ctx, files)
}

func (db *DB) migrate(ctx context.Context, files fs.FS) (version int64, err error) {
	pool := clickhouse.OpenDB(db.own)
	defer func() { err = errors.Join(err, pool.Close()) }()

	layout := db.Layout()
	store, err := database.NewStoreFromQuerier(versionTable, versions{layout})
	if err != nil {
		return 0, fmt.Errorf("preparing migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectCustom, pool, renderedFS{files, layout},
		goose.WithStore(store),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		return 0, fault.New(fault.Invalid, CodeMigration, "the migrations cannot be read: %w", err)
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		db.config.logger().InfoContext(ctx, "clickhouse migration applied", "version", r.Source.Version, "duration", r.Duration)
	}
	if err != nil {
		err = Classify(ctx, err)
		if fault.CodeOf(err) == CodeUnavailable || ctx.Err() != nil {
			return 0, err
		}
		return 0, fault.New(fault.Corrupt, CodeMigration, "the tables in ClickHouse could not be brought up to date: %w", err)
	}
	if version, err = provider.GetDBVersion(ctx); err != nil {
		return version, Classify(ctx, err)
	}
	return version, db.spread(ctx)
}

// versions is the SQL for the table of applied migrations: goose's own knows
// neither clusters nor replicas.
type versions struct{ layout Layout }

func (v versions) CreateTable(table string) string {
	engine := v.layout.Engine("MergeTree")
	if v.layout.Sharded() {
		engine = v.layout.Engine("MergeTree", everywhere...)
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s %s (version_id Int64, is_applied UInt8, tstamp DateTime64(6, 'UTC') DEFAULT now64(6)) ENGINE = %s ORDER BY version_id",
		table, v.layout.OnCluster(), engine)
}

func (versions) InsertVersion(table string) string {
	return fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES ($1, $2)", table)
}

func (v versions) DeleteVersion(table string) string {
	return fmt.Sprintf("ALTER TABLE %s %s DELETE WHERE version_id = $1 SETTINGS mutations_sync = 2", table, v.layout.OnCluster())
}

func (versions) GetMigrationByVersion(table string) string {
	return fmt.Sprintf("SELECT tstamp, is_applied FROM %s WHERE version_id = $1 ORDER BY tstamp DESC LIMIT 1", table)
}

func (versions) ListMigrations(table string) string {
	return fmt.Sprintf("SELECT version_id, is_applied FROM %s ORDER BY version_id DESC", table)
}

func (versions) GetLatestVersion(table string) string {
	return fmt.Sprintf("SELECT max(version_id) FROM %s", table)
}

// renderedFS shows SQL templates as the SQL of a layout.
type renderedFS struct {
	fs.FS
	layout Layout
}

// Open implements fs.FS.
func (r renderedFS) Open(name string) (fs.File, error) {
	file, err := r.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return file, err
	}
	defer file.Close() // read only
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	sql, err := r.layout.Render(name, string(text))
	if err != nil {
		return nil, err
	}
	return &renderedFile{Reader: bytes.NewReader([]byte(sql)), info: renderedInfo{info, int64(len(sql))}}, nil
}

type renderedFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *renderedFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *renderedFile) Close() error               { return nil }

type renderedInfo struct {
	fs.FileInfo
	size int64
}

func (i renderedInfo) Size() int64 { return i.size }
