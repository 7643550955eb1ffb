package commands_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/journal"
)

// allocated lists the dossiers of an agency's day in the order of their numbers.
func allocated(t *testing.T, o *office) []string {
	t.Helper()
	stream, err := dossier.SequenceStream("", agency, o.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for e, err := range o.Journal.Read(t.Context(), stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, e.Payload.(dossier.NumberAllocated).Dossier)
	}
	return codes
}

// given some processes on one ledger and people who send everything twice, when
// all submit at once, then each request has one number and each number one
// dossier, without a gap.
func TestNumbersAreGivenOutTogetherByManyToManyWhoRepeatThemselves(t *testing.T) {
	o := openOffice(t)
	other, err := commands.NewDossiers(o.Journal, o.Journal, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	const n = 60
	codes := make([][3]string, n)
	var wg sync.WaitGroup
	for i := range n {
		who := fmt.Sprintf("p-%d", i)
		for j, process := range []*commands.Dossiers{o.Dossiers, o.Dossiers, other} {
			wg.Go(func() {
				answer, err := process.Submit(t.Context(), commands.Request{Actor: citizen(who), Key: "k", Hash: "h"}, application(who))
				if err != nil {
					t.Error(err)
					return
				}
				codes[i][j] = answer.Code
			})
		}
	}
	wg.Wait()
	for i, c := range codes {
		if c[0] == "" || c[0] != c[1] || c[0] != c[2] {
			t.Errorf("request %d was answered %q", i, c)
		}
	}
	given := allocated(t, o)
	if len(given) != n {
		t.Errorf("%d requests used %d numbers", n, len(given))
	}
	for i, code := range given {
		if want, _ := dossier.FormatCode("", agency, o.clock.Now(), uint64(i+1)); code != want {
			t.Errorf("number %d went to %s", i+1, code)
		}
		if got := count(t, o, code); got != 1 {
			t.Errorf("dossier %s has %d events", code, got)
		}
	}
}

// slow is a journal whose appends to sequences wait until they are let go.
type slow struct {
	*journal.Journal
	begun, let chan struct{}
}

func (s *slow) AppendAllocated(ctx context.Context, stream string, expected event.Expected, events []event.Event) ([]event.Written, bool, error) {
	s.begun <- struct{}{}
	<-s.let
	return s.Journal.AppendAllocated(ctx, stream, expected, events)
}

func TestWhoGoesAwayBeforeTheNumberIsWrittenUsesNone(t *testing.T) {
	o := openOffice(t)
	j := &slow{Journal: o.Journal, begun: make(chan struct{}, 8), let: make(chan struct{})}
	d, err := commands.NewDossiers(j, j, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	submit := func(ctx context.Context, who string) error {
		_, err := d.Submit(ctx, commands.Request{Actor: citizen(who), Key: "k"}, application(who))
		return err
	}
	leaving, leave := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- submit(leaving, "p-1") }()
	<-j.begun // its number is being written
	waiting, giveUp := context.WithCancel(t.Context())
	go func() { second <- submit(waiting, "p-2") }()
	giveUp()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Fatalf("who gave up while waiting: %v", err)
	}
	leave()
	close(j.let)
	<-first
	if got := allocated(t, o); len(got) != 1 {
		t.Fatalf("%d numbers were used", len(got))
	}
	// Whoever left in the middle finds the number by asking again.
	answer, err := d.Submit(t.Context(), commands.Request{Actor: citizen("p-1"), Key: "k"}, application("p-1"))
	if want := agency + "-261008-0001"; err != nil || answer.Code != want {
		t.Fatalf("the repeat: %+v, %v", answer, err)
	}
}

// given an agency whose numbers of the day are used up, when a request that got
// one comes again, then it is answered as before, and new ones are refused.
func TestARepeatIsAnsweredAlsoWhenTheDaysNumbersAreUsedUp(t *testing.T) {
	o := openOffice(t)
	first := commands.Request{Actor: citizen("p-1"), Key: "k", Hash: "h"}
	answer, err := o.Dossiers.Submit(t.Context(), first, application("p-1"))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := dossier.SequenceStream("", agency, o.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var others []event.Event
	for i := range 9998 {
		code, err := dossier.FormatCode("", agency, o.clock.Now(), uint64(i+2))
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, event.New(event.IDFor("others", i), event.Metadata{Actor: citizen("p-2"), OccurredAt: o.clock.Now()}, dossier.NumberAllocated{Dossier: code}))
	}
	if _, err := o.Journal.Append(t.Context(), stream, event.Exact(0), others...); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the end of the sequence is known beforehand
		_, err = o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1"), Key: "another", Hash: "h"}, application("p-1"))
		wantCode(t, err, dossier.ErrCodesUsedUp.Code)
		again, err := o.Dossiers.Submit(t.Context(), first, application("p-1"))
		if err != nil || again.Code != answer.Code || !again.Repeated {
			t.Fatalf("the repeat was answered %+v, %v, the request %+v", again, err, answer)
		}
	}
	_, err = o.Dossiers.Submit(t.Context(), commands.Request{Actor: citizen("p-1"), Key: "k", Hash: "other"}, application("p-1"))
	wantCode(t, err, commands.ErrKeyReused.Code)
	if given := allocated(t, o); len(given) != 9999 {
		t.Errorf("%d numbers were given out", len(given))
	}
}

