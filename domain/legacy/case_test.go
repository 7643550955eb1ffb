package legacy_test

import (
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"github.com/google/uuid"
)

func TestACaseIsFoldedByTheTimesOfTheLog(t *testing.T) {
	noon := time.Date(2011, 10, 11, 12, 0, 0, 0, time.UTC)
	var s legacy.State
	for i, a := range []struct {
		at                 time.Time
		activity, resource string
	}{
		{noon, "Confirmation of receipt", "Resource21"},
		{noon.Add(2 * time.Hour), "T06", "Resource10"},
		{noon.Add(2 * time.Hour), "T02", "Resource11"}, // a tie: the later line counts
		{noon.Add(-time.Hour), "T06", "Resource10"},    // stored out of order
	} {
		e := event.New(uuid.New(), event.Metadata{OccurredAt: a.at},
			legacy.ActionRecorded{Source: "receipt", Case: "case-1", Activity: a.activity, Resource: a.resource})
		e.Revision = uint64(i)
		s = legacy.Evolve(s, e)
	}
	if s.Actions != 4 || len(s.Activities) != 3 || s.LastActivity != "T02" || s.LastResource != "Resource11" {
		t.Errorf("got %+v", s)
	}
	if !s.First.Equal(noon.Add(-time.Hour)) || !s.Last.Equal(noon.Add(2*time.Hour)) || s.Revision != 3 {
		t.Errorf("first %v, last %v, revision %d", s.First, s.Last, s.Revision)
	}
}

func TestFoldingACaseLeavesOlderStatesAsTheyWere(t *testing.T) {
	action := func(name string) event.Event {
		return event.New(uuid.New(), event.Metadata{}, legacy.ActionRecorded{Case: "1", Activity: name})
	}
	before := legacy.Evolve(legacy.Evolve(legacy.State{}, action("a")), action("b"))
	left, right := legacy.Evolve(before, action("left")), legacy.Evolve(before, action("right"))
	if left.Activities[2] != "left" || right.Activities[2] != "right" || len(before.Activities) != 2 {
		t.Errorf("%v, %v, %v", before.Activities, left.Activities, right.Activities)
	}
}
