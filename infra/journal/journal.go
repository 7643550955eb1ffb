package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// Vault seals and opens personal values under the key of their person. It does not
// keep what it is given.
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

// proposed gives the stored form of events that are to go into a stream. They share
// one piece of memory.
func (j *Journal) proposed(ctx context.Context, stream string, events []event.Event) ([]eventstore.Proposed, error) {
	w := startWriting()
	defer w.end()
	var e *event.Event
	w.seal = func(at site, p event.Personal) (event.Personal, error) {
		if p.IsZero() || p.Text == "" {
			return p, nil
		}
		w.clear, w.bound = append(w.clear[:0], p.Text...), appendBound(w.bound[:0], stream, e.ID, at)
		cipher, err := j.vault.Seal(ctx, p.Subject, w.clear, w.bound)
		return event.Personal{Subject: p.Subject, Sealed: cipher}, err
	}
	proposed := make([]eventstore.Proposed, len(events))
	for i := range events {
		e = &events[i]
		if err := j.encodePayload(w, e.Payload); err != nil {
			return nil, fmt.Errorf("journal: encode %s: %w", typeOf(*e), err)
		}
		w.cut()
		if err := encodeMetadata(w, traced(ctx, e.Metadata)); err != nil {
			return nil, fmt.Errorf("journal: encode metadata of %s: %w", typeOf(*e), err)
		}
		w.cut()
		proposed[i].ID, proposed[i].Type = e.ID, e.Payload.EventType()
	}
	for i, part := range w.parts() { // data and metadata by turns
		if p := &proposed[i/2]; i%2 == 0 {
			p.Data = part
		} else {
			p.Metadata = part
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
	proposed, err := j.proposed(ctx, e.Stream, []event.Event{e})
	if err != nil {
		return eventstore.Proposed{}, err
	}
	return proposed[0], nil
}

func (j *Journal) encodePayload(w *writing, p event.Payload) error {
	if data, ok, err := direct(w.out, p); ok {
		w.out = data
		return err
	}
	if ok, err := w.planned(p); ok {
		return err
	}
	sealed, err := normalise(p, w.seal)
	if err != nil {
		return err
	}
	data, err := canonical(sealed)
	w.out = append(w.out, data...)
	return err
}

func encodeMetadata(w *writing, m event.Metadata) error {
	m.OccurredAt = m.OccurredAt.UTC()
	if data, ok := directMetadata(w.out, m); ok {
		w.out = data
		return nil
	}
	data, err := canonical(m)
	w.out = append(w.out, data...)
	return err
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
	text, err := j.vault.Unseal(ctx, p.Subject, p.Sealed, appendBound(nil, e.Stream, e.ID, at))
	if fault.KindOf(err) == fault.Erased {
		return event.Personal{Subject: p.Subject, Sealed: p.Sealed, Erased: true}, nil
	}
	return event.Personal{Subject: p.Subject, Text: string(text)}, err
}

// appendBound appends the associated data of a personal value: where it belongs. A value
// that is copied to another place, event or stream does not open there. The
// event's type is not part of it, so that an upcast event still opens; upcasts
// therefore keep the JSON path of personal values.
func appendBound(b []byte, stream string, id uuid.UUID, at site) []byte {
	b = append(append(b, stream...), 0)
	b = append(append(b, id.String()...), 0)
	return append(b, at...)
}

func typeOf(e event.Event) string {
	if e.Payload == nil {
		return "an empty event"
	}
	return e.Payload.EventType()
}
