package commands_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/procedure"
	"dossierledger/infra/journal"
	"dossierledger/infra/ledger"
	"github.com/google/uuid"
)

// clock is a clock that tests move.
type clock struct{ now atomic.Pointer[time.Time] }

func (c *clock) set(t time.Time) { c.now.Store(&t) }
func (c *clock) Now() time.Time  { return *c.now.Load() }

// office is a ledger on its real engines with the sample catalogue.
type office struct {
	*ledger.Ledger
	t     *testing.T
	dir   string
	clock *clock
}

const (
	licence = "3.000347" // đổi giấy phép lái xe, without a required paper original in the sample
	agency  = "G01.21"
)

var desk = event.Actor{ID: "o-g01-21-1", Role: event.RoleOfficer, Agency: agency, Department: "one-stop"}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: filepath.Join(t.TempDir(), "data"), clock: &clock{}}
	o.clock.set(time.Date(2026, 10, 8, 2, 0, 0, 0, time.UTC)) // a Thursday, 9:00 in Vietnam
	o.reopen()
	if _, err := o.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) reopen() {
	o.t.Helper()
	if o.Ledger != nil {
		if err := o.Close(); err != nil {
			o.t.Fatal(err)
		}
	}
	l, err := ledger.Open(context.WithoutCancel(o.t.Context()), ledger.Config{Data: o.dir, Now: o.clock.Now})
	if err != nil {
		o.t.Fatal(err)
	}
	o.Ledger = l
	o.t.Cleanup(func() {
		if err := l.Close(); err != nil {
			o.t.Error(err)
		}
	})
}

func citizen(id string) event.Actor { return event.Actor{ID: id, Role: event.RoleCitizen} }

func application(subject string) dossier.Submit {
	return dossier.Submit{
		Procedure: licence, Channel: procedure.Online, Receiving: agency, Competent: agency,
		Applicant: dossier.Person{Subject: subject, Kind: procedure.Citizen, Name: "Nguyễn Văn Mẫu", Phone: "0900000000"},
		Delivery:  dossier.DeliverPost,
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := fault.CodeOf(err); got != code {
		t.Fatalf("wanted the refusal %s, got %v", code, err)
	}
}

func TestManySubmittingAtOnceGetNumbersWithoutGapOrDuplicate(t *testing.T) {
	o := openOffice(t)
	const n = 200
	codes := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			who := fmt.Sprintf("p-%d", i)
			answer, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen(who), Key: "k"}, application(who))
			if err != nil {
				t.Error(err)
				return
			}
			codes[i] = answer.Code
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, c := range codes {
		seen[c] = true
	}
	for i := 1; i <= n; i++ {
		code, err := dossier.FormatCode("", agency, o.clock.Now(), uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		if !seen[code] {
			t.Fatalf("number %d (%s) was not given out; %d codes", i, code, len(seen))
		}
	}
}

func TestARepeatedSubmissionIsAnsweredTheSameAfterMidnightAndRestartAndWithTheClockPutBack(t *testing.T) {
	o := openOffice(t)
	req := commands.Request{Actor: citizen("p-1"), Key: "one", Hash: "h"}
	first, err := o.Dossiers.Submit(t.Context(), req, application("p-1"))
	if err != nil {
		t.Fatal(err)
	}
	pass := func(d time.Duration) func() { return func() { o.clock.set(o.clock.Now().Add(d)) } }
	for _, step := range []func(){func() {}, o.reopen, pass(26 * time.Hour), pass(-52 * time.Hour), pass(-72 * time.Hour)} {
		step()
		again, err := o.Dossiers.Submit(t.Context(), req, application("p-1"))
		if err != nil {
			t.Fatal(err)
		}
		if again.Code != first.Code || again.Revision != first.Revision || !again.Repeated {
			t.Fatalf("the repeat was answered %+v, the first %+v", again, first)
		}
	}
	other := req
	other.Hash = "another body"
	_, err = o.Dossiers.Submit(t.Context(), other, application("p-1"))
	wantCode(t, err, commands.ErrKeyReused.Code)

	stranger := commands.Request{Actor: citizen("p-2"), Key: "one", Hash: "h"}
	second, err := o.Dossiers.Submit(t.Context(), stranger, application("p-2"))
	if err != nil || second.Code == first.Code {
		t.Fatalf("another person's key of the same name: %+v, %v", second, err)
	}
}

