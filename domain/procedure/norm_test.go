package procedure_test

import (
	"errors"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
)

const (
	nd15 = "NĐ 15/2018/NĐ-CP"
	nd46 = "NĐ 46/2026/NĐ-CP"
)

// foodSafety is the story of the norms on food safety in 2026: a decree replaces
// another on the day it is issued, is suspended nine days later until 15 April,
// and before that day comes is suspended until there is a new law.
func foodSafety(t *testing.T) procedure.Norms {
	t.Helper()
	norms := procedure.Norms{}
	for name, events := range map[string][]event.Event{
		nd15: {known("2018-02-02", procedure.NormEnacted{Norm: nd15, Title: procedure.Text{VI: "Hướng dẫn Luật An toàn thực phẩm"}, EffectiveFrom: day("2018-02-02")})},
		nd46: {
			known("2026-01-26", procedure.NormEnacted{Norm: nd46, Title: procedure.Text{VI: "Hướng dẫn Luật An toàn thực phẩm"}, EffectiveFrom: day("2026-01-26"), Replaces: []string{nd15}}),
			known("2026-02-04", procedure.NormSuspended{From: day("2026-02-04"), Until: until("2026-04-16"), Basis: "NQ 09/2026/NQ-CP"}),
			known("2026-04-06", procedure.NormSuspended{From: day("2026-04-06"), Basis: "NQ 15/2026/NQ-CP"}),
		},
	} {
		h, err := procedure.FoldNorm(events)
		if err != nil {
			t.Fatal(err)
		}
		norms[name] = h
	}
	return norms
}

func TestFoodSafetyWhichNormHadEffectOnADayAsKnownOnAnother(t *testing.T) {
	norms := foodSafety(t)
	for _, c := range []struct{ valid, known, want string }{
		// Before anybody spoke of a new decree, the old one is for ever.
		{"2026-01-25", "2026-01-25", nd15},
		{"2026-05-01", "2026-01-25", nd15},
		// From 26 January the new one, from then on and for ever.
		{"2026-01-25", "2026-01-26", nd15},
		{"2026-01-26", "2026-01-26", nd46},
		{"2026-05-01", "2026-02-03", nd46},
		// Since 4 February: suspended to 15 April, then back.
		{"2026-02-03", "2026-02-04", nd46},
		{"2026-02-04", "2026-02-04", nd15},
		{"2026-04-15", "2026-04-05", nd15},
		{"2026-04-16", "2026-04-05", nd46},
		// Since 6 April: suspended without a date.
		{"2026-04-16", "2026-04-06", nd15},
		{"2026-11-23", "2026-11-23", nd15},
		// What was right in between stays right.
		{"2026-01-30", "2026-11-23", nd46},
		{"2026-02-10", "2026-11-23", nd15},
		// Before the older decree there was none.
		{"2018-02-01", "2026-11-23", ""},
		{"2018-03-01", "2018-02-01", ""},
	} {
		got, ok := norms.Operative(nd15, day(c.valid), day(c.known))
		if got != c.want || ok != (c.want != "") {
			t.Errorf("on %s as known on %s: %q, want %q", c.valid, c.known, got, c.want)
		}
	}
	v := marriage(1)
	v.LegalBasis = []procedure.LegalBasis{{Norm: nd15, EffectiveFrom: day("2018-02-02")}, {Norm: nd46, EffectiveFrom: day("2026-01-26")}, {Norm: "unheard of"}}
	standing := norms.Standing(v, day("2026-11-23"), time.Time{})
	if standing[0].Operative != nd15 || standing[0].Situation.Standing != procedure.InForce {
		t.Errorf("NĐ 15/2018: %+v", standing[0])
	}
	s := standing[1].Situation
	if standing[1].Operative != "" || s.Standing != procedure.Suspended || s.Basis != "NQ 15/2026/NQ-CP" || !s.Since.Equal(day("2026-02-04")) || !s.Until.IsZero() {
		t.Errorf("NĐ 46/2026: %+v", standing[1])
	}
	if standing[2].Operative != "" || standing[2].Situation.Standing != "" {
		t.Errorf("a norm that is not in the register: %+v", standing[2])
	}
}

