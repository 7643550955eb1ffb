package esdbserver

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"

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
	for try := 0; ; try++ {
		w, err := to(ctx, stream, expected, events...)
		var at *eventstore.IDReused
		if !errors.As(err, &at) || at.Stream == stream || try == renamedMax {
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

func renamed(e eventstore.Proposed, stream string) eventstore.Proposed {
	e.Metadata = slices.Concat(otherIDs, e.ID[:], e.Metadata)
	e.ID = uuid.NewSHA1(e.ID, []byte(stream))
	return e
}

// ownID gives an event the id and metadata that its writer gave it.
func ownID(e *eventstore.Recorded) {
	rest, ok := bytes.CutPrefix(e.Metadata, otherIDs)
	if !ok || len(rest) < len(e.ID) {
		return
	}
	id := uuid.UUID(rest[:len(e.ID)])
	if uuid.NewSHA1(id, []byte(e.Stream)) != e.ID {
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
