// Package registers keeps the registers of the ledger in memory: procedures,
// norms, agencies and calendars. They are small, change rarely, and every
// command and page needs them, so they are folded from their streams at start
// and kept up by a subscription.
package registers

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// StreamPrefixes are the streams that the registers are folded from.
var StreamPrefixes = []string{procedure.StreamPrefix, procedure.NormStreamPrefix, agency.StreamPrefix, worktime.Stream("")}

// Registers answers from what it has folded so far. It is safe for concurrent use.
type Registers struct {
	lifeEvents []procedure.LifeEvent

	mu         sync.RWMutex
	procedures map[string]*procedureHistory // by stream
	norms      procedure.Norms
	agencies   map[string]agency.Agency
	calendars  map[string]*calendar
	position   uint64
	seen       bool

	directory *agency.Directory // nil when it has to be made again
	index     *procedure.Catalogue
	indexedAt time.Time
}

// New returns empty registers. lifeEvents are the occasions by which
// procedures are found.
func New(lifeEvents []procedure.LifeEvent) *Registers {
	return &Registers{
		lifeEvents: lifeEvents,
		procedures: map[string]*procedureHistory{},
		norms:      procedure.Norms{},
		agencies:   map[string]agency.Agency{},
		calendars:  map[string]*calendar{},
	}
}

// Load folds events until there are no more.
func (r *Registers) Load(events iter.Seq2[event.Event, error]) error {
	for e, err := range events {
		if err != nil {
			return fmt.Errorf("registers: %w", err)
		}
		if err := r.Apply(e); err != nil {
			return err
		}
	}
	return nil
}

// Apply folds one event; events of other streams change nothing. An event that
// was folded before is ignored, so that redelivery is harmless.
func (r *Registers) Apply(e event.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen && e.Position <= r.position {
		return nil
	}
	var err error
	switch {
	case strings.HasPrefix(e.Stream, procedure.StreamPrefix):
		err = r.applyProcedure(e)
	case strings.HasPrefix(e.Stream, procedure.NormStreamPrefix):
		err = r.applyNorm(e)
	case strings.HasPrefix(e.Stream, agency.StreamPrefix):
		r.agencies[e.Stream], err = agency.Evolve(r.agencies[e.Stream], e)
		r.directory = nil
	case strings.HasPrefix(e.Stream, worktime.Stream("")):
		r.applyCalendar(e)
	}
	if err != nil {
		return fmt.Errorf("registers: %s@%d: %w", e.Stream, e.Revision, err)
	}
	r.position, r.seen = e.Position, true
	return nil
}

func (r *Registers) applyNorm(e event.Event) error {
	for name, h := range r.norms {
		if procedure.NormStream(name) == e.Stream {
			h, err := procedure.EvolveNorm(h, e)
			r.norms[name] = h
			return err
		}
	}
	h, err := procedure.EvolveNorm(procedure.NormHistory{}, e)
	if err != nil {
		return err
	}
	enacted, ok := h.Enacted(time.Time{})
	if !ok {
		return fault.New(fault.Corrupt, "registers.norm-unenacted", "the norm of %s was never enacted", e.Stream)
	}
	r.norms[enacted.Norm] = h
	return nil
}

// Reached says that every event up to a position was folded or is of no concern.
func (r *Registers) Reached(position uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.seen || position > r.position {
		r.position, r.seen = position, true
	}
}

// Position is up to where events were folded; ok is false where there were none.
func (r *Registers) Position() (position uint64, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.position, r.seen
}

// Norms gives the register of norms.
func (r *Registers) Norms() procedure.Norms {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return maps.Clone(r.norms)
}

// indexFor is how long a search index is used: standings change with the day.
const indexFor = time.Minute

// Catalogue gives the index for finding procedures, as of a time.
func (r *Registers) Catalogue(at time.Time) *procedure.Catalogue {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.index == nil || at.Sub(r.indexedAt).Abs() > indexFor {
		histories := make([]procedure.History, 0, len(r.procedures))
		for _, h := range r.procedures {
			histories = append(histories, h.History)
		}
		r.index, r.indexedAt = procedure.CatalogueAt(histories, r.lifeEvents, at, time.Time{}), at
	}
	return r.index
}

// Directory gives the index of agencies.
func (r *Registers) Directory() (*agency.Directory, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.directory == nil {
		directory, err := agency.NewDirectory(slices.Collect(maps.Values(r.agencies)))
		if err != nil {
			return nil, fmt.Errorf("registers: %w", err)
		}
		r.directory = directory
	}
	return r.directory, nil
}

// Feed is a source of events that does not end by itself.
type Feed interface {
	// Follow calls apply for every event of the registers' streams behind a
	// position, until ctx ends or something breaks.
	Follow(ctx context.Context, after *uint64, streamPrefixes []string, apply func(event.Event) error) error
}

// Follow keeps the registers up to date until ctx ends. A broken feed is
// followed again after a pause, from where it broke.
func (r *Registers) Follow(ctx context.Context, feed Feed, pause time.Duration, broken func(error)) {
	for ctx.Err() == nil {
		var after *uint64
		if position, ok := r.Position(); ok {
			after = &position
		}
		if err := feed.Follow(ctx, after, StreamPrefixes, r.Apply); err != nil && !errors.Is(err, ctx.Err()) {
			broken(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// ProcedureCodes lists the codes of all procedures, sorted.
func (r *Registers) ProcedureCodes() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	codes := make([]string, 0, len(r.procedures))
	for stream := range r.procedures {
		codes = append(codes, strings.TrimPrefix(stream, procedure.StreamPrefix))
	}
	slices.Sort(codes)
	return codes
}
