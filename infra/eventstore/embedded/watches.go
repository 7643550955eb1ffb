package embedded

import (
	"slices"
	"strings"
	"sync"
)

// watches wakes subscriptions that wait at the end: those of one stream by its
// name, of which only those are kept that somebody waits for, and those of the
// whole ledger.
type watches struct {
	mu       sync.Mutex
	byName   map[string]*watch
	lookouts map[*lookout]struct{}
}

// watch is where those wait who wait for one stream.
type watch struct {
	woken   chan struct{}
	waiting int
}

// lookout waits for streams with some prefixes. Groups that have none of these need
// not be read: it passes them by.
type lookout struct {
	prefixes []string // none: all streams
	woken    chan struct{}
	// next is the first position that was neither read nor passed by. Where something
	// was passed by, its record comes at an offset, unless a segment begins with it.
	next   uint64
	offset int64
	// left is how many more events may be passed by before it is time for a checkpoint.
	left int
}

func newLookout(prefixes []string) *lookout {
	return &lookout{prefixes: prefixes, woken: make(chan struct{}, 1)}
}

// passes passes a group by, if it may.
func (l *lookout) passes(g *group) bool {
	if g.next <= l.next {
		return true // it has been read
	}
	count := int(g.next - g.first)
	if g.first != l.next || count >= l.left || slices.ContainsFunc(g.batches, l.wants) {
		return false
	}
	l.next, l.offset, l.left = g.next, g.offset+int64(len(g.records)), l.left-count
	return true
}

func (l *lookout) wants(e batchEntry) bool {
	for _, p := range l.prefixes {
		if strings.HasPrefix(e.stream, p) {
			return true
		}
	}
	return len(l.prefixes) == 0
}

// lookOut lets a lookout see what is written until it is woken or forgotten.
func (w *watches) lookOut(l *lookout) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lookouts == nil {
		w.lookouts = make(map[*lookout]struct{})
	}
	w.lookouts[l] = struct{}{}
}

// forget lets a lookout see no more; it is its owner's again.
func (w *watches) forget(l *lookout) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.lookouts, l)
	select {
	case <-l.woken: // too late
	default:
	}
}

func (w *watches) join(name string) *watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byName == nil {
		w.byName = make(map[string]*watch)
	}
	at := w.byName[name]
	if at == nil {
		at = &watch{woken: make(chan struct{})}
		w.byName[name] = at
	}
	at.waiting++
	return at
}

func (w *watches) leave(name string, at *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at.waiting--; at.waiting == 0 && w.byName[name] == at {
		delete(w.byName, name)
	}
}

// wake tells of a group that has become readable. Groups are told of in order.
func (w *watches) wake(g *group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.lookouts {
		if !l.passes(g) {
			delete(w.lookouts, l)
			l.woken <- struct{}{} // it was not woken before
		}
	}
	if len(w.byName) == 0 {
		return
	}
	for i := range g.batches {
		name := g.batches[i].stream
		if at := w.byName[name]; at != nil {
			close(at.woken)
			delete(w.byName, name)
		}
	}
}
