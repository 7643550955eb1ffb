package commands

import (
	"testing"

	"dossierledger/domain/dossier"
)

// given submissions of some sizes that wait, when they are written, then one
// append holds as many as fit and at least one, and the rest keeps its order.
func TestWhatIsWrittenTogetherIsNotTooLargeForOneAppend(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int
		fit   int
	}{
		"all are small":             {[]int{1, 2, 3}, 3},
		"one is as large as can be": {[]int{togetherBytes + 1, 1}, 1},
		"together too large":        {[]int{togetherBytes / 2, togetherBytes / 2, 1, 1}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			late := &wanted{}
			n := &numbers{queues: map[string][]*wanted{"s": {late}}}
			var batch []*wanted
			for _, size := range c.sizes {
				w := &wanted{}
				w.given.Submission = []dossier.EncodedEvent{{Data: make([]byte, size-size/3), Metadata: make([]byte, size/3)}}
				batch = append(batch, w)
			}
			taken := n.fit("s", batch)
			if len(taken) != c.fit {
				t.Fatalf("%d are written together, not %d", len(taken), c.fit)
			}
			want := append(append([]*wanted(nil), batch[c.fit:]...), late)
			for i, w := range n.queues["s"] {
				if w != want[i] {
					t.Fatalf("at place %d of the queue stands another than before", i)
				}
			}
			if len(n.queues["s"]) != len(want) {
				t.Errorf("%d wait, not %d", len(n.queues["s"]), len(want))
			}
		})
	}
}
