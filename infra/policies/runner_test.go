package policies_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/policy"
	"dossierledger/domain/procedure"
	"dossierledger/infra/policies"
	"dossierledger/infra/simulator"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// kinds lists what was done on a dossier.
func (o *office) kinds(t failer, code string) []string {
	t.Helper()
	var kinds []string
	done := o.done(t, code)
	for _, key := range slices.Sorted(maps.Keys(done)) {
		if done[key] != 1 {
			t.Fatal(fmt.Sprintf("%s was done %d times", key, done[key]))
		}
		for _, kind := range policy.Kinds() {
			if len(key) > len(kind) && key[len("policy/"):len("policy/")+len(kind)] == string(kind) {
				kinds = append(kinds, string(kind))
			}
		}
	}
	return kinds
}

func TestWhatFallsDueWhileNobodyRunsIsDoneAfterTheRestart(t *testing.T) {
	o := openOffice(t)
	late, waiting := o.receives(t, 5), o.receives(t, 5)
	o.happens(t, waiting, dossier.SupplementRequested{
		Number: 1, Phase: procedure.PhaseProcessing, Slip: "BS-1", WaitUntil: o.now().AddDate(0, 0, 3), OnExpiry: procedure.StopDossier,
		Clock: o.ticks(dossier.ClockPause, o.now().AddDate(0, 0, 7)),
	})
	r, stop := running(t, o.config())
	eventually(t, "live", func() bool { return r.Status().State == policies.Live })
	stop()
	if done := o.done(t, late, waiting); len(done) > 0 {
		t.Fatalf("before its time was done %v", done)
	}
	o.pass(8 * 24 * time.Hour)
	o.reopen(t)
	_, stop = running(t, o.config())
	eventually(t, "flagged and expired", func() bool { return len(o.done(t, late, waiting)) == 2 })
	stop()
	if got := o.kinds(t, late); fmt.Sprint(got) != "[flag-overdue]" {
		t.Errorf("on the late dossier was done %v", got)
	}
	if s := o.state(t, waiting); s.Phase != dossier.PhaseStopped || s.Decision.Why.Ground != "supplement-expired" {
		t.Errorf("the dossier whose request expired is %s", s.Phase)
	}
	o.reopen(t)
	again, err := runner(t, o.config()).Once(t.Context())
	if err != nil || len(again) > 0 {
		t.Errorf("again was done %v (%v)", again, err)
	}
}

func TestALiveRunnerGoesWithTheClockAndWithWhatHappens(t *testing.T) {
	o := openOffice(t)
	config := o.config()
	registry := prometheus.NewRegistry()
	config.Registerer = registry
	var err error
	if config.States, err = commands.NewStates(1); err != nil { // states are read again all the time
		t.Fatal(err)
	}
	r, stop := running(t, config)
	defer stop()
	kept, other := o.receives(t, 5), o.receives(t, 5)
	eventually(t, "watched", func() bool { return r.Status().Open == 2 })
	o.set(monday.AddDate(0, 0, 3).Add(time.Minute)) // two working days before the Monday after
	eventually(t, "reminded", func() bool { return len(o.done(t, kept, other)) == 2 })
	o.happens(t, kept, dossier.ResultIssued{Version: 1, Number: "1", Clock: o.ticks(dossier.ClockStop, monday.AddDate(0, 0, 7))})
	eventually(t, "one has ended", func() bool { return r.Status().Open == 1 })
	o.set(monday.AddDate(0, 0, 4).Add(time.Minute))
	eventually(t, "an apology is due", func() bool { return len(o.done(t, other)) == 2 })
	o.set(monday.AddDate(0, 0, 8))
	eventually(t, "flagged", func() bool { return len(o.done(t, other)) == 3 })
	if got := o.kinds(t, kept); fmt.Sprint(got) != "[remind]" {
		t.Errorf("on the dossier that was finished in time was done %v", got)
	}
	if s := r.Status(); s.State != policies.Live || s.Failing != 0 || s.Error != "" || !s.Next.IsZero() {
		t.Errorf("%+v", s)
	}
	if n, err := testutil.GatherAndCount(registry, "ledger_policy_done_total", "ledger_policy_failures_total", "ledger_policy_open_dossiers", "ledger_policy_late_seconds"); err != nil || n != 10 {
		t.Errorf("%d metrics (%v)", n, err)
	}
}

