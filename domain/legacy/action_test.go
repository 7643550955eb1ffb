package legacy_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"dossierledger/domain/legacy"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestTheSameLineHasTheSameIDAndEqualLinesAreToldApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		actions := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) legacy.ActionRecorded {
			return legacy.ActionRecorded{
				Activity:  rapid.SampledFrom([]string{"a", "b", "ab"}).Draw(t, "activity"),
				Resource:  rapid.SampledFrom([]string{"", "b", "ba"}).Draw(t, "resource"),
				Lifecycle: rapid.SampledFrom([]string{"", "start", "complete"}).Draw(t, "lifecycle"),
			}
		}), 1, 30).Draw(t, "actions")
		ids := func(source, id string, actions []legacy.ActionRecorded) []uuid.UUID {
			names := legacy.NewNames(source, id)
			out := []uuid.UUID{names.Described()}
			for _, a := range actions {
				out = append(out, names.Action(time.Unix(1, 5), a))
			}
			return out
		}
		first, grown := ids("s", "1", actions), ids("s", "1", append(actions, actions...))
		seen := map[uuid.UUID]bool{}
		for i, id := range grown {
			if i < len(first) && first[i] != id {
				t.Fatalf("event %d changed its id when the log grew", i)
			}
			if seen[id] {
				t.Fatalf("event %d has the id of another", i)
			}
			seen[id] = true
		}
		for _, other := range [][]uuid.UUID{ids("s1", "", actions), ids("s", "2", actions), ids("", "s1", actions)} {
			for _, id := range other {
				if seen[id] {
					t.Fatal("two cases share an id")
				}
			}
		}
	})
}

// Ids are in ledgers: they are permanent. This is how they were first made.
func TestIDsAreThoseOfTheirDefinition(t *testing.T) {
	space := uuid.MustParse("0c5d8c7e-6b0f-5b3b-8d52-3f0f8d0a7a01")
	part := func(s string) string { return fmt.Sprintf("%d:%s", len(s), s) }
	rapid.Check(t, func(t *rapid.T) {
		source, id := rapid.String().Draw(t, "source"), rapid.String().Draw(t, "case")
		names := legacy.NewNames(source, id)
		if got, want := names.Described(), uuid.NewSHA1(space, []byte(part(source)+part(id)+part("case"))); got != want {
			t.Fatalf("the description has %s, not %s", got, want)
		}
		seen := map[string]int{}
		for range rapid.IntRange(1, 6).Draw(t, "actions") {
			a := legacy.ActionRecorded{
				Activity: rapid.OneOf(rapid.Just("a"), rapid.String()).Draw(t, "activity"),
				Resource: rapid.OneOf(rapid.Just(""), rapid.String()).Draw(t, "resource"), Lifecycle: rapid.SampledFrom([]string{"", "start"}).Draw(t, "lifecycle"),
			}
			at := time.Unix(0, rapid.OneOf(rapid.Just(int64(7)), rapid.Int64()).Draw(t, "at"))
			h := sha256.New()
			_ = binary.Write(h, binary.BigEndian, at.UnixNano())
			for _, text := range []string{a.Activity, a.Resource, a.Lifecycle} {
				_ = binary.Write(h, binary.BigEndian, uint32(len(text)))
				h.Write([]byte(text))
			}
			content := string(h.Sum(nil)[:16])
			seen[content]++
			want := uuid.NewSHA1(space, []byte(part(source)+part(id)+part("action")+part(content)+part(fmt.Sprint(seen[content]))))
			if got := names.Action(at, a); got != want {
				t.Fatalf("an action has %s, not %s", got, want)
			}
		}
	})
}
