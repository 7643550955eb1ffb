package procedure_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"pgregory.net/rapid"
)

func folded(t interface{ Fatal(...any) }, events []event.Event) procedure.History {
	h, err := procedure.Fold(events)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAtAnswersInTwoTimes(t *testing.T) {
	h := folded(t, []event.Event{
		known("2021-12-01", procedure.Published{Version: marriage(1), EffectiveFrom: day("2022-01-01")}),
		known("2025-11-15", procedure.Revised{Version: marriage(2), EffectiveFrom: day("2026-01-01")}),
		known("2026-02-04", procedure.SuspendedFrom{From: day("2026-02-04"), Until: until("2026-04-16"), Basis: "NQ 09"}),
		known("2026-03-10", procedure.Reinstated{From: day("2026-03-15"), Basis: "NQ 10"}),
		// Recorded late, for a day that has passed.
		known("2026-06-01", procedure.Revised{Version: marriage(3), EffectiveFrom: day("2026-05-01")}),
		known("2026-09-01", procedure.SupersededBy{By: "3.000347", Effective: day("2027-01-01"), Basis: "QĐ 1"}),
	})
	for _, c := range []struct {
		valid, known string // an empty known is everything
		number       int
		standing     procedure.Standing
	}{
		{"2021-12-15", "2021-11-30", 0, ""},
		{"2021-12-15", "2021-12-15", 1, procedure.NotYet},
		{"2022-01-01", "2021-12-15", 1, procedure.InForce},
		{"2026-01-01", "2025-11-14", 1, procedure.InForce},
		{"2025-12-31", "2025-11-15", 1, procedure.InForce},
		{"2026-01-01", "2025-11-15", 2, procedure.InForce},
		{"2026-03-01", "2026-02-03", 2, procedure.InForce},
		{"2026-03-01", "2026-02-04", 2, procedure.Suspended},
		{"2026-04-15", "2026-02-04", 2, procedure.Suspended},
		{"2026-04-16", "2026-02-04", 2, procedure.InForce},
		{"2026-03-15", "2026-03-09", 2, procedure.Suspended},
		{"2026-03-15", "2026-03-10", 2, procedure.InForce},
		{"2026-03-14", "2026-03-10", 2, procedure.Suspended},
		{"2026-05-15", "2026-05-31", 2, procedure.InForce},
		{"2026-05-15", "2026-06-01", 3, procedure.InForce},
		{"2027-01-01", "2026-08-31", 3, procedure.InForce},
		{"2027-01-01", "", 3, procedure.Superseded},
		{"2026-12-31", "", 3, procedure.InForce},
	} {
		var k time.Time
		if c.known != "" {
			k = day(c.known)
		}
		v, standing, ok := h.At(day(c.valid), k)
		if ok != (c.number > 0) || v.Number != c.number || standing != c.standing {
			t.Errorf("on %s as known on %s: version %d, %s; want %d, %s", c.valid, c.known, v.Number, standing, c.number, c.standing)
		}
	}
	s := h.SituationAt(day("2026-02-10"), day("2026-02-10"))
	want := procedure.Situation{Standing: procedure.Suspended, Since: day("2026-02-04"), Until: day("2026-04-16"), Basis: "NQ 09"}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if s := h.SituationAt(day("2028-01-01"), time.Time{}); s.By != "3.000347" || s.Basis != "QĐ 1" {
		t.Errorf("what took its place is %+v", s)
	}
	if v, ok := h.Numbered(2); !ok || v.Number != 2 {
		t.Error("version 2 is not found by its number")
	}
	if _, ok := h.Numbered(4); ok {
		t.Error("there is no version 4")
	}
}

func TestAScheduledVersionSurvivesAnEarlierOneRecordedLater(t *testing.T) {
	h := folded(t, append(published(),
		known("2026-06-01", procedure.Revised{Version: marriage(2), EffectiveFrom: day("2027-01-01")}),
		known("2026-09-01", procedure.Revised{Version: marriage(3), EffectiveFrom: day("2026-10-01")}),
		known("2026-12-01", procedure.Revised{Version: marriage(4), EffectiveFrom: day("2027-01-01")}),
	))
	numbers := func(knownOn string) []int {
		var got []int
		for _, p := range h.Schedule(day(knownOn)) {
			got = append(got, p.Version.Number)
		}
		return got
	}
	if got := numbers("2026-09-01"); !slices.Equal(got, []int{1, 3, 2}) {
		t.Errorf("as known in September: %v", got)
	}
	if got := numbers("2026-12-01"); !slices.Equal(got, []int{1, 3, 4}) {
		t.Errorf("a later one for the same day counts: %v", got)
	}
}

func TestReinstatingEndsOnlyTheSuspensionItMeets(t *testing.T) {
	h := folded(t, append(published(),
		known("2026-01-01", procedure.SuspendedFrom{From: day("2026-02-01"), Until: until("2026-03-01"), Basis: "a"}),
		known("2026-01-02", procedure.SuspendedFrom{From: day("2026-06-01"), Until: until("2026-07-01"), Basis: "b"}),
		known("2026-01-03", procedure.SupersededBy{By: "3.000347", Effective: day("2026-07-01")}),
		known("2026-01-04", procedure.Reinstated{From: day("2026-06-15"), Basis: "c"}),
	))
	for d, want := range map[string]procedure.Standing{
		"2026-02-15": procedure.Suspended, "2026-03-01": procedure.InForce, "2026-06-14": procedure.Suspended,
		"2026-06-15": procedure.InForce, "2026-07-01": procedure.Superseded,
	} {
		if _, got, _ := h.At(day(d), time.Time{}); got != want {
			t.Errorf("on %s it is %s, want %s", d, got, want)
		}
	}
}

func TestACatalogueTakenOverLateIsDatedByWhatWasAnnounced(t *testing.T) {
	e := published()[0]
	e.RecordedAt = day("2026-11-23")
	h := folded(t, []event.Event{e})
	if _, _, ok := h.At(day("2023-01-01"), day("2023-01-01")); ok {
		t.Error("the ledger did not know it in 2023")
	}
	if _, standing, ok := h.AsAnnounced().At(day("2023-01-01"), day("2023-01-01")); !ok || standing != procedure.InForce {
		t.Error("it had been announced by 2023")
	}
	if _, _, ok := h.At(day("2023-01-01"), day("2023-01-01")); ok {
		t.Error("asking by announcement changed the history")
	}
}

// anyHistory draws facts in the order of recording, with dates in any order.
func anyHistory(t *rapid.T) []event.Event {
	base := day("2022-01-01")
	at := func(label string) time.Time { return base.AddDate(0, 0, rapid.IntRange(0, 60).Draw(t, label)) }
	events := []event.Event{{RecordedAt: base, Payload: procedure.Published{Version: marriage(1), EffectiveFrom: at("first")}}}
	recorded := base
	for i := range rapid.IntRange(0, 8).Draw(t, "facts") {
		recorded = recorded.AddDate(0, 0, rapid.IntRange(0, 5).Draw(t, "later"))
		var p event.Payload
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			p = procedure.Revised{Version: marriage(i + 2), EffectiveFrom: at("from")}
		case 1:
			s := procedure.SuspendedFrom{From: at("from"), Basis: "x"}
			if rapid.Bool().Draw(t, "ends") {
				end := s.From.AddDate(0, 0, rapid.IntRange(1, 20).Draw(t, "length"))
				s.Until = &end
			}
			p = s
		case 2:
			p = procedure.SupersededBy{By: "3.000347", Effective: at("from")}
		default:
			p = procedure.Reinstated{From: at("from"), Basis: "x"}
		}
		events = append(events, event.Event{RecordedAt: recorded, Payload: p})
	}
	return events
}

