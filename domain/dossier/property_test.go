package dossier_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var cast = []event.Actor{
	applicant, agent, stranger, desk, specialist, colleague, leader, registry, taxDesk, taxOfficer, taxLeader, police, ledger, admin,
}

// randomLaw is a procedure whose rules are drawn, so that no rule is taken for granted.
func randomLaw(t *rapid.T) *procedure.Version {
	return licence(func(v *procedure.Version) {
		v.Clock = procedure.ClockRule{
			PauseOnSupplement: rapid.Bool().Draw(t, "pause on supplement"),
			PauseOnObligation: rapid.Bool().Draw(t, "pause on obligation"),
			PauseOnOpinion:    rapid.Bool().Draw(t, "pause on opinion"),
			PauseOnForward:    rapid.Bool().Draw(t, "pause on forward"),
			MaxExtensions:     rapid.IntRange(0, 2).Draw(t, "extensions"),
		}
		for i := range v.Supplement.Rules {
			r := &v.Supplement.Rules[i]
			r.Max = rapid.IntRange(0, 3).Draw(t, "supplements")
			r.OnAnswer = rapid.SampledFrom([]procedure.OnAnswer{procedure.Resume, procedure.Restart}).Draw(t, "answer")
			r.OnExpiry = rapid.SampledFrom([]procedure.OnExpiry{procedure.StopDossier, procedure.RefuseDossier, procedure.KeepWaiting}).Draw(t, "expiry")
		}
		v.Deadlines[""] = worktime.Term{
			Amount: rapid.IntRange(1, 30).Draw(t, "term"),
			Unit:   rapid.SampledFrom([]worktime.Unit{worktime.WorkingDays, worktime.WorkingHours, worktime.CalendarDays}).Draw(t, "unit"),
		}
	})
}

// rare are the actions that end a dossier early, or that could fill it alone.
var rare = []string{"withdraw", "stop", "reject", "refuse-reception", "add-note", "correct", "report-sync", "attach-document"}

// likely lists, for somebody of the cast each, what could be done now.
func likely(s dossier.State, v *procedure.Version, now time.Time) []dossier.Command {
	names := map[string]bool{}
	for _, who := range cast {
		for _, name := range dossier.Allowed(&s, who, dossier.Facts{Now: now, Procedure: v, Calendar: standard}) {
			names[name] = true
		}
	}
	return slices.DeleteFunc(dossier.Commands(), func(c dossier.Command) bool {
		return !names[c.CommandName()] || slices.Contains(rare, c.CommandName())
	})
}

