package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/access"
	"dossierledger/domain/delivery"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/policy"
	"dossierledger/infra/outbound"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestEventsAreDeliveredInOrderOfTheirDossierAndOnceOverARestart(t *testing.T) {
	w, r := open(t), &receiver{}
	for i := range 20 {
		w.submit(t, fmt.Sprint("A-", i), office)
	}
	run := runner(t, w.config(r))
	stop := start(t, run)
	for range 3 {
		for i := range 20 {
			w.act(t, fmt.Sprint("A-", i))
		}
	}
	w.notice(t, "A-3")
	eventually(t, "all was delivered", func() bool { return len(r.seen()) >= 81 })
	w.workedOff(t, run, "dossier-", "notice-")
	stop()
	again := running(t, w.config(r))
	w.act(t, "A-3")
	eventually(t, "what came later was delivered", func() bool { return len(r.seen()) >= 82 })
	eventually(t, "live", func() bool { return again.Status().State == outbound.Live })
	wanted := w.wanted(t, "dossier-", "notice-")
	r.hasAll(t, wanted)
	if len(r.seen()) != count(wanted) {
		t.Errorf("%d came, of %d", len(r.seen()), count(wanted))
	}
}

func TestAFailingDossierHoldsUpNoOtherAndKeepsItsOrder(t *testing.T) {
	w, r := open(t), &receiver{}
	r.let(refuse("bad"))
	config := w.config(r)
	config.Attempts = 1000
	run := running(t, config)
	w.submit(t, "bad", office)
	for i := range 10 {
		w.submit(t, fmt.Sprint("good-", i), office)
		w.act(t, "bad")
	}
	w.notice(t, "bad")
	eventually(t, "the others went on", func() bool { return len(r.seen()) == 10 })
	eventually(t, "it is tried again", func() bool { return r.attempts() > 30 })
	eventually(t, "it is told", func() bool {
		s := run.Status()
		return s.Behind == 1 && s.GivenUp == 0 && s.Reason != "" && s.State == outbound.Live && s.LagSeconds > 0
	})
	r.let(nil)
	eventually(t, "it got through", func() bool { return len(r.seen()) == 22 })
	r.hasAll(t, w.wanted(t, "dossier-", "notice-"))
	eventually(t, "nothing is behind", func() bool { s := run.Status(); return s.Behind == 0 && s.Reason == "" && s.LagSeconds == 0 })
}

func TestWhatIsGivenUpWaitsForAPersonAndIsSentAgainInOrder(t *testing.T) {
	w, r := open(t), &receiver{}
	r.let(refuse("bad", "worse"))
	run := runner(t, w.config(r))
	stop := start(t, run)
	w.submit(t, "bad", office)
	w.submit(t, "worse", office)
	eventually(t, "given up", func() bool { return run.Status().GivenUp == 2 })
	for range 3 {
		w.act(t, "bad")
		w.act(t, "worse")
		w.submit(t, fmt.Sprint("good-", time.Now().UnixNano()), office)
	}
	eventually(t, "the others go on", func() bool { return len(r.seen()) == 3 })
	letters := w.letters(t)
	if len(letters) != 2 {
		t.Fatalf("%+v", letters)
	}
	first := letters[0]
	if first.Type != "dossier.submitted.v1" || first.Revision != 0 || first.Attempts != 4 || first.Reason != "HTTP 422" || first.Event.String() == "" || first.At.IsZero() {
		t.Errorf("%+v", first)
	}
	w.workedOff(t, run, "dossier-")
	tries := r.attempts()
	stop()
	// It stays given up over a restart, and what is still refused is given up again.
	run = running(t, w.config(r))
	eventually(t, "live", func() bool { s := run.Status(); return s.State == outbound.Live && s.GivenUp == 2 })
	if r.attempts() != tries {
		t.Error("what was given up was tried")
	}
	asked, err := w.deliveries.Resend(t.Context(), admin, "portal")
	if err != nil || len(asked) != 2 {
		t.Fatalf("%v %v", asked, err)
	}
	eventually(t, "given up again", func() bool { return run.Status().GivenUp == 2 && r.attempts() >= tries+8 })
	r.let(refuse("worse"))
	if asked, err := w.deliveries.Resend(t.Context(), admin, "portal", "dossier-bad"); err != nil || len(asked) != 1 {
		t.Fatalf("%v %v", asked, err)
	}
	eventually(t, "all of it came", func() bool { return len(r.of("dossier-bad")) == 4 })
	eventually(t, "it is forgotten", func() bool { return len(w.letters(t)) == 1 && run.Status().GivenUp == 1 })
	// The first event of the other is never to come.
	must(t, w.deliveries.Skip(t.Context(), admin, "portal", "dossier-worse", "the receiver cannot take it"))
	r.let(nil)
	eventually(t, "the rest of it came", func() bool { return len(r.of("dossier-worse")) == 3 })
	eventually(t, "nothing is left", func() bool { return len(w.letters(t)) == 0 && run.Status().GivenUp == 0 })
	wanted := w.wanted(t, "dossier-")
	wanted["dossier-worse"] = wanted["dossier-worse"][1:]
	r.hasAll(t, wanted)
}

