package clickhouse

import (
	"context"
	"fmt"
)

// Exchange swaps two tables of the current database in one step: readers see
// the one or the other, never neither. Swapping again goes back. On a cluster each
// server swaps in one step of its own; where rows are spread, a reader may for a
// moment find some dossiers in the one and some in the other.
func (db *DB) Exchange(ctx context.Context, a, b string) error {
	l := db.Layout()
	if err := db.Exec(ctx, fmt.Sprintf("EXCHANGE TABLES %s AND %s %s", l.own(a), l.own(b), l.OnCluster())); err != nil {
		return fmt.Errorf("exchanging tables %s and %s: %w", a, b, err)
	}
	return nil
}

// CreateLike makes an empty table with the columns, the engine and the order of
// another, in the place of a table of that name that may be left over.
func (db *DB) CreateLike(ctx context.Context, table, like string) error {
	l := db.Layout()
	key, known := shardKeys[like]
	if l.Sharded() && !known {
		return fmt.Errorf("making table %s like %s: nothing says how the rows of that are spread over shards", table, like)
	}
	if err := db.Drop(ctx, table); err != nil {
		return err
	}
	if err := db.Exec(ctx, fmt.Sprintf("CREATE TABLE %s %s AS %s", l.own(table), l.OnCluster(), l.own(like))); err != nil {
		return fmt.Errorf("making table %s like %s: %w", table, like, err)
	}
	if !l.Sharded() {
		return nil
	}
	if err := db.Exec(ctx, l.over(table, key)); err != nil {
		return fmt.Errorf("making table %s over all shards: %w", table, err)
	}
	return nil
}

// Merge puts the parts of a table together into one for each partition, now, and
// of rows with the same key keeps what its engine keeps. It rewrites the whole
// table, unless it is in one piece already.
func (db *DB) Merge(ctx context.Context, table string) error {
	l := db.Layout()
	if err := db.Exec(ctx, fmt.Sprintf("OPTIMIZE TABLE %s %s FINAL SETTINGS optimize_skip_merged_partitions = 1", l.own(table), l.OnCluster())); err != nil {
		return fmt.Errorf("merging table %s: %w", table, err)
	}
	return nil
}

// Drop removes a table and its rows, now. A table that is not there is no error.
func (db *DB) Drop(ctx context.Context, table string) error {
	l := db.Layout()
	names := []string{l.own(table)}
	if l.Sharded() {
		names = append(names, Quote(l.Over)+"."+Quote(table))
	}
	for _, name := range names {
		if err := db.Exec(ctx, fmt.Sprintf("DROP TABLE IF EXISTS %s %s SYNC", name, l.OnCluster())); err != nil {
			return fmt.Errorf("dropping table %s: %w", table, err)
		}
	}
	return nil
}
