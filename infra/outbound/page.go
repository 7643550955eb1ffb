package outbound

import (
	"context"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/bus"
)

// series is events of one key, in order.
type series struct {
	key    string
	events []event.Event
}

// page works off what has come: each key in order, several keys at once. It
// returns when all of it was delivered or is known to be behind.
func (s *session) page(ctx context.Context, page bus.Page) error {
	if page.Broken != nil {
		// What cannot be read cannot be sent, and is never skipped.
		return page.Broken
	}
	all, err := s.byKey(ctx, page.Events)
	if err != nil {
		return err
	}
	now := all[:0]
	s.book.change(func() {
		s.book.stuck = ""
		for _, one := range all {
			if s.book.put(one.key, one.events[len(one.events)-1].Position) {
				continue
			}
			now = append(now, one)
			if s.book.oldest.IsZero() {
				s.book.oldest = one.events[0].RecordedAt
			}
		}
	})
	var delivering sync.WaitGroup
	for _, one := range now {
		if err := s.begin(ctx); err != nil {
			break
		}
		delivering.Go(func() {
			defer s.done()
			s.deliverSeries(ctx, one)
		})
	}
	delivering.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.book.change(func() {
		if page.HasPosition && page.Position >= s.book.next {
			s.book.next, s.book.moved = page.Position+1, true
		}
		s.book.unsaved = s.book.unsaved || len(now) > 0
		s.book.live = page.CaughtUp
		s.book.oldest = time.Time{}
	})
	return nil
}

// byKey sorts what is for the receiver by key, the keys in order of their first event.
func (s *session) byKey(ctx context.Context, events []event.Event) ([]series, error) {
	var all []series
	place := map[string]int{}
	for _, e := range events {
		wanted, err := s.selector.selects(ctx, e)
		if err != nil {
			return nil, err
		}
		if !wanted {
			continue
		}
		key := KeyOf(e.Stream)
		i, known := place[key]
		if !known {
			i = len(all)
			place[key] = i
			all = append(all, series{key: key})
		}
		all[i].events = append(all[i].events, e)
	}
	return all, nil
}

// begin waits until something new may be tried, and takes a slot for it.
func (s *session) begin(ctx context.Context) error {
	for {
		may := false
		changed := s.book.look(func() { may = s.book.mayBegin() })
		if may {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) done() { <-s.slots }

// deliverSeries delivers events of a key until one fails, from which on it is behind.
func (s *session) deliverSeries(ctx context.Context, one series) {
	for i, e := range one.events {
		err := s.deliver(ctx, one.key, e)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			var l *lag
			s.book.change(func() { l = s.book.fellBehind(one.key, one.events[i:]) })
			s.failed(ctx, l, e, failureOf(err))
			return
		}
	}
}