// given somebody whose number is being written and two who wait, when the one who
// would write next goes away, then the other one writes.
func TestWhoGoesAwayLeavesTheWritingToTheNext(t *testing.T) {
	o := openOffice(t)
	j := &slow{Journal: o.Journal, begun: make(chan struct{}, 8), let: make(chan struct{})}
	d, err := commands.NewDossiers(j, j, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	submit := func(ctx context.Context, who string) <-chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := d.Submit(ctx, commands.Request{Actor: citizen(who)}, application(who))
			ended <- err
		}()
		return ended
	}
	leaving, leave := context.WithCancel(t.Context())
	first := submit(t.Context(), "p-1")
	<-j.begun
	second, third := submit(leaving, "p-2"), submit(t.Context(), "p-3")
	leave()
	j.let <- struct{}{}
	close(j.let)
	for name, ended := range map[string]<-chan error{"first": first, "third": third} {
		if err := <-ended; err != nil {
			t.Errorf("the %s: %v", name, err)
		}
	}
	// Whether the second got a number is a matter of who was quicker.
	if err := <-second; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("who went away: %v", err)
	}
	given := allocated(t, o)
	for i, code := range given {
		if want, _ := dossier.FormatCode("", agency, o.clock.Now(), uint64(i+1)); code != want {
			t.Errorf("number %d went to %s", i+1, code)
		}
	}
	if len(given) != 2 && len(given) != 3 {
		t.Errorf("%d numbers were given out", len(given))
	}
}

// torn is a journal that panics at an append to a sequence, once.
type torn struct {
	slow
	broken atomic.Bool
}

func (b *torn) AppendAllocated(ctx context.Context, stream string, expected event.Expected, events []event.Event) ([]event.Written, bool, error) {
	b.begun <- struct{}{}
	<-b.let
	if b.broken.CompareAndSwap(false, true) {
		panic("torn")
	}
	return b.Journal.AppendAllocated(ctx, stream, expected, events)
}

// given many who wait, when writing for them panics, then each of those it was
// done for is told, and the others get their numbers.
func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	o := openOffice(t)
	j := &torn{slow: slow{Journal: o.Journal, begun: make(chan struct{}, 100), let: make(chan struct{})}}
	d, err := commands.NewDossiers(j, j, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	const n = 20
	ended := make(chan error, n)
	for i := range n {
		who := fmt.Sprintf("p-%d", i)
		go func() {
			_, err := d.Submit(t.Context(), commands.Request{Actor: citizen(who)}, application(who))
			ended <- err
		}()
	}
	<-j.begun
	close(j.let)
	refused := 0
	for range n {
		if err := <-ended; err != nil {
			refused++
			if !strings.Contains(err.Error(), "panic: torn") {
				t.Error(err)
			}
		}
	}
	if refused == 0 {
		t.Error("nobody was told")
	}
	if got := len(allocated(t, o)); got != n-refused {
		t.Errorf("%d of %d were refused, and %d have numbers", refused, n, got)
	}
}

// counting is a journal that counts what is appended one after the other.
type counting struct {
	*journal.Journal
	appended atomic.Int64
}

func (c *counting) Append(ctx context.Context, stream string, expected event.Expected, events ...event.Event) (event.Written, error) {
	c.appended.Add(1)
	return c.Journal.Append(ctx, stream, expected, events...)
}

func (c *counting) AppendEncoded(ctx context.Context, stream string, expected event.Expected, events []dossier.EncodedEvent) (event.Written, error) {
	c.appended.Add(1)
	return c.Journal.AppendEncoded(ctx, stream, expected, events)
}

// given a store that can, when a dossier is submitted, then its number and the
// dossier are appended together; where the code is another's, as before: the
// number is used and the submission refused.
func TestANumberAndItsDossierAreAppendedTogether(t *testing.T) {
	o := openOffice(t)
	j := &counting{Journal: o.Journal}
	d, err := commands.NewDossiers(j, j, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := d.Submit(t.Context(), commands.Request{Actor: citizen("p-1"), Key: "k"}, application("p-1"))
	if err != nil {
		t.Fatal(err)
	}
	if n := j.appended.Load(); n != 0 {
		t.Errorf("%d appends were made one after the other", n)
	}
	var last event.Event
	for e, err := range o.Journal.Read(t.Context(), dossier.StreamOf(answer.Code), 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = e
	}
	if answer.Revision != last.Revision || answer.Position != last.Position || answer.Repeated {
		t.Errorf("the answer is %+v, the last event %d at %d", answer, last.Revision, last.Position)
	}
	again, err := d.Submit(t.Context(), commands.Request{Actor: citizen("p-1"), Key: "k"}, application("p-1"))
	if err != nil || !again.Repeated || again.Code != answer.Code || again.Position != answer.Position {
		t.Errorf("the repeat was answered %+v, %v", again, err)
	}

	taken := application("p-2")
	if taken.Code, err = dossier.FormatCode("", agency, o.clock.Now(), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Submit(t.Context(), commands.Request{Actor: desk}, taken); err != nil {
		t.Fatal(err)
	}
	_, err = d.Submit(t.Context(), commands.Request{Actor: citizen("p-3")}, application("p-3"))
	if _, wrong := errors.AsType[*event.WrongRevision](err); !wrong {
		t.Errorf("under a code that another has: %v", err)
	}
	next, err := d.Submit(t.Context(), commands.Request{Actor: citizen("p-4")}, application("p-4"))
	if want, _ := dossier.FormatCode("", agency, o.clock.Now(), 3); err != nil || next.Code != want {
		t.Errorf("the next one has %q, %v", next.Code, err)
	}
}
