// Package clickhouse is the ledger's way to ClickHouse: one pool, one SQL, one
// driver (clickhouse-go), whether the engine runs inside this process (package
// chdb, the default) or is a server or a cluster named by a DSN. Only the
// transport and the words for table engines differ; see Layout.
//
//	db, err := clickhouse.Open(ctx, clickhouse.Config{Dir: "data/clickhouse"})
//	version, err := db.Migrate(ctx)
//	err = clickhouse.Insert(ctx, db, "checkpoints", rows) // structs with ch:"column" tags
//
// # Errors
//
// Everything that passes by itself — no answer, no network, overload, a memory
// limit, too many parts — is a fault of kind Unavailable and code
// CodeUnavailable: wait and repeat. Other refusals are *clickhouse.Exception
// with ClickHouse's code, by errors.As. An ended context is neither.
//
// # Repeating
//
// An insert whose answer was lost may be there or not. Tables are therefore
// keyed and versioned (ReplacingMergeTree), so that the same rows twice are the
// same table; readers use FINAL or aggregate by key.
//
// # Migrations
//
// The SQL of migrations/ is in the binary, is filled in by Layout.Render
// ({{engine "ReplacingMergeTree" "version"}}, {{on_cluster}}) and applied by
// goose, which keeps its place in schema_migrations. Names that are keywords of
// ClickHouse, such as projection, are quoted. A released file is never edited:
// a change is a new file.
package clickhouse
