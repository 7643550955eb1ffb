package outbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dossierledger/domain/delivery"
	"dossierledger/domain/event"
	"dossierledger/infra/bus"
	"dossierledger/infra/eventstore"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// attend tries again what is behind, when its time has come.
func (s *session) attend(ctx context.Context) {
	for {
		var now []*lag
		var wait time.Duration
		changed := s.book.look(func() { now, wait = s.book.due(cap(s.slots)) })
		for _, l := range now {
			select {
			case s.slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			go func() {
				defer s.done()
				s.catchUp(ctx, l)
			}()
		}
		select {
		case <-ctx.Done():
			// Whoever holds a slot is waited for.
			for range cap(s.slots) {
				s.slots <- struct{}{}
			}
			return
		case <-changed:
		case <-time.After(wait):
		}
	}
}

// catchUp delivers what waits of a key, until nothing does or something fails.
func (s *session) catchUp(ctx context.Context, l *lag) {
	for {
		var from, to uint64
		s.book.look(func() { from, to = l.From, l.last })
		var events []event.Event
		err := s.insist(ctx, func() (err error) {
			events, err = s.between(ctx, l.Key, from, to)
			return err
		})
		if err != nil {
			return
		}
		for _, e := range events {
			err := s.deliver(ctx, l.Key, e)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				s.failed(ctx, l, e, failureOf(err))
				return
			}
			s.book.change(func() {
				l.From, l.Attempts, l.Since = e.Position+1, 0, s.config.Now()
				s.book.unsaved = true
			})
		}
		if s.caughtUp(ctx, l, to) {
			return
		}
	}
}

// caughtUp closes a lag of which everything up to a position was delivered, unless
// more has come meanwhile.
func (s *session) caughtUp(ctx context.Context, l *lag, to uint64) (closed bool) {
	letter := false
	s.book.look(func() { letter = l.letter })
	if letter {
		id := uuid.New()
		if s.insist(ctx, func() error { return s.place.note(ctx, s.book, id, delivery.CaughtUp{Key: l.Key}) }) != nil {
			return true
		}
	}
	s.book.change(func() {
		l.letter = false
		if l.last > to {
			l.From = to + 1
			return
		}
		delete(s.book.behind, l.Key)
		s.book.unsaved, closed = true, true
	})
	return closed
}

// failed notes that an event could not be delivered, and gives its key up where
// that was tried enough.
func (s *session) failed(ctx context.Context, l *lag, e event.Event, f *Failure) {
	giveUp, wentAway := false, false
	var about delivery.Lag
	s.book.change(func() {
		before := s.book.away
		giveUp = s.book.failed(l, f)
		wentAway = !before && s.book.away
		l.busy = giveUp // nobody else may work on it until it is written
		about = l.Lag
	})
	log := s.config.Logger.With("dossier", l.Key, "type", e.Payload.EventType(), "attempts", about.Attempts, "reason", f.Reason)
	switch {
	case wentAway:
		log.WarnContext(ctx, "nothing gets through to the receiver; it is taken to be away")
	case about.Attempts == 1:
		log.WarnContext(ctx, "an event could not be delivered and is tried again", "error", f.Err)
	}
	if !giveUp {
		return
	}
	id := uuid.New()
	letter := delivery.GivenUp{Lag: about, Event: e.ID, Type: e.Payload.EventType(), Stream: e.Stream, Revision: e.Revision}
	letter.From = e.Position
	if s.insist(ctx, func() error { return s.place.note(ctx, s.book, id, letter) }) != nil {
		return
	}
	s.book.change(func() { s.book.hold(l) })
	log.ErrorContext(ctx, "an event could not be delivered and was given up; what follows of its dossier waits behind it", "since", about.Since)
}

// between reads the events of a key that are for the receiver, from one position
// to another.
func (s *session) between(ctx context.Context, key string, from, to uint64) ([]event.Event, error) {
	var events []event.Event
	for _, stream := range streamsOf(key) {
		for r, err := range s.config.Store.ReadStream(ctx, stream, eventstore.StreamRead{Direction: eventstore.Backwards}) {
			if errors.Is(err, eventstore.ErrStreamNotFound) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("outbound: %w", err)
			}
			if r.Position < from {
				break
			}
			if r.Position > to {
				continue
			}
			e, err := s.config.Journal.Decode(r)
			if err != nil {
				return nil, fmt.Errorf("outbound: %w", err)
			}
			wanted, err := s.selector.selects(ctx, e)
			if err != nil {
				return nil, err
			}
			if wanted {
				events = append(events, e)
			}
		}
	}
	slices.SortFunc(events, func(a, b event.Event) int { return cmp.Compare(a.Position, b.Position) })
	return events, nil
}

// followLetters takes in what persons decide on what was given up.
func (s *session) followLetters(ctx context.Context) {
	subscriber, err := bus.NewSubscriber(s.config.Store, bus.Config{
		Resolve: func(_ context.Context, stream string) (eventstore.SubscribeTo, error) {
			return eventstore.SubscribeTo{Stream: stream, AfterRevision: s.place.letters}, nil
		},
		Decode: s.config.Journal.Decode, EventsOnly: true, Logger: s.config.Logger,
	})
	if err != nil {
		s.stumbled(ctx, err)
		return
	}
	defer subscriber.Close() //nolint:errcheck // it has nothing to fail at
	var pages <-chan *message.Message
	err = s.insist(ctx, func() (err error) {
		pages, err = subscriber.Subscribe(ctx, delivery.LettersStream(s.config.Name))
		return err
	})
	if err != nil {
		return
	}
	for m := range pages {
		page, _ := bus.PageOf(m) // the subscriber's messages have one
		if page.Broken != nil {
			s.stumbled(ctx, page.Broken)
			m.Nack()
			continue
		}
		s.book.change(func() {
			for _, e := range page.Events {
				switch p := e.Payload.(type) {
				case delivery.ResendAsked:
					s.book.asked(p.Key, 0)
				case delivery.Skipped:
					s.book.asked(p.Key, p.Position+1)
				}
			}
		})
		m.Ack()
	}
}

// saveNowAndThen writes how far the deliveries have come.
func (s *session) saveNowAndThen(ctx context.Context) {
	tick := time.NewTicker(s.config.SaveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.insist(ctx, func() error { return s.place.save(ctx, s.book, false) }) != nil {
			return
		}
	}
}
