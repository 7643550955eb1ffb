package queries

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/worktime"
)

// Every event of a dossier is put into words in both languages: a new type
// without a sentence fails here.
func TestEveryEventIsPutIntoWords(t *testing.T) {
	types := event.NewRegistry()
	dossier.Register(types)
	directory, err := agency.NewDirectory(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := names{directory: directory}
	for _, name := range types.Types() {
		payload, err := types.Decode(name, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, sequence := payload.(dossier.NumberAllocated); sequence {
			continue // stands in the stream of a sequence
		}
		if s := n.sentenceOf(event.Event{Payload: payload}); s.title.VI == name || s.title.VI == "" || s.title.EN == "" || s.title.VI == s.title.EN && name != "dossier.sync-reported.v1" {
			t.Errorf("%s is put as %q and %q", name, s.title.VI, s.title.EN)
		}
	}
}

// The promise of a later step is never before that of an earlier one, and a
// pause or an extension never brings one forward.
func TestPromisesOfStepsAreInOrder(t *testing.T) {
	calendar := worktime.Standard()
	start := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		promised := time.Duration(rapid.IntRange(1, 200).Draw(t, "hours")) * time.Hour
		due, err := calendar.Add(start, promised)
		if err != nil {
			t.Fatal(err)
		}
		plain := dossier.Clock{StartedAt: start, Due: due}
		moved := plain
		at := start
		for range rapid.IntRange(0, 3).Draw(t, "pauses") {
			from := at.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "after")) * time.Hour)
			at = from.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "for")) * time.Hour)
			moved.Pauses = append(moved.Pauses, dossier.Pause{From: from, To: at})
		}
		if rapid.Bool().Draw(t, "extended") {
			moved.Entries = []dossier.ClockChange{{
				Action: dossier.ClockExtend, At: start.Add(time.Hour), PreviousDue: due, Due: due.AddDate(0, 0, rapid.IntRange(1, 30).Draw(t, "days")),
			}}
		}
		now := at.Add(time.Hour)
		var parts []time.Time
		for _, share := range []time.Duration{5, 30, 30, 75, 100} {
			without, err := dueBy(plain, calendar, promised*share/100, now)
			if err != nil {
				t.Fatal(err)
			}
			with, err := dueBy(moved, calendar, promised*share/100, now)
			if err != nil {
				t.Fatal(err)
			}
			if with.Before(without) {
				t.Fatalf("%d %%: %v with pauses, %v without", share, with, without)
			}
			parts = append(parts, with)
		}
		if !slices.IsSortedFunc(parts, time.Time.Compare) {
			t.Fatalf("the promises are not in order: %v", parts)
		}
	})
}
