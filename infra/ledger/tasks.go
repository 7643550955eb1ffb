package ledger

import (
	"dossierledger/infra/leases"
	"dossierledger/infra/web"
)

// The tasks of which one process does each at a time. Their names are permanent:
// processes of different releases must agree on them.
const (
	// taskReadModels keeps the tables in ClickHouse, or makes them again.
	taskReadModels = "read-models"
	// taskPolicies does what falls due.
	taskPolicies = "policies"
	// taskFinishing completes submissions and erasures that were cut off.
	taskFinishing = "finishing"
	// taskOutbound is followed by the name of a receiver.
	taskOutbound = "outbound."
)

// held gives what a task's work asks before it writes; nil in a ledger that is alone.
func (l *Ledger) held(task string) func() bool {
	if !l.shared() {
		return nil
	}
	return l.Leases.Task(task).Held
}

// stateElsewhere is that of a part that another process is to run.
const stateElsewhere = "elsewhere"

// elsewhere makes a part that does not run here one that is run elsewhere, where
// that is so. Nothing is wrong with it then.
func elsewhere(part web.Part, s leases.Status) web.Part {
	if !s.Here {
		part.State, part.Ready, part.Detail = stateElsewhere, true, s
	}
	return part
}
