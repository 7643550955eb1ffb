package esdb

import (
	"context"
	"errors"
	"slices"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// tail is what is known of a stream's end. It is used in the stream's turn only.
type tail struct {
	exists bool
	last   uint64
	// ids are those of the revisions up to last, without gap.
	ids []uuid.UUID
}

// next is the revision that the next event gets.
func (t *tail) next() uint64 {
	if !t.exists {
		return 0
	}
	return t.last + 1
}

// add notes the event with the next revision.
func (t *tail) add(revision uint64, id uuid.UUID, window int) {
	t.exists, t.last = true, revision
	if len(t.ids) >= 2*window {
		t.ids = append(t.ids[:0], t.ids[len(t.ids)-window:]...)
	}
	t.ids = append(t.ids, id)
}

// look reads what is new at a stream's end since the last look.
func (s *Store) look(ctx context.Context, stream string) (*tail, error) {
	t, known := s.tails.Get(stream)
	s.tails.Remove(stream)
	var err error
	if known && t.exists {
		err = s.lookForwards(ctx, stream, t)
	} else {
		t = &tail{}
		err = s.lookBackwards(ctx, stream, t)
	}
	if err != nil && !errors.Is(err, eventstore.ErrStreamNotFound) {
		return nil, err
	}
	if errors.Is(err, eventstore.ErrStreamNotFound) {
		t = &tail{}
	}
	s.tails.Add(stream, t)
	return t, nil
}

func (s *Store) lookForwards(ctx context.Context, stream string, t *tail) error {
	from := t.next()
	for e, err := range s.readStreamOnce(ctx, stream, eventstore.StreamRead{From: &from}) {
		if err != nil {
			return err
		}
		if e.Revision != t.next() {
			// Events were hidden from readers in between; begin anew.
			*t = tail{}
			return s.lookBackwards(ctx, stream, t)
		}
		t.add(e.Revision, e.ID, s.window)
	}
	return nil
}

func (s *Store) lookBackwards(ctx context.Context, stream string, t *tail) error {
	for e, err := range s.readStreamOnce(ctx, stream, eventstore.StreamRead{Direction: eventstore.Backwards, Limit: s.window}) {
		if err != nil {
			return err
		}
		if !t.exists {
			t.exists, t.last = true, e.Revision
		}
		t.ids = append(t.ids, e.ID)
	}
	slices.Reverse(t.ids)
	return nil
}

// repetition says whether a batch is in the stream's tail already.
func (s *Store) repetition(
	ctx context.Context, stream string, t *tail, events []eventstore.Proposed,
) (w event.Written, found bool, err error) {
	index := make(map[uuid.UUID]uint64, len(events))
	for i := range events {
		index[events[i].ID] = uint64(i)
	}
	count := 0
	var base uint64
	for i := len(t.ids) - 1; i >= 0; i-- {
		at, ok := index[t.ids[i]]
		if !ok {
			continue
		}
		revision := t.last - uint64(len(t.ids)-1-i)
		if revision < at || (count > 0 && revision-at != base) {
			return event.Written{}, false, reused(stream, t.ids[i], revision)
		}
		base = revision - at
		count++
	}
	switch {
	case count == 0:
		return event.Written{}, false, nil
	case count < len(events):
		// The others may lie before the window.
		if err := s.allThere(ctx, stream, base, events); err != nil {
			return event.Written{}, false, err
		}
	}
	w, err = s.repeated(ctx, stream, base+uint64(len(events))-1)
	return w, err == nil, err
}

// allThere holds a batch against the stream from a revision on.
func (s *Store) allThere(ctx context.Context, stream string, from uint64, events []eventstore.Proposed) error {
	n := 0
	for e, err := range s.readStreamOnce(ctx, stream, eventstore.StreamRead{From: &from, Limit: len(events)}) {
		if err != nil {
			return err
		}
		if e.ID != events[n].ID || e.Revision != from+uint64(n) {
			break
		}
		n++
	}
	if n < len(events) {
		return fault.New(eventstore.ErrIDReused.Kind, eventstore.ErrIDReused.Code,
			"stream %q: only a part of the batch's %d events are already in the ledger", stream, len(events))
	}
	return nil
}

// repeated is the first answer to a batch whose last event has this revision.
func (s *Store) repeated(ctx context.Context, stream string, revision uint64) (event.Written, error) {
	for e, err := range s.readStreamOnce(ctx, stream, eventstore.StreamRead{From: &revision, Limit: 1}) {
		return event.Written{Revision: revision, Position: e.Position, Repeated: true}, err
	}
	return event.Written{}, same(ErrTimeout, "stream %q: revision %d is not shown yet", stream, revision)
}

func reused(stream string, id uuid.UUID, revision uint64) error {
	return fault.New(eventstore.ErrIDReused.Kind, eventstore.ErrIDReused.Code, "%w",
		&eventstore.IDReused{ID: id, Stream: stream, Revision: revision})
}
