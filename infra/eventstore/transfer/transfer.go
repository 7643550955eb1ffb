// Package transfer moves a ledger from one event store to another.
//
// # Guarantees
//
//   - The copy has the events of the source in the same order, with their ids,
//     types, data, metadata, revisions and times of recording. Positions are the
//     target's own.
//   - It can be broken off at any point, by kill -9 too: the same copy again goes
//     on behind what is there, which is compared with the source, event by event.
//     So can a source be followed that has grown meanwhile.
//   - At the end the target is read back, and a hash over all of it must be that
//     of the source; until then an embedded target is not opened by anything else.
//   - Memory does not grow with the ledger.
//
// A target must hold nothing but a beginning of the source, and nobody else may
// write to it meanwhile.
package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"golang.org/x/sync/errgroup"
)

// Source is what is copied from: any eventstore.Store.
type Source interface {
	ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error]
}

// Target takes the events of another ledger.
type Target interface {
	Source
	// Add adds events behind the last one, in order, with their revisions and times.
	Add(ctx context.Context, events ...eventstore.Recorded) error
	// Settle returns when everything that was added is durable.
	Settle(ctx context.Context) error
	// Finish says that the target is whole.
	Finish(ctx context.Context) error
}

// Options say what is copied.
type Options struct {
	// LedgerOnly leaves out what a server keeps in streams of its own, whose names
	// begin with "$", but not the metadata of the ledger's streams. It is for copies
	// from or to an EventStoreDB, which has other such streams. Metadata streams,
	// of which it may have forgotten the older entries, are numbered anew.
	LedgerOnly bool
	// Progress, where not nil, is told now and then how many events have passed:
	// each passes twice, once when it is read and once when it is read back.
	Progress func(events uint64)
}

// Result says what a copy came to.
type Result struct {
	// Events are those of the source; Present were in the target before, Copied
	// were added. LeftOut are those of the source's server.
	Events  uint64 `json:"events"`
	Present uint64 `json:"already_present"`
	Copied  uint64 `json:"copied"`
	LeftOut uint64 `json:"left_out"`
	// Hash is the eventstore.Digest of both sides.
	Hash string `json:"hash"`
}

// ErrDifference is for a target that does not hold what the source holds.
var ErrDifference = fault.New(fault.Corrupt, "copy.difference", "the copy is not what the source is")

const (
	batchEvents = 4096
	batchBytes  = 2 << 20
	// batchesAhead are read while the target takes one.
	batchesAhead = 2
)

// Copy brings a target to what the source holds when it is read, and compares.
func Copy(ctx context.Context, from Source, to Target, opts Options) (Result, error) {
	var r Result
	sum, err := add(ctx, from, to, opts, &r)
	if err != nil {
		return r, err
	}
	if err := to.Settle(ctx); err != nil {
		return r, err
	}
	r.Events, r.Hash = sum.Count(), sum.String()
	there := eventstore.NewDigest()
	for e, err := range opts.events(ctx, to, nil) {
		if err != nil {
			return r, fmt.Errorf("read the copy back: %w", err)
		}
		there.Add(&e)
		opts.progress(r.Events + there.Count())
	}
	if there.Sum() != sum.Sum() {
		return r, opts.compare(ctx, from, to)
	}
	return r, to.Finish(ctx)
}

// add compares what is there and adds what is not.
func add(ctx context.Context, from Source, to Target, opts Options, r *Result) (*eventstore.Digest, error) {
	group, ctx := errgroup.WithContext(ctx)
	batches := make(chan []eventstore.Recorded, batchesAhead)
	group.Go(func() error {
		for batch := range batches {
			if err := to.Add(ctx, batch...); err != nil {
				return fmt.Errorf("add to the copy: %w", err)
			}
			r.Copied += uint64(len(batch))
		}
		return nil
	})
	sum := eventstore.NewDigest()
	group.Go(func() error {
		defer close(batches)
		return read(ctx, from, to, opts, r, sum, batches)
	})
	return sum, group.Wait()
}

