package ledger

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/backup"
	"dossierledger/infra/beside"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"dossierledger/infra/keys"
)

// OfferBeside lets other processes that can read the data folder read the events
// and, where there is a vault, the keys, until the offer is closed. Where the
// folder takes no socket, that is said in the log and nothing is offered.
func OfferBeside(data string, store eventstore.Store, vault keys.Vault, log *slog.Logger) (closeOffer func() error) {
	copier, _ := vault.(keys.Copier)
	offer, err := beside.Open(data, store, copier, log)
	if err != nil {
		log.Warn("backups and copies cannot be made while this process runs", "error", err)
		return func() error { return nil }
	}
	return offer.Close
}

// openedEvents are the events of a ledger, opened for reading.
type openedEvents struct {
	backup.Source
	close func() error
}

// onceThroughCache is enough for whoever reads a log from its beginning to its end:
// no block of the index is wanted twice.
const onceThroughCache = 4 << 20

// openEvents opens the events of the embedded store in a data folder: directly, or
// through the process that has it open.
func openEvents(ctx context.Context, data string, config Config) (openedEvents, error) {
	dir := filepath.Join(data, "events")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return openedEvents{}, fault.New(fault.NotFound, "ledger.none", "there is no ledger on the embedded store in %s", data)
	}
	return besideOr(ctx, data, eventstore.ErrLocked, func() (openedEvents, error) {
		store, err := embedded.Open(ctx, embedded.Options{
			Dir: dir, Logger: config.Logger, Now: config.Now, Reading: true, CacheBytes: onceThroughCache,
		})
		return openedEvents{store, func() error { return store.Close() }}, err
	}, func(r *beside.Reader) openedEvents { return openedEvents{r, r.Close} })
}

// openKeyCopier opens the keys in a data folder for copying, in the same way.
func openKeyCopier(ctx context.Context, data string) (keyCopier, error) {
	dir := filepath.Join(data, "keys")
	direct := keyCopier{func(ctx context.Context, each func(keys.Wrapped) error) error { return keys.CopyFolder(ctx, dir, each) }, func() error { return nil }}
	return besideOr(ctx, data, keys.ErrLocked, func() (keyCopier, error) {
		stop := errors.New("nothing is wanted yet")
		if err := direct.copy(ctx, func(keys.Wrapped) error { return stop }); err != nil && !errors.Is(err, stop) {
			return keyCopier{}, err
		}
		return direct, nil
	}, func(r *beside.Reader) keyCopier { return keyCopier{r.Copy, r.Close} })
}

// keyCopier is a keys.Copier that is closed.
type keyCopier struct {
	copy  func(ctx context.Context, each func(keys.Wrapped) error) error
	close func() error
}

// Copy implements keys.Copier.
func (k keyCopier) Copy(ctx context.Context, each func(keys.Wrapped) error) error {
	return k.copy(ctx, each)
}

// How often and for how long a folder is tried that another process has open and
// does not offer: it may be starting, or about to end.
const (
	besidePause    = 100 * time.Millisecond
	besidePatience = 5 * time.Second
)

// besideOr opens something directly or, where it is locked, through the process
// that has it open.
func besideOr[T any](ctx context.Context, data string, locked error, direct func() (T, error), through func(*beside.Reader) T) (T, error) {
	var none T
	for until := time.Now().Add(besidePatience); ; {
		opened, err := direct()
		if !errors.Is(err, locked) {
			return opened, err
		}
		reader, notOffered := beside.Dial(ctx, data)
		switch {
		case notOffered == nil:
			return through(reader), nil
		case !errors.Is(notOffered, beside.ErrNotOffered):
			return none, notOffered
		case time.Now().After(until):
			return none, fault.New(fault.Unavailable, beside.ErrNotOffered.Code,
				"another process has the ledger in %s open and does not offer it for reading: %w", data, err)
		}
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-time.After(besidePause):
		}
	}
}
