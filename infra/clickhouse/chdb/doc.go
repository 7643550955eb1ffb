// Package chdb runs ClickHouse inside the process: it loads libchdb, the
// ClickHouse engine as a C library, and answers clickhouse-go through an
// http.RoundTripper, so that the code above is the same as against a server.
package chdb
