package esdb

import (
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"time"

	"dossierledger/infra/eventstore"
	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// ReadStream implements eventstore.Store. When the connection is lost, the read
// goes on behind the last event, for as long as one call may last.
func (s *Store) ReadStream(
	ctx context.Context, stream string, read eventstore.StreamRead,
) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		err := eventstore.CheckName("stream name", stream, eventstore.MaxStreamName+len(metadataPrefix))
		if err == nil {
			err = checkRead(read.Direction, read.Limit)
		}
		if err == nil {
			err = s.open(ctx)
		}
		if err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		rest, ended := read, false
		s.resumed(ctx, stream, yield, func() iter.Seq2[eventstore.Recorded, error] {
			if ended {
				return func(func(eventstore.Recorded, error) bool) {}
			}
			return s.readStreamOnce(ctx, stream, rest)
		}, func(e *eventstore.Recorded) {
			if rest.Limit > 0 {
				rest.Limit--
				ended = rest.Limit == 0
			}
			next := e.Revision + 1
			if rest.Direction == eventstore.Backwards {
				ended = ended || e.Revision == 0
				next = e.Revision - 1
			}
			rest.From = &next
		})
	}
}

// ReadAll implements eventstore.Store; it is resumed as ReadStream is.
func (s *Store) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		err := checkRead(read.Direction, read.Limit)
		if err == nil {
			err = s.open(ctx)
		}
		if err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		rest, ended := read, false
		s.resumed(ctx, allStream, yield, func() iter.Seq2[eventstore.Recorded, error] {
			switch {
			case ended:
				return func(func(eventstore.Recorded, error) bool) {}
			case rest.Direction == eventstore.Forwards && matcher{filter: rest.Filter}.onServer() != nil:
				return s.readAllFiltered(ctx, rest)
			}
			return s.readAllOnce(ctx, rest)
		}, func(e *eventstore.Recorded) {
			if rest.Limit > 0 {
				rest.Limit--
				ended = rest.Limit == 0
			}
			after := e.Position
			rest.After = &after
		})
	}
}

// resumed runs a read and, when the connection is lost, its rest.
func (s *Store) resumed(
	ctx context.Context, stream string, yield func(eventstore.Recorded, error) bool,
	open func() iter.Seq2[eventstore.Recorded, error], seen func(*eventstore.Recorded),
) {
	var failed error
	ctx, end := s.observed(ctx, "read", stream, 0)
	defer func() { end(failed) }()
	for {
		progress, stopped := false, false
		attempts, cancel := context.WithTimeout(ctx, s.timeout)
		_, err := again(attempts, s.link, func() (struct{}, error) {
			for e, err := range open() {
				if err != nil {
					if progress {
						return struct{}{}, errProgress
					}
					return struct{}{}, err
				}
				progress = true
				seen(&e)
				if !yield(e, nil) {
					stopped = true
					return struct{}{}, nil
				}
			}
			return struct{}{}, nil
		})
		cancel()
		if stopped || err == nil {
			return
		}
		if errors.Is(err, errProgress) && s.open(ctx) == nil {
			// The patience begins anew: the server was there in between.
			continue
		}
		if errors.Is(err, errProgress) {
			err = s.open(ctx)
		}
		failed = err
		yield(eventstore.Recorded{}, err)
		return
	}
}

// errProgress ends a round of attempts in which something was read.
var errProgress = errors.New("the read was cut off")

func clientDirection(d eventstore.Direction) client.Direction {
	if d == eventstore.Backwards {
		return client.Backwards
	}
	return client.Forwards
}

// readStreamOnce reads in one call of the client.
func (s *Store) readStreamOnce(
	ctx context.Context, stream string, read eventstore.StreamRead,
) iter.Seq2[eventstore.Recorded, error] {
	opts := client.ReadStreamOptions{Direction: clientDirection(read.Direction), RequiresLeader: true, From: client.Start{}}
	switch {
	case read.From != nil && *read.From <= math.MaxInt64:
		opts.From = client.Revision(*read.From)
	case read.From != nil && read.Direction == eventstore.Forwards:
		opts.From = client.Revision(math.MaxInt64)
	case read.Direction == eventstore.Backwards:
		opts.From = client.End{}
	}
	return s.pumped(ctx, stream, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
		return c.ReadStream(ctx, stream, opts, count(read.Limit))
	})
}

