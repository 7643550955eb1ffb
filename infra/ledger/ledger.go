// Package ledger puts the parts together: the store, the keys, the journal, the
// registers, the commands and, where they are asked for, the read models.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/agency"
	"dossierledger/domain/delivery"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"dossierledger/domain/policy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"dossierledger/infra/catalogue"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/journal"
	"dossierledger/infra/keys"
	"dossierledger/infra/leases"
	"dossierledger/infra/registers"
)

// Config says where a ledger keeps its data and how it reaches its neighbours.
type Config struct {
	// Data is the folder that holds everything the embedded engines write.
	Data string
	// MasterKeyFile holds the master key of personal data; empty is master.key
	// in Data, which is made when it is not there.
	MasterKeyFile string

	// EventStoreFile holds the connection string of an EventStoreDB; empty is the
	// embedded store. It is a file because the string holds a password.
	EventStoreFile string
	// Reading says that hardly anything will be appended, see embedded.Options.
	Reading bool
	// StoreCache is how many bytes of its index the embedded store keeps in memory;
	// 0 is its own choice.
	StoreCache int64

	// ClickHouseDSNFile holds the DSN of a server or cluster; empty is the
	// embedded engine. It is a file because a DSN holds a password.
	ClickHouseDSNFile    string
	ClickHouseLibrary    string
	ClickHouseMemory     uint64
	ClickHouseCluster    string
	ClickHouseReplicated bool
	ClickHouseSharded    bool

	// NATSFile says how to reach NATS, in which several ledgers keep what they
	// share: the keys of persons, and the leases of what only one of them does at a
	// time. Empty is a ledger that is one process. With it everything else is
	// shared too: event store, ClickHouse and master key. NATSReplicas is on how
	// many servers it is kept; 0 is 3.
	NATSFile     string
	NATSReplicas int
	// LeaseTerm is after what time of silence others take over what this process
	// does; 0 is leases.DefaultTerm.
	LeaseTerm time.Duration

	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Ledger is an open ledger.
type Ledger struct {
	Config    Config
	Store     eventstore.Store
	Vault     keys.Vault
	Journal   *journal.Journal
	Registers *registers.Registers
	Dossiers  *commands.Dossiers
	Erasures  *commands.Erasures
	// Leases say what this process does of what only one does at a time.
	Leases *leases.Leases
	Log    *slog.Logger
	Now    func() time.Time
	// Node names this process among those that share the ledger.
	Node string

	// erasuresFinished is the last record of an erasure of which it is known that
	// its key is gone. It is used by whoever finishes, one at a time.
	erasuresFinished *uint64

	mu      sync.Mutex
	closers []func() error
}

// Registry knows every event type of the ledger.
func Registry() *event.Registry {
	r := event.NewRegistry()
	dossier.Register(r)
	legacy.Register(r)
	procedure.Register(r)
	agency.Register(r)
	worktime.Register(r)
	access.Register(r)
	policy.Register(r)
	delivery.Register(r)
	commands.Register(r)
	return r
}

// Open opens the ledger, and completes what a crash cut off. One process can have
// a data folder with embedded engines open at a time; with NATSFile any number of
// processes can have the ledger open, each with a data folder of its own, and what
// a crash cut off is completed by one that serves. While it is open, backups and
// copies can be made beside it.
func Open(ctx context.Context, config Config) (l *Ledger, err error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if err := config.checkShared(); err != nil {
		return nil, err
	}
	config.Data, err = filepath.Abs(config.Data)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(config.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	l = &Ledger{Config: config, Log: config.Logger, Now: config.Now, Node: nodeName()}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	store, err := OpenStore(ctx, config)
	if err != nil {
		return l, err
	}
	l.Store = store
	l.closers = append(l.closers, store.Close)
	if err := l.openKeys(ctx); err != nil {
		return l, err
	}
	l.closers = append(l.closers, OfferBeside(config.Data, store, l.Vault, config.Logger))
	if l.Journal, err = journal.New(store, Registry(), l.Vault); err != nil {
		return l, err
	}
	return l, l.openRegisters(ctx)
}

func (l *Ledger) openRegisters(ctx context.Context) error {
	lifeEvents, err := catalogue.LifeEvents()
	if err != nil {
		return err
	}
	l.Registers = registers.New(lifeEvents)
	head, some, err := l.Store.Head(ctx)
	if err != nil {
		return err
	}
	if err := l.Registers.Load(l.Journal.ReadAll(ctx, nil, registers.StreamPrefixes...)); err != nil {
		return err
	}
	if some {
		l.Registers.Reached(head) // what they follow begins behind it
	}
	if l.Dossiers, err = commands.NewDossiers(l.Journal, l.Journal, l.Registers, l.Registers, l.Registers, l.Now); err != nil {
		return err
	}
	if l.Erasures, err = commands.NewErasures(l.Journal, l.Vault, l.Now); err != nil {
		return err
	}
	if l.shared() {
		return nil
	}
	if err := l.finishSubmissions(ctx); err != nil {
		return err
	}
	return l.finishErasures(ctx)
}

// shared says whether other processes may have the ledger open too.
func (l *Ledger) shared() bool { return l.Config.NATSFile != "" }

// Close closes everything, last opened first.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for i := len(l.closers) - 1; i >= 0; i-- {
		errs = append(errs, l.closers[i]())
	}
	l.closers = nil
	return errors.Join(errs...)
}

