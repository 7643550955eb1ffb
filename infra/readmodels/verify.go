package readmodels

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/projections"
)

// Depth is how thoroughly tables are compared with the log.
type Depth uint8

const (
	// Shallow counts and hashes the events in the log, past every fold, and
	// compares with the keys in the tables: nothing missing, doubled, or standing
	// at an old revision. It reads the log once.
	Shallow Depth = iota
	// Deep also folds every dossier again, from its beginning and by itself, and
	// compares every column of every row. It reads the log twice.
	Deep
)

// Finding is the comparison of one table with the log.
type Finding struct {
	Table string `json:"table"`
	// Position is that of the last event that the table was held against.
	Position uint64 `json:"position"`
	Depth    string `json:"depth"` // "shallow" or "deep"
	Expected uint64 `json:"expected_rows"`
	Actual   uint64 `json:"actual_rows"`
	// Same is true when rows and hashes are equal.
	Same bool `json:"same"`
}

// Mismatch is the fault for findings of which one is not the same; nil else.
func Mismatch(findings []Finding) error {
	var wrong []string
	for _, f := range findings {
		if !f.Same {
			wrong = append(wrong, fmt.Sprintf("%s (%s): %d rows, the log says %d", f.Table, f.Depth, f.Actual, f.Expected))
		}
	}
	if wrong == nil {
		return nil
	}
	return fault.New(fault.Corrupt, CodeMismatch, "read models are not what the log says: %s; `ledger rebuild` makes them again", strings.Join(wrong, "; "))
}

// Verify compares the live tables with the log, up to each projection's
// checkpoint; writing to them stops for as long as ClickHouse counts. A process
// that died while writing leaves rows beyond its checkpoint: catch up first.
func (r *Runner) Verify(ctx context.Context, depth Depth) ([]Finding, error) {
	var all []Finding
	for _, w := range r.workers {
		findings, err := r.verifyLive(ctx, w, depth)
		if err != nil {
			return all, err
		}
		all = append(all, findings...)
	}
	return all, nil
}

func (r *Runner) verifyLive(ctx context.Context, w *worker, depth Depth) ([]Finding, error) {
	if err := w.writing.enter(ctx); err != nil {
		return nil, err
	}
	at, ok, err := r.config.Warehouse.Checkpoint(ctx, w.name)
	var actual *found
	if err == nil {
		actual, err = r.sums(ctx, w.template, "", depth)
	}
	w.writing.leave()
	if err != nil {
		return nil, fmt.Errorf("readmodels: verifying %s: %w", w.name, err)
	}
	return r.compare(ctx, w.template, actual, at.Position, ok, depth)
}

// found is what tables hold.
type found struct {
	audited map[string]projections.Sum // over the audited columns
	whole   map[string]projections.Sum // over all columns
}

func (r *Runner) sums(ctx context.Context, p projections.Projection, suffix string, depth Depth) (*found, error) {
	f := &found{audited: map[string]projections.Sum{}, whole: map[string]projections.Sum{}}
	var audited map[string][]string
	if a, ok := p.(projections.Audited); ok {
		audited = a.NewAudit().AuditedColumns()
	}
	for _, t := range p.Tables() {
		if names := audited[t.Name]; names != nil {
			var columns []projections.Column
			for _, name := range names {
				i := slices.IndexFunc(t.Columns, func(c projections.Column) bool { return c.Name == name })
				columns = append(columns, t.Columns[i])
			}
			sum, err := r.config.Warehouse.Sum(ctx, t.Name+suffix, columns)
			if err != nil {
				return nil, err
			}
			f.audited[t.Name] = sum
		}
		if depth == Deep || audited == nil {
			sum, err := r.config.Warehouse.Sum(ctx, t.Name+suffix, t.Columns)
			if err != nil {
				return nil, err
			}
			f.whole[t.Name] = sum
		}
	}
	return f, nil
}

