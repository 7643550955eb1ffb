package procedure_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"github.com/google/uuid"
)

var ict = time.FixedZone("ICT", 7*3600)

// day is the instant at which a date begins in Vietnam.
func day(s string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, ict)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func until(s string) *time.Time {
	t := day(s)
	return &t
}

// known is a fact with the day on which the ledger recorded it.
func known(recorded string, payload event.Payload) event.Event {
	e := event.New(uuid.New(), event.Metadata{OccurredAt: day(recorded)}, payload)
	e.RecordedAt = day(recorded)
	return e
}

// marriage is a version that breaks no rule.
func marriage(number int) procedure.Version {
	return procedure.Version{
		Code: "1.000894", Number: number,
		Name:    procedure.Text{VI: "Đăng ký kết hôn", EN: "Marriage registration"},
		Summary: procedure.Text{VI: "Đăng ký kết hôn giữa hai công dân", EN: "Between two citizens"},
		Field:   "civil-status", Class: procedure.AdministrativeService, Level: procedure.Level4, Modern: procedure.PartialOnline,
		Audience: []procedure.Audience{procedure.Citizen}, Competent: procedure.TierCommune,
		Deadlines: map[procedure.Channel]worktime.Term{
			"":               {Amount: 5, Unit: worktime.WorkingDays},
			procedure.Online: {Amount: 3, Unit: worktime.WorkingDays},
		},
		Components: []procedure.Component{
			{Code: "declaration", Name: procedure.Text{VI: "Tờ khai"}, Required: true, Originals: 1, Template: "to-khai.docx"},
			{Code: "identity", Name: procedure.Text{VI: "Căn cước"}, Required: true, FromRegister: true},
		},
		Fees: []procedure.Fee{{
			Code: "fee", Name: procedure.Text{VI: "Lệ phí"}, Kind: procedure.StatutoryFee, Amount: 15_000, OnlineAmount: new(int64(7_500)),
			Exemptions: []procedure.Exemption{{Code: "half", Name: procedure.Text{VI: "Giảm một nửa"}, Percent: 50}},
			LegalBasis: "TT 179/2015/TT-BTC",
		}},
		Steps: []procedure.Step{
			{Code: "reception", Name: procedure.Text{VI: "Tiếp nhận"}, Share: 20, Department: "one-stop"},
			{Code: "appraisal", Name: procedure.Text{VI: "Thẩm định"}, Share: 60, Department: "specialist"},
			{Code: "signature", Name: procedure.Text{VI: "Ký"}, Share: 20, Department: "leadership"},
		},
		Supplement: procedure.SupplementPolicy{Rules: []procedure.SupplementRule{{
			Phase: procedure.PhaseReception, Max: 1, Wait: worktime.Term{Amount: 10, Unit: worktime.WorkingDays},
			OnAnswer: procedure.Resume, OnExpiry: procedure.StopDossier,
		}}},
		Clock: procedure.ClockRule{PauseOnSupplement: true, MaxExtensions: 1}, FormSet: "2025",
		LifeEvents: []string{"marriage"}, Keywords: []string{"kết hôn", "cưới"},
		LegalBasis: []procedure.LegalBasis{{Norm: "Luật Hộ tịch 60/2014/QH13", EffectiveFrom: day("2016-01-01")}},
		Result:     procedure.Result{Code: "KQ.G15.000894", Name: procedure.Text{VI: "Giấy chứng nhận kết hôn"}, Electronic: true},
		Delivery:   []procedure.Channel{procedure.InPerson, procedure.Online},
		Retention:  procedure.Retention{Permanent: true, Basis: "TT 10/2022/TT-BNV"},
	}
}

func published() []event.Event {
	return []event.Event{known("2021-12-01", procedure.Published{Version: marriage(1), EffectiveFrom: day("2022-01-01")})}
}

func superseded() []event.Event {
	return append(published(), known("2025-02-01", procedure.SupersededBy{By: "3.000347", Effective: day("2025-03-01")}))
}

func suspended() []event.Event {
	return append(published(), known("2026-02-04", procedure.SuspendedFrom{From: day("2026-02-04"), Basis: "NQ 09/2026"}))
}

