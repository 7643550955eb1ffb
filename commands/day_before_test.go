package commands_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/infra/journal"
)

// byStream is a journal of a store that looks for ids only in the stream that is
// written to. It notes who asks for numbers, since the store below would notice.
type byStream struct {
	*journal.Journal
	asked int
}

func (b *byStream) FindsIDsElsewhere() bool { return false }

// AppendAllocated is for stores that append to several streams at once.
func (b *byStream) AppendAllocated(context.Context, string, event.Expected, []event.Event) ([]event.Written, bool, error) {
	return nil, false, nil
}

func (b *byStream) Append(ctx context.Context, stream string, expected event.Expected, events ...event.Event) (event.Written, error) {
	if strings.HasPrefix(stream, dossier.SequencePrefix) {
		b.asked++
	}
	return b.Journal.Append(ctx, stream, expected, events...)
}

// given a store that knows ids by stream only, when a submission is repeated
// after midnight, then it is answered the same and no second number is asked for.
func TestARepeatAfterMidnightAsksForNoSecondNumber(t *testing.T) {
	o := openOffice(t)
	store := &byStream{Journal: o.Journal}
	d, err := commands.NewDossiers(store, store, o.Registers, o.Registers, o.Registers, o.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	submit := func(who, hash string) (commands.Answer, error) {
		return d.Submit(t.Context(), commands.Request{Actor: citizen(who), Key: "k", Hash: hash}, application(who))
	}
	first, err := submit("p-1", "h")
	if err != nil {
		t.Fatal(err)
	}
	// On the same day too: the store may look no further back than some hundred ids.
	if again, err := submit("p-1", "h"); err != nil || again.Code != first.Code || store.asked != 1 {
		t.Errorf("the repeat on the same day was answered %+v, %v, and numbers were asked for %d times", again, err, store.asked)
	}
	o.clock.set(o.clock.Now().Add(24 * time.Hour))
	for range 2 {
		again, err := submit("p-1", "h")
		if err != nil || !again.Repeated || again.Code != first.Code || again.Position != first.Position {
			t.Errorf("the repeat was answered %+v, %v; the first %+v", again, err, first)
		}
	}
	_, err = submit("p-1", "other")
	wantCode(t, err, commands.ErrKeyReused.Code)
	if store.asked != 1 {
		t.Errorf("numbers were asked for %d times", store.asked)
	}
	// A program whose clock is behind gives out another number of the day before.
	o.clock.set(o.clock.Now().Add(-24 * time.Hour))
	late, err := submit("p-2", "h")
	if err != nil {
		t.Fatal(err)
	}
	o.clock.set(o.clock.Now().Add(24 * time.Hour))
	if again, err := submit("p-2", "h"); err != nil || again.Code != late.Code {
		t.Errorf("the repeat was answered %+v, %v; the first %+v", again, err, late)
	}
	if other, err := submit("p-3", "h"); err != nil || other.Repeated || store.asked != 3 {
		t.Errorf("somebody else: %+v, %v", other, err)
	}
}

// given a store that looks for ids at a stream's end alone, and another program
// that gives out numbers of the same sequence, when submissions are repeated, one by
// one and many at once, then each is answered the same and gets no second number.
func TestARepeatLongAfterItsNumberAsksForNoSecondOne(t *testing.T) {
	o := openOffice(t)
	store := &byStream{Journal: o.Journal}
	var programs []*commands.Dossiers
	for range 2 {
		d, err := commands.NewDossiers(store, store, o.Registers, o.Registers, o.Registers, o.clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, d)
	}
	who := func(i int) string { return fmt.Sprint("p-", i) }
	submit := func(i int, hash string) (commands.Answer, error) {
		return programs[i%2].Submit(t.Context(), commands.Request{Actor: citizen(who(i)), Key: "k", Hash: hash}, application(who(i)))
	}
	const n = 12
	var first [n]commands.Answer
	for i := range first {
		var err error
		if first[i], err = submit(i, "h"); err != nil {
			t.Fatal(err)
		}
	}
	programs[0], programs[1] = programs[1], programs[0] // each repeats what the other was asked
	asked := store.asked
	var all sync.WaitGroup
	for i := range first {
		all.Go(func() {
			again, err := submit(i, "h")
			if err != nil || !again.Repeated || again.Code != first[i].Code || again.Position != first[i].Position {
				t.Errorf("the repeat was answered %+v, %v; the first %+v", again, err, first[i])
			}
		})
	}
	all.Wait()
	_, err := submit(0, "other")
	wantCode(t, err, commands.ErrKeyReused.Code)
	if store.asked != asked {
		t.Errorf("numbers were asked for %d times more", store.asked-asked)
	}
}
