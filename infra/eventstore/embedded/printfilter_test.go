package embedded

import (
	"testing"

	"github.com/google/uuid"
)

func TestAFilterKnowsEveryFingerprintAndFewOthers(t *testing.T) {
	const n = 300_000
	fingers := fingersOf(uuid.New())
	f := make(printFilter, filterLines(n))
	// Random and name-based ids, and ids in sequence.
	prints := make([]fingerprint, n)
	for i := range prints {
		switch i % 3 {
		case 0:
			prints[i] = fingers.id(uuid.New())
		case 1:
			prints[i] = fingers.id(uuid.NewSHA1(uuid.NameSpaceURL, []byte{byte(i), byte(i >> 8), byte(i >> 16)}))
		default:
			prints[i] = fingers.id(uuid.UUID{0: 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		}
		f.add(prints[i])
	}
	for _, p := range prints {
		if !f.mayHave(p) {
			t.Fatalf("%d was added and is not known", p)
		}
	}
	wrong := 0
	for range 100_000 {
		if f.mayHave(fingers.id(uuid.New())) {
			wrong++
		}
	}
	if wrong > 1000 {
		t.Fatalf("%d of 100,000 ids that were not added are said to be there", wrong)
	}
}
