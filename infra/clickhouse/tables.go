package clickhouse

import (
	"context"
	"fmt"
)

// Exchange swaps two tables of the current database in one step: readers see
// the one or the other, never neither. Swapping again goes back.
func (db *DB) Exchange(ctx context.Context, a, b string) error {
	if err := db.Exec(ctx, fmt.Sprintf("EXCHANGE TABLES %s AND %s %s", Quote(a), Quote(b), db.Layout().OnCluster())); err != nil {
		return fmt.Errorf("exchanging tables %s and %s: %w", a, b, err)
	}
	return nil
}

// CreateLike makes an empty table with the columns, the engine and the order of
// another, in the place of a table of that name that may be left over.
func (db *DB) CreateLike(ctx context.Context, table, like string) error {
	if err := db.Drop(ctx, table); err != nil {
		return err
	}
	if err := db.Exec(ctx, fmt.Sprintf("CREATE TABLE %s %s AS %s", Quote(table), db.Layout().OnCluster(), Quote(like))); err != nil {
		return fmt.Errorf("making table %s like %s: %w", table, like, err)
	}
	return nil
}

// Merge puts the parts of a table together into one for each partition, now, and
// of rows with the same key keeps what its engine keeps. It rewrites the whole
// table, unless it is in one piece already.
func (db *DB) Merge(ctx context.Context, table string) error {
	if err := db.Exec(ctx, fmt.Sprintf("OPTIMIZE TABLE %s %s FINAL SETTINGS optimize_skip_merged_partitions = 1", Quote(table), db.Layout().OnCluster())); err != nil {
		return fmt.Errorf("merging table %s: %w", table, err)
	}
	return nil
}

// Drop removes a table and its rows, now. A table that is not there is no error.
func (db *DB) Drop(ctx context.Context, table string) error {
	if err := db.Exec(ctx, fmt.Sprintf("DROP TABLE IF EXISTS %s %s SYNC", Quote(table), db.Layout().OnCluster())); err != nil {
		return fmt.Errorf("dropping table %s: %w", table, err)
	}
	return nil
}
