package readmodels

import (
	"errors"
	"log/slog"
	"time"

	"dossierledger/infra/eventstore"
	"dossierledger/projections"
	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of Config.
const (
	DefaultPageEvents        = 5_000
	DefaultRebuildPageEvents = 10_000
	DefaultPageBytes         = 32 << 20
	DefaultAttempts          = 3
	DefaultMergeEvents       = 50_000
	DefaultRetryMin          = 50 * time.Millisecond
	DefaultRetryMax          = 15 * time.Second
)

// Config says what a Runner runs.
type Config struct {
	Store     eventstore.Store
	Decode    Decode
	Warehouse Warehouse
	// Projections are templates: the runner works on fresh ones of their kind.
	Projections []projections.Projection
	// PageEvents and PageBytes bound a page; RebuildPageEvents bounds those of a
	// rebuild, where larger inserts are worth more than freshness.
	PageEvents        int
	RebuildPageEvents int
	PageBytes         int
	// Attempts is how often an event that cannot be applied is tried before the
	// projection halts.
	Attempts int
	// MergeEvents is how many events written make it worth merging the parts of
	// their tables, where they are a tenth of the log too; negative is never.
	MergeEvents int
	// Held, where set, reports whether this process is at this moment the one of
	// several that keeps the tables. While Run does not run, another one does, and
	// how far it has come is read from ClickHouse. Nil is a process that is alone.
	Held func() bool
	// RetryMin and RetryMax bound the pauses between attempts.
	RetryMin time.Duration
	RetryMax time.Duration
	// Logger gets what is worth knowing; nil is slog.Default.
	Logger *slog.Logger
	// Registerer, where set, gets the runner's metrics.
	Registerer prometheus.Registerer
	// Now is the clock for lags and rates; nil is time.Now.
	Now func() time.Time
}

// Validate reports what is missing or cannot be right.
func (c Config) Validate() error {
	var errs []error
	if c.Store == nil || c.Decode == nil || c.Warehouse == nil {
		errs = append(errs, errors.New("readmodels: store, decoder and warehouse are all needed"))
	}
	if len(c.Projections) == 0 {
		errs = append(errs, errors.New("readmodels: no projection is given"))
	}
	names, tables := map[string]bool{}, map[string]bool{}
	for _, p := range c.Projections {
		if names[p.Name()] {
			errs = append(errs, errors.New("readmodels: two projections are called "+p.Name()))
		}
		names[p.Name()] = true
		for _, t := range p.Tables() {
			if tables[t.Name] {
				errs = append(errs, errors.New("readmodels: two projections fill table "+t.Name))
			}
			tables[t.Name] = true
		}
	}
	if c.PageEvents < 0 || c.RebuildPageEvents < 0 || c.PageBytes < 0 || c.Attempts < 0 || c.RetryMin < 0 || c.RetryMax < 0 {
		errs = append(errs, errors.New("readmodels: a limit is negative"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	setDefault(&c.PageEvents, DefaultPageEvents)
	setDefault(&c.RebuildPageEvents, DefaultRebuildPageEvents)
	setDefault(&c.PageBytes, DefaultPageBytes)
	setDefault(&c.Attempts, DefaultAttempts)
	setDefault(&c.MergeEvents, DefaultMergeEvents)
	setDefault(&c.RetryMin, DefaultRetryMin)
	setDefault(&c.RetryMax, DefaultRetryMax)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// idle is the state of a projection that does not run in this process.
func (c Config) idle() State {
	if c.Held != nil {
		return Elsewhere
	}
	return Stopped
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}
