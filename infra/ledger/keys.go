package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/keys"
	"dossierledger/infra/leases"
	"dossierledger/infra/nats"
	"github.com/google/uuid"
)

// checkShared holds that a ledger that is one of several shares everything.
func (c Config) checkShared() error {
	if c.NATSFile != "" && (c.EventStoreFile == "" || c.ClickHouseDSNFile == "" || c.MasterKeyFile == "") {
		return fault.New(fault.Invalid, "usage.nats", "keys in NATS are for a ledger that keeps nothing on its own disk: --nats-file goes with --eventstore-file, --clickhouse-dsn-file and --master-key-file")
	}
	if c.LeaseTerm != 0 && c.LeaseTerm < leastTerm {
		return fault.New(fault.Invalid, "usage.lease-term", "a lease has a term of a second or more: in a fifth of it NATS must answer")
	}
	return nil
}

// leastTerm is the shortest term of leases.
const leastTerm = time.Second

// openKeys opens the keys of persons, in the data folder or those that several
// ledgers share, and in that case the leases that they share too.
func (l *Ledger) openKeys(ctx context.Context) error {
	master, err := l.readMaster()
	if err != nil {
		return err
	}
	if l.Config.NATSFile == "" {
		if l.Vault, err = keys.OpenFolder(ctx, filepath.Join(l.Config.Data, "keys"), master); err != nil {
			return err
		}
		l.closers = append(l.closers, l.Vault.Close)
		l.Leases = leases.Alone()
		return nil
	}
	conn, err := nats.Connect(ctx, l.Config.NATSFile, "ledger "+l.Node, l.Log)
	if err != nil {
		return err
	}
	l.closers = append(l.closers, func() error { conn.Close(); return nil })
	if l.Vault, err = keys.OpenShared(ctx, conn, master, keys.SharedOptions{Replicas: l.Config.NATSReplicas, Logger: l.Log}); err != nil {
		return err
	}
	l.closers = append(l.closers, l.Vault.Close)
	l.Leases, err = leases.Open(ctx, conn, leases.Options{Node: l.Node, Replicas: l.Config.NATSReplicas, Term: l.Config.LeaseTerm, Logger: l.Log})
	return err
}

// readMaster reads the master key. One is made in the data folder where none is named.
func (l *Ledger) readMaster() (keys.Master, error) {
	path := l.Config.MasterKeyFile
	if path == "" {
		path = filepath.Join(l.Config.Data, "master.key")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if kept, err := os.ReadDir(filepath.Join(l.Config.Data, "keys", "shards")); err == nil && len(kept) > 0 {
				return nil, fault.New(fault.Invalid, "keys.no-master", "the keys in %s were made with a master key that is not here: name its file with --master-key-file", l.Config.Data)
			}
			if err := keys.MakeMaster(path); err != nil {
				return nil, err
			}
			l.Log.Warn("a master key was made in the data folder; for real data keep it elsewhere", "file", path)
		}
	}
	return keys.ReadMaster(path)
}

// nodeName tells one process from others that share a ledger with it.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "-" + uuid.NewString()[:8]
}

// CopyKeys copies the keys of persons from a data folder that nobody has open to the
// store that several ledgers share, and compares. Where no file of a master key is
// named, the one in that folder is meant.
func CopyKeys(ctx context.Context, from string, config Config) (copied keys.Copied, err error) {
	if config.NATSFile == "" {
		return copied, fault.New(fault.Invalid, "usage.nats", "--nats-file says where keys are copied to")
	}
	if config.MasterKeyFile == "" {
		config.MasterKeyFile = filepath.Join(from, "master.key")
	}
	shared, closing, err := openSharedKeys(ctx, config, "ledger keys copy")
	if err != nil {
		return copied, err
	}
	defer func() { err = errors.Join(err, closing()) }()
	return shared.CopyFrom(ctx, keys.ClosedFolder(filepath.Join(from, "keys")))
}

// openSharedKeys opens the keys that several ledgers share, for a command that does
// something with them alone.
func openSharedKeys(ctx context.Context, config Config, name string) (shared *keys.Shared, closing func() error, err error) {
	if config.MasterKeyFile == "" {
		return nil, nil, fault.New(fault.Invalid, "usage.nats", "keys in NATS need --master-key-file")
	}
	master, err := keys.ReadMaster(config.MasterKeyFile)
	if err != nil {
		return nil, nil, err
	}
	conn, err := nats.Connect(ctx, config.NATSFile, name, config.Logger)
	if err != nil {
		return nil, nil, err
	}
	shared, err = keys.OpenShared(ctx, conn, master, keys.SharedOptions{Replicas: config.NATSReplicas, Logger: config.Logger})
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return shared, func() error {
		err := shared.Close()
		conn.Close()
		return err
	}, nil
}
