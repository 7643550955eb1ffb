package commands_test

import (
	"context"
	"strings"
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
