package outbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/access"
	"dossierledger/domain/delivery"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/journal"
)

// Defaults of Config.
const (
	DefaultSource      = "urn:dossier-ledger"
	DefaultConcurrency = 8
	DefaultAttempts    = 50
	DefaultGiveUpAfter = 24 * time.Hour
	DefaultRetryMin    = time.Second
	DefaultRetryMax    = 10 * time.Minute
	DefaultMaxBehind   = 256
	DefaultSaveEvery   = 5 * time.Second
)

// Start is where a receiver begins for which nothing was delivered yet.
type Start string

// The starts.
const (
	FromStart Start = "start" // with the first event of the ledger
	FromNow   Start = "now"   // behind what is there
)

// Looks records looks at personal data; *commands.Looks is one.
type Looks interface {
	Record(ctx context.Context, req commands.Request, look access.PersonalDataViewed) error
}

// Settings are what an operator says of a receiver, beside how it is reached.
type Settings struct {
	// Name is permanent: under another one everything is delivered anew.
	Name string `yaml:"name"`
	// From is where it begins the first time; empty is FromStart.
	From   Start `yaml:"from"`
	Filter `yaml:",inline"`
	// Personal gives it personal values, for the Purpose that is then told to the
	// persons concerned.
	Personal bool   `yaml:"personal"`
	Purpose  string `yaml:"purpose"`
	// Concurrency is how many keys are delivered at once.
	Concurrency int `yaml:"concurrency"`
	// A key is given up after so many attempts, or when its event has been tried
	// for so long, whichever comes first. Attempts while the receiver is away count
	// for the time only.
	Attempts    int           `yaml:"attempts"`
	GiveUpAfter time.Duration `yaml:"give_up_after"`
	// RetryMin and RetryMax bound the pauses before another attempt.
	RetryMin time.Duration `yaml:"retry_min"`
	RetryMax time.Duration `yaml:"retry_max"`
}

// Config is what a Runner needs.
type Config struct {
	Settings
	// Source is the CloudEvents' source: the ledger's own name, a URI.
	Source  string
	Store   eventstore.Store
	Journal *journal.Journal
	Looks   Looks
	Sender  Sender
	// Held, where set, reports whether this process is at this moment the one of
	// several that delivers to the receiver; nil is a process that is alone.
	Held func() bool
	// MaxBehind bounds the keys that are behind and not given up; more of the log
	// is not read until one gets on.
	MaxBehind int
	// SaveEvery is how often it is written how far the receiver has come.
	SaveEvery time.Duration
	// Metrics, where set, count what is delivered.
	Metrics *Metrics
	Now     func() time.Time
	Logger  *slog.Logger
}

// Validate reports everything that is wrong with the settings.
func (s Settings) Validate() error {
	var errs []error
	if !delivery.ValidName(s.Name) {
		errs = append(errs, fmt.Errorf("outbound: a receiver's name has 1 to 40 small letters, digits and hyphens; %q is none", s.Name))
	}
	if s.From != "" && s.From != FromStart && s.From != FromNow {
		errs = append(errs, fmt.Errorf("outbound: a receiver begins from %s or %s, not from %q", FromStart, FromNow, s.From))
	}
	if s.Personal != (strings.TrimSpace(s.Purpose) != "") {
		errs = append(errs, errors.New("outbound: personal values need a purpose, and a purpose is for nothing else"))
	}
	if len(s.Purpose) > commands.MaxPurpose {
		errs = append(errs, fmt.Errorf("outbound: a purpose has at most %d bytes", commands.MaxPurpose))
	}
	if s.Concurrency < 0 || s.Attempts < 0 || s.GiveUpAfter < 0 || s.RetryMin < 0 || s.RetryMax < 0 {
		errs = append(errs, errors.New("outbound: a limit is negative"))
	}
	return errors.Join(append(errs, s.Filter.validate())...)
}

// Validate reports what is missing or cannot be right.
func (c Config) Validate() error {
	errs := []error{c.Settings.Validate()}
	if c.Store == nil || c.Journal == nil || c.Looks == nil || c.Sender == nil {
		errs = append(errs, errors.New("outbound: store, journal, looks and sender are all needed"))
	}
	if c.MaxBehind < 0 || c.SaveEvery < 0 {
		errs = append(errs, errors.New("outbound: a limit is negative"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	setDefault(&c.Source, DefaultSource)
	setDefault(&c.From, FromStart)
	setDefault(&c.Concurrency, DefaultConcurrency)
	setDefault(&c.Attempts, DefaultAttempts)
	setDefault(&c.GiveUpAfter, DefaultGiveUpAfter)
	setDefault(&c.RetryMin, DefaultRetryMin)
	setDefault(&c.RetryMax, max(DefaultRetryMax, c.RetryMin))
	setDefault(&c.MaxBehind, DefaultMaxBehind)
	setDefault(&c.SaveEvery, DefaultSaveEvery)
	c.Filter = c.Filter.withDefaults()
	if c.Metrics == nil {
		c.Metrics = NewMetrics()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Logger = c.Logger.With("receiver", c.Name)
	return c
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}
