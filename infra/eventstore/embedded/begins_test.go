package embedded

import (
	"errors"
	"fmt"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// given a stream that is asked for before it exists, read when it does, and read
// behind its end, then each answer is of that moment: not there, there, nothing more.
func TestWhereAStreamBeginsIsRememberedOnlyOnceItDoes(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	read := func(from uint64) (n int, err error) {
		for _, err := range s.ReadStream(t.Context(), "a", eventstore.StreamRead{From: &from}) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	if _, err := read(0); !errors.Is(err, eventstore.ErrStreamNotFound) {
		t.Fatalf("before there is a stream: %v", err)
	}
	for i := range 3 {
		p := eventstore.Proposed{ID: uuid.New(), Type: "t.v1", Data: fmt.Appendf(nil, `{"n":%d}`, i)}
		if _, err := s.Append(t.Context(), "a", event.Any, p); err != nil {
			t.Fatal(err)
		}
		for from, want := range []int{i + 1, i} {
			if n, err := read(uint64(from)); err != nil || n != want {
				t.Errorf("of %d events from revision %d: %d, %v", i+1, from, n, err)
			}
		}
		if n, err := read(uint64(i + 1)); err != nil || n != 0 {
			t.Errorf("behind the end: %d, %v", n, err)
		}
	}
	if b, ok := s.begins.Get("a"); !ok || b.position != 0 {
		t.Errorf("remembered is %+v (%t)", b, ok)
	}
}
