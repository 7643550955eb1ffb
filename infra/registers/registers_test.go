package registers_test

import (
	"errors"
	"testing"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"dossierledger/infra/catalogue"
	"dossierledger/infra/registers"
)

// seeded are registers with the sample catalogue, and the next position.
func seeded(t *testing.T) (*registers.Registers, *uint64) {
	t.Helper()
	sample, err := catalogue.Sample()
	if err != nil {
		t.Fatal(err)
	}
	r, position := registers.New(sample.LifeEvents()), new(uint64)
	for _, s := range sample.Streams() {
		for i, e := range s.Events {
			e.Stream, e.Revision, e.Position, e.RecordedAt = s.Name, uint64(i), *position, day("2026-11-01")
			apply(t, r, e)
			*position++
		}
	}
	return r, position
}

func apply(t *testing.T, r *registers.Registers, e event.Event) {
	t.Helper()
	if err := r.Apply(e); err != nil {
		t.Fatal(err)
	}
}

func day(s string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, worktime.Zone)
	if err != nil {
		panic(err)
	}
	return t
}

func TestTheVersionInForceFollowsTheDayAlsoForALedgerSetUpLater(t *testing.T) {
	r, _ := seeded(t)
	for at, want := range map[string]int{"2025-08-01": 1, "2025-10-01": 2, "2026-03-01": 3} {
		v, err := r.InForce("1.000894", day(at))
		if err != nil || v.Number != want {
			t.Errorf("marriage registration on %s: %+v, %v", at, v, err)
		}
	}
	if _, err := r.InForce("9.999999", day("2026-01-01")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a procedure that there is not: %v", err)
	}
	if _, err := r.InForce("3.000347", day("2020-01-01")); fault.KindOf(err) != fault.Refused {
		t.Errorf("before it was in force: %v", err)
	}
	if _, err := r.Version("1.000894", 99); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a version that there is not: %v", err)
	}
	if v, err := r.Version("1.000894", 1); err != nil || v.Number != 1 {
		t.Errorf("a version that is over: %v", err)
	}
}

func TestASuspendedProcedureIsNotInForce(t *testing.T) {
	r, position := seeded(t)
	suspend := event.Event{
		Stream: procedure.Stream("1.000894"), Revision: 3, Position: *position, RecordedAt: day("2026-11-02"),
		Metadata: event.Metadata{OccurredAt: day("2026-11-02")},
		Payload:  procedure.SuspendedFrom{From: day("2026-11-03"), Basis: "a norm"},
	}
	if _, err := r.InForce("1.000894", day("2026-11-04")); err != nil {
		t.Fatal(err)
	}
	found := r.Catalogue(day("2026-11-04")).Search(procedure.Query{Text: "dang ky ket hon"}).Total
	apply(t, r, suspend)
	if _, err := r.InForce("1.000894", day("2026-11-04")); fault.KindOf(err) != fault.Refused {
		t.Errorf("suspended: %v", err)
	}
	if now := r.Catalogue(day("2026-11-04")).Search(procedure.Query{Text: "dang ky ket hon"}).Total; now != found-1 {
		t.Errorf("the index finds %d after the suspension, %d before", now, found)
	}
	// Delivered again it changes nothing; a gap in the order of the log is none of its business.
	apply(t, r, suspend)
	if at, ok := r.Position(); !ok || at != *position {
		t.Errorf("position %d, %v", at, ok)
	}
}

func TestACalendarIsTheOneThatHadBeenAnnounced(t *testing.T) {
	r, position := seeded(t)
	calendar := func(agency, known string) *worktime.Calendar {
		t.Helper()
		c, err := r.For(agency, day(known))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if calendar("G01.21", "2026-11-01") != worktime.Standard() {
		t.Error("a ledger without a calendar does not count by the law's")
	}
	take := func(scope string, revision uint64, p event.Payload) {
		t.Helper()
		*position++
		apply(t, r, event.Event{Stream: worktime.Stream(scope), Revision: revision, Position: *position, Payload: p})
	}
	for i, p := range worktime.NationalNotices() {
		take(worktime.National, uint64(i), p)
	}
	before := calendar("G01.21", "2026-11-01")
	swap := worktime.SwapAnnounced{Off: worktime.On(2026, 12, 7), Worked: worktime.On(2026, 12, 12), AnnouncedAt: day("2026-11-10"), Basis: "a notice"}
	take(worktime.National, 100, swap)
	if !calendar("G01.21", "2026-11-09").IsWorkingDay(swap.Off) || calendar("G01.21", "2026-11-11").IsWorkingDay(swap.Off) {
		t.Error("a swap counts from when it was announced, not before")
	}
	if got := calendar("G01.21", "2026-11-01"); got.Version() != before.Version() {
		t.Errorf("what was known before the announcement became %s, was %s", got.Version(), before.Version())
	}
	// An agency's own hours stand over the national calendar.
	windows, err := worktime.ParseWindows("08:00-12:00,13:00-16:00")
	if err != nil {
		t.Fatal(err)
	}
	take("G01.21", 0, worktime.Opened{Scope: "G01.21", Windows: windows, AnnouncedAt: day("2026-11-05")})
	own := calendar("G01.21", "2026-11-12")
	if own.DayLength() != 7*time.Hour || own.IsWorkingDay(swap.Off) {
		t.Errorf("the agency works %s a day, and on the day off: %v", own.DayLength(), own.IsWorkingDay(swap.Off))
	}
	if calendar("G01.22", "2026-11-12").DayLength() != 8*time.Hour {
		t.Error("another agency has its hours")
	}
}

func TestAnAgencyThatIsEstablishedIsFound(t *testing.T) {
	r, position := seeded(t)
	directory, err := r.Directory()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := directory.Get("H15.99"); ok {
		t.Fatal("the agency is there before it is established")
	}
	apply(t, r, event.Event{
		Stream: agency.Stream("H15.99"), Position: *position, RecordedAt: day("2026-11-02"), Metadata: event.Metadata{OccurredAt: day("2026-11-02")},
		Payload: agency.Established{
			ID: "H15.99", Name: procedure.Text{VI: "Trung tâm mẫu"}, Kind: agency.CentralAgency, Tier: procedure.TierProvince, Parent: "H15", From: day("2026-11-02"), Basis: "a decision",
		},
	})
	if directory, err = r.Directory(); err != nil {
		t.Fatal(err)
	}
	if _, ok := directory.Get("H15.99"); !ok {
		t.Error("the agency is not found")
	}
}

func TestAnEventOfAnotherKindInAStreamOfTheRegistersIsAnError(t *testing.T) {
	r, position := seeded(t)
	err := r.Apply(event.Event{Stream: procedure.Stream("1.000894"), Position: *position, Payload: worktime.Opened{}})
	if foreign, ok := errors.AsType[*procedure.Foreign](err); !ok {
		t.Errorf("%v, %v", foreign, err)
	}
}
