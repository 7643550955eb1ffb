package ledger

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// Heap is how large the heap of a process is kept. Go alone lets it grow to twice
// what is held: where little is held, it collects again and again what is hardly
// anything, and where much is, it takes much memory and saves little time.
type Heap struct {
	// Working is the size, in bytes, that the heap may take before anything is
	// collected, and is kept at as far as what is held leaves room.
	Working uint64
	// Least is by how many percent of what is held the heap may grow even so.
	Least int
}

// serving is the heap of a ledger that is offered: never more than Go's own choice
// or Working.
var serving = Heap{Working: 256 << 20, Least: 100}

// Keep keeps the heap of this process so until it is stopped. Whoever sets GOGC or
// GOMEMLIMIT has it their way.
func (h Heap) Keep() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	p := &pacing{heap: h, before: debug.SetGCPercent(h.growth(0))}
	p.watch()
	return p.stop
}

// pacing sets after each collection how far the heap may grow until the next.
type pacing struct {
	heap    Heap
	before  int
	mu      sync.Mutex // orders adjust against stop
	stopped bool
	last    time.Time // when was collected, zero before
}

// idleAfter is after how long without a collection the process is taken to be idle.
// Go collects every two minutes where nothing else makes it.
const idleAfter = 100 * time.Second

func (p *pacing) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	debug.SetGCPercent(p.before)
}

// watch has adjust called behind the next collection: it frees an object that
// nobody holds.
func (p *pacing) watch() {
	runtime.SetFinalizer(&collected{}, func(*collected) { p.adjust() })
}

type collected struct{ _ [64]byte }

func (p *pacing) adjust() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	if !p.last.IsZero() && time.Since(p.last) > idleAfter {
		// What was taken for work is given back when there is none.
		go debug.FreeOSMemory()
	}
	p.last = time.Now()
	held := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(held)
	if held[0].Value.Kind() == metrics.KindUint64 {
		debug.SetGCPercent(p.heap.growth(held[0].Value.Uint64()))
	}
	p.watch()
}

// growth is by how many percent the heap may grow where so many bytes of it are
// held.
func (h Heap) growth(held uint64) int {
	held = max(held, 4<<20) // what Go collects at 100 percent at the earliest
	if held >= h.Working {
		return h.Least
	}
	return max(h.Least, int((h.Working-held)*100/held))
}