// readAllOnce reads in one call of the client. The filter is applied here: the
// client cannot send one with a read.
func (s *Store) readAllOnce(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	opts := client.ReadAllOptions{Direction: clientDirection(read.Direction), RequiresLeader: true, From: client.Start{}}
	limit := read.Limit
	switch {
	case read.After != nil:
		opts.From = client.Position{Commit: *read.After, Prepare: *read.After}
	case read.Direction == eventstore.Backwards:
		opts.From = client.End{}
	}
	m := matcher{filter: read.Filter}
	if !m.everything() || read.After != nil {
		limit = 0
	}
	events := s.pumped(ctx, allStream, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
		return c.ReadAll(ctx, opts, count(limit))
	})
	return func(yield func(eventstore.Recorded, error) bool) {
		left := read.Limit
		for e, err := range events {
			if err == nil && !(outside(read, e.Position) && m.matches(&e)) {
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// readAllFiltered reads forwards what the server selects. The client cannot send
// a filter with a read, so that this is a subscription up to where the ledger ends
// when the read begins.
func (s *Store) readAllFiltered(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		var head *uint64
		for e, err := range s.readAllOnce(ctx, eventstore.AllRead{Direction: eventstore.Backwards, Limit: 1}) {
			if err != nil {
				yield(e, err)
				return
			}
			head = &e.Position
		}
		if head == nil || (read.After != nil && *read.After >= *head) {
			return
		}
		sub, err := s.Subscribe(ctx, eventstore.SubscribeTo{AfterPosition: read.After, Filter: read.Filter})
		if err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		defer func() {
			if err := sub.Close(); err != nil {
				s.log.Warn("a read of the event store did not close", "error", err)
			}
		}()
		left := read.Limit
		for {
			d, err := s.nextInTime(ctx, sub)
			switch {
			case err != nil:
				yield(eventstore.Recorded{}, err)
				return
			case d.CaughtUp, d.Checkpoint != nil && *d.Checkpoint >= *head:
				return
			case d.Event == nil:
				continue
			case d.Event.Position > *head || !yield(*d.Event, nil) || d.Event.Position == *head:
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// nextInTime waits for a delivery as long as a server may be silent: one that is
// there sends checkpoints meanwhile.
func (s *Store) nextInTime(ctx context.Context, sub eventstore.Subscription) (eventstore.Delivery, error) {
	session, err := s.link.enter()
	if err != nil {
		return eventstore.Delivery{}, err
	}
	defer session.calls.Done()
	waiting := session.wait()
	inTime, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	d, err := sub.Next(inTime)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		s.link.vain(waiting)
		return d, same(ErrTimeout, "the event store sent nothing for %v", s.timeout)
	}
	return d, err
}

// outside says whether a position lies behind the (exclusive) start of a read.
func outside(read eventstore.AllRead, position uint64) bool {
	switch {
	case read.After == nil:
		return true
	case read.Direction == eventstore.Backwards:
		return position < *read.After
	}
	return position > *read.After
}

func count(limit int) uint64 {
	if limit == 0 {
		return math.MaxInt64
	}
	return uint64(limit)
}

// pumpAhead is how many events a read takes from the connection before they are asked for.
const pumpAhead = 64

// pumped reads on in the background, because a receive in the client cannot be
// left once its connection state is gone.
func (s *Store) pumped(
	ctx context.Context, stream string, open func(context.Context, *client.Client) (*client.ReadStream, error),
) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		session, err := s.link.enter()
		if err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		type received struct {
			event *client.ResolvedEvent
			err   error
		}
		results := make(chan received, pumpAhead)
		go func() {
			defer session.calls.Done()
			defer close(results)
			hand := func(r received) bool {
				select {
				case results <- r:
					return true
				case <-ctx.Done():
					return false
				}
			}
			from, err := open(ctx, session.client)
			if err != nil {
				hand(received{err: err})
				return
			}
			defer from.Close()
			for {
				e, err := from.Recv()
				if err == nil || answered(err) {
					session.heard.Add(1)
				}
				if errors.Is(err, io.EOF) || !hand(received{e, err}) || err != nil {
					return
				}
			}
		}()
		silence := time.NewTimer(s.timeout)
		defer silence.Stop()
		// next waits for what comes, as long as a server may be silent; what is there
		// already needs no timer.
		next := func() (r received, ok bool, err error) {
			select {
			case r, ok = <-results:
				return r, ok, nil
			default:
			}
			waiting := session.wait()
			silence.Reset(s.timeout)
			select {
			case r, ok = <-results:
				return r, ok, nil
			case <-silence.C:
				s.link.vain(waiting)
				return r, false, same(ErrTimeout, "the event store sent nothing for %v", s.timeout)
			case <-ctx.Done():
				s.link.vain(waiting)
				return r, false, ended(ctx)
			case <-session.gone:
				return r, false, errLost
			case <-s.closing:
				return r, false, eventstore.ErrClosed
			}
		}
		for {
			r, ok, err := next()
			switch {
			case err == nil && ctx.Err() != nil:
				err = ended(ctx)
			case err == nil && !ok:
				return
			case err == nil && r.err != nil:
				err = translated(ctx, stream, r.err)
				s.link.lost(session, err)
			}
			if err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			e, err := recorded(r.event)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// recorded takes an event over, with the time at which the ledger that it was
// copied from recorded it.
func recorded(r *client.ResolvedEvent) (eventstore.Recorded, error) {
	from := r.OriginalEvent()
	if from == nil {
		return eventstore.Recorded{}, same(eventstore.ErrCorrupt, "the event store sent an event without content")
	}
	e := eventstore.Recorded{
		ID: from.EventID, Type: from.EventType, Data: from.Data, Stream: from.StreamID,
		Revision: from.EventNumber, Position: from.Position.Commit, RecordedAt: from.CreatedDate.UTC(),
	}
	var stamped time.Time
	e.Metadata, stamped = unstamped(from.UserMetadata)
	if !stamped.IsZero() {
		e.RecordedAt = stamped
	}
	return e, nil
}