func TestOnlyAnAdministratorDecidesOnWhatWasGivenUp(t *testing.T) {
	w, r := open(t), &receiver{}
	r.let(everything)
	config := w.config(r)
	config.Attempts = 1
	run := running(t, config)
	w.submit(t, "bad", office)
	eventually(t, "given up", func() bool { return run.Status().GivenUp == 1 })
	officer := admin
	officer.Actor.Role = event.RoleOfficer
	if _, err := w.deliveries.Resend(t.Context(), officer, "portal"); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("an officer: %v", err)
	}
	if _, err := w.deliveries.Resend(t.Context(), admin, "portal", "dossier-good"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("what was not given up: %v", err)
	}
	if err := w.deliveries.Skip(t.Context(), admin, "portal", "dossier-bad", " "); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without a reason: %v", err)
	}
	if asked, err := w.deliveries.Resend(t.Context(), admin, "nobody"); err != nil || len(asked) != 0 {
		t.Errorf("a receiver that does not exist: %v %v", asked, err)
	}
}

func TestAReceiverThatIsAwayTurnsNothingIntoLetters(t *testing.T) {
	w, r := open(t), &receiver{}
	r.let(everything)
	for i := range 200 {
		w.submit(t, fmt.Sprint("A-", i), office)
	}
	run := running(t, w.config(r))
	eventually(t, "away", func() bool { return run.Status().State == outbound.Away })
	eventually(t, "it is tried again", func() bool { return r.attempts() > 60 })
	if s := run.Status(); s.GivenUp > 0 || s.Behind > 12 {
		t.Errorf("%+v", s)
	}
	r.let(nil)
	eventually(t, "all came", func() bool { return len(r.seen()) >= 200 })
	eventually(t, "live", func() bool { return run.Status().State == outbound.Live })
	r.hasAll(t, w.wanted(t, "dossier-"))
}

func TestAfterLongEnoughAnEventIsGivenUpAlsoWhenTheReceiverIsAway(t *testing.T) {
	w, r := open(t), &receiver{}
	r.let(everything)
	config := w.config(r)
	config.GiveUpAfter = 30 * time.Millisecond
	run := running(t, config)
	for i := range 12 {
		w.submit(t, fmt.Sprint("A-", i), office)
	}
	eventually(t, "given up", func() bool { return run.Status().GivenUp > 5 })
	r.let(nil)
	eventually(t, "live", func() bool { s := run.Status(); return s.State == outbound.Live && s.Behind == 0 })
	_, err := w.deliveries.Resend(t.Context(), admin, "portal")
	must(t, err)
	wanted := w.wanted(t, "dossier-")
	eventually(t, "all came", func() bool { return r.hasEach(wanted) && len(w.letters(t)) == 0 })
	r.hasAll(t, wanted)
}

