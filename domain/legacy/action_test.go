package legacy_test

import (
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
