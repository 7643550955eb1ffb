package clickhouse

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"dossierledger/domain/fault"
	"dossierledger/infra/clickhouse/chdb"
	"dossierledger/infra/telemetry"
)

// closeTimeout is how long Close waits for the embedded engine's statements.
const closeTimeout = 10 * time.Second

// DB is a pool of connections to ClickHouse. Its methods may be called from any
// goroutine. Errors that mean that ClickHouse is away, or overloaded, are
// faults of kind Unavailable; other refusals of ClickHouse are found by
// errors.As as *clickhouse.Exception with their code.
type DB struct {
	driver.Conn
	config  Config
	options *clickhouse.Options
	// own are the options for a shard's own tables: of the same server, and of
	// another database where tables are spread.
	own    *clickhouse.Options
	engine *chdb.Engine // nil with a server

	columns sync.Map // insert statement → []clickhouse.ColumnNameAndType
}

// Open gives a pool for the configured ClickHouse and makes sure that it answers.
// It starts the embedded engine where no DSN is given; a process can have that
// open once. Faults: CodeDSN, CodeUnavailable, and those of chdb.Open.
func Open(ctx context.Context, config Config) (*DB, error) {
	if err := config.checkLayout(); err != nil {
		return nil, err
	}
	db := &DB{config: config}
	var err error
	if config.Embedded() {
		err = db.startEngine(ctx)
	} else {
		db.options, err = config.serverOptions()
	}
	if err != nil {
		return nil, err
	}
	db.own = db.options
	if config.Sharded {
		over := *db.options
		over.Auth.Database += "_distributed"
		db.options = &over
		if err := db.makeShards(ctx); err != nil {
			return nil, err
		}
	}
	conn, err := clickhouse.Open(db.options)
	if err != nil {
		return nil, errors.Join(fault.New(fault.Invalid, CodeDSN, "ClickHouse's options are refused: %w", err), db.stopEngine())
	}
	db.Conn = conn
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) startEngine(ctx context.Context) error {
	if db.config.Dir == "" {
		return fault.New(fault.Invalid, CodeDSN, "neither a ClickHouse DSN nor a directory for the embedded engine is given")
	}
	options := chdb.Options{
		Library:        db.config.Library,
		MaxMemory:      db.config.MaxMemory,
		MaxConnections: db.config.maxConnections(),
		Logger:         db.config.logger(),
	}
	engine, err := chdb.Open(db.config.Dir, options)
	if code := fault.CodeOf(err); code == chdb.CodeHollow || code == chdb.CodeLost {
		// All that it holds is made of the events, and is made of them again.
		db.config.logger().Warn("the embedded ClickHouse is begun anew", "dir", db.config.Dir, "error", err)
		if err := chdb.Clear(db.config.Dir); err != nil {
			return err
		}
		engine, err = chdb.Open(db.config.Dir, options)
	}
	if err != nil {
		return err
	}
	db.engine = engine
	db.options = engineOptions(engine, db.config.maxConnections())
	if err := db.makeDatabase(ctx); err != nil {
		return errors.Join(fault.New(fault.Unavailable, CodeUnavailable, "the embedded ClickHouse engine has no database: %w", err), db.stopEngine())
	}
	return nil
}

func engineOptions(engine *chdb.Engine, connections int) *clickhouse.Options {
	return &clickhouse.Options{
		Protocol:      clickhouse.HTTP,
		Addr:          []string{"embedded"},
		Auth:          clickhouse.Auth{Database: embeddedDatabase},
		MaxOpenConns:  connections,
		MaxIdleConns:  connections,
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine.Transport(), nil },
	}
}

func (db *DB) makeDatabase(ctx context.Context) error {
	options := *db.options
	options.Auth.Database = ""
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return err
	}
	return errors.Join(conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+Quote(embeddedDatabase)+" ENGINE = Atomic"), conn.Close())
}

func (db *DB) stopEngine() error {
	if db.engine == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return db.engine.Close(ctx)
}

// Close gives up the connections, and stops the embedded engine after its
// running statements; results must have been closed before.
func (db *DB) Close() error {
	return errors.Join(db.Conn.Close(), db.stopEngine())
}

// Lost is closed when the embedded engine has lost something that it had to write,
// as it does on a full disk: then every statement has a fault chdb.CodeLost, and the
// tables are empty when the pool is closed and opened again. It is nil with a server,
// which says so where it cannot write.
func (db *DB) Lost() <-chan struct{} {
	if db.engine == nil {
		return nil
	}
	return db.engine.Lost()
}

