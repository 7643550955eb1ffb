package ledger

import (
	"context"
	"runtime/debug"
	"time"

	"dossierledger/infra/policies"
	"dossierledger/infra/readmodels"
)

// settleEvery is how often settle looks.
const settleEvery = time.Second

// settle gives memory back to the system once the log was read for the first
// time: reading all of it takes some times what is needed afterwards, and Go
// would keep that for work of the same size, which does not come again. It is
// done after the policies have caught up, and after the read models have.
func (l *Ledger) settle(ctx context.Context, watch *policies.Runner, models *LateReadModels) {
	watching, modelling := true, true
	for watching || modelling {
		select {
		case <-ctx.Done():
			return
		case <-time.After(settleEvery):
		}
		settled := false
		if watching && watch.Status().State == policies.Live {
			watching, settled = false, true
		}
		if modelling && models.live(ctx) {
			modelling, settled = false, true
		}
		if settled {
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
