package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
)

// Vault seals and opens personal values under the key of their person.
type Vault interface {
	Seal(ctx context.Context, subject string, clear, bound []byte) ([]byte, error)
	Unseal(ctx context.Context, subject string, sealed, bound []byte) ([]byte, error)
}

// Journal appends and reads domain events. It is safe for concurrent use.
type Journal struct {
	store    eventstore.Store
	registry *event.Registry
	vault    Vault
	shapes   map[string]*shape
}

// New wires a journal. None of its parts may be nil.
func New(store eventstore.Store, registry *event.Registry, vault Vault) (*Journal, error) {
	if store == nil || registry == nil || vault == nil {
		return nil, errors.New("journal: store, registry and vault are all needed")
	}
	return &Journal{store: store, registry: registry, vault: vault, shapes: shapesOf(registry)}, nil
}

// Append seals, encodes and stores a batch in one stream: all or nothing,
// durable when it returns. Its refusals are the store's.
func (j *Journal) Append(ctx context.Context, stream string, expected event.Expected, events ...event.Event) (written event.Written, err error) {
	ctx, end := appending(ctx, stream, len(events))
	defer func() { end(written, err) }()
	proposed, err := j.proposed(ctx, stream, events)
	if err != nil {
		return event.Written{}, err
	}
	return j.store.Append(ctx, stream, expected, proposed...)
}

// proposed gives the stored form of events that are to go into a stream.
func (j *Journal) proposed(ctx context.Context, stream string, events []event.Event) ([]eventstore.Proposed, error) {
	size := 0
	for i := range events {
		size += directSize(&events[i])
	}
	room := make([]byte, 0, size)
	proposed := make([]eventstore.Proposed, len(events))
	for i, e := range events {
		e.Stream = stream
		var err error
		if proposed[i], room, err = j.encode(ctx, &e, room); err != nil {
			return nil, err
		}
	}
	return proposed, nil
}

