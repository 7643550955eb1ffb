package embedded

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// Whether the indexes are asked or the ledger is walked, a filtered read gives
// the same events.
func TestAReadByTheIndexesGivesWhatAWalkGives(t *testing.T) {
	s := opens(t, Options{Dir: t.TempDir()})
	defer closeStore(t, s)
	names := []string{"a", "ab", "a-1", "a-2", "b-1", "b-2", "c-\xc3\xa9", "z"}
	for i := range 600 {
		batch := make([]eventstore.Proposed, 1+i%4)
		for j := range batch {
			batch[j] = eventstore.Proposed{ID: uuid.New(), Type: []string{"x.v1", "y.v1"}[(i+j)%2], Data: []byte(fmt.Sprint(i))}
		}
		if _, err := s.Append(t.Context(), names[(i*i+i/7)%len(names)], event.Any, batch...); err != nil {
			t.Fatal(err)
		}
	}
	head, _, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	rapid.Check(t, func(t *rapid.T) {
		read := eventstore.AllRead{
			Direction: rapid.SampledFrom([]eventstore.Direction{eventstore.Forwards, eventstore.Backwards}).Draw(t, "direction"),
			Limit:     rapid.SampledFrom([]int{0, 0, 1, 7, 5000}).Draw(t, "limit"),
			Filter: eventstore.Filter{
				StreamPrefixes: rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "ab", "a-", "b-2", "c", "none", "z"}), 1, 3).Draw(t, "streams"),
				TypePrefixes:   rapid.SampledFrom([][]string{nil, {"x"}, {"none"}}).Draw(t, "types"),
			},
		}
		if rapid.Bool().Draw(t, "after") {
			after := rapid.Uint64Range(0, head+10).Draw(t, "position")
			read.After = &after
		}
		all := func(l listing) (found []eventstore.Recorded) {
			s.listing = l
			for e, err := range s.ReadAll(t.Context(), read) {
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, e)
			}
			return found
		}
		listed, walked := all(listing{span: 1, share: 1}), all(listing{span: math.MaxUint64, share: 1})
		if !reflect.DeepEqual(listed, walked) {
			t.Fatalf("by the indexes %d events, by a walk %d", len(listed), len(walked))
		}
		if s.listing = (listing{span: 1, share: 1}); read.After == nil {
			if _, ok, err := s.listed(t.Context(), read.Filter.StreamPrefixes, 0, head+1); err != nil || !ok {
				t.Fatalf("the indexes were not asked: %v", err)
			}
			asked++
		}
	})
	if asked == 0 {
		t.Error("the indexes were never asked")
	}
}

func TestAReadOfMuchOfTheLedgerIsAWalk(t *testing.T) {
	s := opens(t, Options{Dir: t.TempDir()})
	defer closeStore(t, s)
	for i := range 64 {
		if _, err := s.Append(t.Context(), fmt.Sprint("s-", i), event.Any, eventstore.Proposed{ID: uuid.New(), Type: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	s.listing = listing{span: 64, share: 16}
	for prefix, want := range map[string]bool{"s-6": false, "s-63": true, "s-": false} {
		if _, ok, err := s.listed(t.Context(), []string{prefix}, 0, 64); err != nil || ok != want {
			t.Errorf("%s: by the indexes: %t, %v", prefix, ok, err)
		}
	}
	if _, ok, err := s.listed(t.Context(), []string{"s-63"}, 1, 64); err != nil || ok {
		t.Errorf("a short part is walked: %t, %v", ok, err)
	}
}
