package embedded

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

const (
	// systemPrefix marks streams of the store itself, which only it may write.
	systemPrefix   = "$"
	metadataPrefix = "$$"
	metadataType   = "$metadata"
)

// States of a request. A request that is cancelled before it is taken is
// certainly not appended; until it is built the committer reads its events.
const (
	requestQueued uint32 = iota
	requestTaken
	requestBuilt
	requestCancelled
)

type request struct {
	stream   string
	expected event.Expected
	events   []eventstore.Proposed
	// recorded are the events' times where they come from another ledger; only
	// an Import sets it.
	recorded []int64
	size     int
	state    atomic.Uint32
	done     chan outcome
	// with are requests for other streams that are appended behind this one, or not
	// at all where one of them cannot be. They are answered with it.
	with []*request
}

type outcome struct {
	written event.Written
	with    []event.Written
	err     error
}

// settleGrace is how long an append whose context has ended waits for the
// outcome of a commit that is already on its way.
const settleGrace = time.Second

// Append implements eventstore.Store. When the context ends before the
// committer has taken the batch, it is certainly not appended; afterwards the
// outcome is waited for a little, and if it stays unknown the error says so:
// the same batch can be repeated.
func (s *Store) Append(
	ctx context.Context, stream string, expected event.Expected, events ...eventstore.Proposed,
) (event.Written, error) {
	if len(stream) > 0 && stream[:1] == systemPrefix {
		return event.Written{}, invalid("stream %q: names that begin with %q belong to the store", stream, systemPrefix)
	}
	return s.submit(ctx, stream, expected, events)
}

// SetMetadata implements eventstore.Store.
func (s *Store) SetMetadata(
	ctx context.Context, stream string, expected event.Expected, id uuid.UUID, custom []byte,
) (event.Written, error) {
	return s.AppendMetadata(ctx, stream, expected, eventstore.Proposed{ID: id, Type: metadataType, Data: custom})
}

// Metadata implements eventstore.Store.
func (s *Store) Metadata(ctx context.Context, stream string) (eventstore.StreamMetadata, error) {
	if err := checkMetadataTarget(stream); err != nil {
		return eventstore.StreamMetadata{}, err
	}
	if err := ctx.Err(); err != nil {
		return eventstore.StreamMetadata{}, err
	}
	if !s.described.mayHave(metadataPrefix + stream) {
		if err := s.enter(); err != nil {
			return eventstore.StreamMetadata{}, err
		}
		s.access.RUnlock()
		return eventstore.StreamMetadata{}, nil
	}
	read := eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}
	for e, err := range s.ReadStream(ctx, metadataPrefix+stream, read) {
		switch {
		case fault.CodeOf(err) == eventstore.ErrStreamNotFound.Code:
			return eventstore.StreamMetadata{}, nil
		case err != nil:
			return eventstore.StreamMetadata{}, err
		}
		return eventstore.StreamMetadata{Custom: e.Data, Revision: e.Revision, Exists: true}, nil
	}
	return eventstore.StreamMetadata{}, nil
}

func (s *Store) submit(
	ctx context.Context, stream string, expected event.Expected, events []eventstore.Proposed,
) (event.Written, error) {
	if err := ctx.Err(); err != nil {
		return event.Written{}, err
	}
	size, err := checkBatch(stream, events)
	if err != nil {
		return event.Written{}, err
	}
	o := s.ask(ctx, &request{stream: stream, expected: expected, events: events, size: size})
	return o.written, o.err
}

// ask hands a request to the committer and waits for what comes of it.
func (s *Store) ask(ctx context.Context, req *request) outcome {
	alarm := s.disk.Alarm()
	if err := s.unwritable(); err != nil {
		return outcome{err: err}
	}
	req.done = make(chan outcome, 1)
	select {
	case <-s.closing:
		return outcome{err: closedFault()}
	default:
	}
	select {
	case s.requests <- req:
	case <-ctx.Done():
		return outcome{err: ctx.Err()}
	case <-alarm:
		return outcome{err: s.alarmed()}
	case <-s.closing:
		return outcome{err: closedFault()}
	}
	select {
	case o := <-req.done:
		return o
	case <-ctx.Done():
		return s.abandon(req, alarm, ctx.Err())
	case <-alarm:
		return s.abandon(req, alarm, nil)
	case <-s.stopped:
		return s.abandon(req, alarm, closedFault())
	}
}

