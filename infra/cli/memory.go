package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

const (
	// workingMemory is the size, in bytes, that the heap of a command that works
	// through a whole log may take before anything is collected, and is kept at
	// as far as what the command holds leaves room.
	workingMemory = 112 << 20
	// leastGrowth is by how many percent of what it holds the heap may grow even so.
	leastGrowth = 40
)

// steadyMemory keeps the heap of a command at its working memory, however small
// or large the log is. Go alone lets the heap grow to twice what is held: for a
// command whose buffers are its largest part that is much memory and saves little
// time, and while they fill it collects again and again what is hardly anything.
// Whoever sets GOGC or GOMEMLIMIT has it their way.
func steadyMemory() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	p := &pacing{before: debug.SetGCPercent(growthFor(0))}
	p.watch()
	return func() {
		p.stopped.Store(true)
		debug.SetGCPercent(p.before)
	}
}

// pacing sets after each collection how far the heap may grow until the next.
type pacing struct {
	before  int
	stopped atomic.Bool
}

// watch has adjust called behind the next collection: it frees an object that
// nobody holds.
func (p *pacing) watch() {
	runtime.SetFinalizer(&collected{}, func(*collected) { p.adjust() })
}

type collected struct{ _ [64]byte }

func (p *pacing) adjust() {
	if p.stopped.Load() {
		return
	}
	held := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(held)
	if held[0].Value.Kind() == metrics.KindUint64 {
		debug.SetGCPercent(growthFor(held[0].Value.Uint64()))
	}
	p.watch()
}

// growthFor is by how many percent the heap may grow where so many bytes of it
// are held.
func growthFor(held uint64) int {
	held = max(held, 4<<20) // what Go collects at 100 percent at the earliest
	if held >= workingMemory {
		return leastGrowth
	}
	return max(leastGrowth, int((workingMemory-held)*100/held))
}
