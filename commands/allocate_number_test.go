package commands_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
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
	commands.Journal
	begun, let chan struct{}
}

func (s *slow) Append(ctx context.Context, stream string, expected event.Expected, events ...event.Event) (event.Written, error) {
	s.begun <- struct{}{}
	<-s.let
	return s.Journal.Append(ctx, stream, expected, events...)
}

func TestWhoGoesAwayBeforeTheNumberIsWrittenUsesNone(t *testing.T) {
	o := openOffice(t)
	j := &slow{Journal: o.Journal, begun: make(chan struct{}, 8), let: make(chan struct{})}
	d, err := commands.NewDossiers(j, o.Journal, o.Registers, o.Registers, o.Registers, o.clock.Now)
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