// abandon gives up waiting for a request. A nil cause means that the store
// cannot write at the moment.
func (s *Store) abandon(req *request, alarm <-chan struct{}, cause error) outcome {
	why := func() error { return cmp.Or(cause, s.alarmed()) }
	if req.state.CompareAndSwap(requestQueued, requestCancelled) {
		return outcome{err: why()}
	}
	grace := time.NewTimer(settleGrace)
	defer grace.Stop()
	if cause != nil {
		select {
		case o := <-req.done:
			return o
		case <-alarm:
		case <-s.stopped:
		case <-grace.C:
		}
	}
	// The caller gets its slices back only when the committer has copied them.
	for req.state.Load() == requestTaken {
		select {
		case o := <-req.done:
			return o
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case o := <-req.done:
		return o
	default:
		return outcome{err: fmt.Errorf("append to stream %q: the outcome is not known yet, repeat it with the same ids: %w",
			req.stream, why())}
	}
}

// unwritable says why the store cannot take appends now, or nil.
func (s *Store) unwritable() error {
	if err := s.disk.Broken(); err != nil {
		return fault.New(fault.Unavailable, "eventstore.broken",
			"the event store in %s could not write and takes no appends until it is opened again: %w", s.dir, err)
	}
	if s.disk.Full() {
		return fullFault(s.dir)
	}
	return nil
}

// alarmed says why the alarm was rung. Where nothing is wrong any more, it was for
// want of room, which has been made since: never nil, which would acknowledge.
func (s *Store) alarmed() error { return cmp.Or(s.unwritable(), fullFault(s.dir)) }

func fullFault(dir string) error {
	return fault.New(eventstore.ErrFull.Kind, eventstore.ErrFull.Code,
		"the disk of the event store in %s is full; it goes on by itself when there is room", dir)
}

func closedFault() error { return eventstore.ErrClosed }

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, eventstore.ErrInvalid.Code, format, args...)
}

func tooLarge(format string, args ...any) error {
	return fault.New(fault.TooLarge, eventstore.ErrTooLarge.Code, format, args...)
}

func checkBatch(stream string, events []eventstore.Proposed) (size int, err error) {
	limit := eventstore.MaxStreamName
	if len(stream) >= 2 && stream[:2] == metadataPrefix {
		limit += len(metadataPrefix)
	}
	if err := eventstore.CheckName("stream name", stream, limit); err != nil {
		return 0, err
	}
	if len(events) == 0 {
		return 0, invalid("stream %q: a batch without events", stream)
	}
	if len(events) > eventstore.MaxBatchEvents {
		return 0, tooLarge("stream %q: %d events in one batch, at most %d are allowed",
			stream, len(events), eventstore.MaxBatchEvents)
	}
	for i := range events {
		e := &events[i]
		if e.ID == uuid.Nil {
			return 0, invalid("stream %q, event %d of the batch: the id is the zero UUID", stream, i)
		}
		if err := eventstore.CheckName("event type", e.Type, eventstore.MaxTypeName); err != nil {
			return 0, err
		}
		n := len(e.Data) + len(e.Metadata)
		if n > eventstore.MaxEventSize {
			return 0, tooLarge("stream %q, event %d of the batch: %d bytes of data and metadata, at most %d are allowed",
				stream, i, n, eventstore.MaxEventSize)
		}
		size += n
	}
	if size > eventstore.MaxBatchSize {
		return 0, tooLarge("stream %q: a batch of %d bytes, at most %d are allowed", stream, size, eventstore.MaxBatchSize)
	}
	return size, checkDistinct(stream, events)
}

// fewEvents is up to how many events it is quicker to compare their ids with each
// other than to make a table of them.
const fewEvents = 16

func idTwice(stream string, i int, id uuid.UUID) error {
	return invalid("stream %q, event %d of the batch: id %s is in the batch twice", stream, i, id)
}

func checkDistinct(stream string, events []eventstore.Proposed) error {
	if len(events) <= fewEvents {
		for i := range events {
			for j := range i {
				if events[i].ID == events[j].ID {
					return idTwice(stream, i, events[i].ID)
				}
			}
		}
		return nil
	}
	seen := make(map[uuid.UUID]struct{}, len(events))
	for i := range events {
		if _, twice := seen[events[i].ID]; twice {
			return idTwice(stream, i, events[i].ID)
		}
		seen[events[i].ID] = struct{}{}
	}
	return nil
}

func checkMetadataTarget(stream string) error {
	if err := eventstore.CheckName("stream name", stream, eventstore.MaxStreamName); err != nil {
		return err
	}
	if len(stream) >= 2 && stream[:2] == metadataPrefix {
		return invalid("stream %q: a metadata stream has no metadata of its own", stream)
	}
	return nil
}
