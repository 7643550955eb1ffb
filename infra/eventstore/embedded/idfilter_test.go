package embedded

import (
	"testing"

	"github.com/google/uuid"
)

func TestIDFilterKnowsEveryIDAndFewOthers(t *testing.T) {
	f := newIDFilter()
	// More than one table, random and name-based ids, and ids in sequence.
	n := firstIDLines * idsPerLine * 2
	ids := make([]uuid.UUID, n)
	for i := range ids {
		switch i % 3 {
		case 0:
			ids[i] = uuid.New()
		case 1:
			ids[i] = uuid.NewSHA1(uuid.NameSpaceURL, []byte{byte(i), byte(i >> 8), byte(i >> 16)})
		default:
			ids[i] = uuid.UUID{0: 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
		}
		f.add(ids[i])
	}
	if len(f.tables) < 2 {
		t.Fatalf("%d tables", len(f.tables))
	}
	for _, id := range ids {
		if !f.mayHave(id) {
			t.Fatalf("%s was added and is not known", id)
		}
	}
	wrong := 0
	for range 100_000 {
		if f.mayHave(uuid.New()) {
			wrong++
		}
	}
	if wrong > 2000 {
		t.Fatalf("%d of 100,000 ids that were not added are said to be there", wrong)
	}
}

func TestIDFilterAtItsBoundKnowsNothing(t *testing.T) {
	f := &idFilter{}
	for firstIDLines<<len(f.tables) <= lastIDLines {
		f.tables = append(f.tables, idTable{})
	}
	f.add(uuid.New())
	if !f.overflow || !f.mayHave(uuid.New()) {
		t.Fatalf("overflow %v", f.overflow)
	}
}
