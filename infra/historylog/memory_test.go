package historylog

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// interleaved is a CSV log, made as it is read, whose rows are of another case
// each time and whose cases' events are not in order of time.
type interleaved struct {
	events, cases, made int
	pending             []byte
	at                  int
}

func newInterleaved(events, cases int) io.Reader {
	return &interleaved{events: events, cases: cases, pending: []byte("activity,case_id,timestamp,resource,note\n")}
}

func (i *interleaved) Read(p []byte) (int, error) {
	if i.at == len(i.pending) {
		if i.made == i.events {
			return 0, io.EOF
		}
		i.pending, i.at = i.pending[:0], 0
		for ; i.made < i.events && len(i.pending) < 8<<10; i.made++ {
			round := i.made / i.cases
			minute := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(round^1) * time.Minute)
			i.pending = fmt.Appendf(i.pending, "step %d,dossier %d,%s,officer %d,\"row %d, %s\"\n",
				round%17, i.made%i.cases, minute.Format("2006-01-02 15:04:05"), i.made%91, i.made, "tiếp nhận hồ sơ")
		}
	}
	n := copy(p, i.pending[i.at:])
	i.at += n
	return n, nil
}

// What is held in memory does not grow with the log: 300,000 interleaved events
// of 20,000 cases pass through a spool whose own bounds are small.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const events, cases, bound = 300_000, 20_000, 24 << 20
	spool, err := newSpool(t.TempDir(), spoolLimits{entries: 10_000, caseRuns: 100, caseBytes: maxCaseBytes, arrivalBits: 1 << 16, returning: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := spool.Close(); err != nil {
			t.Error(err)
		}
	}()
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	watch := func() {
		var now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&now)
		most.Store(max(most.Load(), now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc)))
	}
	summary, err := Read(context.Background(), newInterleaved(events, cases), Options{}, &watched{Spool: spool, every: 50_000, watch: watch})
	if err != nil || summary.Events != events {
		t.Fatal(summary, err)
	}
	got, n := 0, 0
	err = spool.Cases(context.Background(), func(c *GroupedCase) error {
		if want := fmt.Sprintf("dossier %d", n); c.ID != want {
			t.Fatalf("the case %q where %q should be", c.ID, want)
		}
		var last time.Time
		for e, err := range c.Events() {
			if err != nil {
				return err
			}
			if e.Time.Before(last) {
				t.Fatalf("out of order in %q", c.ID)
			}
			last = e.Time
			got++
		}
		if n++; n%4000 == 0 {
			watch()
		}
		return nil
	})
	if err != nil || got != events || n != cases {
		t.Fatalf("%d events of %d cases: %v", got, n, err)
	}
	if most.Load() > bound {
		t.Errorf("%d MB were held, more than %d", most.Load()>>20, bound>>20)
	}
}

// A single case of any size is sorted without being held.
func TestGiantCaseIsSortedOnDisk(t *testing.T) {
	spool, err := newSpool(t.TempDir(), spoolLimits{entries: 500, caseRuns: 10, caseBytes: maxCaseBytes, arrivalBits: 1 << 16, returning: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spool.Close() }()
	var log strings.Builder
	log.WriteString("case_id,activity,timestamp\n")
	const events = 5000
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range events {
		fmt.Fprintf(&log, "one,%d,%s\n", i, start.Add(time.Duration((i*7919)%1000)*time.Second).Format(time.RFC3339))
	}
	if _, err := Read(context.Background(), strings.NewReader(log.String()), Options{}, spool); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n := 0
		err = spool.Cases(context.Background(), func(c *GroupedCase) error {
			var before Event
			for e, err := range c.Events() {
				if err != nil {
					return err
				}
				if e.Time.Before(before.Time) || e.Time.Equal(before.Time) && e.Line < before.Line {
					t.Fatalf("line %d after line %d", e.Line, before.Line)
				}
				before = *e
				n++
			}
			return nil
		})
		if err != nil || n != events {
			t.Fatal(n, err)
		}
	}
}

type watched struct {
	*Spool
	every, n int
	watch    func()
}

func (w *watched) Event(e *Event) error {
	if w.n++; w.n%w.every == 0 {
		w.watch()
	}
	return w.Spool.Event(e)
}
