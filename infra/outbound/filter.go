package outbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"dossierledger/domain/access"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/policy"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/journal"
	lru "github.com/hashicorp/golang-lru/v2"
)

// Filter selects events. Within one list any may match; every list that is given
// must match.
type Filter struct {
	// Streams are prefixes of names of streams, each within one of Published. None:
	// dossiers and the notices on them.
	Streams []string `yaml:"streams"`
	// Types are prefixes of types.
	Types []string `yaml:"types"`
	// Procedures are codes. With them, or Agencies, only events on dossiers are
	// selected.
	Procedures []string `yaml:"procedures"`
	// Agencies are those competent for a dossier: an identifier stands for the
	// agency and all below it. When another agency becomes competent, the event
	// that says so is selected for both.
	Agencies []string `yaml:"agencies"`
}

func (f Filter) validate() error {
	var errs []error
	for _, prefix := range f.Streams {
		if !slices.ContainsFunc(Published, func(published string) bool { return strings.HasPrefix(prefix, published) }) {
			errs = append(errs, fmt.Errorf("outbound: no stream that begins with %q is delivered; those that are begin with %s", prefix, strings.Join(Published, ", ")))
		}
	}
	for _, list := range [][]string{f.Streams, f.Types, f.Procedures, f.Agencies} {
		if slices.Contains(list, "") {
			errs = append(errs, errors.New("outbound: a filter has an empty entry"))
		}
	}
	return errors.Join(errs...)
}

func (f Filter) withDefaults() Filter {
	if len(f.Streams) == 0 {
		f.Streams = []string{dossier.StreamPrefix, policy.StreamPrefix}
	}
	return f
}

func (f Filter) byCompetence() bool { return len(f.Procedures) > 0 || len(f.Agencies) > 0 }

// competencesKept bounds the dossiers of which it is remembered who is competent.
const competencesKept = 20_000

// competence is who was competent for a dossier from a position on.
type competence struct {
	from              uint64
	procedure, agency string
}

// selector applies a Filter. For the lists about dossiers it looks up what the
// dossier's own events say, as of the event in question, so that the same event
// is always decided alike.
type selector struct {
	filter  Filter
	journal *journal.Journal
	// erasures selects every erasure of a person.
	erasures bool

	mu    sync.Mutex
	known *lru.Cache[string, []competence]
}

func newSelector(f Filter, j *journal.Journal, erasures bool) (*selector, error) {
	known, err := lru.New[string, []competence](competencesKept)
	if err != nil {
		return nil, fmt.Errorf("outbound: %w", err)
	}
	return &selector{filter: f, journal: j, erasures: erasures, known: known}, nil
}

// source is what the store has to deliver.
func (s *selector) source() eventstore.Filter {
	prefixes := slices.Clone(s.filter.Streams)
	if s.erasures {
		prefixes = append(prefixes, access.ErasurePrefix)
	}
	if s.filter.byCompetence() {
		prefixes = append(prefixes, dossier.StreamPrefix) // to see it change
	}
	return eventstore.Filter{StreamPrefixes: prefixes}
}

// selects decides on one event.
func (s *selector) selects(ctx context.Context, e event.Event) (bool, error) {
	f := &s.filter
	if _, changes := competenceOf(e); changes {
		s.forget(e.Stream)
	}
	if s.erasures {
		if _, erased := e.Payload.(access.PersonalDataErased); erased {
			return true, nil
		}
	}
	if !anyPrefix(e.Stream, f.Streams) || len(f.Types) > 0 && !anyPrefix(e.Payload.EventType(), f.Types) {
		return false, nil
	}
	if !f.byCompetence() {
		return true, nil
	}
	code, ok := dossierOf(e.Stream)
	if !ok {
		return false, nil
	}
	before, now, err := s.competent(ctx, code, e)
	if err != nil {
		return false, err
	}
	if len(f.Procedures) > 0 && !slices.Contains(f.Procedures, now.procedure) {
		return false, nil
	}
	return len(f.Agencies) == 0 || below(now.agency, f.Agencies) || below(before.agency, f.Agencies), nil
}

// competent gives who is competent for a dossier as of an event, and just before it.
func (s *selector) competent(ctx context.Context, code string, e event.Event) (before, now competence, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	history, known := s.known.Get(code)
	if !known {
		if history, err = s.read(ctx, code); err != nil {
			return before, now, err
		}
		s.known.Add(code, history)
	}
	for _, c := range history {
		if c.from <= e.Position {
			now = c
		}
		if c.from < e.Position {
			before = c
		}
	}
	return before, now, nil
}

func (s *selector) forget(stream string) {
	if code, ok := dossierOf(stream); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.known.Remove(code)
	}
}

// read makes the history of a dossier's competence from its events.
func (s *selector) read(ctx context.Context, code string) ([]competence, error) {
	var history []competence
	for e, err := range s.journal.Read(ctx, dossier.StreamOf(code), 0) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("outbound: %w", err)
		}
		if c, ok := competenceOf(e); ok {
			history = append(history, c)
		}
	}
	return history, nil
}

func competenceOf(e event.Event) (competence, bool) {
	switch p := e.Payload.(type) {
	case dossier.Submitted:
		return competence{e.Position, p.Procedure, p.Competent}, true
	case dossier.Received:
		return competence{e.Position, p.Procedure, p.Competent}, true
	}
	return competence{}, false
}

func anyPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// below reports whether an agency is one of these or below one of them.
func below(agency string, these []string) bool {
	return slices.ContainsFunc(these, func(one string) bool {
		rest, ok := strings.CutPrefix(agency, one)
		return ok && (rest == "" || rest[0] == '.')
	})
}
