package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dossierledger/infra/backup"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/eventstore/esdb"
	"dossierledger/infra/eventstore/transfer"
)

// Copied says what a copy of a ledger came to.
type Copied struct {
	From string `json:"from"`
	To   string `json:"to"`
	transfer.Result
	// PositionsKept says whether every event has the position that it had.
	PositionsKept bool `json:"positions_kept"`
}

// Copy copies the events of one ledger to another and compares them. Each is named
// by a path: a file holds the connection string of an EventStoreDB, a folder is the
// data folder of a ledger on the embedded store. progress is told how many of how
// many steps are done. Keys of persons are not copied: they stay in their data folder.
func Copy(ctx context.Context, from, to string, config Config, progress func(done, total uint64)) (c Copied, err error) {
	source, err := openSource(ctx, from, config)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	target, err := openTarget(ctx, to, config)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	c.From, c.To = source.what, target.what
	c.PositionsKept = source.embedded && target.embedded
	total := uint64(0)
	if head, ok, err := source.Head(ctx); err != nil {
		return c, err
	} else if ok && source.embedded {
		total = 2 * (head + 1)
	}
	c.Result, err = transfer.Copy(ctx, source, target, transfer.Options{
		LedgerOnly: !c.PositionsKept,
		Progress:   func(events uint64) { progress(events, total) },
	})
	return c, err
}

type copySource struct {
	backup.Source
	what     string
	embedded bool
	close    func() error
}

type copyTarget struct {
	transfer.Target
	what     string
	embedded bool
	close    func() error
}

func openSource(ctx context.Context, path string, config Config) (copySource, error) {
	if isFile(path) {
		store, what, err := openServer(ctx, path, config)
		if err != nil {
			return copySource{}, err
		}
		return copySource{store, what, false, store.Close}, nil
	}
	events, err := openEvents(ctx, path, config)
	if err != nil {
		return copySource{}, err
	}
	return copySource{events, "the embedded store in " + path, true, events.close}, nil
}

func openTarget(ctx context.Context, path string, config Config) (copyTarget, error) {
	if isFile(path) {
		store, what, err := openServer(ctx, path, config)
		if err != nil {
			return copyTarget{}, err
		}
		return copyTarget{store.Import(), what, false, store.Close}, nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return copyTarget{}, fmt.Errorf("data folder: %w", err)
	}
	store, err := embedded.OpenImport(ctx, embedded.Options{Dir: filepath.Join(path, "events"), Logger: config.Logger, Now: config.Now})
	if err != nil {
		return copyTarget{}, err
	}
	return copyTarget{store, "the embedded store in " + path, true, store.Close}, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func openServer(ctx context.Context, path string, config Config) (*esdb.Store, string, error) {
	connection, err := readSecret(path)
	if err != nil {
		return nil, "", err
	}
	store, err := esdb.Open(ctx, esdb.Options{ConnectionString: connection, Logger: config.Logger})
	return store, "the EventStoreDB named in " + path, err
}
