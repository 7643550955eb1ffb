package dossier_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func fact(revision int, p event.Payload) event.Event {
	e := event.New(uuid.New(), event.Metadata{OccurredAt: time.Date(2026, 10, 8, 2, 0, revision, 0, time.UTC), Actor: desk}, p)
	e.Revision = uint64(revision)
	return e
}

// anyFact draws an event that adds to a list of the state or changes one, or that
// puts something else in the place of what there was.
func anyFact(t *rapid.T, n int) event.Payload {
	text := fmt.Sprint(n)
	switch rapid.IntRange(0, 13).Draw(t, "fact") {
	case 0:
		return dossier.DocumentAttached{Component: text}
	case 1:
		return dossier.NoteAdded{Visibility: dossier.ForApplicant}
	case 2:
		return dossier.FeeAssessed{Obligation: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "fee"), Amount: 10}
	case 3:
		return dossier.FeePaid{Obligation: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "fee"), Transaction: text, Amount: 1}
	case 4:
		return dossier.StepStarted{Step: text}
	case 5:
		return dossier.StepCompleted{}
	case 6:
		at := time.Date(2026, 10, 8, 2, 0, n, 0, time.UTC)
		return dossier.SupplementRequested{Number: n, Slip: text, Clock: []dossier.ClockChange{{Action: dossier.ClockPause, Cause: text, At: at}}}
	case 7:
		return dossier.Appraised{Conclusion: dossier.Eligible, Report: text}
	case 8:
		return dossier.InspectionRecorded{Conclusion: dossier.Remedy, Report: text}
	case 9:
		return dossier.SubmittedForSignature{Hash: text}
	case 10:
		return dossier.StepReturned{To: text, Voids: []string{"appraisal", "inspection", "submission"}}
	case 11:
		return dossier.Rejected{Decision: text}
	case 12:
		return dossier.Rated{Satisfied: rapid.Bool().Draw(t, "satisfied"), Criteria: []int{n}}
	default:
		return dossier.SyncReported{Portal: text}
	}
}

// Whatever futures a dossier's states have, each is what its own events say:
// none sees what was added in another.
func TestTheFuturesOfOneStateKnowNothingOfEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type life struct {
			state  dossier.State
			events []event.Event
		}
		first := fact(0, dossier.Submitted{Code: "c", Procedure: "p", Channel: procedure.Online})
		lives := []life{{dossier.Fold(first), []event.Event{first}}}
		for n := range rapid.IntRange(1, 40).Draw(t, "events") {
			from := lives[rapid.IntRange(0, len(lives)-1).Draw(t, "from")]
			e := fact(len(from.events), anyFact(t, n))
			next := from.state
			if rapid.Bool().Draw(t, "in place") {
				next.Apply(e)
			} else {
				next = dossier.Evolve(next, e)
			}
			lives = append(lives, life{next, append(slices.Clone(from.events), e)})
		}
		for _, l := range lives {
			got, err := json.Marshal(l.state)
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(dossier.Fold(l.events...))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Fatalf("a state is\n%s\nits events say\n%s", got, want)
			}
		}
	})
}

// The second future of a state has no room behind any list in common with the
// first, whatever it began with: what it adds later goes nowhere else.
func TestASecondFutureHasRoomOfItsOwn(t *testing.T) {
	from := dossier.Fold(fact(0, dossier.Submitted{Code: "c"}))
	withRoom(reflect.ValueOf(&from).Elem())
	first := dossier.Evolve(from, fact(1, dossier.Rated{}))
	second := dossier.Evolve(from, fact(1, dossier.Rated{}))
	if n := ownRoom(t, "state", reflect.ValueOf(first), reflect.ValueOf(second)); n < 18 {
		t.Errorf("only %d lists were looked at", n)
	}
}

// withRoom gives every list that is added to one element and room for more.
func withRoom(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				withRoom(v.Field(i))
			}
		}
	case v.Kind() == reflect.Slice && growing(v):
		v.Set(reflect.MakeSlice(v.Type(), 1, 4))
		withRoom(v.Index(0))
	}
}

// growing leaves out what comes whole with an event.
func growing(list reflect.Value) bool {
	return !slices.Contains([]reflect.Type{
		reflect.TypeFor[[]dossier.RequestedComponent](), reflect.TypeFor[[]int](), reflect.TypeFor[[]byte](),
	}, list.Type())
}

// ownRoom counts the lists of two values that grow, and finds those that would
// grow into the same room.
func ownRoom(t *testing.T, name string, a, b reflect.Value) (lists int) {
	t.Helper()
	switch {
	case a.Kind() == reflect.Struct:
		for i := range a.NumField() {
			if field := a.Type().Field(i); field.IsExported() {
				lists += ownRoom(t, name+"."+field.Name, a.Field(i), b.Field(i))
			}
		}
	case a.Kind() == reflect.Slice && growing(a):
		if b.Cap() > b.Len() && a.UnsafePointer() == b.UnsafePointer() {
			t.Errorf("%s would overwrite what another future adds", name)
		}
		lists = 1
		for i := range min(a.Len(), b.Len()) {
			lists += ownRoom(t, fmt.Sprintf("%s[%d]", name, i), a.Index(i), b.Index(i))
		}
	}
	return lists
}

// The same from many goroutines at once; the race detector watches.
func TestManyMayGoOnFromOneState(t *testing.T) {
	s := dossier.Fold(fact(0, dossier.Submitted{Code: "c"}), fact(1, dossier.DocumentAttached{Component: "x"}))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			mine := s
			for n := range 50 {
				mine = dossier.Evolve(mine, fact(n+2, dossier.DocumentAttached{Component: fmt.Sprint(i)}))
			}
			if len(mine.Documents) != 51 {
				t.Errorf("%d documents", len(mine.Documents))
			}
			for _, d := range mine.Documents[1:] {
				if d.Component != fmt.Sprint(i) {
					t.Errorf("a document of another: %s among those of %d", d.Component, i)
					return
				}
			}
		})
	}
	all.Wait()
	if len(s.Documents) != 1 {
		t.Errorf("the state from which all went on has %d documents now", len(s.Documents))
	}
}

// A long dossier costs as much for each event as a short one: ten times the
// notes allocate about ten times the bytes, not a hundred times.
func TestFoldingALongDossierCopiesNoListAtEveryEvent(t *testing.T) {
	fold := func(n int) float64 {
		events := []event.Event{fact(0, dossier.Submitted{Code: "c"})}
		for i := range n {
			events = append(events, fact(i+1, dossier.NoteAdded{Visibility: dossier.ForApplicant}))
		}
		result := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				dossier.Fold(events...)
			}
		})
		return float64(result.AllocedBytesPerOp())
	}
	if short, long := fold(500), fold(5000); long > 20*short {
		t.Errorf("ten times the events allocate %.0f times the bytes", long/short)
	}
}
