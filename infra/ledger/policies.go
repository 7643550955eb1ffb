package ledger

import (
	"context"
	"time"

	"dossierledger/domain/policy"
	"dossierledger/infra/policies"
	"dossierledger/infra/web"
	"github.com/prometheus/client_golang/prometheus"
)

// Policies prepares what the ledger does by itself because time has passed. The
// zero rules are policy.DefaultRules.
func (l *Ledger) Policies(rules policy.Rules, metrics prometheus.Registerer) (*policies.Runner, error) {
	return policies.New(policies.Config{
		Store: l.Store, Journal: l.Journal, Actions: traced{l.Dossiers}, Calendars: l.Registers,
		Rules: rules, States: l.Dossiers.States(), Now: l.Now, Logger: l.Log, Registerer: metrics, Held: l.held(taskPolicies),
	})
}

// PoliciesOnce does something with the policies that no other process does meanwhile.
func (l *Ledger) PoliciesOnce(ctx context.Context, do func(ctx context.Context) error) error {
	return l.Leases.Task(taskPolicies).Do(ctx, do)
}

// DryPolicies tells what the policies would have done up to a time, without
// doing it.
func (l *Ledger) DryPolicies(ctx context.Context, rules policy.Rules, until time.Time) ([]policy.Told, error) {
	return policies.Dry(ctx, l.Store, l.Journal, l.Registers, rules, until)
}

// policiesPart says how the policies stand, for /readyz. Commands go on without.
func (l *Ledger) policiesPart(runner *policies.Runner) web.Part {
	s := runner.Status()
	return elsewhere(web.Part{
		Name: "policies", State: string(s.State), Detail: s,
		Ready: s.State == policies.Live || s.State == policies.CatchingUp,
	}, l.Leases.Task(taskPolicies).Status())
}