func TestTwoProgramsDoNotDeliverToOneReceiverForLong(t *testing.T) {
	w, r := open(t), &receiver{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	for range 2 {
		run := runner(t, w.config(r))
		go func() { ended <- run.Run(ctx) }()
		eventually(t, "live", func() bool { return run.Status().State == outbound.Live })
	}
	done := false
	for i, began := 0, time.Now(); !done; i++ {
		w.submit(t, fmt.Sprint("A-", i), office)
		select {
		case err := <-ended:
			if !errors.Is(err, outbound.ErrSuperseded) {
				t.Fatalf("one ended with %v", err)
			}
			done = true
		case <-time.After(5 * time.Millisecond):
			if time.Since(began) > patience {
				t.Fatal("both go on")
			}
		}
	}
	wanted := w.wanted(t, "dossier-")
	eventually(t, "the other delivers", func() bool { return r.hasEach(wanted) })
	cancel()
	must(t, <-ended)
	r.hasAll(t, wanted)
}

func (w *world) progress(t failer) *delivery.Progressed {
	t.Helper()
	for e, err := range w.journal.ReadBack(context.Background(), delivery.ProgressStream("portal"), 1) {
		if err != nil {
			return nil
		}
		p := e.Payload.(delivery.Progressed)
		return &p
	}
	return nil
}

func TestAReceiverCanBeginWithNow(t *testing.T) {
	w, r := open(t), &receiver{}
	w.submit(t, "A-1", office)
	config := w.config(r)
	config.From = outbound.FromNow
	w.store.refuse.Store(true)
	stop := start(t, runner(t, config))
	time.Sleep(10 * time.Millisecond) // it cannot write where now is, so it does not begin
	stop()
	w.store.refuse.Store(false)
	run := runner(t, config)
	stop = start(t, run)
	eventually(t, "live", func() bool { return run.Status().State == outbound.Live })
	stop()
	w.submit(t, "A-2", office)
	running(t, config)
	eventually(t, "delivered", func() bool { return len(r.seen()) == 1 })
	if key := r.seen()[0].PartitionKey; key != "dossier-A-2" {
		t.Errorf("%s came", key)
	}
}

func TestWhatTheLedgerCannotWriteIsNotTheReceiversFault(t *testing.T) {
	w, r := open(t), &receiver{}
	config := w.config(r)
	config.Personal, config.Purpose = true, "thông báo cho người nộp"
	run := running(t, config)
	w.submit(t, "A-1", office)
	eventually(t, "delivered", func() bool { return len(r.seen()) == 1 })
	w.submit(t, "A-2", office)
	eventually(t, "delivered", func() bool { return len(r.seen()) == 2 })
	w.store.refuse.Store(true)
	// Written by somebody else: this program cannot write the look.
	raw, err := w.journal.Encode(t.Context(), event.Event{Stream: "dossier-A-3", ID: [16]byte{1}, Metadata: event.Metadata{OccurredAt: time.Now()},
		Payload: dossier.NoteAdded{Text: event.About("p-1", "bí mật")}})
	must(t, err)
	_, err = w.store.Store.Append(t.Context(), "dossier-A-3", event.Any, raw)
	must(t, err)
	eventually(t, "it waits", func() bool { s := run.Status(); return s.State == outbound.Waiting && s.Error != "" })
	if s := run.Status(); len(r.seen()) != 2 || s.Behind != 0 {
		t.Errorf("without a look on record came %d; %+v", len(r.seen()), s)
	}
	w.store.refuse.Store(false)
	eventually(t, "delivered", func() bool { return len(r.seen()) == 3 })
	eventually(t, "it goes on", func() bool { return run.Status().State == outbound.Live })
}

// unheardOf is an event of a later release.
type unheardOf struct{}

func (unheardOf) EventType() string { return "dossier.unheard-of.v9" }

func TestAnEventThatCannotBeReadIsShownAndNotSkipped(t *testing.T) {
	w, r := open(t), &receiver{}
	run := running(t, w.config(r))
	w.submit(t, "A-1", office)
	w.append(t, "dossier-A-1", unheardOf{})
	w.act(t, "A-1")
	eventually(t, "it waits", func() bool { s := run.Status(); return s.State == outbound.Waiting && s.Error != "" })
	if len(r.seen()) != 1 {
		t.Errorf("%d came", len(r.seen()))
	}
}

func TestIdleDeliveriesWriteNothing(t *testing.T) {
	w, r := open(t), &receiver{}
	run := running(t, w.config(r))
	w.submit(t, "A-1", office)
	eventually(t, "delivered", func() bool { return len(r.seen()) == 1 })
	w.workedOff(t, run, "dossier-")
	eventually(t, "and written", func() bool { p := w.progress(t); return p != nil && p.Next == run.Status().Next })
	before, _, err := w.store.Head(t.Context())
	must(t, err)
	w.append(t, "agency-X", access.PersonalDataErased{Subject: "p-1"}) // not for the receiver
	eventually(t, "it was passed", func() bool { return run.Status().State == outbound.Live })
	time.Sleep(50 * time.Millisecond)
	if after, _, err := w.store.Head(t.Context()); err != nil || after != before+1 {
		t.Errorf("from %d to %d (%v)", before, after, err)
	}
}

func TestMetricsOfAReceiver(t *testing.T) {
	w, r := open(t), &receiver{}
	r.let(refuse("bad"))
	config := w.config(r)
	config.Attempts, config.Metrics = 1, outbound.NewMetrics()
	registry := prometheus.NewRegistry()
	registry.MustRegister(config.Metrics)
	run := running(t, config)
	w.submit(t, "bad", office)
	w.submit(t, "good", office)
	eventually(t, "one is given up", func() bool { return run.Status().GivenUp == 1 && len(r.seen()) == 1 })
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 6+len(outbound.States()) {
		t.Errorf("%d metrics (%v)", n, err)
	}
	families, err := registry.Gather()
	must(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			want := map[string]float64{"ledger_outbound_delivered_total": 1, "ledger_outbound_failures_total": 1, "ledger_outbound_given_up": 1}
			if v, ok := want[f.GetName()]; ok && m.GetCounter().GetValue()+m.GetGauge().GetValue() != v {
				t.Errorf("%s is %v", f.GetName(), m)
			}
		}
	}
	must(t, (&receiver{}).Close())
}

