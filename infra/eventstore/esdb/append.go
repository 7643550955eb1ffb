package esdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// Append implements eventstore.Store. When the outcome is not known in time, the
// error is the context's or ErrTimeout, and the same batch can be repeated.
func (s *Store) Append(
	ctx context.Context, stream string, expected event.Expected, events ...eventstore.Proposed,
) (event.Written, error) {
	if strings.HasPrefix(stream, systemPrefix) {
		return event.Written{}, invalid("stream %q: names that begin with %q belong to the store", stream, systemPrefix)
	}
	return s.submit(ctx, stream, expected, events)
}

func (s *Store) submit(
	ctx context.Context, stream string, expected event.Expected, events []eventstore.Proposed,
) (w event.Written, err error) {
	if err := s.open(ctx); err != nil {
		return event.Written{}, err
	}
	if err := checkBatch(stream, events); err != nil {
		return event.Written{}, err
	}
	ctx, end := s.observed(ctx, "append", stream, len(events))
	defer func() { end(err) }()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	release, err := s.turns.take(ctx, stream)
	if err != nil {
		return event.Written{}, err
	}
	defer release()
	sent := false
	w, err = again(ctx, s.link, func() (event.Written, error) { return s.try(ctx, stream, expected, events, &sent) })
	return w, err
}

// try makes one attempt to append. It sets sent when the batch was not there and
// went out: if it is there at the next attempt, this call has put it there.
func (s *Store) try(
	ctx context.Context, stream string, expected event.Expected, events []eventstore.Proposed, sent *bool,
) (event.Written, error) {
	t := s.seen(stream, expected, events)
	if t == nil || *sent {
		var err error
		if t, err = s.look(ctx, stream); err != nil {
			return event.Written{}, err
		}
	}
	if w, found, err := s.repetition(ctx, stream, t, events); err != nil || found {
		if err == nil && *sent && !elsewhere(expected, w.Revision, len(events)) {
			mine, err := s.ours(ctx, stream, w.Revision, events)
			w.Repeated = !mine
			return w, err
		}
		return w, err
	}
	if !expected.Holds(t.exists, t.last) {
		return event.Written{}, &event.WrongRevision{Stream: stream, Expected: expected, Exists: t.exists, Actual: t.last}
	}
	*sent = true
	result, err := s.send(ctx, stream, expected, events)
	if errors.Is(err, errWrongVersion) {
		return s.beaten(ctx, stream, expected, events)
	}
	if err != nil {
		s.tails.Remove(stream)
		return event.Written{}, err
	}
	w := event.Written{Revision: result.NextExpectedVersion, Position: result.CommitPosition}
	if t.exists && w.Revision <= t.last || elsewhere(expected, w.Revision, len(events)) {
		// The server found the ids further back than this adapter looks, or another
		// program has put them there just now.
		return s.repeated(ctx, stream, w.Revision)
	}
	if mine, err := s.ours(ctx, stream, w.Revision, events); err != nil || !mine {
		if err == nil {
			return s.repeated(ctx, stream, w.Revision)
		}
		return event.Written{}, err
	}
	if first := w.Revision + 1 - uint64(len(events)); t.next() != first {
		s.tails.Remove(stream)
		return w, nil
	}
	for i := range events {
		t.add(w.Revision+1-uint64(len(events)-i), events[i].ID, s.window)
	}
	s.tails.Add(stream, t)
	return w, nil
}

// seen is a stream's end as it was seen last, where an append need not look again:
// it expects that very end, so that the server refuses it where there is more, and
// nobody else can have put its ids behind.
func (s *Store) seen(stream string, expected event.Expected, events []eventstore.Proposed) *tail {
	revision, exact := expected.Revision()
	if t, known := s.tails.Get(stream); known && exact && t.exists && t.last == revision && allDrawn(events) {
		return t
	}
	return nil
}

// elsewhere says whether a batch that is in a stream up to a revision is not where
// an append with an expectation would have put it: then another append did.
func elsewhere(expected event.Expected, last uint64, batch int) bool {
	if revision, exact := expected.Revision(); exact {
		return last != revision+uint64(batch)
	}
	return expected == event.None && last+1 != uint64(batch)
}

// ours says whether what is in a stream up to a revision is this very batch. Where
// another program has just put other content under the same ids, the server answers
// as if it had been this one. An id that was drawn is nobody else's.
func (s *Store) ours(ctx context.Context, stream string, last uint64, events []eventstore.Proposed) (bool, error) {
	if allDrawn(events) {
		return true, nil
	}
	first, seen := last+1-uint64(len(events)), false
	for e, err := range s.readStreamOnce(ctx, stream, eventstore.StreamRead{From: &first, Limit: len(events)}) {
		if err != nil {
			return false, err
		}
		if e.Revision > last {
			break
		}
		p := events[e.Revision-first]
		if e.ID != p.ID || e.Type != p.Type || !bytes.Equal(e.Data, p.Data) || !bytes.Equal(e.Metadata, p.Metadata) {
			return false, nil
		}
		seen = true
	}
	if !seen {
		return false, same(ErrTimeout, "stream %q: revision %d is not shown yet", stream, last)
	}
	return true, nil
}

// allDrawn says whether the ids of some events follow from nothing, so that nobody
// else has them.
func allDrawn(events []eventstore.Proposed) bool {
	const drawn = 4
	return !slices.ContainsFunc(events, func(e eventstore.Proposed) bool { return e.ID.Version() != drawn })
}

// beaten finds out why the server refused: the batch is there already, or
// somebody else was first.
func (s *Store) beaten(
	ctx context.Context, stream string, expected event.Expected, events []eventstore.Proposed,
) (event.Written, error) {
	t, err := s.look(ctx, stream)
	if err != nil {
		return event.Written{}, err
	}
	if w, found, err := s.repetition(ctx, stream, t, events); err != nil || found {
		return w, err
	}
	if expected.Holds(t.exists, t.last) {
		// What the server refused holds now: it is worth another attempt.
		return event.Written{}, same(ErrNotLeader, "stream %q: the event store refused what it shows as right", stream)
	}
	return event.Written{}, &event.WrongRevision{Stream: stream, Expected: expected, Exists: t.exists, Actual: t.last}
}

func (s *Store) send(
	ctx context.Context, stream string, expected event.Expected, events []eventstore.Proposed,
) (*client.WriteResult, error) {
	data := make([]client.EventData, len(events))
	for i, e := range events {
		content := client.ContentTypeBinary
		if validJSON(e.Data) {
			content = client.ContentTypeJson
		}
		data[i] = client.EventData{EventID: e.ID, EventType: e.Type, ContentType: content, Data: e.Data, Metadata: e.Metadata}
	}
	timeout := s.timeout
	opts := client.AppendToStreamOptions{ExpectedRevision: expectedRevision(expected), RequiresLeader: true, Deadline: &timeout}
	result, err := call(ctx, s.link, stream, func(*client.WriteResult) {},
		func(ctx context.Context, c *client.Client) (*client.WriteResult, error) {
			return c.AppendToStream(ctx, stream, opts, data...)
		})
	if err != nil && !errors.Is(err, errWrongVersion) {
		return nil, fmt.Errorf("append to stream %q: %w", stream, err)
	}
	return result, err
}

func expectedRevision(e event.Expected) client.ExpectedRevision {
	if r, ok := e.Revision(); ok {
		return client.Revision(r)
	}
	switch e {
	case event.None:
		return client.NoStream{}
	case event.Exists:
		return client.StreamExists{}
	}
	return client.Any{}
}
