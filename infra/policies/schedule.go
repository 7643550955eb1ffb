package policies

import (
	"container/heap"
	"time"

	"dossierledger/domain/policy"
)

// plan is what the policies have to do on one open dossier.
type plan struct {
	code  string
	wakes []policy.Wake // in order of time; none that was done
	// done are the keys of what was done on it, as far as the log was read; nil where
	// nothing was.
	done map[string]bool
	// retry is before when nothing is tried again, after a failure.
	retry  time.Time
	failed int
	// place is that in the heap; -1 where there is nothing to do.
	place int
}

// next is when the plan is to be looked at.
func (p *plan) next() time.Time {
	if at := p.wakes[0].At; at.After(p.retry) {
		return at
	}
	return p.retry
}

// schedule holds the plans of all open dossiers, the next one first. It is as
// large as there are open dossiers, and is made again from the log at start.
type schedule struct {
	plans map[string]*plan
	queue queue
	// failing counts the plans on which the last try failed.
	failing int
}

func newSchedule() *schedule { return &schedule{plans: map[string]*plan{}} }

// open gives the plan of a dossier, a new one where it has none.
func (s *schedule) open(code string) *plan {
	p, ok := s.plans[code]
	if !ok {
		p = &plan{code: code, place: -1}
		s.plans[code] = p
	}
	return p
}

// set gives a plan what is to be done, without what was done.
func (s *schedule) set(p *plan, wakes []policy.Wake) {
	p.wakes = p.wakes[:0]
	for _, w := range wakes {
		if len(p.done) == 0 || !p.done[w.Key()] {
			p.wakes = append(p.wakes, w)
		}
	}
	s.settle(p)
}

// did notes that something was done.
func (s *schedule) did(p *plan, key string) {
	if p.done == nil {
		p.done = map[string]bool{}
	}
	p.done[key] = true
	s.set(p, append([]policy.Wake(nil), p.wakes...))
}

// later puts a plan off after a failure.
func (s *schedule) later(p *plan, until time.Time) {
	p.retry = until
	if p.failed == 0 {
		s.failing++
	}
	p.failed++
	s.settle(p)
}

// close forgets a dossier that has ended.
func (s *schedule) close(code string) {
	if p, ok := s.plans[code]; ok {
		s.mended(p)
		p.wakes = nil
		s.settle(p)
		delete(s.plans, code)
	}
}

func (s *schedule) settle(p *plan) {
	switch {
	case len(p.wakes) == 0 && p.place >= 0:
		heap.Remove(&s.queue, p.place)
	case len(p.wakes) == 0:
	case p.place >= 0:
		heap.Fix(&s.queue, p.place)
	default:
		heap.Push(&s.queue, p)
	}
}

// first is the plan to be looked at next; ok is false where nothing is planned.
func (s *schedule) first() (p *plan, at time.Time, ok bool) {
	if len(s.queue) == 0 {
		return nil, time.Time{}, false
	}
	return s.queue[0], s.queue[0].next(), true
}

// mended notes that a try did not fail.
func (s *schedule) mended(p *plan) {
	if p.failed > 0 {
		s.failing--
	}
	p.failed = 0
}

// queue implements heap.Interface.
type queue []*plan

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if a, b := q[i].next(), q[j].next(); !a.Equal(b) {
		return a.Before(b)
	}
	return q[i].code < q[j].code
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	p := x.(*plan)
	p.place = len(*q)
	*q = append(*q, p)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	p.place = -1
	return p
}
