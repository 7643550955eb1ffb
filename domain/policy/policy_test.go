package policy_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/event/goldentest"
	"dossierledger/domain/policy"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

const code = "H15.01-261012-0001"

// on is a time in October 2026, which has no holidays: the 12th, 19th and 26th
// are Mondays. Office hours are 7:30–11:30 and 13:00–17:00, eight hours a day.
func on(day int, clock string) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04", fmt.Sprintf("2026-10-%02d %s", day, clock), dossier.ICT)
	if err != nil {
		panic(err)
	}
	return at.UTC()
}

// life builds a dossier's events.
type life []event.Event

func (l life) and(at time.Time, p event.Payload) life {
	e := event.New(event.IDFor("test", len(l)), event.Metadata{OccurredAt: at}, p)
	e.Stream, e.Revision = dossier.StreamOf(code), uint64(len(l))
	return append(l[:len(l):len(l)], e)
}

func clock(action dossier.ClockAction, at, due time.Time) []dossier.ClockChange {
	return []dossier.ClockChange{{Action: action, Cause: "cause", At: at, From: at, Due: due}}
}

// received on Monday at nine, promised for the Monday after at nine.
func received() life {
	return life{}.
		and(on(12, "08:00"), dossier.Submitted{Code: code, Procedure: "3.000347", Applicant: dossier.Party{Subject: "sub-an"}, Receiving: "H15.01", Competent: "H15.01"}).
		and(on(12, "09:00"), dossier.Received{
			Competent: "H15.01", Holder: dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-1"},
			Clock: clock(dossier.ClockStart, on(12, "09:00"), on(19, "09:00")),
		})
}

// asked for papers on Tuesday, to be answered by Friday at nine.
func asked(onExpiry procedure.OnExpiry) life {
	return received().and(on(13, "09:00"), dossier.SupplementRequested{
		Number: 1, Phase: procedure.PhaseProcessing, WaitUntil: on(16, "09:00"), OnExpiry: onExpiry,
		Clock: clock(dossier.ClockPause, on(13, "09:00"), on(19, "09:00")),
	})
}

func (l life) next(now time.Time) []policy.Wake {
	s := dossier.Fold(l...)
	return policy.Next(&s, worktime.Standard(), policy.DefaultRules(), now)
}

// does is what a policy does on the dossier as it stands.
func (l life) does(w policy.Wake) (dossier.Command, event.Payload) {
	s := dossier.Fold(l...)
	return w.Do(&s)
}

