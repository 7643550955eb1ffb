package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
)

// A cluster of several shards keeps each table twice under one name: in the local
// database as a replicated table with the rows of its shard, and in the database
// over it as a Distributed table, which holds nothing. Statements name tables only
// by their names, so they are the same as on one server; migrations, too, make the
// local tables as they make any. Which shard a row is on follows from the first
// column of its key, so that all versions of a row, and all rows of a dossier, are
// on one: FINAL there is FINAL over all.

// shardKeys are the columns by which rows are spread, by table. A key is for ever:
// with another one, newer versions of a row would be on another shard.
var shardKeys = map[string]string{
	"checkpoints": "projection",
	"dossiers":    "code",
	"events":      "code",
	"steps":       "code",
	"agencies":    "id",
	"procedures":  "code",
}

// everywhere are the arguments of a replicated table that every server of every
// shard has a copy of.
var everywhere = []string{"'/clickhouse/tables/{uuid}/everywhere'", "'{replica}'"}

// own is a shard's own table; without shards, the table.
func (l Layout) own(table string) string {
	if l.Sharded() {
		return Quote(l.Local) + "." + Quote(table)
	}
	return Quote(table)
}

// over makes the table over all shards of tables like one whose key is known.
func (l Layout) over(table, key string) string {
	return fmt.Sprintf("CREATE OR REPLACE TABLE %s.%s %s AS %s ENGINE = Distributed(%s, %s, %s, sipHash64(%s))",
		Quote(l.Over), Quote(table), l.OnCluster(), l.own(table), text(l.Cluster), text(l.Local), text(table), Quote(key))
}

// text is a name as a literal.
func text(name string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "'"
}

// makeShards makes the database of the tables over all shards, on every server.
func (db *DB) makeShards(ctx context.Context) (err error) {
	conn, err := clickhouse.Open(db.own)
	if err != nil {
		return fault.New(fault.Invalid, CodeDSN, "ClickHouse's options are refused: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// Asked first, because a statement for the cluster waits for every server.
	var known []struct {
		Name string `ch:"name"`
	}
	layout := db.Layout()
	if err := conn.Select(ctx, &known, "SELECT name FROM system.databases WHERE name = {name:String}", clickhouse.Named("name", layout.Over)); err != nil {
		return Classify(ctx, err)
	}
	if len(known) > 0 {
		return nil
	}
	return Classify(ctx, conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %s %s ENGINE = Atomic", Quote(layout.Over), layout.OnCluster())))
}

// spread makes the tables over all shards where they are not there, or have other
// columns than the shards' own.
func (db *DB) spread(ctx context.Context) error {
	layout := db.Layout()
	if !layout.Sharded() {
		return nil
	}
	var columns []struct {
		Database string `ch:"database"`
		Table    string `ch:"table"`
		Columns  string `ch:"columns"`
	}
	err := db.Select(ctx, &columns, `
SELECT database, table, arrayStringConcat(arrayMap(c -> c.2 || ' ' || c.3, arraySort(groupArray((position, name, type)))), ', ') AS columns
FROM system.columns WHERE database IN ({own:String}, {over:String}) GROUP BY database, table`,
		clickhouse.Named("own", layout.Local), clickhouse.Named("over", layout.Over))
	if err != nil {
		return fmt.Errorf("looking at the tables of the shards: %w", err)
	}
	of := map[[2]string]string{}
	for _, c := range columns {
		of[[2]string{c.Database, c.Table}] = c.Columns
	}
	for _, table := range slices.Sorted(maps.Keys(shardKeys)) {
		own, there := of[[2]string{layout.Local, table}]
		if !there || own == of[[2]string{layout.Over, table}] {
			continue
		}
		if err := db.Exec(ctx, layout.over(table, shardKeys[table])); err != nil {
			return fmt.Errorf("making table %s over all shards: %w", table, err)
		}
	}
	return nil
}