func randomCommand(t *rapid.T, s dossier.State, from []dossier.Command, now time.Time, n int) dossier.Command {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	item := func() string { return pick("obligation", "licence-fee", "check-fee", "tax") }
	agency := func() string { return pick("agency", "H15.01", "H15.02", "H15.03") }
	department := func() string { return pick("department", dossier.OneStop, dossier.Specialist, dossier.Leadership) }
	step := func() string { return pick("step", "reception", "appraisal", "signature", "issue", "none") }
	amount := func() int64 { return rapid.Int64Range(-1, 150_000).Draw(t, "amount") }
	component := func() string { return pick("component", "application", "licence", "photo") }
	number := fmt.Sprint("No. ", n)
	draft := hash(pick("draft", "one", "two"))
	switch c := rapid.SampledFrom(from).Draw(t, "command").(type) {
	case dossier.Submit:
		return submission(paper("application"), paper("licence"))
	case dossier.AttachDocument:
		return again(component(), number)
	case dossier.Receive:
		return dossier.Receive{Slip: number}
	case dossier.RefuseReception:
		return dossier.RefuseReception{Slip: number, Why: why}
	case dossier.RequestSupplement:
		return request(number, component())
	case dossier.ProvideSupplement:
		var all []dossier.AttachDocument
		for _, k := range []string{"application", "licence", "photo"} {
			all = append(all, again(k, number+k))
		}
		return dossier.ProvideSupplement{Documents: all}
	case dossier.ExpireSupplement:
		return dossier.ExpireSupplement{Notice: number}
	case dossier.AssessFee:
		return dossier.AssessFee{Item: item(), Quantity: rapid.IntRange(0, 3).Draw(t, "quantity")}
	case dossier.PayFee:
		c = gateway(item(), amount(), fmt.Sprint("tx-", n))
		if o, ok := s.Obligation(c.Obligation); ok && rapid.Bool().Draw(t, "exactly") {
			c.Amount = o.Owed()
		}
		return c
	case dossier.ExemptFee:
		return dossier.ExemptFee{Obligation: item(), Exemption: pick("exemption", "half", "poor")}
	case dossier.RefundFee:
		return dossier.RefundFee{Obligation: item(), Amount: amount(), Transaction: fmt.Sprint("rf-", n), Why: why}
	case dossier.ImposeObligation:
		return dossier.ImposeObligation{
			Obligation: "tax", Kind: "tax", Amount: amount(), Notice: number, LegalBasis: "x", Blocking: rapid.Bool().Draw(t, "blocking"),
		}
	case dossier.MeetObligation:
		return dossier.MeetObligation{Obligation: "tax", Transaction: fmt.Sprint("kb-", n), Evidence: hash(number)}
	case dossier.Assign:
		return dossier.Assign{Department: department(), Officer: pick("officer", "", "spec-1", "spec-2")}
	case dossier.Reassign:
		return dossier.Reassign{Officer: pick("officer", "spec-1", "spec-2"), Why: why}
	case dossier.StartStep:
		return dossier.StartStep{Step: step()}
	case dossier.CompleteStep:
		return dossier.CompleteStep{Step: s.CurrentStep()}
	case dossier.ReturnStep:
		return dossier.ReturnStep{To: step(), Why: why}
	case dossier.RequestOpinion:
		return dossier.RequestOpinion{Agency: agency()}
	case dossier.GiveOpinion:
		return dossier.GiveOpinion{Position: dossier.Agrees}
	case dossier.Forward:
		return dossier.Forward{Agency: agency(), Task: pick("task", "a", "b"), Parallel: rapid.Bool().Draw(t, "parallel")}
	case dossier.AnswerForward:
		return dossier.AnswerForward{Task: pick("task", "", "a", "b"), Outcome: "done"}
	case dossier.Appraise:
		return dossier.Appraise{Conclusion: dossier.Conclusion(pick("conclusion", "eligible", "eligible", "ineligible"))}
	case dossier.RecordInspection:
		return dossier.RecordInspection{Conclusion: dossier.Eligible, InspectedAt: now}
	case dossier.ExtendDeadline:
		return dossier.ExtendDeadline{Letter: number, Due: now.Add(time.Duration(rapid.IntRange(-100, 1000).Draw(t, "hours")) * time.Hour), Why: why}
	case dossier.SubmitForSignature:
		return dossier.SubmitForSignature{Hash: draft}
	case dossier.Sign:
		return dossier.Sign{Hash: draft}
	case dossier.IssueResult:
		return dossier.IssueResult{Number: number, Hash: draft}
	case dossier.Reject:
		return dossier.Reject{Decision: number, Hash: draft, Why: why}
	case dossier.Stop:
		m := s.Money()
		c = dossier.Stop{Notice: number, Why: why, Approver: "lead-1"}
		if held := m.Paid - m.Refunded; held > 0 {
			c.Financial = dossier.FinancialConsequence{Kind: dossier.Retained, Amount: held}
		}
		return c
	case dossier.DeliverResult:
		return dossier.DeliverResult{
			Method:   dossier.DeliveryMethod(pick("method", "online", "counter", "post")),
			State:    dossier.DeliveryState(pick("state", "", "handed-to-post", "returned")),
			Tracking: "VN1", Ground: "moved",
		}
	case dossier.Withdraw:
		return dossier.Withdraw{Why: why}
	case dossier.Reopen:
		return dossier.Reopen{Complaint: number, Why: why}
	case dossier.CorrectResult:
		return dossier.CorrectResult{Number: number, Hash: hash(number), Signer: "lead-1", Why: why}
	case dossier.Rate:
		return dossier.Rate{Satisfied: rapid.Bool().Draw(t, "satisfied")}
	case dossier.AddNote:
		return dossier.AddNote{Text: number}
	case dossier.Correct:
		return dossier.Correct{Event: eventID(rapid.IntRange(0, 5).Draw(t, "event")), Field: "slip", Text: number}
	case dossier.ReportSync:
		return dossier.ReportSync{Portal: pick("portal", "a", "b"), State: dossier.SyncSent, Reference: number}
	default:
		t.Fatalf("no generator for %T", c)
		return nil
	}
}

// afterTheEnd is all that may still happen to a dossier that has ended.
var afterTheEnd = []string{
	"pay-fee", "refund-fee", "deliver-result", "reopen", "correct-result", "rate", "add-note", "correct", "report-sync",
}

// notRepeatable makes a new fact each time; its callers send an idempotency key.
var notRepeatable = []string{"return-step", "add-note", "correct"}

