package cli

import (
	"testing"

	"dossierledger/domain/policy"
)

func TestPoliciesDoWhatTheDryRunTold(t *testing.T) {
	data := t.TempDir()
	if a := ledgerCommand(data, "simulate", "--dossiers", "150", "--seed", "5", "--from", "2026-01-01", "--to", "2026-03-01"); a.code != exitDone {
		t.Fatal(a.stderr)
	}
	dry := func() map[string]policy.Outcome {
		var told []policy.Told
		ledgerCommand(data, "policies", "--dry-run", "--json").document(t, &told)
		outcomes := map[string]policy.Outcome{}
		for _, w := range told {
			outcomes[w.Key()] = w.Outcome
		}
		return outcomes
	}
	before := dry()
	var done []policy.Wake
	ledgerCommand(data, "policies", "--json").document(t, &done)
	for _, w := range done {
		if before[w.Key()] != policy.Due {
			t.Errorf("%s was done and told as %q", w.Key(), before[w.Key()])
		}
		before[w.Key()] = policy.Done
	}
	after := dry()
	for key, outcome := range before {
		if after[key] != outcome {
			t.Errorf("%s is %s instead of %s", key, after[key], outcome)
		}
	}
	var earlier []policy.Told
	ledgerCommand(data, "policies", "--dry-run", "--at", "2026-01-20", "--json").document(t, &earlier)
	if len(earlier) == 0 || len(earlier) >= len(after) {
		t.Errorf("up to January %d were told, of %d", len(earlier), len(after))
	}
	if a := ledgerCommand(data, "policies", "--dry-run"); a.code != exitDone || a.stdout == "" {
		t.Errorf("exit %d: %s", a.code, a.stderr)
	}
	ledgerCommand(data, "policies", "--at", "2026-01-20").refused(t, exitUsage, "--at goes with --dry-run")
	ledgerCommand(data, "policies", "--dry-run", "--at", "soon").refused(t, exitUsage, "--at")
	ledgerCommand(data, "policies", "--reminder", "0s").refused(t, exitUsage, "--reminder")
}