func read(ctx context.Context, from Source, to Target, opts Options, r *Result, sum *eventstore.Digest, batches chan<- []eventstore.Recorded) error {
	there, stop := iter.Pull2(opts.events(ctx, to, nil))
	defer stop()
	present := true
	var batch []eventstore.Recorded
	size := 0
	hand := func() error {
		select {
		case batches <- batch:
			batch, size = nil, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for e, err := range opts.events(ctx, from, &r.LeftOut) {
		if err != nil {
			return fmt.Errorf("read the source: %w", err)
		}
		sum.Add(&e)
		opts.progress(sum.Count())
		if present {
			found, err, ok := there()
			if ok && err != nil {
				return fmt.Errorf("read what is there of the copy: %w", err)
			}
			if ok {
				if what := difference(&e, &found); what != "" {
					return differs(&e, &found, what)
				}
				r.Present++
				continue
			}
			present = false
			stop()
		}
		batch = append(batch, e)
		if size += len(e.Data) + len(e.Metadata); len(batch) >= batchEvents || size >= batchBytes {
			if err := hand(); err != nil {
				return err
			}
		}
	}
	if present {
		if found, err, ok := there(); ok {
			if err != nil {
				return fmt.Errorf("read what is there of the copy: %w", err)
			}
			return more(&found)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return hand()
}

func (o Options) progress(events uint64) {
	if o.Progress != nil && events%1024 == 0 {
		o.Progress(events)
	}
}

// events are those of a store that are copied; leftOut, where not nil, counts the
// others.
func (o Options) events(ctx context.Context, s Source, leftOut *uint64) iter.Seq2[eventstore.Recorded, error] {
	all := s.ReadAll(ctx, eventstore.AllRead{})
	if !o.LedgerOnly {
		return all
	}
	return func(yield func(eventstore.Recorded, error) bool) {
		entries := map[string]uint64{}
		for e, err := range all {
			if err == nil && !OfTheLedger(&e) {
				if leftOut != nil {
					*leftOut++
				}
				continue
			}
			if err == nil && strings.HasPrefix(e.Stream, metadataPrefix) {
				e.Revision = entries[e.Stream]
				entries[e.Stream]++
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

const metadataPrefix = "$$"

// OfTheLedger says whether an event belongs to the ledger rather than to a server
// that keeps it.
func OfTheLedger(e *eventstore.Recorded) bool {
	return !strings.HasPrefix(strings.TrimPrefix(e.Stream, metadataPrefix), "$")
}

// compare finds the first difference between two stores whose hashes differ.
func (o Options) compare(ctx context.Context, from Source, to Target) error {
	there, stop := iter.Pull2(o.events(ctx, to, nil))
	defer stop()
	for e, err := range o.events(ctx, from, nil) {
		if err != nil {
			return fmt.Errorf("read the source: %w", err)
		}
		found, err, ok := there()
		switch {
		case err != nil:
			return fmt.Errorf("read the copy back: %w", err)
		case !ok:
			return fault.New(ErrDifference.Kind, ErrDifference.Code, "the copy ends before %s", place(&e))
		}
		if what := difference(&e, &found); what != "" {
			return differs(&e, &found, what)
		}
	}
	if found, err, ok := there(); ok {
		return errors.Join(err, more(&found))
	}
	return fault.New(ErrDifference.Kind, ErrDifference.Code, "the hash of the copy was not that of the source, and when both were read again they were equal: one of them does not give the same twice")
}

// difference names what is not the same of two events.
func difference(a, b *eventstore.Recorded) string {
	switch {
	case a.Stream != b.Stream:
		return "the stream"
	case a.Revision != b.Revision:
		return "the revision"
	case a.ID != b.ID:
		return "the id"
	case a.Type != b.Type:
		return "the type"
	case !a.RecordedAt.Equal(b.RecordedAt):
		return "the time of recording"
	case !bytes.Equal(a.Data, b.Data):
		return "the data"
	case !bytes.Equal(a.Metadata, b.Metadata):
		return "the metadata"
	}
	return ""
}

func place(e *eventstore.Recorded) string {
	return fmt.Sprintf("revision %d of stream %q (id %s, position %d)", e.Revision, e.Stream, e.ID, e.Position)
}

func differs(a, b *eventstore.Recorded, what string) error {
	return fault.New(ErrDifference.Kind, ErrDifference.Code,
		"%s of the source is another event than %s of the copy: %s differs", place(a), place(b), what)
}

func more(e *eventstore.Recorded) error {
	return fault.New(ErrDifference.Kind, ErrDifference.Code, "the copy goes on with %s, where the source ends", place(e))
}
