package commands

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever others write to a sequence in between: what is said to be complete was
// added, and of what was added without a gap everything is said to be complete.
func TestNumbersAreCompleteThatWereAddedSinceTheLastGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := newCompleteNumbers()
		if err != nil {
			t.Fatal(err)
		}
		var added [40]bool
		gap, next := 0, 0
		for range rapid.IntRange(0, 8).Draw(t, "appends") {
			if others := rapid.IntRange(0, 2).Draw(t, "others"); others > 0 {
				next += others
				gap = next
			}
			n := rapid.IntRange(1, 3).Draw(t, "together")
			for i := next; i < next+n; i++ {
				added[i] = true
			}
			next += n
			c.add("s", uint64(next-1), uint64(n))
		}
		for i := range added {
			if got, want := c.has("s", uint64(i)), added[i] && i >= gap; got != want {
				t.Fatalf("revision %d: %t, added since revision %d: %v", i, got, gap, added)
			}
		}
		if c.has("other", 0) {
			t.Fatal("a sequence that nothing was added to")
		}
	})
}