// unwilling refuses some actions before it lets them through.
type unwilling struct {
	policies.Actions
	left atomic.Int64
}

func (u *unwilling) Act(ctx context.Context, req commands.Request, code string, command dossier.Command) (commands.Answer, error) {
	if u.left.Add(-1) >= 0 {
		return commands.Answer{}, errors.New("the disk is full")
	}
	return u.Actions.Act(ctx, req, code, command)
}

func TestWhatFailsIsTriedAgainAndHoldsNothingUp(t *testing.T) {
	o := openOffice(t)
	config := o.config()
	actions := &unwilling{Actions: o.Dossiers}
	actions.left.Store(20)
	config.Actions = actions
	config.Now = func() time.Time { return o.now().Add(time.Since(started)) } // pauses pass
	stuck, fine := o.receives(t, 30), o.receives(t, 1)
	o.happens(t, stuck, dossier.SupplementRequested{Number: 1, WaitUntil: o.now().Add(time.Hour), OnExpiry: procedure.KeepWaiting})
	o.pass(9 * 24 * time.Hour)
	r, stop := running(t, config)
	defer stop()
	eventually(t, "the other is flagged", func() bool { return len(o.done(t, fine)) == 1 })
	eventually(t, "expired in the end", func() bool { return len(o.done(t, stuck)) == 1 })
	eventually(t, "nothing fails", func() bool { return r.Status().Failing == 0 })
	if left := actions.left.Load(); left >= 0 {
		t.Errorf("it was refused only %d times", 20-left)
	}
}

var started = time.Now()

func TestADryRunTellsWhatIsThenDone(t *testing.T) {
	o := openOffice(t)
	o.set(monday.AddDate(0, 1, 0))
	if _, err := o.Simulate(t.Context(), simulator.Config{Dossiers: 400, Seed: 11, From: monday.AddDate(0, -3, 0), To: monday}, nil); err != nil {
		t.Fatal(err)
	}
	for range 6 { // dossiers that somebody forgot
		o.receives(t, 3)
	}
	o.pass(6 * 24 * time.Hour)
	told := o.dry(t, o.now())
	due := o.told(t, policy.Due)
	done, err := runner(t, o.config()).Once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(due) < 6 || len(done) != len(due) {
		t.Fatalf("%d were due and %d done", len(due), len(done))
	}
	for _, w := range done {
		if !due[w.Key()] {
			t.Errorf("%s was done and not told", w.Key())
		}
	}
	if left := o.told(t, policy.Due); len(left) > 0 {
		t.Errorf("still due: %v", left)
	}
	if after := o.dry(t, o.now()); len(after) != len(told) {
		t.Errorf("%d were told before, %d after", len(told), len(after))
	}
	if passed := o.told(t, policy.Passed); len(passed) == 0 {
		t.Error("in months without policies nothing has passed")
	}
}

func (o *office) dry(t failer, until time.Time) []policy.Told {
	t.Helper()
	told, err := o.DryPolicies(context.Background(), policy.DefaultRules(), until)
	if err != nil {
		t.Fatal(err)
	}
	return told
}

func (o *office) told(t failer, outcome policy.Outcome) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	for _, w := range o.dry(t, o.now()) {
		if w.Outcome == outcome {
			keys[w.Key()] = true
		}
	}
	return keys
}

func TestAnEventThatCannotBeReadIsShownAndNotSkipped(t *testing.T) {
	o := openOffice(t)
	code := o.receives(t, 1)
	o.happens(t, code, unknown{})
	o.pass(9 * 24 * time.Hour)
	r, stop := running(t, o.config())
	defer stop()
	eventually(t, "it waits", func() bool { s := r.Status(); return s.State == policies.Waiting && s.Error != "" })
	if done := o.stream(t, policy.StreamOf(code)); len(done) > 0 {
		t.Errorf("it did %d things all the same", len(done))
	}
}

// unknown is an event of a later release.
type unknown struct{}

func (unknown) EventType() string { return "dossier.unheard-of.v9" }