func TestDecide(t *testing.T) {
	broken := marriage(1)
	broken.Steps[0].Share = 1
	other := marriage(2)
	other.Code = "1.000895"
	for name, c := range map[string]struct {
		given []event.Event
		when  procedure.Command
		then  event.Payload // nil with no refusal: nothing happens
		no    error
	}{
		"a procedure is published": {
			when: procedure.Publish{Version: marriage(0), EffectiveFrom: day("2022-01-01")},
			then: procedure.Published{Version: marriage(1), EffectiveFrom: day("2022-01-01")}},
		"publishing the same again is quiet": {given: published(),
			when: procedure.Publish{Version: marriage(1), EffectiveFrom: day("2022-01-01").In(ict)}},
		"publishing something else under the code is refused": {given: published(),
			when: procedure.Publish{Version: marriage(1), EffectiveFrom: day("2022-02-01")}, no: procedure.ErrAlreadyPublished},
		"a first version is number 1": {
			when: procedure.Publish{Version: marriage(2), EffectiveFrom: day("2022-01-01")}, no: procedure.ErrWrongNumber},
		"publishing needs a date": {
			when: procedure.Publish{Version: marriage(1)}, no: procedure.ErrNoDate},
		"a version that breaks a rule is refused": {
			when: procedure.Publish{Version: broken, EffectiveFrom: day("2022-01-01")}, no: procedure.ErrInvalid},
		"what was never published cannot be revised": {
			when: procedure.Revise{Version: marriage(2), EffectiveFrom: day("2023-01-01")}, no: procedure.ErrNotPublished},
		"what was never published cannot be suspended": {
			when: procedure.Suspend{From: day("2023-01-01"), Basis: "x"}, no: procedure.ErrNotPublished},
		"a revision is numbered": {given: published(),
			when: procedure.Revise{Version: marriage(0), EffectiveFrom: day("2026-01-01")},
			then: procedure.Revised{Version: marriage(2), EffectiveFrom: day("2026-01-01")}},
		"revising the same again is quiet": {
			given: append(published(), known("2025-11-15", procedure.Revised{Version: marriage(2), EffectiveFrom: day("2026-01-01")})),
			when:  procedure.Revise{Version: marriage(0), EffectiveFrom: day("2026-01-01")}},
		"a revision leaves no gap in the numbers": {given: published(),
			when: procedure.Revise{Version: marriage(3), EffectiveFrom: day("2026-01-01")}, no: procedure.ErrWrongNumber},
		"a revision keeps the code": {given: published(),
			when: procedure.Revise{Version: other, EffectiveFrom: day("2026-01-01")}, no: procedure.ErrWrongCode},
		"a revision needs a date": {given: published(),
			when: procedure.Revise{Version: marriage(2)}, no: procedure.ErrNoDate},
		"a superseded procedure is not revised": {given: superseded(),
			when: procedure.Revise{Version: marriage(2), EffectiveFrom: day("2026-01-01")}, no: procedure.ErrSuperseded},
		"a procedure gives way to another": {given: published(),
			when: procedure.Supersede{By: "3.000347", Effective: day("2025-03-01")},
			then: procedure.SupersededBy{By: "3.000347", Effective: day("2025-03-01")}},
		"superseding the same again is quiet": {given: superseded(),
			when: procedure.Supersede{By: "3.000347", Effective: day("2025-03-01")}},
		"a procedure does not give way to itself": {given: published(),
			when: procedure.Supersede{By: "1.000894", Effective: day("2025-03-01")}, no: procedure.ErrSelfSuperseded},
		"abolishing needs a ground": {given: published(),
			when: procedure.Supersede{Effective: day("2025-03-01")}, no: procedure.ErrNoBasis},
		"it gives way to a code": {given: published(),
			when: procedure.Supersede{By: "marriage", Effective: day("2025-03-01")}, no: fault.New(fault.Invalid, "procedure.invalid-code", "")},
		"it is suspended for a time": {given: published(),
			when: procedure.Suspend{From: day("2026-02-04"), Until: until("2026-04-16"), Basis: "NQ 09/2026"},
			then: procedure.SuspendedFrom{From: day("2026-02-04"), Until: until("2026-04-16"), Basis: "NQ 09/2026"}},
		"suspending the same again is quiet": {given: suspended(),
			when: procedure.Suspend{From: day("2026-02-04"), Basis: "NQ 09/2026"}},
		"a suspension needs a ground": {given: published(),
			when: procedure.Suspend{From: day("2026-02-04")}, no: procedure.ErrNoBasis},
		"a suspension does not end before it begins": {given: published(),
			when: procedure.Suspend{From: day("2026-02-04"), Until: until("2026-02-04"), Basis: "x"}, no: procedure.ErrEmptyPeriod},
		"what has given way is not suspended": {given: superseded(),
			when: procedure.Suspend{From: day("2026-02-04"), Basis: "x"}, no: procedure.ErrSuperseded},
		"what is suspended is reinstated": {given: suspended(),
			when: procedure.Reinstate{From: day("2026-05-01"), Basis: "NQ 20/2026"},
			then: procedure.Reinstated{From: day("2026-05-01"), Basis: "NQ 20/2026"}},
		"what is in force cannot be reinstated": {given: published(),
			when: procedure.Reinstate{From: day("2026-05-01"), Basis: "x"}, no: procedure.ErrNotSuspended},
		"reinstating the same again is quiet": {
			given: append(suspended(), known("2026-04-20", procedure.Reinstated{From: day("2026-05-01"), Basis: "NQ 20/2026"})),
			when:  procedure.Reinstate{From: day("2026-05-01"), Basis: "NQ 20/2026"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := procedure.Fold(c.given)
			if err != nil {
				t.Fatal(err)
			}
			got, err := procedure.Decide(h, c.when)
			if !errors.Is(err, c.no) || c.no == nil && err != nil {
				t.Fatalf("got the refusal %v, want %v", err, c.no)
			}
			var want []event.Payload
			if c.then != nil {
				want = []event.Payload{c.then}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestAForeignEventIsNotSkipped(t *testing.T) {
	_, err := procedure.Fold([]event.Event{known("2026-01-01", procedure.NormRepealed{})})
	if _, ok := errors.AsType[*procedure.Foreign](err); !ok {
		t.Errorf("got %v, want a foreign event", err)
	}
	if _, err := procedure.FoldNorm(published()); err == nil {
		t.Error("a procedure's event was taken for a norm's")
	}
}

func TestEvolveLeavesItsArgumentAlone(t *testing.T) {
	h, err := procedure.Fold(published())
	if err != nil {
		t.Fatal(err)
	}
	one, err := procedure.Evolve(h, known("2026-02-04", procedure.SuspendedFrom{From: day("2026-02-04"), Basis: "a"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := procedure.Evolve(h, known("2026-02-04", procedure.SupersededBy{By: "3.000347", Effective: day("2026-02-04")})); err != nil {
		t.Fatal(err)
	}
	if _, standing, _ := h.At(day("2026-03-01"), time.Time{}); standing != procedure.InForce {
		t.Errorf("the history it was given became %s", standing)
	}
	if _, standing, _ := one.At(day("2026-03-01"), time.Time{}); standing != procedure.Suspended {
		t.Errorf("the first branch became %s", standing)
	}
}
