package journal

import (
	"bytes"
	"iter"
	"sync"

	"dossierledger/domain/event"
)

// writing is events on their way into the stored form.
type writing struct {
	out []byte
	// ends are those of the parts that out was cut into.
	ends []int
	// at is where in the payload the value stands that is being written, as a site.
	at   []byte
	seal func(site, event.Personal) (event.Personal, error)
	// clear and bound are what is sealed, and where it belongs.
	clear, bound []byte
}

// writingsMax bounds what is kept for the next batch, in bytes.
const writingsMax = 1 << 20

var writings = sync.Pool{New: func() any { return new(writing) }}

// startWriting begins a batch.
func startWriting() *writing { return writings.Get().(*writing) }

// end lets go of a batch; nothing may be left that is in w.out.
func (w *writing) end() {
	if cap(w.out) > writingsMax {
		w.out = nil
	}
	clear(w.clear[:cap(w.clear)]) // nobody's values stay in memory longer than they must
	*w = writing{out: w.out[:0], ends: w.ends[:0], at: w.at[:0], clear: w.clear[:0], bound: w.bound[:0]}
	writings.Put(w)
}

// cut ends a part.
func (w *writing) cut() { w.ends = append(w.ends, len(w.out)) }

// parts yields the parts of a copy of what was written.
func (w *writing) parts() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		all, from := bytes.Clone(w.out), 0
		for i, end := range w.ends {
			if !yield(i, all[from:end:end]) {
				return
			}
			from = end
		}
	}
}
