package projections

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// Catalogue is the projection "catalogue": the tables agencies and procedures,
// which give names and properties to what the other tables hold codes of.
type Catalogue struct {
	history History
	streams map[string]entry
}

// entry is one agency or procedure after some prefix of its stream.
type entry struct {
	next     uint64 // revision to come
	position uint64 // of the last event
	agency   agency.Agency
	versions []effective
	// ended is when the procedure gave way to another; zero while it has not.
	ended time.Time
}

type effective struct {
	version procedure.Version
	from    time.Time
}

// NewCatalogue makes the projection.
func NewCatalogue(history History) *Catalogue {
	return &Catalogue{history: history, streams: map[string]entry{}}
}

// Name implements Projection.
func (c *Catalogue) Name() string { return "catalogue" }

// Tables implements Projection.
func (c *Catalogue) Tables() []Table { return []Table{agenciesTable.table, proceduresTable.table} }

// Streams implements Projection.
func (c *Catalogue) Streams() []string { return []string{agencyPrefix, procedurePrefix} }

// References implements Projection.
func (c *Catalogue) References() []string { return nil }

// Learn implements Projection.
func (c *Catalogue) Learn(event.Event) error { return nil }

// Fresh implements Projection.
func (c *Catalogue) Fresh() Projection { return NewCatalogue(c.history) }

// Apply implements Projection.
func (c *Catalogue) Apply(ctx context.Context, page []event.Event) ([]Batch, error) {
	batches, err := c.apply(ctx, page)
	if err != nil {
		clear(c.streams)
	}
	return batches, err
}

func (c *Catalogue) apply(ctx context.Context, page []event.Event) ([]Batch, error) {
	var touched []string
	seen := map[string]bool{}
	for _, e := range page {
		if !strings.HasPrefix(e.Stream, agencyPrefix) && !strings.HasPrefix(e.Stream, procedurePrefix) {
			continue
		}
		x, err := c.before(ctx, e, seen[e.Stream])
		if err != nil {
			return nil, err
		}
		if x, err = x.take(e); err != nil {
			return nil, err
		}
		c.streams[e.Stream] = x
		if !seen[e.Stream] {
			seen[e.Stream] = true
			touched = append(touched, e.Stream)
		}
	}
	var agencies []AgencyRow
	var procedures []ProcedureRow
	for _, stream := range touched {
		x := c.streams[stream]
		if strings.HasPrefix(stream, agencyPrefix) {
			agencies = append(agencies, x.agencyRow())
		} else {
			procedures = append(procedures, x.procedureRows()...)
		}
	}
	return append(agenciesTable.batch(agencies), proceduresTable.batch(procedures)...), nil
}

// before gives the entry as it was before an event.
func (c *Catalogue) before(ctx context.Context, e event.Event, inPage bool) (entry, error) {
	x := c.streams[e.Stream]
	if x.next == e.Revision {
		return x, nil
	}
	if inPage {
		return x, &Gap{Stream: e.Stream, Expected: x.next, Got: e.Revision}
	}
	x = entry{}
	if e.Revision == 0 {
		return x, nil
	}
	for earlier, err := range c.history.Before(ctx, e.Stream, e.Revision) {
		if err != nil {
			return x, fmt.Errorf("projections: reading %s before %d: %w", e.Stream, e.Revision, err)
		}
		if earlier.Revision != x.next {
			return x, &Gap{Stream: e.Stream, Expected: x.next, Got: earlier.Revision}
		}
		if x, err = x.take(earlier); err != nil {
			return x, err
		}
	}
	if x.next != e.Revision {
		return x, &Gap{Stream: e.Stream, Expected: x.next, Got: e.Revision}
	}
	return x, nil
}

// take folds one event. An entry is a value; what it shares is never changed.
func (x entry) take(e event.Event) (entry, error) {
	x.next, x.position = e.Revision+1, e.Position
	if strings.HasPrefix(e.Stream, agencyPrefix) {
		a, err := agency.Evolve(x.agency, e)
		x.agency = a
		return x, err
	}
	switch p := e.Payload.(type) {
	case procedure.Published:
		x.versions = append(x.versions[:len(x.versions):len(x.versions)], effective{p.Version, p.EffectiveFrom})
	case procedure.Revised:
		x.versions = append(x.versions[:len(x.versions):len(x.versions)], effective{p.Version, p.EffectiveFrom})
	case procedure.SupersededBy:
		x.ended = p.Effective
	case procedure.Reinstated:
		x.ended = time.Time{}
	}
	return x, nil
}

// endOfTime is later than any date on which a name can begin to hold.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (x entry) agencyRow() AgencyRow {
	name := x.agency.NameAt(endOfTime)
	return AgencyRow{
		ID: x.agency.ID, NameVI: name.VI, NameEN: name.EN, Tier: string(x.agency.Tier), Parent: x.agency.Parent,
		ValidFrom: maybe(x.agency.From), ValidTo: maybe(x.agency.To), Version: x.position,
	}
}

// procedureRows gives the rows of all versions that there ever were: also of one
// that a later version with the same date replaced, so that it does not matter
// whether its row was written before.
func (x entry) procedureRows() []ProcedureRow {
	rows := make([]ProcedureRow, len(x.versions))
	for i, v := range x.versions {
		rows[i] = ProcedureRow{
			Code: v.version.Code, Number: count(v.version.Number),
			NameVI: v.version.Name.VI, NameEN: v.version.Name.EN,
			Field: v.version.Field, Class: string(v.version.Class), Level: uint8(v.version.Level),
			Modern: string(v.version.Modern), Competent: string(v.version.Competent),
			HasFee: flag(len(v.version.Fees) > 0), PayableOnline: flag(v.version.Offers().PayOnline),
			ValidFrom: maybe(v.from), ValidTo: maybe(x.until(i)), Version: x.position,
		}
	}
	return rows
}

// until is when a version stops being the one that counts: at the date of the
// version that begins next, at once where a later one has the same date, or
// when the procedure gave way.
func (x entry) until(i int) time.Time {
	end := x.ended
	for j, other := range x.versions {
		switch {
		case j > i && other.from.Equal(x.versions[i].from):
			return x.versions[i].from
		case other.from.After(x.versions[i].from) && (end.IsZero() || other.from.Before(end)):
			end = other.from
		}
	}
	return end
}