func TestANormThatReplacesItsReplacementDoesNotRunInACircle(t *testing.T) {
	norms := procedure.Norms{}
	for _, pair := range [][2]string{{"a", "b"}, {"b", "a"}} {
		h, err := procedure.FoldNorm([]event.Event{known("2020-01-01", procedure.NormEnacted{Norm: pair[0], EffectiveFrom: day("2020-01-01"), Replaces: []string{pair[1]}})})
		if err != nil {
			t.Fatal(err)
		}
		norms[pair[0]] = h
	}
	if got, ok := norms.Operative("a", day("2021-01-01"), time.Time{}); !ok || got != "b" {
		t.Errorf("got %q", got)
	}
}

func TestDecideNorm(t *testing.T) {
	enacted := procedure.NormEnacted{Norm: nd46, Title: procedure.Text{VI: "An toàn thực phẩm"}, EffectiveFrom: day("2026-01-26"), Replaces: []string{nd15}}
	paused := procedure.NormSuspended{From: day("2026-02-04"), Basis: "NQ 09"}
	repealed := procedure.NormRepealed{From: day("2026-06-01"), By: "Luật mới"}
	itself := enacted
	itself.Replaces = []string{nd46}
	other := enacted
	other.EffectiveFrom = day("2026-02-01")
	for name, c := range map[string]struct {
		given   []event.Payload
		when    event.Payload
		happens bool
		no      *fault.Error
	}{
		"it is enacted":                     {nil, enacted, true, nil},
		"enacting again is quiet":           {[]event.Payload{enacted}, enacted, false, nil},
		"enacting otherwise is refused":     {[]event.Payload{enacted}, other, false, procedure.ErrNormEnacted},
		"it does not replace itself":        {nil, itself, false, procedure.ErrNormInvalid},
		"it has a name":                     {nil, procedure.NormEnacted{EffectiveFrom: day("2026-01-26")}, false, procedure.ErrNormInvalid},
		"an unknown norm is not suspended":  {nil, paused, false, procedure.ErrNormUnknown},
		"it is suspended":                   {[]event.Payload{enacted}, paused, true, nil},
		"suspending again is quiet":         {[]event.Payload{enacted, paused}, paused, false, nil},
		"suspending needs a ground":         {[]event.Payload{enacted}, procedure.NormSuspended{From: day("2026-02-04")}, false, procedure.ErrNoBasis},
		"a suspension is not empty":         {[]event.Payload{enacted}, procedure.NormSuspended{From: day("2026-02-04"), Until: until("2026-02-03"), Basis: "x"}, false, procedure.ErrEmptyPeriod},
		"what has effect is not reinstated": {[]event.Payload{enacted}, procedure.NormReinstated{From: day("2026-02-04"), Basis: "x"}, false, procedure.ErrNormNotSuspended},
		"what is suspended is reinstated":   {[]event.Payload{enacted, paused}, procedure.NormReinstated{From: day("2026-03-04"), Basis: "x"}, true, nil},
		"it is repealed":                    {[]event.Payload{enacted}, repealed, true, nil},
		"what is repealed is not suspended": {[]event.Payload{enacted, repealed}, procedure.NormSuspended{From: day("2026-07-01"), Basis: "x"}, false, procedure.ErrNormRepealed},
		"another kind of event is no wish":  {[]event.Payload{enacted}, procedure.SuspendedFrom{}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var h procedure.NormHistory
			for _, p := range c.given {
				var err error
				if h, err = procedure.EvolveNorm(h, known("2026-01-26", p)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := procedure.DecideNorm(h, c.when)
			if foreign := (*procedure.Foreign)(nil); errors.As(err, &foreign) && name == "another kind of event is no wish" {
				return
			}
			if c.no != nil && !errors.Is(err, c.no) || c.no == nil && err != nil {
				t.Fatalf("got the refusal %v, want %v", err, c.no)
			}
			if (len(got) == 1) != c.happens {
				t.Errorf("got %v", got)
			}
		})
	}
}
