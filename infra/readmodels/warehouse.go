package readmodels

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"dossierledger/infra/clickhouse"
	"dossierledger/projections"
	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Warehouse is what a Runner needs of ClickHouse. An error that means "try again
// later" is a fault of kind Unavailable; every other error is taken for good.
type Warehouse interface {
	// Insert puts a batch into a table of the batch's shape, in one step.
	Insert(ctx context.Context, table string, batch projections.Batch) error
	// Checkpoint says how far a projection's tables have been written; ok is false
	// where nothing was.
	Checkpoint(ctx context.Context, projection string) (at Checkpoint, ok bool, err error)
	// SaveCheckpoint moves a checkpoint forward; a lower one than the saved one
	// changes nothing.
	SaveCheckpoint(ctx context.Context, projection string, at Checkpoint) error
	// Sum digests the rows of a table, of each key only the newest, over some of
	// its columns in the order given, as projections.Batch does.
	Sum(ctx context.Context, table string, columns []projections.Column) (projections.Sum, error)
	// CreateLike makes an empty table in the shape of another, in the place of
	// one that may be left over; Exchange swaps two; Drop removes one, if it is there.
	CreateLike(ctx context.Context, table, like string) error
	Exchange(ctx context.Context, a, b string) error
	Drop(ctx context.Context, table string) error
	// Merge may put the parts of a table together, so that reading its newest
	// rows costs less. It changes no row that is read.
	Merge(ctx context.Context, table string) error
}

// Checkpoint is how far the tables of a projection have been written.
type Checkpoint struct {
	// Generation counts how often the tables were made again. A checkpoint of an
	// earlier one is lower than any of a later one: it tells of other tables.
	Generation uint64
	// Position is that of the last event that is in them.
	Position uint64
}

// ClickHouse is the Warehouse on the ledger's pool of connections.
type ClickHouse struct {
	*clickhouse.DB
	columns sync.Map // insert statement → []clickhousego.ColumnNameAndType
}

var _ Warehouse = (*ClickHouse)(nil)

// NewClickHouse makes the warehouse. The pool stays the caller's to close.
func NewClickHouse(db *clickhouse.DB) (*ClickHouse, error) {
	if db == nil {
		return nil, errors.New("readmodels: a warehouse needs ClickHouse")
	}
	return &ClickHouse{DB: db}, nil
}

// Insert implements Warehouse, column by column.
func (c *ClickHouse) Insert(ctx context.Context, table string, b projections.Batch) error {
	columns := b.Table().Columns
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = clickhouse.Quote(column.Name)
	}
	statement := "INSERT INTO " + clickhouse.Quote(table) + " (" + strings.Join(names, ", ") + ")"
	batch, err := c.prepare(ctx, statement)
	if err != nil {
		return fmt.Errorf("inserting into %s: %w", table, err)
	}
	for i, column := range columns {
		if err := batch.Column(i).Append(b.Values(i)); err != nil {
			return errors.Join(fmt.Errorf("column %s of table %s: %w", column.Name, table, err), batch.Close())
		}
	}
	if err := batch.Send(); err != nil {
		c.columns.Delete(statement) // the table may have other columns than it had
		return fmt.Errorf("inserting %d rows into %s: %w", b.Len(), table, err)
	}
	return nil
}

// prepare opens a batch. Over HTTP the driver asks for the types of the columns
// each time, which costs more than a small batch, so they are kept. Strings of
// few values are sent as plain strings: ClickHouse makes their dictionary faster
// than the driver does.
func (c *ClickHouse) prepare(ctx context.Context, statement string) (driver.Batch, error) {
	if known, ok := c.columns.Load(statement); ok {
		ctx = clickhousego.Context(ctx, clickhousego.WithColumnNamesAndTypes(known.([]clickhousego.ColumnNameAndType)))
		return c.PrepareBatch(ctx, statement)
	}
	batch, err := c.PrepareBatch(ctx, statement)
	if err != nil {
		return nil, err
	}
	var columns []clickhousego.ColumnNameAndType
	for _, column := range batch.Columns() {
		kind := string(column.Type())
		if kind == "LowCardinality(String)" {
			kind = "String"
		}
		columns = append(columns, clickhousego.ColumnNameAndType{Name: column.Name(), Type: kind})
	}
	c.columns.Store(statement, columns)
	return batch, nil
}

// Checkpoint implements Warehouse.
func (c *ClickHouse) Checkpoint(ctx context.Context, projection string) (at Checkpoint, ok bool, err error) {
	const newest = "SELECT generation, position FROM checkpoints WHERE projection = {projection:String} ORDER BY generation DESC, version DESC LIMIT 1"
	row := c.QueryRow(ctx, newest, clickhousego.Named("projection", projection))
	switch err := row.Scan(&at.Generation, &at.Position); {
	case errors.Is(err, sql.ErrNoRows):
		return Checkpoint{}, false, nil
	case err != nil:
		return Checkpoint{}, false, fmt.Errorf("reading the checkpoint of %s: %w", projection, err)
	}
	return at, true, nil
}

type checkpointRow struct {
	Projection string    `ch:"projection"`
	Generation uint64    `ch:"generation"`
	Position   uint64    `ch:"position"`
	Version    uint64    `ch:"version"`
	UpdatedAt  time.Time `ch:"updated_at"`
}

// SaveCheckpoint implements Warehouse.
func (c *ClickHouse) SaveCheckpoint(ctx context.Context, projection string, at Checkpoint) error {
	row := checkpointRow{Projection: projection, Generation: at.Generation, Position: at.Position, Version: at.Position, UpdatedAt: time.Now().UTC()}
	if err := clickhouse.Insert(ctx, c.DB, "checkpoints", []checkpointRow{row}); err != nil {
		return fmt.Errorf("saving the checkpoint of %s: %w", projection, err)
	}
	return nil
}

// Merge implements Warehouse. A server merges in its own time, by its operator's
// settings; the embedded engine is ours to keep.
func (c *ClickHouse) Merge(ctx context.Context, table string) error {
	if !c.Embedded() {
		return nil
	}
	return c.DB.Merge(ctx, table)
}

// Sum implements Warehouse.
func (c *ClickHouse) Sum(ctx context.Context, table string, columns []projections.Column) (projections.Sum, error) {
	var parts []string
	for _, column := range columns {
		parts = append(parts, written(column), `'\n'`)
	}
	query := "SELECT count(), sum(h) FROM (SELECT xxHash64(concat(" + strings.Join(parts, ", ") + ")) AS h FROM " +
		clickhouse.Quote(table) + " FINAL)"
	var sum projections.Sum
	if err := c.QueryRow(ctx, query).Scan(&sum.Rows, &sum.Hash); err != nil {
		return sum, fmt.Errorf("digesting table %s: %w", table, err)
	}
	return sum, nil
}

// written words a column's value as projections.Batch.Digest writes it.
func written(c projections.Column) string {
	name := clickhouse.Quote(c.Name)
	switch c.Kind {
	case projections.Text:
		return "toString(length(" + name + ")), ':', " + name
	case projections.Instant:
		return "toString(toUnixTimestamp64Micro(" + name + "))"
	case projections.MaybeInstant:
		return "ifNull(toString(toUnixTimestamp64Micro(" + name + ")), '')"
	case projections.Bytes:
		return "lower(hex(" + name + "))"
	default:
		return "toString(" + name + ")"
	}
}
