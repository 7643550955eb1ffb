package soak

import (
	"testing"
	"time"
)

// Ledger, event store and ClickHouse as processes of their own, killed and
// stopped one by one, with connections that are cut, held up and slow.
func TestApart(t *testing.T) {
	t.Parallel()
	p := planned(t)
	s := newSite(t, p.seed, t.TempDir(), true)
	s.begin(6, 20*time.Millisecond)
	links := func() []*link { return []*link{s.toStore, s.toTables} }
	onLink := func(do func(s *site, l *link)) func(*site) {
		return func(s *site) {
			s.worked(1)
			do(s, links()[s.random.IntN(2)])
		}
	}
	s.endure(p, []mishap{
		{"kill the ledger", 4, (*site).killLedger},
		{"kill the event store", 5, func(s *site) { s.killNeighbour(s.store) }},
		{"kill ClickHouse", 3, func(s *site) { s.killNeighbour(s.warehouse) }},
		{"kill two at once", 2, func(s *site) {
			s.killLedger()
			s.store.kill()
			s.figures.Kills[s.store.name]++
		}},
		{"pause one", 3, func(s *site) {
			s.worked(1)
			all := s.programs()
			all[s.random.IntN(len(all))].pause(s.between(100*time.Millisecond, 2*time.Second))
		}},
		{"cut connections", 4, onLink(func(s *site, l *link) {
			for range 1 + s.random.IntN(5) {
				l.cut()
				time.Sleep(s.between(0, 200*time.Millisecond))
			}
		})},
		{"connections refused", 2, onLink(func(s *site, l *link) { l.away(s.between(100*time.Millisecond, 2*time.Second)) })},
		{"nothing passes", 2, onLink(func(s *site, l *link) { l.hold(s.between(100*time.Millisecond, 3*time.Second)) })},
		{"slow connections", 2, onLink(func(s *site, l *link) {
			l.slow(s.between(5*time.Millisecond, 150*time.Millisecond), s.between(500*time.Millisecond, 2*time.Second))
		})},
	})
}

func (s *site) killNeighbour(p *program) {
	s.worked(1)
	time.Sleep(s.between(0, time.Second))
	p.kill()
	s.figures.Kills[p.name]++
	time.Sleep(s.between(0, 500*time.Millisecond))
}
