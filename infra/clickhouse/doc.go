// Package clickhouse is the ledger's way to ClickHouse: one pool, one SQL, one
// driver (clickhouse-go), whether the engine runs inside this process or is a
// server or a cluster named by a DSN.
package clickhouse