// Keys makes sure that values of some persons can be sealed without waiting for
// a disk: the key of somebody new is made and kept.
func (j *Journal) Keys(ctx context.Context, subjects ...string) error {
	for _, subject := range subjects {
		if _, err := j.vault.Seal(ctx, subject, nil, nil); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	return nil
}

// Encode gives the stored form of an event that is to go into its Stream.
func (j *Journal) Encode(ctx context.Context, e event.Event) (eventstore.Proposed, error) {
	p, _, err := j.encode(ctx, &e, make([]byte, 0, directSize(&e)))
	return p, err
}

// encode is Encode with what it writes appended to room, where that is known
// beforehand: the events of a batch share one allocation.
func (j *Journal) encode(ctx context.Context, e *event.Event, room []byte) (eventstore.Proposed, []byte, error) {
	from := len(room)
	data, direct, err := j.encodePayload(ctx, e, room)
	if err != nil {
		return eventstore.Proposed{}, room, fmt.Errorf("journal: encode %s: %w", typeOf(*e), err)
	}
	if direct {
		room, data = data, slices.Clip(data[from:])
	}
	from = len(room)
	meta, direct, err := encodeMetadata(traced(ctx, e.Metadata), room)
	if err != nil {
		return eventstore.Proposed{}, room, fmt.Errorf("journal: encode metadata of %s: %w", typeOf(*e), err)
	}
	if direct {
		room, meta = meta, slices.Clip(meta[from:])
	}
	return eventstore.Proposed{ID: e.ID, Type: e.Payload.EventType(), Data: data, Metadata: meta}, room, nil
}

// encodePayload appends a payload to room where it is written directly.
func (j *Journal) encodePayload(ctx context.Context, e *event.Event, room []byte) (data []byte, appended bool, err error) {
	if data, ok, err := direct(room, e.Payload); ok {
		return data, true, err
	}
	seal := func(at site, p event.Personal) (event.Personal, error) { return j.sealed(ctx, *e, at, p) }
	if data, ok, err := planned(e.Payload, seal); ok {
		return data, false, err
	}
	sealed, err := normalise(e.Payload, seal)
	if err != nil {
		return nil, false, err
	}
	data, err = canonical(sealed)
	return data, false, err
}

// sealed gives a personal value of an event as it is stored.
func (j *Journal) sealed(ctx context.Context, e event.Event, at site, p event.Personal) (event.Personal, error) {
	if p.IsZero() || p.Text == "" {
		return p, nil
	}
	cipher, err := j.vault.Seal(ctx, p.Subject, []byte(p.Text), bound(e, at))
	return event.Personal{Subject: p.Subject, Sealed: cipher}, err
}

// encodeMetadata appends metadata to room where they are written directly.
func encodeMetadata(m event.Metadata, room []byte) (data []byte, appended bool, err error) {
	m.OccurredAt = m.OccurredAt.UTC()
	if data, ok := directMetadata(room, m); ok {
		return data, true, nil
	}
	data, err = canonical(m)
	return data, false, err
}

// Decode turns a stored event into its domain shape. Personal values stay sealed.
func (j *Journal) Decode(r eventstore.Recorded) (event.Event, error) {
	payload, err := j.decodePayload(r.Type, r.Data)
	if err != nil {
		return event.Event{}, fmt.Errorf("journal: %s@%d: %w", r.Stream, r.Revision, err)
	}
	meta, err := decodeMetadata(r.Metadata)
	if err != nil {
		return event.Event{}, fmt.Errorf("journal: metadata of %s@%d: %w", r.Stream, r.Revision, err)
	}
	return event.Event{
		ID: r.ID, Stream: r.Stream, Revision: r.Revision, Position: r.Position,
		RecordedAt: r.RecordedAt, Metadata: meta, Payload: payload,
	}, nil
}

func (j *Journal) decodePayload(kind string, data []byte) (event.Payload, error) {
	if s, ok := j.shapes[kind]; ok {
		if p, ok := s.read(data); ok {
			return p, nil
		}
	}
	return j.registry.Decode(kind, data)
}

func decodeMetadata(data []byte) (event.Metadata, error) {
	if m, ok := readMetadata(data); ok {
		return m, nil
	}
	var m event.Metadata
	err := json.Unmarshal(data, &m)
	return m, err
}

// Read yields a stream from a revision on, oldest first, personal values sealed.
// A stream that does not exist is eventstore.ErrStreamNotFound.
func (j *Journal) Read(ctx context.Context, stream string, from uint64) iter.Seq2[event.Event, error] {
	return j.decoded(ctx, stream, func(ctx context.Context) iter.Seq2[eventstore.Recorded, error] {
		return j.store.ReadStream(ctx, stream, eventstore.StreamRead{From: &from})
	})
}

// ReadBack yields a stream newest first, at most limit events (0: all).
func (j *Journal) ReadBack(ctx context.Context, stream string, limit int) iter.Seq2[event.Event, error] {
	return j.decoded(ctx, stream, func(ctx context.Context) iter.Seq2[eventstore.Recorded, error] {
		return j.store.ReadStream(ctx, stream, eventstore.StreamRead{Direction: eventstore.Backwards, Limit: limit})
	})
}

// ReadAll yields the whole ledger behind a position, of streams with the given
// prefixes (none: all), personal values sealed.
func (j *Journal) ReadAll(ctx context.Context, after *uint64, streamPrefixes ...string) iter.Seq2[event.Event, error] {
	return j.decoded(ctx, "all", func(ctx context.Context) iter.Seq2[eventstore.Recorded, error] {
		return j.store.ReadAll(ctx, eventstore.AllRead{After: after, Filter: eventstore.Filter{StreamPrefixes: streamPrefixes}})
	})
}

// decoded reads and decodes, under one span.
func (j *Journal) decoded(ctx context.Context, of string, read func(context.Context) iter.Seq2[eventstore.Recorded, error]) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		ctx, end := reading(ctx, of)
		events, failed := 0, error(nil)
		defer func() { end(events, failed) }()
		for r, err := range read(ctx) {
			var e event.Event
			if err == nil {
				e, err = j.Decode(r)
			}
			if failed = err; err == nil {
				events++
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Reveal returns the event with its personal values in clear. Values of a person
// who was erased come back marked Erased. Whoever calls it has checked that the
// reader may see them, and has recorded the look.
func (j *Journal) Reveal(ctx context.Context, e event.Event) (event.Event, error) {
	clear, err := normalise(e.Payload, func(at site, p event.Personal) (event.Personal, error) {
		return j.unsealed(ctx, e, at, p)
	})
	if err != nil {
		return event.Event{}, fmt.Errorf("journal: reveal %s@%d: %w", e.Stream, e.Revision, err)
	}
	e.Payload = clear.(event.Payload)
	return e, nil
}

// unsealed opens one value of an event; one of a person who was erased is marked so.
func (j *Journal) unsealed(ctx context.Context, e event.Event, at site, p event.Personal) (event.Personal, error) {
	if len(p.Sealed) == 0 {
		return p, nil
	}
	text, err := j.vault.Unseal(ctx, p.Subject, p.Sealed, bound(e, at))
	if fault.KindOf(err) == fault.Erased {
		return event.Personal{Subject: p.Subject, Sealed: p.Sealed, Erased: true}, nil
	}
	return event.Personal{Subject: p.Subject, Text: string(text)}, err
}

// bound is the associated data of a personal value: where it belongs. A value
// that is copied to another place, event or stream does not open there. The
// event's type is not part of it, so that an upcast event still opens; upcasts
// therefore keep the JSON path of personal values.
func bound(e event.Event, at site) []byte {
	return []byte(e.Stream + "\x00" + e.ID.String() + "\x00" + string(at))
}

func typeOf(e event.Event) string {
	if e.Payload == nil {
		return "an empty event"
	}
	return e.Payload.EventType()
}