func TestWhateverIsTriedTheRulesHold(t *testing.T) {
	types := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := &scene{t: t, procedure: randomLaw(t), calendar: standard}
		states := []dossier.State{s.state}
		now := on(12, "08:00")
		opening := rapid.SampledFrom([][]act{submitted(), assigned(), appraising(), drafted(), signed(), delivered()}).Draw(t, "opening")
		for n := range rapid.IntRange(1, 80).Draw(t, "length") {
			a := act{at: now}
			if n < len(opening) {
				a = opening[n] // which the drawn law may refuse
				now = a.at
			} else {
				now = now.Add(time.Duration(rapid.IntRange(0, 24*60).Draw(t, "minutes")) * time.Minute)
				from := likely(s.state, s.procedure, now)
				if len(from) == 0 || rapid.IntRange(0, 9).Draw(t, "anything") == 0 {
					from = dossier.Commands()
				}
				a = act{now, event.Actor{}, randomCommand(t, s.state, from, now, n)}
				able := slices.DeleteFunc(slices.Clone(cast), func(who event.Actor) bool { return !dossier.May(who, &s.state, a.cmd) })
				if len(able) == 0 || rapid.IntRange(0, 9).Draw(t, "intrude") == 0 {
					able = cast
				}
				a.actor = rapid.SampledFrom(able).Draw(t, "actor")
			}
			before := s.state
			payloads, err := s.decide(a)
			if !dossier.Same(s.state, before) {
				t.Fatalf("%s changed the state that it was decided on", a.cmd.CommandName())
			}
			if err != nil {
				if _, ok := fault.As(err); !ok || len(payloads) != 0 {
					t.Fatalf("%s: refused without a code, or with events: %v", a.cmd.CommandName(), err)
				}
				continue
			}
			checkDecision(t, s, before, a, payloads)
			for _, p := range payloads {
				types[p.EventType()]++
				s.happened(a, []event.Payload{p})
				states = append(states, s.state)
				// Another future of the same past must not be seen in this one.
				dossier.Evolve(states[len(states)-2], event.New(uuid.Nil, event.Metadata{OccurredAt: now}, otherwise(p)))
			}
			checkState(t, s, before, a, payloads, now)
		}
		var folded dossier.State
		for i, e := range s.events {
			if folded = dossier.Evolve(folded, e); !dossier.Same(folded, states[i+1]) {
				t.Fatalf("the state after %d events is not what folding them again gives", i+1)
			}
		}
		shuffled := rapid.Permutation(s.events).Draw(t, "any order")
		again := dossier.Fold(shuffled...)
		m := again.Measures(standard, now)
		if m.Events != len(s.events) {
			t.Fatalf("folded %d of %d", m.Events, len(s.events))
		}
	})
	// The property is worth what it reaches: nearly every fact there is.
	registry := event.NewRegistry()
	dossier.Register(registry)
	if reached, all := len(types), len(registry.Types())-1; reached < all*3/4 {
		t.Errorf("reached %d of %d facts: %v", reached, all, types)
	}
}

// otherwise is a different fact about the same list.
func otherwise(p event.Payload) event.Payload {
	switch p := p.(type) {
	case dossier.DocumentAttached:
		p.Hash = hash("otherwise")
		return p
	case dossier.NoteAdded:
		p.Visibility = "otherwise"
		return p
	case dossier.FeePaid:
		p.Amount++
		return p
	case dossier.StepStarted:
		p.Step = "otherwise"
		return p
	default:
		return p
	}
}

func checkDecision(t *rapid.T, s *scene, before dossier.State, a act, payloads []event.Payload) {
	name := a.cmd.CommandName()
	if len(payloads) == 0 {
		return
	}
	if !dossier.May(a.actor, &before, a.cmd) {
		t.Fatalf("%s by %s, who may not", name, a.actor.ID)
	}
	if before.Exists() && !before.Phase.Open() && !slices.Contains(afterTheEnd, name) {
		t.Fatalf("%s after the end (%s)", name, before.Phase)
	}
	if name != "submit" && !slices.Contains(dossier.Allowed(&before, a.actor, dossier.Facts{Now: a.at, Procedure: s.procedure, Calendar: standard}), name) {
		t.Fatalf("%s was accepted, but is not among the allowed actions", name)
	}
}