// What was known at a time is what a ledger would answer that had stopped then.
func TestKnowledgeOfAnyTimeIsThatOfTheEventsUntilThen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := anyHistory(t)
		whole := folded(t, events)
		for range 5 {
			k := day("2022-01-01").AddDate(0, 0, rapid.IntRange(-1, 50).Draw(t, "known"))
			v := day("2022-01-01").AddDate(0, 0, rapid.IntRange(-5, 90).Draw(t, "valid"))
			n := 0
			for n < len(events) && !events[n].RecordedAt.After(k) {
				n++
			}
			part := folded(t, events[:n])
			gotV, gotS, gotOK := whole.At(v, k)
			wantV, wantS, wantOK := part.At(v, time.Time{})
			if gotV.Number != wantV.Number || gotS != wantS || gotOK != wantOK {
				t.Fatalf("on %s as known on %s: %d %s %v, the ledger of that day said %d %s %v", v, k, gotV.Number, gotS, gotOK, wantV.Number, wantS, wantOK)
			}
			if s := whole.SituationAt(v, k); s != part.SituationAt(v, time.Time{}) {
				t.Fatalf("the situation differs: %+v", s)
			}
		}
	})
}

// A situation holds from its beginning up to its end, and not at its end.
func TestASituationHoldsForAllOfItsPeriod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := folded(t, anyHistory(t))
		v := day("2022-01-01").AddDate(0, 0, rapid.IntRange(-5, 90).Draw(t, "valid"))
		s := h.SituationAt(v, time.Time{})
		if !s.Since.IsZero() && (v.Before(s.Since) || h.SituationAt(s.Since, time.Time{}).Standing != s.Standing) {
			t.Fatalf("%+v does not hold from its beginning to %s", s, v)
		}
		if !s.Until.IsZero() {
			last := s.Until.Add(-time.Nanosecond)
			if !v.Before(s.Until) || h.SituationAt(last, time.Time{}).Standing != s.Standing || h.SituationAt(s.Until, time.Time{}).Standing == s.Standing {
				t.Fatalf("%+v does not end where it says", s)
			}
		}
	})
}

