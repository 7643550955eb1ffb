package embedded

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
)

// A read of few streams out of a large ledger does not look at every event: the
// names of streams are in order, and each stream's index says where its events
// are. What that finds is put into the order of positions. It is given up, and
// the ledger walked, where it finds more than a walk could skip.
type listing struct {
	// span is from how many positions on the indexes are asked.
	span uint64
	// share is the part of the positions, one in so many, up to which events are
	// looked up one by one rather than walked past.
	share uint64
}

var defaultListing = listing{span: 20_000, share: 16}

// listedMax bounds the places held in memory.
const listedMax = 1 << 20

// stretch is positions that follow each other, the last one included.
type stretch struct{ first, last uint64 }

// listed finds the positions of [low, high) that are in streams with one of some
// prefixes, in ascending order; ok is false where a walk is the better way.
func (s *Store) listed(ctx context.Context, prefixes []string, low, high uint64) (stretches []stretch, ok bool, err error) {
	if len(prefixes) == 0 || high <= low || high-low < s.listing.span {
		return nil, false, nil
	}
	limit := int(min((high-low)/s.listing.share, listedMax))
	if err := s.enter(); err != nil {
		return nil, false, err
	}
	defer s.access.RUnlock()
	if err := s.await(ctx, high, nil); err != nil {
		return nil, false, err
	}
	numbers, ok, err := s.streamsNamed(ctx, distinct(prefixes), limit)
	if err != nil || !ok {
		return nil, false, err
	}
	it, err := s.index.family(familyStream)
	if err != nil {
		return nil, false, s.indexDamaged(err, "the streams")
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	found := 0
	for _, number := range numbers {
		n := 0
		if stretches, n, err = s.runsOf(it, number, low, high, stretches); err != nil {
			return nil, false, err
		}
		if found += n; found > limit {
			return nil, false, nil
		}
	}
	slices.SortFunc(stretches, func(a, b stretch) int { return cmp.Compare(a.first, b.first) })
	return joined(stretches), true, nil
}

// joined puts stretches together that follow each other.
func joined(stretches []stretch) []stretch {
	var out []stretch
	for _, p := range stretches {
		if n := len(out); n > 0 && out[n-1].last+1 == p.first {
			out[n-1].last = p.last
			continue
		}
		out = append(out, p)
	}
	return out
}

// distinct leaves out prefixes that another one covers.
func distinct(prefixes []string) []string {
	sorted := slices.Sorted(slices.Values(prefixes))
	var kept []string
	for _, p := range sorted {
		if len(kept) == 0 || !strings.HasPrefix(p, kept[len(kept)-1]) {
			kept = append(kept, p)
		}
	}
	return kept
}

// streamsNamed gives the numbers of the streams with one of some prefixes; ok is
// false where there are more than limit.
func (s *Store) streamsNamed(ctx context.Context, prefixes []string, limit int) (numbers []uint64, ok bool, err error) {
	it, err := s.index.family(familyName)
	if err != nil {
		return nil, false, s.indexDamaged(err, "the names of streams")
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for _, prefix := range prefixes {
		first := nameKey(prefix)
		for valid := it.SeekGE(first); valid && bytes.HasPrefix(it.Key(), first); valid = it.Next() {
			if len(numbers) == limit {
				return nil, false, nil
			}
			value, err := it.ValueAndErr()
			if err != nil {
				return nil, false, s.indexDamaged(err, "the names of streams")
			}
			if len(value) != 5 {
				return nil, false, s.indexDamaged(errIndexShape, "the names of streams")
			}
			numbers = append(numbers, get40(value))
		}
		if err := it.Error(); err != nil {
			return nil, false, s.indexDamaged(err, "the names of streams")
		}
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
	}
	return numbers, true, nil
}

// runsOf adds the positions of a stream's events in [low, high), and counts them.
func (s *Store) runsOf(it *pebble.Iterator, number, low, high uint64, stretches []stretch) ([]stretch, int, error) {
	found := 0
	prefix := streamKey(number, 0)[:6]
	for valid := it.SeekLT(streamKey(number+1, 0)); valid && bytes.HasPrefix(it.Key(), prefix); valid = it.Prev() {
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, 0, s.indexDamaged(err, "the streams")
		}
		r, ok := decodeRun(it.Key(), value)
		if !ok {
			return nil, 0, s.indexDamaged(errIndexShape, "the streams")
		}
		if r.lastPosition < low {
			break
		}
		if p := (stretch{max(r.firstPosition(), low), min(r.lastPosition, high-1)}); p.first <= p.last {
			stretches = append(stretches, p)
			found += int(p.last-p.first) + 1
		}
	}
	if err := it.Error(); err != nil {
		return nil, 0, s.indexDamaged(err, "the streams")
	}
	return stretches, found, nil
}

// readListed yields what is at some positions and passes the filter, at most
// limit events.
func (a *allScan) readListed(ctx context.Context, stretches []stretch, limit int, yield func(eventstore.Recorded, error) bool) {
	for i := range stretches {
		p := stretches[i]
		if a.backwards {
			p = stretches[len(stretches)-1-i]
		}
		for a.low, a.high = p.first, p.last+1; limit > 0 && !a.done(); {
			events, err := a.chunk(ctx, min(limit, chunkEventsMax))
			for i := range events {
				if !yield(events[i], nil) {
					return
				}
			}
			if err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			limit -= len(events)
		}
	}
}