func TestARefusedSubmissionUsesNoNumber(t *testing.T) {
	o := openOffice(t)
	bad := application("p-1")
	bad.Applicant.Name = ""
	if _, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1")}, bad); fault.KindOf(err) != fault.Invalid {
		t.Fatalf("a submission without a name: %v", err)
	}
	for code, change := range map[string]func(*dossier.Submit){
		"agency.not-found":                 func(c *dossier.Submit) { c.Receiving = "X99" },
		dossier.ErrAgencyNotCompetent.Code: func(c *dossier.Submit) { c.Competent = "G08" },
		"agency.not-active":                func(c *dossier.Submit) { c.Support = "H15.51.05" }, // merged on 1 July 2025
		"procedure.not-found":              func(c *dossier.Submit) { c.Procedure = "9.999999" },
	} {
		command := application("p-1")
		change(&command)
		_, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1")}, command)
		wantCode(t, err, code)
	}
	foreign := application("p-2")
	_, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1")}, foreign)
	wantCode(t, err, dossier.ErrForbidden.Code)
	answer, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1")}, application("p-1"))
	if err != nil {
		t.Fatal(err)
	}
	if want := agency + "-261008-0001"; answer.Code != want {
		t.Fatalf("the first dossier has code %s, not %s", answer.Code, want)
	}
}

// dying is the journal of a process that dies after a number was given out.
type dying struct {
	commands.Submissions
	dead bool
}

var errDied = errors.New("the process died")

// AppendAllocated leaves numbers and dossiers to one append each, as a store does
// that cannot write both at once; one that can may lose the dossier all the same.
func (d *dying) AppendAllocated(context.Context, string, event.Expected, []event.Event) ([]event.Written, bool, error) {
	return nil, false, nil
}

func (d *dying) AppendEncoded(ctx context.Context, stream string, expected event.Expected, events []dossier.EncodedEvent) (event.Written, error) {
	if d.dead {
		return event.Written{}, errDied
	}
	return d.Submissions.AppendEncoded(ctx, stream, expected, events)
}

func TestANumberThatACrashLeftWithoutDossierIsCompleted(t *testing.T) {
	o := openOffice(t)
	crashed, err := commands.NewDossiers(o.Journal, &dying{Submissions: o.Journal, dead: true}, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		who := fmt.Sprintf("p-%d", i)
		_, err := crashed.Submit(t.Context(), commands.Request{Actor: citizen(who), Key: "k"}, application(who))
		if !errors.Is(err, errDied) {
			t.Fatal(err)
		}
	}
	// One comes back by itself, the others are completed at the next start.
	again, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1"), Key: "k"}, application("p-1"))
	if err != nil || again.Code != agency+"-261008-0002" {
		t.Fatalf("the repeat after the crash: %+v, %v", again, err)
	}
	o.reopen()
	for i := 1; i <= 3; i++ {
		code := fmt.Sprintf("%s-261008-%04d", agency, i)
		if n := count(t, o, code); n != 1 {
			t.Errorf("dossier %s has %d events after the restart", code, n)
		}
	}
	finished, err := o.Dossiers.FinishSubmissions(t.Context(), func(ctx context.Context, after *uint64) iter.Seq2[event.Event, error] {
		if after == nil {
			t.Error("the check after a restart begins at the start of the ledger")
		}
		return o.Journal.ReadAll(ctx, after, dossier.SequencePrefix)
	})
	if err != nil || finished != 0 {
		t.Fatalf("checked again: %d, %v", finished, err)
	}
}

// restored writes numbers that belong together with their dossiers without these, as
// a ledger has them that was restored to the point between.
type restored struct {
	*journal.Journal
}

func (r *restored) AppendAllocated(ctx context.Context, sequence string, expected event.Expected, allocations []event.Event) ([]event.Written, bool, error) {
	for i := range allocations {
		allocations[i].Payload = dossier.NumberAllocated{Dossier: allocations[i].Payload.(dossier.NumberAllocated).Dossier}
	}
	if _, err := r.Append(ctx, sequence, expected, allocations...); err != nil {
		return nil, false, err
	}
	return nil, false, errDied
}