// then asserts what the policies do at an instant, by the keys' last parts.
func (l life) then(t *testing.T, now time.Time, want ...string) {
	t.Helper()
	var got []string
	for _, w := range l.next(now) {
		if w.Ripe(now) {
			got = append(got, string(w.Kind)+" "+w.Due.In(dossier.ICT).Format("02 15:04"))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("at %s: %v instead of %v", now.In(dossier.ICT).Format("02 15:04:05.000000"), got, want)
	}
}

func TestARequestThatNobodyAnsweredExpiresAfterItsWait(t *testing.T) {
	asked(procedure.StopDossier).then(t, on(16, "09:00"))
	asked(procedure.StopDossier).then(t, on(16, "09:00").Add(time.Microsecond), "expire-supplement 16 09:00")
	asked(procedure.StopDossier).then(t, on(30, "09:00"), "expire-supplement 16 09:00")
	asked(procedure.StopDossier).
		and(on(15, "09:00"), dossier.SupplementProvided{Number: 1, Clock: clock(dossier.ClockResume, on(15, "09:00"), on(21, "09:00"))}).
		then(t, on(16, "10:00"))
	asked(procedure.KeepWaiting).
		and(on(16, "10:00"), dossier.SupplementExpired{Number: 1, Outcome: procedure.KeepWaiting}).
		then(t, on(17, "10:00"))
	unanswered := asked(procedure.StopDossier)
	command, notice := unanswered.does(unanswered.next(on(16, "10:00"))[0])
	if command != (dossier.ExpireSupplement{}) || notice != nil {
		t.Errorf("it does %v, %v", command, notice)
	}
}

func TestAnAppointmentIsBroughtToMindTwoWorkingDaysBefore(t *testing.T) {
	received().then(t, on(15, "08:59")) // Saturday and Sunday do not count
	received().then(t, on(15, "09:00"), "remind 19 09:00")
	received().and(on(15, "10:00"), dossier.ResultIssued{Clock: clock(dossier.ClockStop, on(15, "10:00"), on(19, "09:00"))}).then(t, on(15, "11:00"))
	asked(procedure.KeepWaiting).then(t, on(15, "11:00")) // the clock stands

	w := received().next(on(15, "09:00"))[0]
	command, notice := received().does(w)
	want := policy.ReminderRaised{Applicant: "sub-an", Notice: policy.Notice{
		Dossier: code, Due: on(19, "09:00"), Revision: 1, Holder: dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-1"},
	}}
	if command != nil || notice != want {
		t.Errorf("it does %v, %+v", command, notice)
	}
	if key, ok := policy.KeyOf(notice); !ok || key != w.Key() {
		t.Errorf("the notice of %s says %s", w.Key(), key)
	}
}

func TestATermShorterThanTheSpanIsNotBroughtToMind(t *testing.T) {
	sameDay := life{}.and(on(12, "08:00"), dossier.Submitted{Code: code, Competent: "H15.01"}).
		and(on(12, "09:00"), dossier.Received{SameDay: true, Clock: clock(dossier.ClockStart, on(12, "09:00"), on(12, "17:00"))})
	sameDay.then(t, on(12, "16:59"))
	sameDay.then(t, on(13, "00:00"), "flag-overdue 12 17:00")
}

func TestAnApologyFallsDueADayBeforeWhereTheAppointmentWillNotBeKept(t *testing.T) {
	received().then(t, on(16, "08:59"), "remind 19 09:00")
	received().then(t, on(16, "09:00"), "remind 19 09:00", "apology-due 19 09:00")
	drafted := received().and(on(15, "10:00"), dossier.SubmittedForSignature{Hash: "h"})
	drafted.then(t, on(16, "09:00"), "remind 19 09:00")
	drafted.and(on(15, "11:00"), dossier.OpinionRequested{Number: 1, Agency: "H15.02"}).
		then(t, on(16, "09:00"), "remind 19 09:00", "apology-due 19 09:00")
	// The letter names a new date, and what was about the old one is over.
	received().and(on(16, "10:00"), dossier.DeadlineExtended{Number: 1, Letter: "XL-1", Clock: clock(dossier.ClockExtend, on(16, "10:00"), on(26, "09:00"))}).
		then(t, on(19, "10:00"))
}

func TestADossierIsFlaggedOnTheDayAfterItsAppointment(t *testing.T) {
	received().then(t, on(19, "09:00")) // nobody is reminded any more, and today is not over
	received().then(t, on(19, "23:59"))
	received().then(t, on(20, "00:00"), "flag-overdue 19 09:00")
	asked(procedure.KeepWaiting).and(on(16, "10:00"), dossier.SupplementExpired{Number: 1}).then(t, on(20, "00:00"))
	received().and(on(19, "10:00"), dossier.SupplementRequested{Number: 1, Clock: clock(dossier.ClockPause, on(19, "10:00"), on(19, "09:00"))}).
		then(t, on(20, "00:00"), "flag-overdue 19 09:00") // it was late before the clock stood
	received().and(on(20, "10:00"), dossier.Withdrawn{Clock: clock(dossier.ClockStop, on(20, "10:00"), on(19, "09:00"))}).then(t, on(21, "00:00"))
	(life{}).and(on(12, "08:00"), dossier.Submitted{Code: code}).then(t, on(30, "00:00"))
}

func TestAKeyIsOfADayAndOfOneThing(t *testing.T) {
	a := policy.Wake{Kind: policy.Remind, Dossier: code, Due: on(19, "09:00")}
	moved, other, number := a, a, a
	moved.Due, other.Due = on(19, "15:00"), on(20, "00:30")
	number.Kind, number.Number = policy.ExpireSupplement, 2
	if a.ID() != moved.ID() || a.ID() == other.ID() || a.ID() == number.ID() {
		t.Errorf("%s %s %s %s", a.Key(), moved.Key(), other.Key(), number.Key())
	}
	if want := "policy/remind/" + code + "/2026-10-19"; a.Key() != want {
		t.Errorf("%s was released as %s", a.Key(), want)
	}
}

func calendars(string, time.Time) (dossier.Calendar, error) { return worktime.Standard(), nil }

func TestAReplayTellsWhatWouldHaveBeenDone(t *testing.T) {
	lived := asked(procedure.StopDossier).
		and(on(17, "09:00"), dossier.SupplementProvided{Number: 1, Clock: clock(dossier.ClockResume, on(17, "09:00"), on(21, "09:00"))})
	raised := []event.Event{event.New(policy.Wake{Kind: policy.Remind, Dossier: code, Due: on(21, "09:00")}.ID(), event.Metadata{OccurredAt: on(19, "09:01")}, policy.ReminderRaised{})}
	for _, c := range []struct {
		until time.Time
		want  []string
	}{
		{on(16, "09:00"), nil},
		{on(16, "10:00"), []string{"expire-supplement due"}},
		{on(18, "09:00"), []string{"expire-supplement passed"}},
		{on(19, "09:00"), []string{"expire-supplement passed", "remind due"}},
		{on(20, "10:00"), []string{"expire-supplement passed", "remind done", "apology-due due"}},
		{on(22, "10:00"), []string{"expire-supplement passed", "remind done", "apology-due passed", "flag-overdue due"}},
	} {
		told, err := policy.Replay(lived, raised, calendars, policy.DefaultRules(), c.until)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range told {
			got = append(got, string(w.Kind)+" "+string(w.Outcome))
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("up to %s: %v instead of %v", c.until.In(dossier.ICT), got, c.want)
		}
	}
}

func TestSpansLieBeforeTheAppointment(t *testing.T) {
	for _, r := range []policy.Rules{{}, {Reminder: time.Hour}, {Reminder: -time.Hour, Apology: time.Hour}} {
		if r.Validate() == nil {
			t.Errorf("%+v was taken", r)
		}
	}
	if err := policy.DefaultRules().Validate(); err != nil {
		t.Error(err)
	}
}

func TestEveryReleasedEventIsReadAsItWasWritten(t *testing.T) {
	about := policy.Notice{
		Dossier: code, Due: on(19, "09:00"), Revision: 7,
		Holder: dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-1"},
	}
	goldentest.Hold(t, "testdata", policy.Register, goldentest.ByType(
		policy.ReminderRaised{Notice: about, Applicant: "sub-an"}, policy.ApologyDueRaised{Notice: about}, policy.OverdueRaised{Notice: about},
	))
}
