package commands

import (
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"
)

// completeNumbers are the numbers that this process appended together with their
// dossiers, as the revisions of their allocations in the sequences: nothing is left
// to finish of these. It is safe for concurrent use of different sequences; one
// sequence is written to by one at a time.
type completeNumbers struct {
	runs *lru.Cache[string, revisions]
}

// revisions are those from first to last of a stream.
type revisions struct{ first, last uint64 }

func newCompleteNumbers() (completeNumbers, error) {
	runs, err := lru.New[string, revisions](sequencesKept)
	if err != nil {
		return completeNumbers{}, fmt.Errorf("commands: %w", err)
	}
	return completeNumbers{runs}, nil
}

// add notes the last n revisions of a sequence. Of runs that are apart, because
// others wrote in between, the newest is kept.
func (c completeNumbers) add(sequence string, last, n uint64) {
	run := revisions{last - n + 1, last}
	if before, ok := c.runs.Peek(sequence); ok && before.last+1 == run.first {
		run.first = before.first
	}
	c.runs.Add(sequence, run)
}

// has reports whether the number of an allocation is surely complete.
func (c completeNumbers) has(sequence string, revision uint64) bool {
	run, ok := c.runs.Peek(sequence)
	return ok && run.first <= revision && revision <= run.last
}
