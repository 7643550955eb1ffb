package ledger

import (
	"context"
	"runtime/debug"
	"time"

	"dossierledger/infra/eventstore"
	"dossierledger/infra/policies"
	"dossierledger/infra/readmodels"
)

const (
	// settleEvery is how often settle looks.
	settleEvery = time.Second
	// lullEvents is how many events may be appended between two looks in a lull.
	lullEvents = 100
)

// settle gives memory back to the system once the log was read for the first
// time: reading all of it takes some times what is needed afterwards, and Go
// would keep that for work of the same size, which does not come again. It is
// done after the policies have caught up, and after the read models have, in a
// lull: while much is being done, what is given back is taken again at once.
func (l *Ledger) settle(ctx context.Context, watch *policies.Runner, models *LateReadModels) {
	watching, modelling, owed := true, true, false
	quiet := lull{store: l.Store}
	for watching || modelling || owed {
		select {
		case <-ctx.Done():
			return
		case <-time.After(settleEvery):
		}
		if watching && watch.Status().State == policies.Live {
			watching, owed = false, true
		}
		if modelling && models.live(ctx) {
			modelling, owed = false, true
		}
		if owed && quiet.since(ctx) {
			owed = false
			debug.FreeOSMemory()
		}
	}
}

// live reports whether the read models are open and in step with the log.
func (m *LateReadModels) live(ctx context.Context) bool {
	open, ok := m.Open()
	if !ok {
		return false
	}
	for _, s := range open.Runner.Status(ctx) {
		if s.State != readmodels.Live && s.State != readmodels.Elsewhere {
			return false
		}
	}
	return true
}

// lull finds out whether hardly anything is appended to a store.
type lull struct {
	store eventstore.Store
	head  *uint64 // as it was when it was looked at last
}

// since reports whether there was a lull since the look before. The first look, and
// one at a store that does not answer, tell of none.
func (l *lull) since(ctx context.Context) bool {
	before := l.head
	head, _, err := l.store.Head(ctx)
	if err != nil {
		l.head = nil
		return false
	}
	l.head = &head
	return before != nil && head-*before <= lullEvents
}