// compare holds what was found against the log up to a position, inclusive.
func (r *Runner) compare(ctx context.Context, p projections.Projection, actual *found, position uint64, any bool, depth Depth) ([]Finding, error) {
	var findings []Finding
	add := func(table, depth string, expected, actual projections.Sum) {
		findings = append(findings, Finding{
			Table: table, Position: position, Depth: depth, Expected: expected.Rows, Actual: actual.Rows, Same: expected == actual,
		})
	}
	if len(actual.audited) > 0 {
		expected, err := r.audit(ctx, p, position, any)
		if err != nil {
			return nil, err
		}
		for _, t := range p.Tables() {
			if sum, ok := actual.audited[t.Name]; ok {
				add(t.Name, "shallow", expected[t.Name], sum)
			}
		}
	}
	if len(actual.whole) > 0 {
		expected, err := r.refold(ctx, p, position, any)
		if err != nil {
			return nil, err
		}
		for _, t := range p.Tables() {
			add(t.Name, "deep", expected[t.Name], actual.whole[t.Name])
		}
	}
	return findings, nil
}

// upTo yields the events of a projection's own streams up to a position.
func (r *Runner) upTo(ctx context.Context, p projections.Projection, position uint64, any bool, each func(eventstore.Recorded) error) error {
	if !any {
		return nil
	}
	own := slices.DeleteFunc(p.Streams(), func(s string) bool { return slices.Contains(p.References(), s) })
	for e, err := range r.config.Store.ReadAll(ctx, eventstore.AllRead{Filter: eventstore.Filter{StreamPrefixes: own}}) {
		if err != nil {
			return fmt.Errorf("readmodels: reading the log: %w", err)
		}
		if e.Position > position {
			return nil
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) audit(ctx context.Context, p projections.Projection, position uint64, any bool) (map[string]projections.Sum, error) {
	audit := p.(projections.Audited).NewAudit()
	err := r.upTo(ctx, p, position, any, func(e eventstore.Recorded) error {
		audit.Add(projections.Envelope{Stream: e.Stream, Type: e.Type, ID: e.ID, Revision: e.Revision, Position: e.Position})
		return nil
	})
	return audit.Sums(), err
}

// refoldPage bounds how many events of one stream are folded at a time.
const refoldPage = 5_000

// refold folds each stream by itself, from its beginning, when its first event
// comes up in the log, and digests the rows that are the newest of their key.
func (r *Runner) refold(ctx context.Context, p projections.Projection, position uint64, any bool) (map[string]projections.Sum, error) {
	a := &applier{config: r.config, projection: p.Fresh()}
	if err := a.learn(ctx); err != nil {
		return nil, err
	}
	sums := map[string]projections.Sum{}
	err := r.upTo(ctx, p, position, any, func(e eventstore.Recorded) error {
		if e.Revision != 0 {
			return nil
		}
		return r.refoldStream(ctx, a.projection, e.Stream, position, sums)
	})
	return sums, err
}

func (r *Runner) refoldStream(ctx context.Context, p projections.Projection, stream string, position uint64, sums map[string]projections.Sum) error {
	newest := map[string]map[uint64]versioned{}
	var page []event.Event
	apply := func() error {
		batches, err := p.Apply(ctx, page)
		if err != nil {
			return fmt.Errorf("readmodels: folding %s again: %w", stream, err)
		}
		for _, b := range batches {
			table := b.Table().Name
			if newest[table] == nil {
				newest[table] = make(map[uint64]versioned, b.Len())
			}
			for i := range b.Len() {
				key, version, digest := b.Digest(i)
				if old, ok := newest[table][key]; !ok || old.version <= version {
					newest[table][key] = versioned{version, digest}
				}
			}
		}
		page = page[:0]
		return nil
	}
	for e, err := range r.config.Store.ReadStream(ctx, stream, eventstore.StreamRead{}) {
		if err != nil {
			return fmt.Errorf("readmodels: reading %s: %w", stream, err)
		}
		if e.Position > position {
			break
		}
		decoded, err := r.config.Decode(e)
		if err != nil {
			return fmt.Errorf("readmodels: %w", err)
		}
		if page = append(page, decoded); len(page) == refoldPage {
			if err := apply(); err != nil {
				return err
			}
		}
	}
	if err := apply(); err != nil {
		return err
	}
	for table, rows := range newest {
		sum := sums[table]
		for _, row := range rows {
			sum.Rows++
			sum.Hash += row.digest
		}
		sums[table] = sum
	}
	return nil
}

type versioned struct{ version, digest uint64 }
