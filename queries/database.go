package queries

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Database is the part of clickhouse-go's driver.Conn that queries use. Values
// from outside travel as query parameters ({name:Type}) and are never part of
// the text of a statement.
type Database interface {
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
	Select(ctx context.Context, dest any, query string, args ...any) error
}
