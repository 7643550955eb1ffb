package delivery_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/delivery"
	"dossierledger/domain/event"
	"dossierledger/domain/event/goldentest"
	"dossierledger/domain/fault"

	"github.com/google/uuid"
)

var noon = time.Date(2026, time.October, 12, 5, 0, 0, 0, time.UTC)

const key = "dossier-H15.01-261012-0001"

func lag(from uint64) delivery.Lag {
	return delivery.Lag{Key: key, From: from, Attempts: 50, Since: noon, Reason: "HTTP 422"}
}

func givenUp(from uint64) delivery.GivenUp {
	return delivery.GivenUp{Lag: lag(from), Event: uuid.MustParse("0190b3a4-0000-7000-8000-000000000001"), Type: "dossier.received.v1", Stream: key, Revision: 1}
}

func given(facts ...event.Payload) *delivery.Letters {
	var l delivery.Letters
	for i, p := range facts {
		l.Fold(event.Event{Revision: uint64(i), Metadata: event.Metadata{OccurredAt: noon}, Payload: p})
	}
	return &l
}

func TestWhatWasGivenUpIsSentAgainWhenSomebodyAsks(t *testing.T) {
	for name, c := range map[string]struct {
		given []event.Payload
		want  []event.Payload
		code  string
	}{
		"it waits":           {[]event.Payload{givenUp(7)}, []event.Payload{delivery.ResendAsked{Key: key}}, ""},
		"it is asked for":    {[]event.Payload{givenUp(7), delivery.ResendAsked{Key: key}}, nil, ""},
		"given up once more": {[]event.Payload{givenUp(7), delivery.ResendAsked{Key: key}, givenUp(9)}, []event.Payload{delivery.ResendAsked{Key: key}}, ""},
		"nothing was":        {nil, nil, delivery.ErrNoLetter.Code},
		"it has come":        {[]event.Payload{givenUp(7), delivery.ResendAsked{Key: key}, delivery.CaughtUp{Key: key}}, nil, delivery.ErrNoLetter.Code},
	} {
		got, err := given(c.given...).Resend(key)
		if fault.CodeOf(err) != c.code || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestAnEventIsSkippedForAReason(t *testing.T) {
	for name, c := range map[string]struct {
		given []event.Payload
		why   string
		want  []event.Payload
		code  string
	}{
		"it waits":      {[]event.Payload{givenUp(7)}, " too large ", []event.Payload{delivery.Skipped{Key: key, Position: 7, Why: "too large"}}, ""},
		"no reason":     {[]event.Payload{givenUp(7)}, " ", nil, delivery.ErrWhy.Code},
		"two lines":     {[]event.Payload{givenUp(7)}, "a\nb", nil, delivery.ErrWhy.Code},
		"a long reason": {[]event.Payload{givenUp(7)}, strings.Repeat("x", delivery.MaxWhy+1), nil, delivery.ErrWhy.Code},
		"on its way":    {[]event.Payload{givenUp(7), delivery.ResendAsked{Key: key}}, "x", nil, "outbound.being-sent"},
		"nothing was":   {nil, "x", nil, delivery.ErrNoLetter.Code},
	} {
		got, err := given(c.given...).Skip(key, c.why)
		if fault.CodeOf(err) != c.code || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestLettersAreFoldedOnceEach(t *testing.T) {
	l := given(givenUp(7), delivery.Skipped{Key: key, Position: 7, Why: "x"})
	letter, ok := l.Of(key)
	if !ok || letter.From != 8 || !letter.Asked || !letter.At.Equal(noon) {
		t.Errorf("after it was skipped: %+v", letter)
	}
	l.Fold(event.Event{Revision: 0, Payload: givenUp(3)}) // redelivered
	if again, _ := l.Of(key); again != letter || l.Expected() != event.Exact(1) {
		t.Errorf("folded again: %+v, %s", again, l.Expected())
	}
	other := givenUp(5)
	other.Key = "agency-G01"
	l.Fold(event.Event{Revision: 2, Metadata: event.Metadata{OccurredAt: noon.Add(-time.Hour)}, Payload: other})
	l.Fold(event.Event{Revision: 3, Payload: delivery.ResendAsked{Key: "nothing-given-up"}})
	if list := l.List(); len(list) != 2 || list[0].Key != other.Key {
		t.Errorf("the oldest first: %+v", list)
	}
	if none := given(); none.Expected() != event.None || len(none.List()) != 0 {
		t.Errorf("%+v", none)
	}
}

func TestNamesOfReceivers(t *testing.T) {
	for name, ok := range map[string]bool{"portal": true, "h15-portal-2": true, "": false, "-a": false, "A": false, "a.b": false, strings.Repeat("a", 41): false} {
		if delivery.ValidName(name) != ok {
			t.Errorf("%q: %v", name, !ok)
		}
	}
}

func TestEveryReleasedEventIsReadAsItWasWritten(t *testing.T) {
	goldentest.Hold(t, "testdata", delivery.Register, goldentest.ByType(
		delivery.Progressed{Next: 12, Behind: []delivery.Lag{lag(7)}}, givenUp(7), delivery.ResendAsked{Key: key},
		delivery.Skipped{Key: key, Position: 7, Why: "too large"}, delivery.CaughtUp{Key: key},
	))
}
