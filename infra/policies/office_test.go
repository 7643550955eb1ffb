package policies_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/policy"
	"dossierledger/domain/procedure"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/ledger"
	"dossierledger/infra/policies"
	"github.com/google/uuid"
)

const (
	licence = "3.000347"
	agency  = "G01.21"
)

// monday is a Monday of a month without holidays, at nine in Vietnam.
var monday = time.Date(2026, time.October, 12, 2, 0, 0, 0, time.UTC)

// office is a ledger on its real engines, with a clock that the test moves.
type office struct {
	*ledger.Ledger
	dir   string
	clock atomic.Pointer[time.Time]
	count int
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{dir: filepath.Join(t.TempDir(), "data")}
	o.set(monday)
	o.reopen(t)
	if _, err := o.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func (o *office) reopen(t *testing.T) {
	t.Helper()
	if o.Ledger != nil {
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ledger.Open(context.WithoutCancel(t.Context()), ledger.Config{Data: o.dir, Now: o.now})
	if err != nil {
		t.Fatal(err)
	}
	o.Ledger = l
}

func (o *office) now() time.Time       { return *o.clock.Load() }
func (o *office) set(t time.Time)      { o.clock.Store(&t) }
func (o *office) pass(d time.Duration) { o.set(o.now().Add(d)) }

// failer is what these helpers need of a test, plain or of a property.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// happens appends facts to a dossier, as if they had just been decided.
func (o *office) happens(t failer, code string, facts ...event.Payload) {
	t.Helper()
	events := make([]event.Event, len(facts))
	for i, p := range facts {
		events[i] = event.New(uuid.New(), event.Metadata{OccurredAt: o.now(), Actor: event.Actor{ID: "o-1", Role: event.RoleOfficer}}, p)
	}
	if _, err := o.Journal.Append(context.Background(), dossier.StreamOf(code), event.Any, events...); err != nil {
		t.Fatal(err)
	}
}

// receives makes a dossier whose appointment is after some days of eight hours.
func (o *office) receives(t failer, days int) (code string) {
	t.Helper()
	o.count++
	code, err := dossier.FormatCode("", agency, o.now(), uint64(o.count))
	if err != nil {
		t.Fatal(err)
	}
	version, err := o.Registers.InForce(licence, o.now())
	if err != nil {
		t.Fatal(err)
	}
	cal, err := o.Registers.For(agency, o.now())
	if err != nil {
		t.Fatal(err)
	}
	due, err := cal.Add(o.now(), time.Duration(days)*8*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	o.happens(t, code,
		dossier.Submitted{
			Code: code, Procedure: licence, ProcedureVersion: version.Number, Channel: procedure.Online,
			Applicant: dossier.Party{Subject: "sub-an", Kind: procedure.Citizen}, Receiving: agency, Competent: agency,
		},
		dossier.Received{
			Procedure: licence, ProcedureVersion: version.Number, Slip: "TN-1", Competent: agency,
			Holder: dossier.Holder{Agency: agency, Department: dossier.Specialist},
			Clock:  o.ticks(dossier.ClockStart, due),
		})
	return code
}

func (o *office) ticks(action dossier.ClockAction, due time.Time) []dossier.ClockChange {
	return []dossier.ClockChange{{Action: action, Cause: "cause", At: o.now(), From: o.now(), Due: due, Calendar: "test"}}
}

func (o *office) state(t failer, code string) dossier.State {
	t.Helper()
	var s dossier.State
	for e, err := range o.Journal.Read(context.Background(), dossier.StreamOf(code), 0) {
		if err != nil {
			t.Fatal(err)
		}
		s = dossier.Evolve(s, e)
	}
	return s
}

// stream reads a stream, which may not be there yet.
func (o *office) stream(t failer, name string) (events []event.Event) {
	t.Helper()
	for e, err := range o.Journal.Read(context.Background(), name, 0) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// done lists, by key, how often a policy did something on the dossiers.
func (o *office) done(t failer, codes ...string) map[string]int {
	t.Helper()
	done := map[string]int{}
	for _, code := range codes {
		for _, e := range o.stream(t, policy.StreamOf(code)) {
			key, ok := policy.KeyOf(e.Payload)
			if !ok {
				t.Fatal("a stream of notices holds " + e.Payload.EventType())
			}
			done[key]++
		}
		for _, e := range o.stream(t, dossier.StreamOf(code)) {
			if expired, ok := e.Payload.(dossier.SupplementExpired); ok {
				done[policy.Wake{Kind: policy.ExpireSupplement, Dossier: code, Number: expired.Number}.Key()]++
			}
		}
	}
	return done
}

func (o *office) config() policies.Config {
	return policies.Config{
		Store: o.Store, Journal: o.Journal, Actions: o.Dossiers, Calendars: o.Registers, Now: o.now, Logger: o.Log,
		Look: 2 * time.Millisecond, RetryMin: time.Millisecond, RetryMax: 4 * time.Millisecond,
	}
}

func runner(t failer, config policies.Config) *policies.Runner {
	t.Helper()
	r, err := policies.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// running runs the policies until it is told to stop.
func running(t *testing.T, config policies.Config) (r *policies.Runner, stop func()) {
	t.Helper()
	r = runner(t, config)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	return r, func() {
		cancel()
		<-ended
	}
}

// eventually waits for something that another goroutine brings about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it did not come about: %s", what)
}
