package ledger

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheHeapMayGrowToTheWorkingMemoryAndALittleBeyondWhatIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := rapid.Uint64Range(0, 1<<40).Draw(t, "held")
		heap := rapid.SampledFrom([]Heap{serving, {Working: 112 << 20, Least: 40}}).Draw(t, "heap")
		percent := heap.growth(held)
		if percent < heap.Least {
			t.Fatalf("%d percent", percent)
		}
		to := held + held*uint64(percent)/100
		if percent > heap.Least && to > heap.Working {
			t.Fatalf("%d bytes may grow to %d", held, to)
		}
		if room := held * uint64(100+heap.Least) / 100; room < heap.Working && held > 4<<20 && to < heap.Working-held/100-1 {
			t.Fatalf("%d bytes may only grow to %d", held, to)
		}
	})
}

// The pacing follows what is held from one collection to the next, and leaves no
// trace when it ends.
func TestThePacingFollowsWhatIsHeld(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	current := func() int {
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent
	}
	heap := Heap{Working: 112 << 20, Least: 40}
	stop := heap.Keep()
	small := current()
	held := make([]byte, heap.Working)
	for current() == small { // the finalizer runs behind a collection
		runtime.GC()
		runtime.Gosched()
	}
	if got := current(); got != heap.Least {
		t.Errorf("beside the working memory the heap may grow by %d percent", got)
	}
	runtime.KeepAlive(held)
	stop()
	for range 3 {
		runtime.GC()
	}
	if got := current(); got != 100 {
		t.Errorf("afterwards it may grow by %d percent", got)
	}
}

// A process that collected nothing for long gives back what it had taken.
func TestAnIdleProcessGivesItsMemoryBack(t *testing.T) {
	kept := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapIdle - m.HeapReleased
	}
	const work = 256 << 20
	p := &pacing{heap: Heap{Working: 2 * work, Least: 100}, before: debug.SetGCPercent(-1)}
	defer p.stop()
	taken := make([]byte, work)
	for i := range taken {
		taken[i] = 1
	}
	runtime.KeepAlive(taken)
	taken = nil
	p.last = time.Now().Add(-2 * idleAfter)
	p.adjust()
	for deadline := time.Now().Add(2 * time.Minute); kept() > work/4; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are kept", kept())
		}
	}
}
