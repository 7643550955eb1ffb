package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// leastGrowth is by how many percent of what it holds the heap may grow even where
// that is beyond its working memory.
const leastGrowth = 40

// steadyMemory keeps the heap of a command that works through a whole log at its
// working memory, in bytes, however small or large the log is: it may take so much
// before anything is collected, and little beyond what the command holds. Go alone lets the heap grow to twice what is held: for a
// command whose buffers are its largest part that is much memory and saves little
// time, and while they fill it collects again and again what is hardly anything.
// Whoever sets GOGC or GOMEMLIMIT has it their way.
func steadyMemory(working uint64) (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	p := &pacing{working: working, before: debug.SetGCPercent(growthFor(0, working))}
	p.watch()
	return func() {
		p.stopped.Store(true)
		debug.SetGCPercent(p.before)
	}
}

// pacing sets after each collection how far the heap may grow until the next.
type pacing struct {
	working uint64
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
		debug.SetGCPercent(growthFor(held[0].Value.Uint64(), p.working))
	}
	p.watch()
}

// growthFor is by how many percent the heap may grow where so many bytes of it
// are held.
func growthFor(held, working uint64) int {
	held = max(held, 4<<20) // what Go collects at 100 percent at the earliest
	if held >= working {
		return leastGrowth
	}
	return max(leastGrowth, int((working-held)*100/held))
}
