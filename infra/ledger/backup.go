package ledger

import (
	"context"
	"errors"

	"dossierledger/infra/backup"
	"dossierledger/infra/eventstore/esdb"
)

// BackUpEvents adds what is new to a backup of the ledger's events. Another process
// may have the ledger open. progress is told how many of how many positions are read.
func BackUpEvents(ctx context.Context, config Config, to backup.Place, progress func(done, total uint64)) (taken backup.Taken, err error) {
	from, engine, err := openForBackup(ctx, config)
	if err != nil {
		return taken, err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	head, _, err := from.Head(ctx)
	if err != nil {
		return taken, err
	}
	return backup.Events(ctx, from, to, backup.EventsOptions{
		Engine: engine, Now: config.Now, Progress: func(position uint64) { progress(position, head+1) },
	})
}

func openForBackup(ctx context.Context, config Config) (openedEvents, string, error) {
	if config.EventStoreFile == "" {
		from, err := openEvents(ctx, config.Data, config)
		return from, backup.EngineEmbedded, err
	}
	connection, err := readSecret(config.EventStoreFile)
	if err != nil {
		return openedEvents{}, "", err
	}
	store, err := esdb.Open(ctx, esdb.Options{ConnectionString: connection, Logger: config.Logger})
	if err != nil {
		return openedEvents{}, "", err
	}
	return openedEvents{store, store.Close}, backup.EngineESDB, nil
}

// BackUpKeys takes a snapshot of the keys of persons, in the data folder or those in
// NATS. Other processes may have the ledger open.
func BackUpKeys(ctx context.Context, config Config, to backup.Place, keep int) (taken backup.KeysTaken, err error) {
	if config.NATSFile != "" {
		shared, closing, err := openSharedKeys(ctx, config, "ledger backup")
		if err != nil {
			return taken, err
		}
		defer func() { err = errors.Join(err, closing()) }()
		return backup.Keys(ctx, shared, to, backup.KeysOptions{Keep: keep, Now: config.Now})
	}
	from, err := openKeyCopier(ctx, config.Data)
	if err != nil {
		return taken, err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	return backup.Keys(ctx, from, to, backup.KeysOptions{Keep: keep, Now: config.Now})
}
