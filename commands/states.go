package commands

import (
	"fmt"
	"sync"

	"dossierledger/domain/dossier"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// StatesKept is how many states a ledger remembers: under a hundred megabytes where
// dossiers have been submitted with a few papers.
const StatesKept = 20_000

// States remembers folded states of dossiers that were acted on lately, personal
// values sealed. A state is a prefix of its stream for ever, so it can be old but
// never wrong: who decides on one expects its revision when appending, or reads
// what came after it. Whoever folds a dossier's stream may share one States with
// others; it is safe for concurrent use.
type States struct {
	mu    sync.Mutex
	known *simplelru.LRU[string, *dossier.State] // which never change
}

// NewStates remembers at most so many states, those used last.
func NewStates(kept int) (*States, error) {
	known, err := simplelru.NewLRU[string, *dossier.State](kept, nil)
	if err != nil {
		return nil, fmt.Errorf("commands: %w", err)
	}
	return &States{known: known}, nil
}

// Get gives the newest state that is remembered of a dossier, for who goes on from it.
func (s *States) Get(code string) (state dossier.State, ok bool) {
	known, ok := s.Shared(code)
	if ok {
		state = *known
	}
	return state, ok
}

// Shared is Get for who only reads the state: it is not to be changed, since
// others read it too.
func (s *States) Shared(code string) (*dossier.State, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known.Get(code)
}

// Has says whether the state of a dossier that exists is remembered.
func (s *States) Has(code string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known.Peek(code)
	return ok && known.Exists()
}

// Share remembers a state unless a newer one is known. Who shares it does not change
// it any more.
func (s *States) Share(code string, state *dossier.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.known.Peek(code); !ok || known.Revision <= state.Revision {
		s.known.Add(code, state)
	}
}