func TestAWrongConfigurationIsRefused(t *testing.T) {
	w := open(t)
	for name, change := range map[string]func(*outbound.Config){
		"no sender":            func(c *outbound.Config) { c.Sender = nil },
		"no name":              func(c *outbound.Config) { c.Name = "" },
		"a bad name":           func(c *outbound.Config) { c.Name = "Cổng" },
		"personal, no purpose": func(c *outbound.Config) { c.Personal = true },
		"a purpose, no right":  func(c *outbound.Config) { c.Purpose = "x" },
		"housekeeping":         func(c *outbound.Config) { c.Streams = []string{"sequence-"} },
		"its own progress":     func(c *outbound.Config) { c.Streams = []string{"outbound-"} },
		"everything":           func(c *outbound.Config) { c.Types = []string{""} },
		"a negative limit":     func(c *outbound.Config) { c.Attempts = -1 },
		"another beginning":    func(c *outbound.Config) { c.From = "middle" },
	} {
		config := w.config(&receiver{})
		change(&config)
		if _, err := outbound.New(config); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	r := &receiver{}
	must(t, runner(t, w.config(r)).Close())
	if !r.closed {
		t.Error("the sender was not closed")
	}
}

func TestKeysKeepTheStreamsOfADossierTogether(t *testing.T) {
	for stream, key := range map[string]string{
		dossier.StreamOf("A-1"): "dossier-A-1", policy.StreamOf("A-1"): "dossier-A-1", access.StreamOf("A-1"): "dossier-A-1",
		access.ErasureStream("p-1"): "person-p-1", "agency-G01": "agency-G01",
	} {
		if got := outbound.KeyOf(stream); got != key {
			t.Errorf("%s has the key %s", stream, got)
		}
	}
	if slices.Contains(outbound.Published, "outbound-") || slices.Contains(outbound.Published, "undelivered-") {
		t.Error("deliveries would be delivered, and those too")
	}
}
