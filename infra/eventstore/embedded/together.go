package embedded

import (
	"context"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
)

var _ eventstore.Together = (*Store)(nil)

// AppendTogether implements eventstore.Together. What it says of a context that
// ends is what Append says.
func (s *Store) AppendTogether(ctx context.Context, batches ...eventstore.Batch) ([]event.Written, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(batches) == 0 {
		return nil, invalid("no batches to append together")
	}
	requests, streams := make([]*request, len(batches)), make(map[string]struct{}, len(batches))
	var all []eventstore.Proposed
	size := 0
	for i, b := range batches {
		if len(b.Stream) > 0 && b.Stream[:1] == systemPrefix {
			return nil, invalid("stream %q: names that begin with %q belong to the store", b.Stream, systemPrefix)
		}
		if _, twice := streams[b.Stream]; twice {
			return nil, invalid("stream %q: there are two batches for it", b.Stream)
		}
		streams[b.Stream] = struct{}{}
		n, err := checkBatch(b.Stream, b.Events)
		if err != nil {
			return nil, err
		}
		requests[i] = &request{stream: b.Stream, expected: b.Expected, events: b.Events}
		size += n
		all = append(all, b.Events...)
	}
	if err := checkDistinct(batches[0].Stream, all); err != nil {
		return nil, err
	}
	if size > eventstore.MaxBatchSize {
		return nil, notTogether(tooLarge("batches of %d bytes together, at most %d are allowed", size, eventstore.MaxBatchSize))
	}
	req := requests[0]
	req.size, req.with = size, requests[1:]
	o := s.ask(ctx, req)
	if o.err != nil {
		return nil, o.err
	}
	return append([]event.Written{o.written}, o.with...), nil
}

func notTogether(why error) error {
	return fault.New(eventstore.ErrNotTogether.Kind, eventstore.ErrNotTogether.Code, "nothing was appended: %w", why)
}

// decideTogether adds a request and those with it, or none of them. Nothing that
// one of them does changes what holds for the others: their streams and ids differ.
func (s *Store) decideTogether(g *group, req *request) outcome {
	heads := make([]head, 1+len(req.with))
	there := make([]bool, 1+len(req.with))
	each := append([]*request{req}, req.with...)
	for i, r := range each {
		written, repeated, err := s.repetition(g, r)
		if err == nil && repeated {
			err = invalid("stream %q: the batch is there already, up to revision %d", r.stream, written.Revision)
		}
		if err == nil {
			heads[i], there[i], err = s.headOf(r.stream)
		}
		if err == nil && !r.expected.Holds(there[i], heads[i].last) {
			err = &event.WrongRevision{Stream: r.stream, Expected: r.expected, Exists: there[i], Actual: heads[i].last}
		}
		if heads[i].last+1+uint64(len(r.events)) > maxOrdinal || s.committer.nextStream+uint64(i) >= maxOrdinal {
			err = tooLarge("stream %q: the store's limit of revisions or streams is reached", r.stream)
		}
		if err != nil {
			return outcome{err: notTogether(err)}
		}
	}
	follow := uint64(0)
	for _, r := range each {
		follow += uint64(len(r.events))
	}
	var o outcome
	for i, r := range each {
		follow -= uint64(len(r.events))
		written, err := s.add(g, r, heads[i], there[i], follow)
		if err != nil {
			return outcome{err: err}
		}
		if i == 0 {
			o.written = written
		} else {
			o.with = append(o.with, written)
		}
	}
	return o
}
