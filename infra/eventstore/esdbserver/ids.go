package esdbserver

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// perStream lets an event id be in several streams, as EventStoreDB does, on a
// store in which an id is there once. An event whose id is in another stream
// already is stored under an id that follows from both names, with its own id
// before its metadata; readers through this package are given what the writer
// gave. What is in another stream stays there, so that a repeated append is
// changed in the same way and is recognised.
//
// A repeated append is taken for one where EventStoreDB would: where its events are
// where its expectation says, or where it expects any. One that expects the last
// revision is none; its events are stored once more.
type perStream struct {
	eventstore.Store
	system SystemWriter
}

// otherIDs begins metadata that carries an event's own id.
var otherIDs = []byte("\x00esdbserver.id\x00")

// renamedMax bounds the events of one append whose ids are elsewhere: each costs
// an attempt.
const renamedMax = 100

type appendFunc func(context.Context, string, event.Expected, ...eventstore.Proposed) (event.Written, error)

// Append implements eventstore.Store.
func (p perStream) Append(
	ctx context.Context, stream string, expected event.Expected, events ...eventstore.Proposed,
) (event.Written, error) {
	return p.append(ctx, p.Store.Append, stream, expected, events)
}

// AppendSystem implements SystemWriter.
func (p perStream) AppendSystem(
	ctx context.Context, stream string, expected event.Expected, events ...eventstore.Proposed,
) (event.Written, error) {
	return p.append(ctx, p.system.AppendSystem, stream, expected, events)
}

// AppendMetadata implements SystemWriter.
func (p perStream) AppendMetadata(
	ctx context.Context, stream string, expected event.Expected, metadata eventstore.Proposed,
) (event.Written, error) {
	to := func(ctx context.Context, _ string, expected event.Expected, events ...eventstore.Proposed) (event.Written, error) {
		return p.system.AppendMetadata(ctx, stream, expected, events[0])
	}
	return p.append(ctx, to, metadataPrefix+stream, expected, []eventstore.Proposed{metadata})
}

func (p perStream) append(
	ctx context.Context, to appendFunc, stream string, expected event.Expected, events []eventstore.Proposed,
) (event.Written, error) {
	own := events
	for try := 0; ; try++ {
		w, err := to(ctx, stream, expected, events...)
		if err == nil && !(w.Repeated && elsewhere(expected, w.Revision+1-uint64(len(events)))) {
			return w, nil
		}
		var at *eventstore.IDReused
		known := errors.As(err, &at)
		switch {
		case err == nil, errors.Is(err, eventstore.ErrIDReused) && (!known || at.Stream == stream):
			return p.onceMore(ctx, to, stream, expected, own)
		case !known || try == renamedMax:
			return w, err
		}
		i := slices.IndexFunc(events, func(e eventstore.Proposed) bool { return e.ID == at.ID })
		if i < 0 {
			return w, err
		}
		events = slices.Clone(events)
		events[i] = renamed(events[i], stream)
	}
}

// elsewhere says whether a batch that is there already begins at another revision
// than one with this expectation would.
func elsewhere(expected event.Expected, first uint64) bool {
	if r, ok := expected.Revision(); ok {
		return first != r+1
	}
	return expected == event.None && first != 0
}

// onceMore appends events of which some are in the stream already, for who expects
// an exact revision, under ids that follow from the revisions that they are to get:
// so this append can be repeated too. Any other expectation is refused.
func (p perStream) onceMore(
	ctx context.Context, to appendFunc, stream string, expected event.Expected, events []eventstore.Proposed,
) (event.Written, error) {
	if r, ok := expected.Revision(); ok {
		again := make([]eventstore.Proposed, len(events))
		for i, e := range events {
			again[i] = renamed(e, placeName(stream, r+1+uint64(i)))
		}
		return to(ctx, stream, expected, again...)
	}
	wrong := &event.WrongRevision{Stream: stream, Expected: expected}
	for e, err := range p.Store.ReadStream(ctx, stream, eventstore.StreamRead{Direction: eventstore.Backwards, Limit: 1}) {
		if err != nil {
			return event.Written{}, err
		}
		wrong.Exists, wrong.Actual = true, e.Revision
	}
	return event.Written{}, wrong
}

// placeName is a name from which a second id of an event follows.
func placeName(stream string, revision uint64) string {
	return stream + "\x00" + strconv.FormatUint(revision, 10)
}

func renamed(e eventstore.Proposed, name string) eventstore.Proposed {
	e.Metadata = slices.Concat(otherIDs, e.ID[:], e.Metadata)
	e.ID = uuid.NewSHA1(e.ID, []byte(name))
	return e
}

// ownID gives an event the id and metadata that its writer gave it.
func ownID(e *eventstore.Recorded) {
	rest, ok := bytes.CutPrefix(e.Metadata, otherIDs)
	if !ok || len(rest) < len(e.ID) {
		return
	}
	id := uuid.UUID(rest[:len(e.ID)])
	if uuid.NewSHA1(id, []byte(e.Stream)) != e.ID && uuid.NewSHA1(id, []byte(placeName(e.Stream, e.Revision))) != e.ID {
		return // metadata that only looks like it
	}
	e.ID, e.Metadata = id, rest[len(id):]
}

// ReadStream implements eventstore.Store.
func (p perStream) ReadStream(
	ctx context.Context, stream string, read eventstore.StreamRead,
) iter.Seq2[eventstore.Recorded, error] {
	return withOwnIDs(p.Store.ReadStream(ctx, stream, read))
}

// ReadAll implements eventstore.Store.
func (p perStream) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return withOwnIDs(p.Store.ReadAll(ctx, read))
}

func withOwnIDs(events iter.Seq2[eventstore.Recorded, error]) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for e, err := range events {
			ownID(&e)
			if !yield(e, err) {
				return
			}
		}
	}
}

// Subscribe implements eventstore.Store.
func (p perStream) Subscribe(ctx context.Context, to eventstore.SubscribeTo) (eventstore.Subscription, error) {
	sub, err := p.Store.Subscribe(ctx, to)
	if err != nil {
		return nil, err
	}
	return ownIDs{sub}, nil
}

type ownIDs struct{ eventstore.Subscription }

// Next implements eventstore.Subscription.
func (s ownIDs) Next(ctx context.Context) (eventstore.Delivery, error) {
	d, err := s.Subscription.Next(ctx)
	if d.Event != nil {
		ownID(d.Event)
	}
	return d, err
}
