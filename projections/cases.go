package projections

import (
	"context"
	"fmt"
	"math"
	"strings"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// DefaultCases is how many dossiers a projection keeps folded in memory; one
// takes some kilobytes.
const DefaultCases = 8192

// Cases is the projection "dossiers": it fills the tables dossiers, events and
// steps from one fold of each dossier, so that the three always agree.
//
// A dossier's state before a page comes from memory, else from the beginning of
// its stream. In the order of time an event costs the same however long the
// dossier is; the dossier's own row is made once for each page.
type Cases struct {
	history History
	size    int
	ref     *reference
	cache   *simplelru.LRU[string, *folded]
}

// NewCases makes the projection. size bounds the dossiers kept in memory; 0 is
// DefaultCases.
func NewCases(history History, size int) *Cases {
	if size <= 0 {
		size = DefaultCases
	}
	c := &Cases{history: history, size: size, ref: newReference()}
	c.forget()
	return c
}

// forget drops every folded dossier; what was learnt stays.
func (c *Cases) forget() {
	cache, err := simplelru.NewLRU[string, *folded](c.size, nil)
	if err != nil {
		panic(err) // only for a size that NewCases excludes
	}
	c.cache = cache
}

// Name implements Projection.
func (c *Cases) Name() string { return "dossiers" }

// Tables implements Projection.
func (c *Cases) Tables() []Table {
	return []Table{dossiersTable.table, eventsTable.table, stepsTable.table}
}

// Streams implements Projection.
func (c *Cases) Streams() []string { return append([]string{dossier.StreamPrefix}, c.References()...) }

// References implements Projection.
func (c *Cases) References() []string { return []string{calendarPrefix, procedurePrefix} }

// Learn implements Projection.
func (c *Cases) Learn(e event.Event) error { return c.ref.learn(e) }

// Fresh implements Projection.
func (c *Cases) Fresh() Projection { return NewCases(c.history, c.size) }

// Apply implements Projection.
func (c *Cases) Apply(ctx context.Context, page []event.Event) ([]Batch, error) {
	rows, err := c.apply(ctx, page)
	if err != nil {
		c.forget()
		return nil, err
	}
	var batches []Batch
	batches = append(batches, eventsTable.batch(rows.events)...)
	batches = append(batches, stepsTable.batch(rows.steps)...)
	return append(batches, dossiersTable.batch(rows.dossiers)...), nil
}

type caseRows struct {
	dossiers []DossierRow
	events   []EventRow
	steps    []StepRow
}

func (c *Cases) apply(ctx context.Context, page []event.Event) (*caseRows, error) {
	var streams []string
	byStream := map[string][]event.Event{}
	for _, e := range page {
		if !strings.HasPrefix(e.Stream, dossier.StreamPrefix) {
			if err := c.ref.learn(e); err != nil {
				return nil, err
			}
			continue
		}
		if byStream[e.Stream] == nil {
			streams = append(streams, e.Stream)
		}
		byStream[e.Stream] = append(byStream[e.Stream], e)
	}
	rows := &caseRows{events: make([]EventRow, 0, len(page)), dossiers: make([]DossierRow, 0, len(streams))}
	for _, stream := range streams {
		if err := c.applyCase(ctx, stream, byStream[stream], rows); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// applyCase adds the rows that a page's events of one dossier change.
func (c *Cases) applyCase(ctx context.Context, stream string, events []event.Event, rows *caseRows) error {
	f, err := c.before(ctx, stream, events[0].Revision)
	if err != nil {
		return err
	}
	mark := len(rows.events)
	inOrder := true
	for _, e := range events {
		if err := expect(f, e); err != nil {
			return err
		}
		row, isAction, ended := f.take(e, c.ref)
		rows.steps = append(rows.steps, ended...)
		if !isAction || !inOrder {
			continue
		}
		if inOrder = f.path.follows(&row); !inOrder {
			continue
		}
		f.path.place(&row)
		working(&row, c.ref)
		rows.events = append(rows.events, row)
	}
	if !inOrder {
		all, err := c.arranged(ctx, f, stream)
		if err != nil {
			return err
		}
		rows.events = rows.events[:mark]
		for i := range all {
			if all[i].Version >= events[0].Position {
				working(&all[i], c.ref)
				rows.events = append(rows.events, all[i])
			}
		}
	}
	rows.steps = append(rows.steps, f.openVisit(c.ref)...)
	rows.dossiers = append(rows.dossiers, f.row(c.ref))
	c.cache.Add(stream, f)
	return nil
}

// before gives a dossier as it was when its stream ended before a revision. The
// caller changes it and puts it back.
func (c *Cases) before(ctx context.Context, stream string, revision uint64) (*folded, error) {
	if f, ok := c.cache.Get(stream); ok {
		// Whatever goes wrong from here on, a half changed state is not found again.
		c.cache.Remove(stream)
		if f.next == revision {
			return f, nil
		}
	}
	f := &folded{code: strings.TrimPrefix(stream, dossier.StreamPrefix)}
	if revision == 0 {
		return f, nil
	}
	inOrder := true
	for e, err := range c.history.Before(ctx, stream, revision) {
		if err != nil {
			return nil, fmt.Errorf("projections: reading %s before %d: %w", stream, revision, err)
		}
		if err := expect(f, e); err != nil {
			return nil, err
		}
		row, isAction, _ := f.take(e, c.ref)
		if !isAction || !inOrder {
			continue
		}
		if inOrder = f.path.follows(&row); inOrder {
			f.path.place(&row)
		}
	}
	if f.next != revision {
		return nil, &Gap{Stream: stream, Expected: f.next, Got: revision}
	}
	if !inOrder {
		if _, err := c.arranged(ctx, f, stream); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// arranged reads a dossier's stream from its beginning up to where f stands and
// gives the rows of all events in order of time, without their working time. It
// corrects f's path. It is the only place that holds all events of a dossier.
func (c *Cases) arranged(ctx context.Context, f *folded, stream string) ([]EventRow, error) {
	again := &folded{code: f.code}
	rows := make([]EventRow, 0, min(f.next, 1<<16))
	for e, err := range c.history.Before(ctx, stream, f.next) {
		if err != nil {
			return nil, fmt.Errorf("projections: reading %s before %d: %w", stream, f.next, err)
		}
		if err := expect(again, e); err != nil {
			return nil, err
		}
		if row, isAction, _ := again.take(e, c.ref); isAction {
			rows = append(rows, row)
		}
	}
	if again.next != f.next {
		return nil, &Gap{Stream: stream, Expected: again.next, Got: f.next}
	}
	f.path = *arrange(rows)
	return rows, nil
}

// expect refuses an event that does not come next, and one whose revision the
// tables have no room for.
func expect(f *folded, e event.Event) error {
	if e.Revision != f.next {
		return &Gap{Stream: e.Stream, Expected: f.next, Got: e.Revision}
	}
	if e.Revision > math.MaxUint32 {
		return fmt.Errorf("projections: %s@%d: a dossier has at most %d events", e.Stream, e.Revision, uint32(math.MaxUint32))
	}
	return nil
}