// given a number whose dossier lies behind the point that a ledger was restored to,
// when its submission is repeated, then it is told so; nothing is there to complete,
// and the next submission gets the next number.
func TestANumberWhoseDossierWasNotRestored(t *testing.T) {
	o := openOffice(t)
	cut, err := commands.NewDossiers(o.Journal, &restored{o.Journal}, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	req := commands.Request{Actor: citizen("p-1"), Key: "k"}
	if _, err := cut.Submit(t.Context(), req, application("p-1")); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	o.reopen()
	if _, err := o.Dossiers.Submit(t.Context(), req, application("p-1")); fault.CodeOf(err) != "dossier.not-restored" {
		t.Errorf("the repeat: %v", err)
	}
	finished, err := o.Dossiers.FinishSubmissions(t.Context(), func(ctx context.Context, after *uint64) iter.Seq2[event.Event, error] {
		return o.Journal.ReadAll(ctx, after, dossier.SequencePrefix)
	})
	if err != nil || finished != 0 {
		t.Errorf("%d were completed, %v", finished, err)
	}
	next, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1"), Key: "other"}, application("p-1"))
	if want := agency + "-261008-0002"; err != nil || next.Code != want {
		t.Errorf("the next one is %q, %v", next.Code, err)
	}
}

// looking counts the dossiers that are looked for.
type looking struct {
	commands.Submissions
	dossiers int
}

func (l *looking) ReadBack(ctx context.Context, stream string, limit int) iter.Seq2[event.Event, error] {
	if _, ok := dossier.CodeOf(stream); ok {
		l.dossiers++
	}
	return l.Submissions.ReadBack(ctx, stream, limit)
}

// given numbers that were written together with their dossiers, and one of another
// process that died, when it is looked for what was cut off, then only for the one.
func TestWhatWasWrittenWithItsNumberIsNotLookedFor(t *testing.T) {
	o := openOffice(t)
	looked := &looking{Submissions: o.Journal}
	d, err := commands.NewDossiers(o.Journal, looked, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	submit := func(d *commands.Dossiers, who string) error {
		_, err := d.Submit(t.Context(), commands.Request{Actor: citizen(who), Key: "k"}, application(who))
		return err
	}
	for i := range 4 {
		if err := submit(d, fmt.Sprintf("p-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	finish := func(want int) {
		t.Helper()
		looked.dossiers = 0
		finished, err := d.FinishSubmissions(t.Context(), func(ctx context.Context, after *uint64) iter.Seq2[event.Event, error] {
			return o.Journal.ReadAll(ctx, after, dossier.SequencePrefix)
		})
		if err != nil || finished != want || looked.dossiers != want {
			t.Errorf("%d were finished and %d looked for, not %d: %v", finished, looked.dossiers, want, err)
		}
	}
	finish(0)
	crashed, err := commands.NewDossiers(o.Journal, &dying{Submissions: o.Journal, dead: true}, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := submit(crashed, "p-4"); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	for i := 5; i < 7; i++ {
		if err := submit(d, fmt.Sprintf("p-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	finish(1)
	finish(0)
	if n := count(t, o, agency+"-261008-0005"); n != 1 {
		t.Errorf("the one that was cut off has %d events", n)
	}
}

// A ledger that was copied to another store notes a position of the first one.
func TestANoteOfAnotherStoresPositionIsNotBelieved(t *testing.T) {
	o := openOffice(t)
	note := event.New(uuid.New(), event.Metadata{}, commands.SubmissionsChecked{UpTo: 1 << 40})
	if _, err := o.Journal.Append(t.Context(), "ledger-submissions", event.Any, note); err != nil {
		t.Fatal(err)
	}
	crashed, err := commands.NewDossiers(o.Journal, &dying{Submissions: o.Journal, dead: true}, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := crashed.Submit(t.Context(), commands.Request{Actor: citizen("p-1"), Key: "k"}, application("p-1")); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	o.reopen()
	if n := count(t, o, agency+"-261008-0001"); n != 1 {
		t.Errorf("the dossier has %d events after the restart", n)
	}
}

func count(t *testing.T, o *office, code string) int {
	t.Helper()
	n := 0
	for _, err := range o.Journal.Read(t.Context(), dossier.StreamOf(code), 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestActingOnADossier(t *testing.T) {
	o := openOffice(t)
	submitted, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1")}, application("p-1"))
	if err != nil {
		t.Fatal(err)
	}
	note := dossier.AddNote{Visibility: dossier.ForApplicant, Text: "Tôi gửi bổ sung sau"}
	req := commands.Request{Actor: citizen("p-1"), Key: "note", Hash: "a"}

	t.Run("a repeated request appends nothing and is answered the same", func(t *testing.T) {
		first, err := o.Dossiers.Act(t.Context(), req, submitted.Code, note)
		if err != nil {
			t.Fatal(err)
		}
		again, err := o.Dossiers.Act(t.Context(), req, submitted.Code, note)
		if err != nil {
			t.Fatal(err)
		}
		if !again.Repeated || again.Revision != first.Revision || again.Position != first.Position || len(again.Events) != 1 {
			t.Fatalf("the repeat was answered %+v, the first %+v", again, first)
		}
		if n := count(t, o, submitted.Code); n != 2 {
			t.Fatalf("%d events after a repeat", n)
		}
	})
	t.Run("the same key with other content is refused", func(t *testing.T) {
		other := req
		other.Hash = "b"
		_, err := o.Dossiers.Act(t.Context(), other, submitted.Code, note)
		wantCode(t, err, commands.ErrKeyReused.Code)
	})
	t.Run("who insists on a revision is told when it has passed", func(t *testing.T) {
		old := uint64(0)
		_, err := o.Dossiers.Act(t.Context(), commands.Request{Actor: citizen("p-1"), IfRevision: &old}, submitted.Code, note)
		wantCode(t, err, commands.ErrStale.Code)
	})
	t.Run("others acting at the same time is no refusal", func(t *testing.T) {
		before := count(t, o, submitted.Code)
		var wg sync.WaitGroup
		var done atomic.Int32
		for range 6 {
			wg.Go(func() {
				_, err := o.Dossiers.Act(t.Context(), commands.Request{Actor: desk}, submitted.Code, dossier.AddNote{Visibility: dossier.Internal, Text: "x"})
				switch {
				case err == nil:
					done.Add(1)
				case fault.KindOf(err) != fault.Conflict:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := count(t, o, submitted.Code) - before; got != int(done.Load()) || got == 0 {
			t.Fatalf("%d notes were acknowledged, %d are there", done.Load(), got)
		}
	})
	t.Run("a dossier that does not exist, a code that cannot be one, nobody, the future", func(t *testing.T) {
		_, err := o.Dossiers.Act(t.Context(), req, "H15-260101-0001", note)
		wantCode(t, err, "dossier.not-found")
		_, err = o.Dossiers.Act(t.Context(), req, "a b", note)
		wantCode(t, err, dossier.ErrBadCode.Code)
		_, err = o.Dossiers.Act(t.Context(), commands.Request{}, submitted.Code, note)
		wantCode(t, err, "actor.unknown")
		_, err = o.Dossiers.Act(t.Context(), commands.Request{Actor: desk, OccurredAt: o.clock.Now().Add(time.Hour)}, submitted.Code, note)
		wantCode(t, err, "occurred.in-future")
	})
	t.Run("a code of another system is taken over by the desk, once", func(t *testing.T) {
		taken := application("p-9")
		taken.Code = "03706/2026/07906"
		_, err := o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-9")}, taken)
		wantCode(t, err, "dossier.code-not-yours")
		req := commands.Request{Actor: desk, Key: "x"}
		if _, err := o.Dossiers.Submit(t.Context(), req, taken); err != nil {
			t.Fatal(err)
		}
		if again, err := o.Dossiers.Submit(t.Context(), req, taken); err != nil || !again.Repeated {
			t.Fatalf("repeated: %+v, %v", again, err)
		}
		_, err = o.Dossiers.Submit(t.Context(), commands.Request{Actor: desk}, taken)
		wantCode(t, err, "dossier.code-taken")
	})
}
