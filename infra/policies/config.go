// Package policies runs the policies of the domain: it follows the log, keeps
// in memory what is to be done on the open dossiers and when, and does it.
//
// # What is promised
//
// Each thing is done once, by the store's own rule that an id is taken once: its
// ids follow from the policy, the dossier and the date. Nothing has to be
// remembered for that, so that the schedule is made again from the log at every
// start; what fell due while nobody ran is done then, unless it makes no sense
// any more. Two programs on one store do not double anything either.
//
// # What is not
//
// A thing is done soon after its time, not at it. A calendar that changes moves
// what is planned when the dossier is next acted on, or when its time comes.
// Commands never wait for policies: these are one more caller.
package policies

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/policy"
	"dossierledger/infra/eventstore"
	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of Config.
const (
	DefaultStates   = 10_000 // States of a runner that shares none.
	DefaultLook     = 30 * time.Second
	DefaultRetryMin = time.Second
	DefaultRetryMax = 5 * time.Minute
)

// Journal is what the runner needs of the ledger's journal.
type Journal interface {
	commands.Journal
	Decode(eventstore.Recorded) (event.Event, error)
}

// Actions carries out commands on dossiers.
type Actions interface {
	Act(ctx context.Context, req commands.Request, code string, command dossier.Command) (commands.Answer, error)
}

// Config says what a Runner works on.
type Config struct {
	Store     eventstore.Store
	Journal   Journal
	Actions   Actions
	Calendars commands.Calendars
	// Rules are the spans of the policies; zero is policy.DefaultRules.
	Rules policy.Rules
	// States are folded states that others read too; nil is DefaultStates of its own.
	States *commands.States
	// Look is how often the clock is looked at, so that a clock that was set, or
	// a machine that slept, is noticed.
	Look time.Duration
	// RetryMin and RetryMax bound the pauses before something that failed is
	// tried again.
	RetryMin, RetryMax time.Duration
	// Held, where set, reports whether this process is at this moment the one of
	// several that runs the policies; nil is a process that is alone.
	Held func() bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Logger gets what goes wrong; nil is slog.Default.
	Logger *slog.Logger
	// Registerer, where set, gets the runner's metrics.
	Registerer prometheus.Registerer
}

// Validate reports what is missing or cannot be right.
func (c Config) Validate() error {
	var errs []error
	if c.Store == nil || c.Journal == nil || c.Actions == nil || c.Calendars == nil {
		errs = append(errs, errors.New("policies: store, journal, actions and calendars are all needed"))
	}
	if c.Look < 0 || c.RetryMin < 0 || c.RetryMax < 0 {
		errs = append(errs, errors.New("policies: a limit is negative"))
	}
	if c.Rules != (policy.Rules{}) {
		errs = append(errs, c.Rules.Validate())
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	setDefault(&c.Rules, policy.DefaultRules())
	setDefault(&c.Look, DefaultLook)
	setDefault(&c.RetryMin, DefaultRetryMin)
	setDefault(&c.RetryMax, DefaultRetryMax)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// followed is what the policies read of the log: dossiers that live here, and
// notices. Histories taken over are nobody's to act on.
func followed() eventstore.Filter {
	return eventstore.Filter{
		StreamPrefixes: []string{dossier.StreamPrefix, policy.StreamPrefix},
		TypePrefixes:   []string{"dossier.", "policy."},
	}
}

// calendar gives the calendar by which a dossier's appointment is counted.
func calendar(c commands.Calendars, agency string, known time.Time) (dossier.Calendar, error) {
	cal, err := c.For(agency, known)
	if err != nil {
		return nil, fmt.Errorf("policies: the calendar of %s: %w", agency, err)
	}
	return cal, nil
}