func checkState(t *rapid.T, s *scene, before dossier.State, a act, payloads []event.Payload, now time.Time) {
	name, after := a.cmd.CommandName(), s.state
	if len(payloads) > 0 && !slices.Contains(notRepeatable, name) {
		if again, err := s.decide(a); err != nil || len(again) != 0 {
			t.Fatalf("%s is not quiet when repeated: %s, %v", name, show(again), err)
		}
	}
	if !after.Status().Valid() {
		t.Fatalf("status %d", after.Status())
	}
	changes := clockOf(payloads)
	if !slices.Equal(after.Clock.Entries, append(slices.Clone(before.Clock.Entries), changes...)) {
		t.Fatalf("%s: the clock's entries are not those before and the new ones", name)
	}
	if due := after.Clock.Due; !due.Equal(before.Clock.Due) && (len(changes) == 0 || !changes[len(changes)-1].Due.Equal(due)) {
		t.Fatalf("%s: due changed without a clock event", name)
	}
	for i, c := range changes {
		if i == 0 && !c.PreviousDue.Equal(before.Clock.Due) {
			t.Fatalf("%s: previous due %v, was %v", name, c.PreviousDue, before.Clock.Due)
		}
		if c.Action == dossier.ClockPause && !c.Due.Equal(c.PreviousDue) || c.Action == dossier.ClockResume && c.Due.Before(c.PreviousDue) {
			t.Fatalf("%s: %s moves due from %v to %v", name, c.Action, c.PreviousDue, c.Due)
		}
	}
	checkTime(t, s, now)
	checkMoney(t, s)
	if after.Phase.Open() != (after.Timeliness(now) == dossier.Running || after.Timeliness(now) == dossier.Overdue || after.Phase == dossier.PhaseSubmitted) {
		t.Fatalf("%s: phase %s and timeliness %s", name, after.Phase, after.Timeliness(now))
	}
	if !after.Phase.Open() && (after.WaitsFor() != "" || after.CurrentStep() != "" || after.OpenSupplement() != nil) {
		t.Fatalf("%s: an ended dossier waits", name)
	}
}

func checkTime(t *rapid.T, s *scene, now time.Time) {
	c := s.state.Clock
	used, promised := c.Used(standard, now), c.Promised(standard)
	left, ok := c.Remaining(standard, now)
	if used < 0 {
		t.Fatalf("used %v", used)
	}
	unit := s.state.Term.Unit
	if ok && len(s.state.Extensions) == 0 && unit != worktime.CalendarDays && used+left != promised {
		t.Fatalf("used %v + remaining %v is not the promised %v", used, left, promised)
	}
}

// checkMoney keeps books of its own, from the events alone.
func checkMoney(t *rapid.T, s *scene) {
	var want dossier.Money
	for _, e := range s.events {
		switch p := e.Payload.(type) {
		case dossier.FeeAssessed:
			want.Assessed += p.Amount
		case dossier.ObligationImposed:
			want.Assessed += p.Amount
		case dossier.FeePaid:
			want.Paid += p.Amount
		case dossier.ObligationMet:
			want.Paid += p.Amount
		case dossier.FeeExempted:
			want.Exempted += p.Amount
		case dossier.FeeRefunded:
			want.Refunded += p.Amount
		}
	}
	got := s.state.Money()
	if got.Assessed != want.Assessed || got.Paid != want.Paid || got.Exempted != want.Exempted || got.Refunded != want.Refunded {
		t.Fatalf("money %+v, the events say %+v", got, want)
	}
	for _, o := range s.state.Obligations {
		if o.Paid < o.Refunded || o.Owed() < 0 || o.Exempted > o.Assessed || (o.Owed() == 0) != !o.SettledAt.IsZero() {
			t.Fatalf("%+v", o)
		}
		var in, out int64
		for _, p := range o.Payments {
			in += p.Amount
		}
		for _, p := range o.Refunds {
			out += p.Amount
		}
		if in != o.Paid || out != o.Refunded {
			t.Fatalf("%+v does not add up", o)
		}
	}
}

func clockOf(payloads []event.Payload) []dossier.ClockChange {
	var changes []dossier.ClockChange
	for _, p := range payloads {
		if f := reflect.ValueOf(p).FieldByName("Clock"); f.IsValid() {
			changes = append(changes, f.Interface().([]dossier.ClockChange)...)
		}
	}
	return changes
}

func TestFoldingForeignEventsChangesOnlyTheCount(t *testing.T) {
	before := given(t, licence(), received()...).state
	after := dossier.Evolve(before, event.Event{ID: uuid.New(), Revision: before.Revision + 1, Payload: foreign{}})
	if after.Events != before.Events+1 || after.Revision != before.Revision+1 || after.Status() != before.Status() {
		t.Errorf("%+v", after)
	}
}

type foreign struct{}

func (foreign) EventType() string { return "other.thing.v1" }
