package soak

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The settings of a run, by environment, which `make soak` sets.
const (
	killsEnv = "LEDGER_SOAK_KILLS" // kills in each arrangement; makes the run a long one
	forEnv   = "LEDGER_SOAK_FOR"   // or how long each arrangement runs
	seedEnv  = "LEDGER_SOAK_SEED"  // of the schedule of faults
	onlyEnv  = "LEDGER_SOAK_ONLY"  // only faults with this in their name
)

// plan says how long a run goes on.
type plan struct {
	seed  uint64
	kills int
	span  time.Duration
}

func planned(t *testing.T) plan {
	t.Helper()
	p := plan{seed: uint64(time.Now().UnixNano() % 1_000_000)}
	var err error
	if text := os.Getenv(seedEnv); text != "" {
		if p.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedEnv, err)
		}
	}
	if text := os.Getenv(killsEnv); text != "" {
		if p.kills, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", killsEnv, err)
		}
	}
	if text := os.Getenv(forEnv); text != "" {
		if p.span, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", forEnv, err)
		}
	}
	if p.short() && testing.Short() {
		t.Skip("it takes some starts of the program and its engines")
	}
	t.Logf("seed %d", p.seed)
	return p
}

// short runs meet each fault once.
func (p plan) short() bool { return p.kills == 0 && p.span == 0 }

// over says whether a long run has done what was asked.
func (p plan) over(f *figures) bool {
	return p.kills > 0 && f.kills() >= p.kills || p.span > 0 && time.Since(f.began) >= p.span
}

// mishap is something that happens to a site under load.
type mishap struct {
	name   string
	weight int
	// strike brings it about, and about its end, where it ends by itself.
	strike func(s *site)
}

// schedule gives the faults of a run, one after the other: in a short run each
// once, in a seeded order; in a long one by their weights until it is over.
func (s *site) schedule(p plan, faults []mishap) func() (mishap, bool) {
	only := os.Getenv(onlyEnv)
	faults = slices.DeleteFunc(faults, func(f mishap) bool { return !strings.Contains(f.name, only) })
	if len(faults) == 0 {
		s.t.Skipf("no fault of this arrangement has %q in its name", only)
	}
	if p.short() {
		order := s.random.Perm(len(faults))
		return func() (mishap, bool) {
			if len(order) == 0 {
				return mishap{}, false
			}
			next := faults[order[0]]
			order = order[1:]
			return next, true
		}
	}
	var lots []mishap
	for _, f := range faults {
		for range f.weight {
			lots = append(lots, f)
		}
	}
	return func() (mishap, bool) {
		if p.over(s.figures) {
			return mishap{}, false
		}
		return lots[s.random.IntN(len(lots))], true
	}
}

// often is how many faults lie between two readings of the whole log, and
// seldom between two comparisons of the read models with a rebuild.
const (
	often  = 10
	seldom = 40
)

// endure lets faults happen one after the other and checks after each.
func (s *site) endure(p plan, faults []mishap) {
	s.t.Helper()
	next := s.schedule(p, faults)
	for n := 1; ; n++ {
		f, ok := next()
		if !ok {
			break
		}
		began := time.Now()
		f.strike(s)
		s.figures.Faults[f.name]++
		s.start(s.moved != nil && s.random.IntN(4) == 0)
		s.up()
		s.check()
		if n%often == 0 {
			s.readAgain()
		}
		if n%seldom == 0 {
			s.stopLedgers()
			s.rebuildAndCompare()
			s.start(false)
			s.up()
		}
		if testing.Verbose() {
			b := s.figures.Balance
			s.t.Logf("%d: %s, checked after %s: %d commands acknowledged, %d of them found and %d with nothing to do, %d events", n, f.name,
				time.Since(began).Round(10*time.Millisecond), b.Acknowledged, b.Found, b.Nothing, s.subscribers[0].chronicle.size())
		}
	}
	s.eventually("enough was done", func() bool {
		entries, _ := s.load.diary.told()
		return len(entries) >= 150
	})
	s.readAgain()
	s.finish()
	s.conclude()
}

// conclude completes the figures and holds the run to having tested something.
func (s *site) conclude() {
	s.t.Helper()
	f, d := s.figures, s.load.diary
	f.Repeats, f.Answers = d.repeats, d.all
	if d.answers > 0 {
		f.AnswerMeanMS = float64(d.answerTime.Milliseconds()) / float64(d.answers)
	}
	f.print(s.t)
	// What was compared and differs has been told.
	for _, shown := range []struct {
		what     string
		n, least int
	}{{"commands found", f.Found, 20}, {"commands refused", f.Refused, 1}, {"names read", f.NamesRead, 1}, {"read models compared with a rebuild", f.Rebuilds, 1}} {
		if shown.n < shown.least {
			s.t.Errorf("too little happened for anything to be shown: %d %s", shown.n, shown.what)
		}
	}
	if f.Faults["power lost"] > 5 && f.WritesLost == 0 {
		s.t.Error("power was lost and no write with it")
	}
	for _, sub := range f.Subscriptions {
		if sub.Gaps > 0 || sub.Duplicates > 0 {
			s.t.Errorf("subscription %s: %d gaps, %d duplicates", sub.Name, sub.Gaps, sub.Duplicates)
		}
	}
}

// between draws a span of time.
func (s *site) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.random.Int64N(int64(most-least)))
}

// worked waits until people were told something since the site came up, so that
// what happens next happens under load.
func (s *site) worked(times int) {
	s.t.Helper()
	entries, _ := s.load.diary.told()
	before := len(entries)
	s.eventually("people are told something", func() bool {
		entries, _ := s.load.diary.told()
		return len(entries) >= before+times
	})
}
