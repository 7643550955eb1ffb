package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/transfer"
	"golang.org/x/sync/errgroup"
)

// Engines of a Source.
const (
	EngineEmbedded = "embedded"
	EngineESDB     = "esdb"
)

// Source is a log that can be read while it grows.
type Source interface {
	Head(ctx context.Context) (position uint64, ok bool, err error)
	ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error]
}

// EventsOptions say how events are backed up.
type EventsOptions struct {
	// Engine is what the source is: embedded or esdb.
	Engine string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Progress, where not nil, is told now and then up to which position events are read.
	Progress func(position uint64)
	// segmentBytes closes a segment; 0 is the constant.
	segmentBytes int
}

// Taken says what a run has added to a backup of events.
type Taken struct {
	Place string `json:"place"`
	// Events are those that the run added, Total all that are in the backup.
	Events   uint64 `json:"events"`
	Total    uint64 `json:"total_events"`
	Segments int    `json:"segments"`
	Bytes    int    `json:"bytes"`
	// Manifest is the number of the last manifest, 0 where the backup is empty.
	Manifest int `json:"manifest"`
	// LastPosition and LastRecordedAt are those of the last event.
	LastPosition   uint64    `json:"last_position"`
	LastRecordedAt time.Time `json:"last_recorded_at,omitzero"`
	// Chain stands for all events of the backup; noted elsewhere, it proves later
	// that nobody has made another one.
	Chain string `json:"chain"`
}

const (
	// segmentsTogether are written at the same time, which bounds memory.
	segmentsTogether = 2
	// segmentsPerManifest bounds what a killed run has done for nothing.
	segmentsPerManifest = 16
)

// Events adds to a backup what is new in a ledger since the last run, up to where
// the ledger ends when it is read. The ledger may grow meanwhile.
func Events(ctx context.Context, from Source, to Place, opts EventsOptions) (taken Taken, err error) {
	release, err := to.Lock(ctx)
	if err != nil {
		return taken, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := claim(ctx, to, kindEvents); err != nil {
		return taken, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.segmentBytes == 0 {
		opts.segmentBytes = segmentBytes
	}
	r := run{from: from, to: to, opts: opts}
	number, err := count(ctx, to)
	if err != nil {
		return taken, err
	}
	if number > 0 {
		if r.last, err = readManifest(ctx, to, number); err != nil {
			return taken, err
		}
		if err := r.continues(ctx); err != nil {
			return taken, err
		}
	}
	err = r.add(ctx)
	return r.taken(), err
}

// run is one run of Events.
type run struct {
	from Source
	to   Place
	opts EventsOptions
	// last is the manifest that ends the chain, nil before the first.
	last  *manifest
	added struct {
		events          uint64
		segments, bytes int
	}
}

func (r *run) taken() Taken {
	t := Taken{Place: r.to.String(), Events: r.added.events, Segments: r.added.segments, Bytes: r.added.bytes, Chain: r.last.chain()}
	if r.last != nil {
		end := r.last.last()
		t.Total, t.Manifest, t.LastPosition, t.LastRecordedAt = r.last.Events, r.last.Number, end.LastPosition, end.LastAt
	}
	return t
}

// continues holds that the ledger goes on where the backup ends: that the event
// at that place is the one that the backup ends with.
func (r *run) continues(ctx context.Context) error {
	end := r.last.last()
	behind := end.LastPosition + 1
	read := eventstore.AllRead{Direction: eventstore.Backwards, After: &behind, Limit: 1}
	for e, err := range r.from.ReadAll(ctx, read) {
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		if e.Position == end.LastPosition && e.ID == end.LastID {
			return nil
		}
	}
	return fault.New(ErrOtherLedger.Kind, ErrOtherLedger.Code,
		"the backup in %s ends with event %s at position %d, and the ledger does not have it there: it is another ledger, or one that was restored to an earlier point; begin a new backup in another place",
		r.to, end.LastID, end.LastPosition)
}

// add reads on and writes segments and manifests.
func (r *run) add(ctx context.Context) error {
	var read eventstore.AllRead
	next := uint64(0)
	if r.last != nil {
		after := r.last.last().LastPosition
		read.After, next = &after, r.last.Events
	}
	packer, err := newPacker()
	if err != nil {
		return err
	}
	batch := r.newBatch()
	current, err := packer.fill(next)
	if err != nil {
		return err
	}
	for e, err := range r.from.ReadAll(ctx, read) {
		if err != nil {
			return errors.Join(fmt.Errorf("read the ledger: %w", err), batch.finish(ctx))
		}
		if r.opts.Progress != nil && e.Position%1024 == 0 {
			r.opts.Progress(e.Position)
		}
		if r.opts.Engine == EngineESDB && !transfer.OfTheLedger(&e) {
			continue
		}
		if err := current.add(&e); err != nil {
			return errors.Join(err, batch.finish(ctx))
		}
		if current.raw < r.opts.segmentBytes {
			continue
		}
		if err := batch.add(ctx, current); err != nil {
			return errors.Join(err, batch.finish(ctx))
		}
		if current, err = packer.fill(current.First + current.Events); err != nil {
			return errors.Join(err, batch.finish(ctx))
		}
		if len(batch.segments) == segmentsPerManifest {
			if err := batch.finish(ctx); err != nil {
				return err
			}
			batch = r.newBatch()
		}
	}
	if current.Events > 0 {
		err = batch.add(ctx, current)
	}
	return errors.Join(err, batch.finish(ctx))
}

// batch is the segments of one manifest on their way.
type batch struct {
	run      *run
	chain    string
	segments []*filling
	writing  errgroup.Group
}

func (r *run) newBatch() *batch {
	b := &batch{run: r, chain: r.last.chain()}
	b.writing.SetLimit(segmentsTogether)
	return b
}

// add closes a segment and writes it beside what follows; it waits where too many
// are being written.
func (b *batch) add(ctx context.Context, f *filling) error {
	if err := f.close(b.chain); err != nil {
		return err
	}
	b.chain = f.Chain
	b.segments = append(b.segments, f)
	b.writing.Go(func() error { return f.store(ctx, b.run.to) })
	return nil
}

// finish waits for the segments and names them in a manifest.
func (b *batch) finish(ctx context.Context) error {
	if err := b.writing.Wait(); err != nil || len(b.segments) == 0 {
		return err
	}
	r := b.run
	m := &manifest{Number: 1, MadeAt: r.opts.Now().UTC(), Engine: r.opts.Engine}
	if r.last != nil {
		m.Number, m.Previous, m.Events = r.last.Number+1, r.last.hash, r.last.Events
	}
	bytes := 0
	for _, f := range b.segments {
		m.Segments = append(m.Segments, f.segment)
		m.Events += f.Events
		bytes += f.Bytes
	}
	object, hash, err := seal(m)
	if err != nil {
		return err
	}
	m.hash = hash
	// Many writers take turns by the manifest's number: only one can add it.
	if err := r.to.Put(ctx, manifestName(m.Number), object); errors.Is(err, fs.ErrExist) {
		return fault.New(ErrBusy.Kind, ErrBusy.Code, "another backup has written to %s meanwhile; run again", r.to)
	} else if err != nil {
		return err
	}
	r.added.events += m.Events - r.events()
	r.added.segments += len(m.Segments)
	r.added.bytes += bytes
	r.last = m
	return nil
}

func (r *run) events() uint64 {
	if r.last == nil {
		return 0
	}
	return r.last.Events
}