// Within the span around a time nothing changes, whichever of its moments is asked for.
func TestAnswersAreSteadyWithinTheirSpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := anyHistory(t)
		for i := range events { // announced on another day than recorded
			events[i].Metadata.OccurredAt = events[i].RecordedAt.AddDate(0, 0, rapid.IntRange(-9, 9).Draw(t, "announced"))
		}
		h := folded(t, events)
		at := day("2022-01-01").AddDate(0, 0, rapid.IntRange(-5, 90).Draw(t, "at"))
		from, until := h.SteadyAround(at)
		if at.Before(from) || !until.IsZero() && !at.Before(until) {
			t.Fatalf("%s is not within %s and %s", at, from, until)
		}
		other := at.AddDate(0, 0, rapid.IntRange(-90, 90).Draw(t, "other"))
		if rapid.Bool().Draw(t, "at an end") {
			other = from
			if !until.IsZero() {
				other = until.Add(-time.Nanosecond)
			}
		}
		if other.Before(from) || !until.IsZero() && !other.Before(until) {
			return
		}
		for name, asked := range map[string]func(time.Time) string{
			"as recorded by then":  func(t time.Time) string { v, s, ok := h.At(t, t); return fmt.Sprint(v.Number, s, ok) },
			"as announced by then": func(t time.Time) string { v, s, ok := h.AsAnnounced().At(t, t); return fmt.Sprint(v.Number, s, ok) },
			"as known now":         func(t time.Time) string { v, s, ok := h.At(t, time.Time{}); return fmt.Sprint(v.Number, s, ok) },
		} {
			if a, b := asked(at), asked(other); a != b {
				t.Fatalf("%s: %s on %s, %s on %s", name, a, at, b, other)
			}
		}
	})
}
