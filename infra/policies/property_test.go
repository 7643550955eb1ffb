package policies_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/policy"
	"dossierledger/domain/procedure"
	"dossierledger/infra/policies"
	"pgregory.net/rapid"
)

// whenever is a run of the policies by several programs on one ledger, that
// start, stop, fall behind and read again as it comes.
type whenever struct {
	*office
	t        *rapid.T
	codes    []string
	runners  []*policies.Runner
	read     []int // how many of events each has read
	events   []event.Event
	expected map[string]bool
}

// Whatever the order in which programs restart and events come again, each
// thing that falls due is done once, and nothing else.
func TestRestartsAndRedeliveryNeitherForgetNorDouble(t *testing.T) {
	o := openOffice(t)
	rapid.Check(t, func(t *rapid.T) {
		// Each run begins on a Monday after all that came before.
		o.set(monday.AddDate(0, 0, 7*(1+int(o.now().Sub(monday)/(7*24*time.Hour)))))
		w := &whenever{office: o, t: t, expected: map[string]bool{}}
		for range rapid.IntRange(1, 3).Draw(t, "dossiers") {
			w.codes = append(w.codes, o.receives(t, rapid.IntRange(1, 6).Draw(t, "days")))
		}
		for range 2 {
			w.runners, w.read = append(w.runners, nil), append(w.read, 0)
			w.restart(len(w.runners) - 1)
		}
		for range rapid.IntRange(5, 30).Draw(t, "steps") {
			which := rapid.IntRange(0, len(w.runners)-1).Draw(t, "runner")
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				w.happen(rapid.SampledFrom(w.codes).Draw(t, "dossier"))
			case 1:
				w.restart(which)
			case 2:
				w.read[which] = rapid.IntRange(0, w.read[which]).Draw(t, "read again from")
			default:
				o.pass(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour)
				w.expect()
				w.work(which, rapid.IntRange(0, 8).Draw(t, "behind by"))
				w.work(1-which, 0) // another program, which knows all
			}
		}
		done := o.done(t, w.codes...)
		for key, times := range done {
			if times != 1 || !w.expected[key] {
				t.Fatalf("%s was done %d times; expected: %v", key, times, w.expected[key])
			}
		}
		for key := range w.expected {
			if done[key] == 0 {
				t.Fatalf("%s was forgotten", key)
			}
		}
	})
}

// restart begins with nothing in memory.
func (w *whenever) restart(which int) {
	w.runners[which], w.read[which] = runner(w.t, w.config()), 0
}

// work lets a runner read the log, but for the last events, and do what is due.
func (w *whenever) work(which, behind int) {
	w.events = nil
	for _, code := range w.codes {
		for _, stream := range []string{dossier.StreamOf(code), policy.StreamOf(code)} {
			w.events = append(w.events, w.stream(w.t, stream)...)
		}
	}
	slices.SortFunc(w.events, func(a, b event.Event) int { return cmp.Compare(a.Position, b.Position) })
	end := max(w.read[which], len(w.events)-behind)
	for page := range slices.Chunk(w.events[w.read[which]:end], rapid.IntRange(1, 5).Draw(w.t, "events of a page")) {
		if err := w.runners[which].Observe(context.Background(), page...); err != nil {
			w.t.Fatal(err)
		}
	}
	w.read[which] = end
	w.runners[which].Work(context.Background())
}

// expect works out, from the dossiers alone, what is due now.
func (w *whenever) expect() {
	for _, code := range w.codes {
		s := w.state(w.t, code)
		cal, err := w.Registers.For(agency, w.now())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, wake := range policy.Next(&s, cal, policy.DefaultRules(), w.now()) {
			if !wake.Ripe(w.now()) {
				continue
			}
			w.expected[wake.Key()] = true
			if open := s.OpenSupplement(); wake.Kind == policy.ExpireSupplement && open.OnExpiry != procedure.KeepWaiting {
				break // it has ended
			}
		}
	}
}

// happen lets the office do something with a dossier that allows it.
func (w *whenever) happen(code string) {
	s := w.state(w.t, code)
	open := s.OpenSupplement()
	switch step := rapid.IntRange(0, 4).Draw(w.t, "what happens"); {
	case !s.Phase.Open():
		w.happens(w.t, code, dossier.Reopened{Complaint: "KN-1", Clock: w.ticks(dossier.ClockRestart, w.now().AddDate(0, 0, 4))})
	case open != nil && step < 3:
		w.happens(w.t, code, dossier.SupplementProvided{Number: open.Number, Clock: w.ticks(dossier.ClockResume, s.Clock.Due.Add(30*time.Hour))})
	case open == nil && step < 2:
		asked := dossier.SupplementRequested{
			Number: len(s.Supplements) + 1, Phase: procedure.PhaseProcessing, Slip: fmt.Sprintf("BS-%d", len(s.Supplements)+1),
			WaitUntil: w.now().Add(time.Duration(rapid.IntRange(1, 60).Draw(w.t, "wait")) * time.Hour),
			OnExpiry:  rapid.SampledFrom([]procedure.OnExpiry{procedure.StopDossier, procedure.RefuseDossier, procedure.KeepWaiting}).Draw(w.t, "on expiry"),
		}
		if step == 0 {
			asked.Clock = w.ticks(dossier.ClockPause, s.Clock.Due)
		}
		w.happens(w.t, code, asked)
	case step == 2:
		w.happens(w.t, code, dossier.SubmittedForSignature{Hash: "h"})
	case step == 3:
		w.happens(w.t, code, dossier.DeadlineExtended{Number: 1, Letter: "XL-1", Clock: w.ticks(dossier.ClockExtend, s.Clock.Due.AddDate(0, 0, 2))})
	default:
		w.happens(w.t, code, dossier.ResultIssued{Version: 1, Number: "1", Clock: w.ticks(dossier.ClockStop, s.Clock.Due)})
	}
}
