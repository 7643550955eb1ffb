package procedure_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"pgregory.net/rapid"
)

func TestAGoodVersionHasNoProblems(t *testing.T) {
	if err := marriage(1).Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestEachRuleOfTheCatalogueIsHeld(t *testing.T) {
	for path, spoil := range map[string]func(*procedure.Version){
		"code":                            func(v *procedure.Version) { v.Code = "1.00089" },
		"number":                          func(v *procedure.Version) { v.Number = 0 },
		"name.vi":                         func(v *procedure.Version) { v.Name.VI = " " },
		"name.en":                         func(v *procedure.Version) { v.Name.EN = strings.Repeat("x", procedure.MaxText+1) },
		"summary.vi":                      func(v *procedure.Version) { v.Summary.VI = "a\u0306" }, // not NFC
		"field":                           func(v *procedure.Version) { v.Field = "Civil Status" },
		"class":                           func(v *procedure.Version) { v.Class = "other" },
		"level":                           func(v *procedure.Version) { v.Level = 5 },
		"competent":                       func(v *procedure.Version) { v.Competent = "district" },
		"form_set":                        func(v *procedure.Version) { v.FormSet = "2020" },
		"audience":                        func(v *procedure.Version) { v.Audience = nil },
		"audience[1]":                     func(v *procedure.Version) { v.Audience = []procedure.Audience{"citizen", "citizen"} },
		"delivery[0]":                     func(v *procedure.Version) { v.Delivery = []procedure.Channel{"pigeon"} },
		"life_events[0]":                  func(v *procedure.Version) { v.LifeEvents = []string{"Kết hôn"} },
		"keywords[0]":                     func(v *procedure.Version) { v.Keywords = []string{""} },
		"modern":                          func(v *procedure.Version) { v.Modern, v.Level = procedure.FullOnline, procedure.Level3 },
		"deadlines.online":                func(v *procedure.Version) { v.Level = procedure.Level2 },
		"delivery":                        func(v *procedure.Version) { v.Level = procedure.Level3 },
		"fees[0].online_amount":           func(v *procedure.Version) { v.Level = procedure.Level2 },
		"components":                      func(v *procedure.Version) { v.Components[0].Template = "" },
		"result.electronic":               func(v *procedure.Version) { v.Result.Electronic = false },
		"deadlines":                       func(v *procedure.Version) { delete(v.Deadlines, "") },
		"deadlines.":                      func(v *procedure.Version) {}, // set below: a term that is none
		"components[1]":                   func(v *procedure.Version) { v.Components[1].Code = "declaration" },
		"components[0].template":          func(v *procedure.Version) { v.Components[0].Template = "../passwd" },
		"fees[0].amount":                  func(v *procedure.Version) { v.Fees[0].Amount = -1 },
		"fees[0].kind":                    func(v *procedure.Version) { v.Fees[0].Kind = "tax" },
		"fees[0].legal_basis":             func(v *procedure.Version) { v.Fees[0].LegalBasis = "" },
		"fees[0].exemptions[0].percent":   func(v *procedure.Version) { v.Fees[0].Exemptions[0].Percent = 101 },
		"steps":                           func(v *procedure.Version) { v.Steps[0].Share++ },
		"steps[2]":                        func(v *procedure.Version) { v.Steps[2].Code = "reception" },
		"steps[0].share":                  func(v *procedure.Version) { v.Steps[0].Share, v.Steps[1].Share = -20, 100 },
		"supplement.rules[0].wait.amount": func(v *procedure.Version) { v.Supplement.Rules[0].Wait.Amount = 0 },
		"supplement.rules[0].on_answer":   func(v *procedure.Version) { v.Supplement.Rules[0].OnAnswer = "forget" },
		"supplement.rules[1]":             func(v *procedure.Version) { v.Supplement.Rules = append(v.Supplement.Rules, v.Supplement.Rules[0]) },
		"clock.cut_off":                   func(v *procedure.Version) { v.Clock.SameDay = true },
		"clock.max_extensions":            func(v *procedure.Version) { v.Clock.MaxExtensions = -1 },
		"legal_basis":                     func(v *procedure.Version) { v.LegalBasis = nil },
		"legal_basis[0].effective_to":     func(v *procedure.Version) { v.LegalBasis[0].EffectiveTo = until("2015-01-01") },
		"result.code":                     func(v *procedure.Version) { v.Result.Code = "" },
		"retention.years":                 func(v *procedure.Version) { v.Retention.Permanent = false },
		"retention.basis":                 func(v *procedure.Version) { v.Retention.Basis = "a\nb" },
	} {
		t.Run(path, func(t *testing.T) {
			v := marriage(1)
			spoil(&v)
			if path == "deadlines." {
				v.Deadlines[""] = worktime.Term{Unit: "moons", Amount: 1}
				path = "deadlines..unit"
			}
			err := v.Validate()
			f, ok := fault.As(err)
			if !ok || !errors.Is(err, procedure.ErrInvalid) || !slices.Contains(f.Missing, path) {
				t.Errorf("got %v, want a problem at %s", err, path)
			}
		})
	}
}

func TestFeaturesByLevel(t *testing.T) {
	v := marriage(1)
	for level, want := range map[procedure.Level]procedure.Features{
		0:                {},
		procedure.Level1: {Information: true},
		procedure.Level2: {Information: true, Download: true},
		procedure.Level3: {Information: true, Download: true, Submit: true},
		procedure.Level4: {Information: true, Download: true, Submit: true, PayOnline: true, ResultOnline: true},
	} {
		if got := v.OffersUpTo(level); got != want {
			t.Errorf("a portal of level %d offers %+v, want %+v", level, got, want)
		}
		lower := v
		lower.Level = level
		if got := lower.Offers(); got != want {
			t.Errorf("a version of level %d offers %+v, want %+v", level, got, want)
		}
		if lower.Accepts(procedure.Online) != (level >= procedure.Level3) || !lower.Accepts(procedure.ByPost) || lower.Accepts("pigeon") {
			t.Errorf("a version of level %d accepts the wrong channels", level)
		}
	}
	free := v
	free.Fees, free.Delivery = nil, []procedure.Channel{procedure.ByPost}
	if got := free.Offers(); got.PayOnline || got.ResultOnline {
		t.Errorf("nothing to pay and delivery by post: %+v", got)
	}
}

func TestWhatAVersionSays(t *testing.T) {
	v := marriage(1)
	if got := v.Deadline(procedure.Online); got.Amount != 3 {
		t.Errorf("online: %+v", got)
	}
	if got := v.Deadline(procedure.ByPost); got.Amount != 5 {
		t.Errorf("by post, as for all: %+v", got)
	}
	if v.FeeTotal(procedure.Online) != 7_500 || v.FeeTotal(procedure.InPerson) != 15_000 {
		t.Error("fees by channel")
	}
	if got := v.SupplementRule(procedure.PhaseProcessing); got.Max != 0 {
		t.Errorf("a phase without a rule allows none: %+v", got)
	}
	if got := v.SupplementRule(procedure.PhaseReception); got.Max != 1 || got.OnExpiry != procedure.StopDossier {
		t.Errorf("reception: %+v", got)
	}
	if s, ok := v.StepAfter("reception"); !ok || s.Code != "appraisal" {
		t.Errorf("after reception: %+v", s)
	}
	if _, ok := v.StepAfter("signature"); ok {
		t.Error("nothing comes after the last step")
	}
	if _, ok := v.StepAfter("dance"); ok {
		t.Error("there is no such step")
	}
	if begins, ends, ok := v.ShareBefore("appraisal"); !ok || begins != 20 || ends != 80 {
		t.Errorf("appraisal has %d to %d", begins, ends)
	}
	if required := v.RequiredComponents(); len(required) != 1 || required[0].Code != "declaration" {
		t.Errorf("what the state holds is not asked for: %+v", required)
	}
	v.StepsInOrder()[0].Code = "changed"
	if v.Steps[0].Code != "reception" {
		t.Error("the steps given out are the version's own")
	}
}

func TestAnExemptionNeverTakesOffMoreThanItsPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(0, procedure.MaxAmount).Draw(t, "amount")
		percent := rapid.IntRange(1, 100).Draw(t, "percent")
		due := procedure.Fee{Amount: amount}.Due(procedure.InPerson, procedure.Exemption{Percent: percent})
		// MaxAmount times 100 fits into an int64.
		off := amount - due
		if off*100 > amount*int64(percent) || (off+1)*100 <= amount*int64(percent) {
			t.Fatalf("%d%% of %d: %d taken off", percent, amount, off)
		}
	})
}
