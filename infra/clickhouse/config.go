package clickhouse

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
)

// Config says which ClickHouse to use, and how tables are laid out on it.
type Config struct {
	// DSN names a server or cluster: clickhouse://user:password@host:9000/database,
	// http:// or https:// for its HTTP interface, secure=true for TLS, further
	// hosts after commas, any ClickHouse setting as a parameter. Empty means the
	// engine inside this process.
	DSN string
	// CAFile is a PEM file with the certificate authorities to trust instead of
	// the system's, for a DSN with TLS.
	CAFile string

	// Dir is the embedded engine's directory, which belongs to it alone.
	Dir string
	// Library is the path of the embedded engine; empty means that it is looked for.
	Library string
	// MaxMemory is how many bytes the embedded engine may use for all statements
	// together; zero leaves it at 90 % of the machine.
	MaxMemory int64

	// MaxConnections is how many statements run at once; others wait. Zero
	// means 16.
	MaxConnections int
	// Cluster is the cluster's name on the servers, for ON CLUSTER; empty means
	// a single server.
	Cluster string
	// Replicated makes every MergeTree table a replicated one, under the
	// servers' default replica path.
	Replicated bool
	// Sharded spreads the rows over the cluster's shards, all rows of one key on
	// one shard. The DSN's database then holds each shard's own tables, and
	// another one, of its name and "_distributed", tables over all shards under
	// the same names, which are those that are read and written. It needs a
	// Cluster, and Replicated.
	Sharded bool

	// Logger gets what is worth knowing; nil means slog.Default.
	Logger *slog.Logger
}

// embeddedDatabase is the ledger's database in the embedded engine. The
// engine's own default database would read file names as tables.
const embeddedDatabase = "ledger"

// Embedded reports whether the engine inside this process is meant.
func (c Config) Embedded() bool { return c.DSN == "" }

// Address says where ClickHouse is, without credentials.
func (c Config) Address() string {
	if c.Embedded() {
		return "embedded in " + c.Dir
	}
	u, err := url.Parse(c.DSN)
	if err != nil {
		return "a DSN that cannot be read"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// String never shows credentials, whatever prints the value.
func (c Config) String() string { return "clickhouse " + c.Address() }

// GoString never shows credentials, whatever prints the value.
func (c Config) GoString() string { return c.String() }

// LogValue never shows credentials, whatever logs the value.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c Config) logger() *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	return slog.Default()
}

func (c Config) maxConnections() int {
	if c.MaxConnections > 0 {
		return c.MaxConnections
	}
	return 16
}

// checkLayout refuses layouts that would give wrong answers.
func (c Config) checkLayout() error {
	switch {
	case !c.Sharded:
		return nil
	case c.Embedded():
		return fault.New(fault.Invalid, CodeDSN, "the embedded ClickHouse engine has no shards: tables are spread on servers only")
	case c.Cluster == "" || !c.Replicated:
		return fault.New(fault.Invalid, CodeDSN, "tables are spread over the shards of a cluster of replicated tables: name the cluster, and use replicated engines")
	}
	return nil
}

// shardedSettings make a cluster answer as one server would. A report whose shard
// is away fails rather than leaves a part out, which is ClickHouse's default.
var shardedSettings = clickhouse.Settings{
	// A subquery is answered over all shards, once, and its answer sent to each.
	"distributed_product_mode": "global",
	// An insert returns when each shard has its rows, and not before.
	"distributed_foreground_insert": 1,
}

// serverOptions are the driver's options for the DSN.
func (c Config) serverOptions() (*clickhouse.Options, error) {
	options, err := clickhouse.ParseDSN(c.DSN)
	if err != nil {
		// The parser's error may quote the DSN, password and all.
		return nil, fault.New(fault.Invalid, CodeDSN, "the ClickHouse DSN cannot be read: write clickhouse://user:password@host:port/database, with special characters of the password percent-encoded")
	}
	// Any logger keeps debug=true in a DSN from printing statements to standard
	// output; this one keeps them out of the logs too, with what they hold.
	options.Logger = slog.New(slog.DiscardHandler)
	if options.Compression == nil {
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	if options.DialTimeout == 0 {
		options.DialTimeout = 10 * time.Second
	}
	if options.MaxOpenConns == 0 {
		options.MaxOpenConns = c.maxConnections()
	}
	if options.MaxIdleConns == 0 {
		options.MaxIdleConns = options.MaxOpenConns
	}
	if c.CAFile != "" {
		if options.TLS == nil {
			return nil, fault.New(fault.Invalid, CodeDSN, "a certificate authority is given for ClickHouse, but the DSN does not ask for TLS: add secure=true")
		}
		pool, err := readAuthorities(c.CAFile)
		if err != nil {
			return nil, fault.New(fault.Invalid, CodeDSN, "ClickHouse's certificate authority: %w", err)
		}
		options.TLS.RootCAs = pool
	}
	if c.Sharded {
		if options.Auth.Database == "" || options.Auth.Database == "default" {
			return nil, fault.New(fault.Invalid, CodeDSN, "the DSN names no database of its own, which tables that are spread over shards need")
		}
		if options.Settings == nil {
			options.Settings = clickhouse.Settings{}
		}
		maps.Copy(options.Settings, shardedSettings)
	}
	if options.TLS != nil {
		options.TLS.MinVersion = tls.VersionTLS12
	}
	return options, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(path + " holds no certificate in PEM form")
	}
	return pool, nil
}
