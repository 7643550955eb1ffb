package commands_test

import (
	"cmp"
	"context"
	"testing"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/journal"
)

// given two sets of commands on one ledger, each with what it remembers, when one
// acts after the other has, then it decides on the dossier as it is and not as it
// remembers it.
func TestWhatIsRememberedNeverDecidesAlone(t *testing.T) {
	o := openOffice(t)
	here := o.Dossiers
	there, err := commands.NewDossiers(o.Journal, o.Journal, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs := commands.Request{Actor: citizen("p-1")}, commands.Request{Actor: desk}
	note := dossier.AddNote{Visibility: dossier.ForApplicant, Text: "Tôi gửi bổ sung sau"}
	act := func(d *commands.Dossiers, req commands.Request, code string, command dossier.Command, want string) commands.Answer {
		t.Helper()
		answer, err := d.Act(t.Context(), req, code, command)
		wantCode(t, err, want)
		return answer
	}
	submitted, err := here.Submit(t.Context(), mine, application("p-1"))
	if err != nil {
		t.Fatal(err)
	}
	code := submitted.Code

	act(here, theirs, code, dossier.Receive{Slip: "1"}, dossier.ErrComponentsMissing.Code)
	for _, component := range []string{"application", "licence", "photo"} {
		act(there, mine, code, dossier.AttachDocument{
			Component: component, Hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			Size: 10, MediaType: "application/pdf", Form: dossier.Electronic,
		}, "")
	}
	// Refused on what is remembered, right on what is.
	act(here, theirs, code, dossier.Receive{Slip: "1"}, "")
	// Something to do on what is remembered, nothing on what is.
	if again := act(there, theirs, code, dossier.Receive{Slip: "1"}, ""); len(again.Events) > 0 {
		t.Errorf("received twice: %v", again.Events)
	}
	// Whoever may act on what is remembered may not on what is.
	act(there, mine, code, note, "")
	act(here, mine, code, dossier.Withdraw{Why: dossier.Why{Ground: "applicant", Text: "Tôi không cần nữa"}}, "")
	closed := fault.New(fault.Forbidden, "test.closed", "it is closed")
	guarded := mine
	guarded.May = func(s *dossier.State) error {
		if !s.Phase.Open() {
			return closed
		}
		return nil
	}
	act(there, guarded, code, note, "test.closed")
	before := count(t, o, code)
	act(there, theirs, code, dossier.Receive{Slip: "2"}, refusalOf(t, o, theirs, code, dossier.Receive{Slip: "2"}))
	if after := count(t, o, code); after != before {
		t.Errorf("%d events where there were %d", after, before)
	}
}

// refusalOf is the code with which a ledger that remembers nothing refuses.
func refusalOf(t *testing.T, o *office, req commands.Request, code string, command dossier.Command) string {
	t.Helper()
	fresh, err := commands.NewDossiers(o.Journal, o.Journal, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fresh.Act(t.Context(), req, code, command)
	if err == nil {
		t.Fatal("a ledger that remembers nothing does not refuse")
	}
	return fault.CodeOf(err)
}

var errNoAnswer = fault.New(fault.Unavailable, "test.no-answer", "the store did not answer in time")

// unsure is a journal whose appends are carried out and not answered.
type unsure struct {
	*journal.Journal
	appends int
}

func (u *unsure) Append(ctx context.Context, stream string, expected event.Expected, events ...event.Event) (event.Written, error) {
	u.appends++
	_, err := u.Journal.Append(ctx, stream, expected, events...)
	return event.Written{}, cmp.Or[error](err, errNoAnswer)
}

// given a state that is remembered and a store that does not answer in time, when
// somebody acts, then the caller is told so, and the action is not done once more.
func TestAnActionOfUnknownOutcomeIsNotTriedAgain(t *testing.T) {
	o := openOffice(t)
	u := &unsure{Journal: o.Journal}
	d, err := commands.NewDossiers(u, o.Journal, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	submitted, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1")}, application("p-1"))
	if err != nil {
		t.Fatal(err)
	}
	note := dossier.AddNote{Visibility: dossier.ForApplicant, Text: "Tôi gửi bổ sung sau"}
	for round := range 2 { // the second time on what is remembered
		_, err := d.Act(t.Context(), commands.Request{Actor: citizen("p-1")}, submitted.Code, note)
		wantCode(t, err, errNoAnswer.Code)
		if u.appends != round+1 {
			t.Fatalf("round %d: %d appends", round, u.appends)
		}
		reader, err := commands.NewDossiers(o.Journal, o.Journal, o.Registers, o.Registers, o.Registers, o.clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		// Somebody who reads it leaves the newest state.
		if _, err := reader.Act(t.Context(), commands.Request{Actor: desk}, submitted.Code, dossier.Receive{Slip: "1"}); fault.CodeOf(err) != dossier.ErrComponentsMissing.Code {
			t.Fatal(err)
		}
		newest, ok := reader.States().Shared(submitted.Code)
		if !ok {
			t.Fatal("nothing is remembered")
		}
		d.States().Share(submitted.Code, newest)
	}
}

// given a newer state that is remembered, when an older one is added, then the
// newer one stays.
func TestAnOlderStateIsNotRememberedOverANewerOne(t *testing.T) {
	states, err := commands.NewStates(2)
	if err != nil {
		t.Fatal(err)
	}
	states.Share("a", &dossier.State{Revision: 7})
	states.Share("a", &dossier.State{Revision: 3})
	if got, ok := states.Get("a"); !ok || got.Revision != 7 {
		t.Errorf("remembered is revision %d (%t), not 7", got.Revision, ok)
	}
	states.Share("b", &dossier.State{})
	states.Share("c", &dossier.State{})
	if _, ok := states.Get("a"); ok {
		t.Error("more is remembered than may be")
	}
}

// given a state that is remembered, when who asked for it folds on, then what is
// remembered stays as it was.
func TestWhatIsRememberedIsNobodyElses(t *testing.T) {
	states, err := commands.NewStates(2)
	if err != nil {
		t.Fatal(err)
	}
	states.Share("a", &dossier.State{Revision: 3})
	got, ok := states.Get("a")
	if !ok {
		t.Fatal("nothing is remembered")
	}
	got.Apply(event.Event{Revision: 5})
	if again, _ := states.Get("a"); again.Revision != 3 || again.Events != 0 {
		t.Errorf("remembered is revision %d after %d events now", again.Revision, again.Events)
	}
}

// given a state that was given out to be read, when a newer one is remembered, then
// who reads the older one still does.
func TestAStateThatIsReadDoesNotChange(t *testing.T) {
	states, err := commands.NewStates(2)
	if err != nil {
		t.Fatal(err)
	}
	states.Share("a", &dossier.State{Revision: 3})
	read, ok := states.Shared("a")
	if !ok {
		t.Fatal("nothing is remembered")
	}
	states.Share("a", &dossier.State{Revision: 4})
	if newest, _ := states.Shared("a"); read.Revision != 3 || newest.Revision != 4 {
		t.Errorf("what is read is revision %d, and the newest %d", read.Revision, newest.Revision)
	}
}
