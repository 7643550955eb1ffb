package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"dossierledger/domain/fault"
)

// Insert puts rows into a table of the current database as one batch: all of
// them are there for every reader when it returns nil. T is a struct whose
// fields are columns, by their `ch:"name"` tag; a column without a field gets
// its default. No rows is no work. Batches below a million rows are written in
// one piece for each partition; after an error some partitions may have theirs,
// so a repeated batch must be harmless by the table's key.
func Insert[T any](ctx context.Context, db *DB, table string, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	names, err := columnNames(reflect.TypeFor[T]())
	if err != nil {
		return err
	}
	for i := range names {
		names[i] = Quote(names[i])
	}
	statement := "INSERT INTO " + Quote(table) + " (" + strings.Join(names, ", ") + ")"
	batch, err := db.prepare(ctx, statement)
	if err != nil {
		return fmt.Errorf("inserting into %s: %w", table, err)
	}
	for i := range rows {
		if err := batch.AppendStruct(&rows[i]); err != nil {
			return errors.Join(fault.New(fault.Invalid, CodeRows, "row %d does not fit table %s: %w", i, table, err), batch.Close())
		}
	}
	if err := batch.Send(); err != nil {
		// The table may have other columns than it had.
		db.columns.Delete(statement)
		return fmt.Errorf("inserting %d rows into %s: %w", len(rows), table, err)
	}
	return nil
}

// prepare opens a batch. Over HTTP the driver asks for the columns' types each
// time, which costs more than a small batch itself, so they are kept: a type
// that has changed since is converted by ClickHouse.
func (db *DB) prepare(ctx context.Context, statement string) (driver.Batch, error) {
	if known, ok := db.columns.Load(statement); ok {
		ctx = clickhouse.Context(ctx, clickhouse.WithColumnNamesAndTypes(known.([]clickhouse.ColumnNameAndType)))
		return db.PrepareBatch(ctx, statement)
	}
	batch, err := db.PrepareBatch(ctx, statement)
	if err != nil {
		return nil, err
	}
	var columns []clickhouse.ColumnNameAndType
	for _, c := range batch.Columns() {
		columns = append(columns, clickhouse.ColumnNameAndType{Name: c.Name(), Type: string(c.Type())})
	}
	db.columns.Store(statement, columns)
	return batch, nil
}

func columnNames(t reflect.Type) ([]string, error) {
	if t.Kind() != reflect.Struct {
		return nil, fault.New(fault.Invalid, CodeRows, "rows to insert must be structs, not %s", t)
	}
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		if name := field.Tag.Get("ch"); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fault.New(fault.Invalid, CodeRows, "%s has no field with a `ch` tag", t)
	}
	return names, nil
}
