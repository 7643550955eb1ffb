package ledger

import (
	"fmt"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/google/uuid"
)

// given a store to which nothing, a little and much is appended between two looks,
// then there was a lull but for the first look and the last.
func TestALullIsWhenHardlyAnythingIsAppended(t *testing.T) {
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l := lull{store: s}
	var got []bool
	for _, count := range []int{1, 0, lullEvents, lullEvents + 1, 0} {
		batch := make([]eventstore.Proposed, count)
		for i := range batch {
			batch[i] = eventstore.Proposed{ID: uuid.New(), Type: "t.v1"}
		}
		if count > 0 {
			if _, err := s.Append(t.Context(), "a", event.Any, batch...); err != nil {
				t.Fatal(err)
			}
		}
		got = append(got, l.since(t.Context()))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got = append(got, l.since(t.Context()))
	if fmt.Sprint(got) != "[false true true false true false]" {
		t.Errorf("%v", got)
	}
}
