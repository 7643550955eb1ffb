package commands

import (
	"fmt"
	"sync"

	"dossierledger/domain/dossier"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// StatesKept is how many states a ledger remembers: some hundred megabytes.
const StatesKept = 20_000

// States remembers folded states of dossiers that were acted on lately, personal
// values sealed. A state is a prefix of its stream for ever, so it can be old but
// never wrong: who decides on one expects its revision when appending, or reads
// what came after it. Whoever folds a dossier's stream may share one States with
// others; it is safe for concurrent use.
type States struct {
	mu sync.Mutex
	// known holds states that are nobody else's: they are copied in and out.
	known *simplelru.LRU[string, *dossier.State]
}

// NewStates remembers at most so many states, those used last.
func NewStates(kept int) (*States, error) {
	known, err := simplelru.NewLRU[string, *dossier.State](kept, nil)
	if err != nil {
		return nil, fmt.Errorf("commands: %w", err)
	}
	return &States{known: known}, nil
}

// Get gives the newest state that is remembered of a dossier.
func (s *States) Get(code string) (state dossier.State, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known.Get(code)
	if ok {
		state = *known
	}
	return state, ok
}

// Has says whether the state of a dossier that exists is remembered.
func (s *States) Has(code string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known.Peek(code)
	return ok && known.Exists()
}

// Add remembers a state unless a newer one is known.
func (s *States) Add(code string, state dossier.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known.Peek(code)
	switch {
	case !ok:
		known = new(dossier.State)
	case known.Revision > state.Revision:
		return
	}
	*known = state
	s.known.Add(code, known)
}
