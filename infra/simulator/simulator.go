// Package simulator makes plausible dossiers: people who apply, pay late, answer
// or forget, and officers who are few and work office hours. It is a
// discrete-event simulation over the catalogue of the ledger. Every action goes
// through the same commands as a real one, so nothing can be simulated that the
// law's order refuses.
//
// The same seed over the same catalogue gives the same dossiers: all chance
// comes from generators that are seeded by the seed and the number of the
// dossier, and nothing depends on the machine's time or on the order in which
// goroutines run. Idempotency keys follow from the seed, so that running it again
// adds nothing.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// MaxDossiers bounds one run.
const MaxDossiers = 10_000_000

// Config says what to simulate.
type Config struct {
	Dossiers int
	Seed     uint64
	// From and To bound the arrivals; the handling of the last ones may go on
	// until End. To is exclusive.
	From, To time.Time
	// End is when the simulation looks up: what is not finished by then stays
	// open. Zero means To.
	End time.Time
	// Writers is how many dossiers are written at a time; 0 means 64.
	Writers int
}

// Officer is one member of staff who can be given work.
type Officer struct {
	ID         string
	Agency     string
	Department string
}

// World is what the simulation happens in.
type World struct {
	Procedures func(code string, at time.Time) (*procedure.Version, error)
	Codes      []string // procedures to choose from
	Calendars  func(agency string, known time.Time) (*worktime.Calendar, error)
	Directory  *agency.Directory
	Officers   []Officer
}

// Commands takes the actions. now is the simulated time.
type Commands interface {
	Submit(ctx context.Context, key string, now time.Time, actor event.Actor, command dossier.Submit) (code string, err error)
	Act(ctx context.Context, key string, now time.Time, actor event.Actor, code string, command dossier.Command) error
}

// Summary is what a run made.
type Summary struct {
	Dossiers int           `json:"dossiers"`
	Actions  int           `json:"actions"`
	Finished int           `json:"finished"`
	Open     int           `json:"open"`
	Late     int           `json:"late"`
	Took     time.Duration `json:"-"`
}

// Simulator runs one simulation.
type Simulator struct {
	config  Config
	world   World
	offices *offices
	agenda  agenda
	places  *places
	writer  *writer
	failure error
	summary Summary
}

// New prepares a simulation; progress, where not nil, is called with the number
// of dossiers that have arrived.
func New(config Config, world World, commands Commands) (*Simulator, error) {
	if config.Dossiers < 1 || config.Dossiers > MaxDossiers {
		return nil, fault.New(fault.Invalid, "simulate.dossiers", "the number of dossiers is 1 to %d", MaxDossiers)
	}
	if !config.From.Before(config.To) {
		return nil, fault.New(fault.Invalid, "simulate.window", "the time from which dossiers arrive must be before the time to which they do")
	}
	if config.End.IsZero() {
		config.End = config.To
	}
	if config.Writers == 0 {
		config.Writers = 64
	}
	if world.Directory == nil || world.Procedures == nil || world.Calendars == nil || commands == nil {
		return nil, errors.New("simulator: a world and commands are needed")
	}
	offices, err := newOffices(world)
	if err != nil {
		return nil, err
	}
	s := &Simulator{config: config, world: world, offices: offices, writer: newWriter(commands, config)}
	s.places, err = newPlaces(world, offices, config)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Run simulates and writes. progress, where not nil, is called with the number
// of dossiers that have arrived so far.
func (s *Simulator) Run(ctx context.Context, progress func(done int)) (Summary, error) {
	started := time.Now()
	lives, err := s.arrivals()
	if err != nil {
		return Summary{}, err
	}
	s.offices.fit(s.expectedWork(lives), s.config)
	for i, l := range lives {
		for {
			next, ok := s.agenda.peek()
			if !ok || !next.Before(l.arrives) {
				break
			}
			if err := s.step(ctx); err != nil {
				return s.summary, err
			}
		}
		s.agenda.add(l.arrives, l.submit)
		if progress != nil {
			progress(i + 1)
		}
	}
	for {
		next, ok := s.agenda.peek()
		if !ok || next.After(s.config.End) {
			break
		}
		if err := s.step(ctx); err != nil {
			return s.summary, err
		}
	}
	if err := s.writer.flush(ctx); err != nil {
		return s.summary, err
	}
	s.count(lives)
	s.summary.Took = time.Since(started)
	return s.summary, nil
}

// step lets the next thing happen.
func (s *Simulator) step(ctx context.Context) error {
	at, happen := s.agenda.take()
	happen(at)
	if s.failure != nil {
		return s.failure
	}
	if s.writer.full() {
		return s.writer.flush(ctx)
	}
	return nil
}

func (s *Simulator) count(lives []*life) {
	s.summary.Actions = s.writer.actions
	for _, l := range lives {
		if !l.state.Exists() {
			continue
		}
		s.summary.Dossiers++
		if l.state.Phase.Open() {
			s.summary.Open++
		} else {
			s.summary.Finished++
		}
		if l.state.Timeliness(s.config.End) == dossier.Late {
			s.summary.Late++
		}
	}
}

func (s *Simulator) fail(l *life, what string, err error) {
	if s.failure == nil {
		s.failure = fmt.Errorf("simulate dossier %d (%s): %s: %w", l.number, l.version.Code, what, err)
	}
}