// Temp is a folder for files that nobody needs after the command that made them.
func (l *Ledger) Temp() (string, error) {
	dir := filepath.Join(l.Config.Data, "tmp")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	return dir, nil
}

// Seed publishes the sample catalogue: norms, agencies, procedures and the
// national calendar. Again adds nothing. It returns the number of events appended.
func (l *Ledger) Seed(ctx context.Context) (int, error) {
	sample, err := catalogue.Sample()
	if err != nil {
		return 0, err
	}
	streams := append(sample.Streams(), nationalCalendar())
	added := 0
	for _, s := range streams {
		n, err := l.publish(ctx, s)
		added += n
		if err != nil {
			return added, fmt.Errorf("publish %s: %w", s.Name, err)
		}
	}
	return added, l.Registers.Load(l.Journal.ReadAll(ctx, l.registersPosition(), registers.StreamPrefixes...))
}

// publish appends those events of a stream that are not there yet.
func (l *Ledger) publish(ctx context.Context, s catalogue.Stream) (added int, err error) {
	written, err := l.Journal.Append(ctx, s.Name, event.Any, s.Events...)
	switch {
	case err == nil && written.Repeated:
		return 0, nil
	case err == nil:
		return len(s.Events), nil
	case fault.KindOf(err) != fault.Conflict || len(s.Events) == 1:
		return 0, err
	}
	// Some are there and some are not: the sample has grown since.
	for _, e := range s.Events {
		n, err := l.publish(ctx, catalogue.Stream{Name: s.Name, Events: []event.Event{e}})
		added += n
		if err != nil {
			return added, err
		}
	}
	return added, nil
}

func (l *Ledger) registersPosition() *uint64 {
	if position, ok := l.Registers.Position(); ok {
		return &position
	}
	return nil
}

// nationalCalendar is the calendar of the law with what was announced since.
func nationalCalendar() catalogue.Stream {
	s := catalogue.Stream{Name: worktime.Stream(worktime.National)}
	for i, p := range worktime.NationalNotices() {
		e := event.New(event.IDFor("seed "+s.Name, i), event.Metadata{Actor: event.Actor{ID: "ledger", Role: event.RoleSystem}}, p)
		if at, ok := worktime.AnnouncedAt(e); ok {
			e.Metadata.OccurredAt = at
		}
		s.Events = append(s.Events, e)
	}
	return s
}

// readSecret reads a secret from a file, without the line break at its end.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
