package leases_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"dossierledger/infra/elapsed"
	"dossierledger/infra/leases"
	"dossierledger/infra/nats/natstest"
	"pgregory.net/rapid"
)

// world is some processes that want one task, each with a clock of its own and a
// line to NATS that loses, delays and repeats what it likes. Time is the test's.
type world struct {
	now     time.Duration
	wall    []time.Duration // what each wall clock is off
	nets    []*leases.Net
	tasks   []*leases.Task
	delayed []func() error
}

func (w *world) clock(i int) func() elapsed.Reading {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() elapsed.Reading {
		return elapsed.Reading{Monotonic: w.now, Wall: epoch.Add(w.now + w.wall[i])}
	}
}

// one holds that no two hold the task.
func (w *world) one(t *rapid.T) (holders int) {
	var who []int
	for i, task := range w.tasks {
		if task.Held() {
			who = append(who, i)
		}
	}
	if len(who) > 1 {
		t.Fatalf("at %v the task is held by %v", w.now, who)
	}
	return len(who)
}

// Whatever is lost, delayed or read from a server that is behind, whoever stands
// still and whatever wall clocks do: no two processes hold a task at one moment, and
// once all is well again, one does.
func TestNoTwoHoldATask(t *testing.T) {
	server := natstest.Start(t)
	conn := natstest.Connect(t, []*natstest.Server{server})
	example := 0
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		example++
		const size = 3
		w := &world{wall: make([]time.Duration, size)}
		for i := range size {
			term := time.Duration(rapid.IntRange(4, 12).Draw(t, "term")) * time.Second
			l, err := leases.Open(ctx, conn, leases.Options{Node: fmt.Sprintf("n%d", i), Replicas: 1, Term: term})
			if err != nil {
				t.Fatal(err)
			}
			net := &leases.Net{}
			l.Through(net, w.clock(i))
			w.nets, w.tasks = append(w.nets, net), append(w.tasks, l.Task(fmt.Sprintf("task-%d", example)))
			w.heal(i)
		}
		span := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 6000).Draw(t, "ms")) * time.Millisecond
		})
		who := rapid.IntRange(0, size-1)
		step := func(t *rapid.T) { w.tasks[who.Draw(t, "who")].Step(ctx, rapid.Bool().Draw(t, "asking")) }
		t.Repeat(map[string]func(*rapid.T){
			"":           func(t *rapid.T) { w.one(t) },
			"step":       step,
			"step again": step,
			"time passes": func(t *rapid.T) {
				for left := span.Draw(t, "span"); left > 0; left -= 500 * time.Millisecond {
					w.now += min(left, 500*time.Millisecond)
					w.one(t)
				}
			},
			"time passes, some stand still": func(t *rapid.T) {
				still := rapid.IntRange(0, 1<<size-1).Draw(t, "still")
				for range rapid.IntRange(1, 16).Draw(t, "seconds") {
					w.now += time.Second
					for i := range size {
						if still&(1<<i) == 0 {
							w.tasks[i].Step(ctx, false)
						}
						w.one(t)
					}
				}
			},
			"a wall clock is set": func(t *rapid.T) {
				w.wall[who.Draw(t, "who")] += time.Duration(rapid.IntRange(-40, 40).Draw(t, "seconds")) * time.Second
			},
			"a task is given back": func(t *rapid.T) { w.tasks[who.Draw(t, "who")].GiveBack(ctx) },
			"a line is bad": func(t *rapid.T) {
				i := who.Draw(t, "who")
				n := w.nets[i]
				switch rapid.IntRange(0, 3).Draw(t, "how") {
				case 0: // nothing passes
					lost := func(func() error) error { return leases.ErrLost }
					n.Read, n.Write = lost, lost
				case 1: // answers are lost
					n.Write = func(actual func() error) error {
						_ = actual() // nobody hears of it
						return leases.ErrLost
					}
				case 2: // what was given up arrives later
					n.Write = func(actual func() error) error {
						w.delayed = append(w.delayed, actual)
						return leases.ErrLost
					}
				case 3:
					n.Stale = true
				}
			},
			"a change is slow": func(t *rapid.T) {
				i, to, fro := who.Draw(t, "who"), span.Draw(t, "to"), span.Draw(t, "fro")
				w.nets[i].Write = func(actual func() error) error {
					w.now += to
					err := actual()
					for other := range size { // others see it before the answer comes
						if other != i {
							w.tasks[other].Step(ctx, false)
						}
					}
					w.now += fro
					return err
				}
				w.tasks[i].Step(ctx, false)
				w.heal(i)
			},
			"a line is good": func(t *rapid.T) { w.heal(who.Draw(t, "who")) },
			"what was delayed arrives": func(*rapid.T) {
				for _, write := range w.delayed {
					_ = write() // nobody hears of it
				}
				w.delayed = nil
			},
		})
		for i := range size {
			w.heal(i)
		}
		for range 60 {
			w.now += time.Second
			for _, task := range w.tasks {
				task.Step(ctx, false)
				w.one(t)
			}
		}
		if w.one(t) != 1 {
			t.Fatalf("a minute after all is well nobody holds the task: %+v", w.tasks[0].Status())
		}
	})
}

func (w *world) heal(i int) {
	pass := func(actual func() error) error { return actual() }
	w.nets[i].Read, w.nets[i].Write, w.nets[i].Stale = pass, pass, false
}