// Ping asks whether ClickHouse answers.
func (db *DB) Ping(ctx context.Context) error {
	err := Classify(ctx, db.Conn.Ping(ctx))
	if f, ok := fault.As(err); ok && f.Code == CodeUnavailable {
		return fault.New(fault.Unavailable, CodeUnavailable, "ClickHouse does not answer (%s): %w", db.config.Address(), err)
	}
	return err
}

// Address says where ClickHouse is, without credentials.
func (db *DB) Address() string { return db.config.Address() }

// Embedded reports whether ClickHouse runs inside this process.
func (db *DB) Embedded() bool { return db.engine != nil }

// Layout is how tables are made here.
func (db *DB) Layout() Layout {
	layout := Layout{Cluster: db.config.Cluster, Replicated: db.config.Replicated}
	if db.config.Sharded {
		layout.Local, layout.Over = db.own.Auth.Database, db.options.Auth.Database
	}
	return layout
}

// Exec implements driver.Conn.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (err error) {
	ctx, span := db.begin(ctx, query)
	defer func() { telemetry.End(span, err) }()
	return Classify(ctx, db.Conn.Exec(ctx, query, args...))
}

// Select implements driver.Conn.
func (db *DB) Select(ctx context.Context, dest any, query string, args ...any) (err error) {
	ctx, span := db.begin(ctx, query)
	defer func() { telemetry.End(span, err) }()
	return Classify(ctx, db.Conn.Select(ctx, dest, query, args...))
}

// Query implements driver.Conn. End ctx before closing rows that have not been
// read to their end: closing reads what is left of them otherwise.
func (db *DB) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	ctx, span := db.begin(ctx, query)
	found, err := db.Conn.Query(ctx, query, args...)
	if err != nil {
		err = Classify(ctx, err)
		telemetry.End(span, err)
		return nil, err
	}
	return rows{found, ctx, span}, nil
}

// QueryRow implements driver.Conn.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) driver.Row {
	ctx, span := db.begin(ctx, query)
	found := row{db.Conn.QueryRow(ctx, query, args...), ctx}
	telemetry.End(span, found.Err())
	return found
}

// PrepareBatch implements driver.Conn.
func (db *DB) PrepareBatch(ctx context.Context, query string, options ...driver.PrepareBatchOption) (driver.Batch, error) {
	ctx, span := db.begin(ctx, query)
	prepared, err := db.Conn.PrepareBatch(ctx, query, options...)
	if err != nil {
		err = Classify(ctx, err)
		telemetry.End(span, err)
		return nil, err
	}
	return batch{prepared, ctx, span}, nil
}

// rows, row and batch classify the errors that come late, and end the spans.
type rows struct {
	driver.Rows
	ctx  context.Context
	span trace.Span
}

func (r rows) Err() error { return Classify(r.ctx, r.Rows.Err()) }
func (r rows) Close() error {
	err := Classify(r.ctx, r.Rows.Close())
	telemetry.End(r.span, errors.Join(r.Err(), err))
	return err
}
func (r rows) Scan(dest ...any) error    { return Classify(r.ctx, r.Rows.Scan(dest...)) }
func (r rows) ScanStruct(dest any) error { return Classify(r.ctx, r.Rows.ScanStruct(dest)) }

type row struct {
	driver.Row
	ctx context.Context
}

func (r row) Err() error                { return Classify(r.ctx, r.Row.Err()) }
func (r row) Scan(dest ...any) error    { return Classify(r.ctx, r.Row.Scan(dest...)) }
func (r row) ScanStruct(dest any) error { return Classify(r.ctx, r.Row.ScanStruct(dest)) }

type batch struct {
	driver.Batch
	ctx  context.Context
	span trace.Span
}

func (b batch) Flush() error { return Classify(b.ctx, b.Batch.Flush()) }
func (b batch) Send() error {
	b.span.SetAttributes(attribute.Int("db.operation.batch.size", b.Rows()))
	err := Classify(b.ctx, b.Batch.Send())
	telemetry.End(b.span, err)
	return err
}

// Abort and Close end the span of a batch that was not sent.
func (b batch) Abort() error {
	defer b.span.End()
	return b.Batch.Abort()
}

func (b batch) Close() error {
	defer b.span.End()
	return b.Batch.Close()
}
