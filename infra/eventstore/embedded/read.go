package embedded

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
)

// Reads work in chunks: the engine's iterator lives only while one chunk is
// copied, so that a slow reader pins neither files nor memory. Chunks grow, so
// that a short read is cheap and a long one quick.
const (
	chunkEventsMin = 64
	chunkEventsMax = 1024
	chunkBytesMax  = 1 << 20
	// chunkScanMax bounds the events looked at for one chunk of a filtered read,
	// so that a context that ends is noticed.
	chunkScanMax = 8192
)

// Head implements eventstore.Store.
func (s *Store) Head(ctx context.Context) (position uint64, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	if err := s.enter(); err != nil {
		return 0, false, err
	}
	defer s.access.RUnlock()
	next := s.next.Load()
	if next == 0 {
		return 0, false, nil
	}
	return next - 1, true, nil
}

// enter begins a use of the engine; the caller ends it with access.RUnlock.
func (s *Store) enter() error {
	s.access.RLock()
	if s.shut {
		s.access.RUnlock()
		return closedFault()
	}
	return nil
}

// ReadAll implements eventstore.Store. The read ends at what was readable when
// it began.
func (s *Store) ReadAll(ctx context.Context, read eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if err := checkRead(read.Direction, read.Limit); err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		scan := newAllScan(s, read.Filter)
		scan.span(read.Direction, read.After, s.next.Load())
		left := limitOf(read.Limit)
		if stretches, ok, err := s.listed(ctx, read.Filter.StreamPrefixes, scan.low, scan.high); err != nil {
			yield(eventstore.Recorded{}, err)
			return
		} else if ok {
			scan.readListed(ctx, stretches, left, yield)
			return
		}
		for size := chunkEventsMin; left > 0 && !scan.done(); size = min(2*size, chunkEventsMax) {
			events, err := scan.chunk(ctx, min(size, left))
			for i := range events {
				if !yield(events[i], nil) {
					return
				}
			}
			if err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			left -= len(events)
			if read.Limit == 0 && size == chunkEventsMax {
				scan.ahead(ctx, yield)
				return
			}
		}
	}
}

const unlimited = int(^uint(0) >> 1)

func limitOf(limit int) int {
	if limit == 0 {
		return unlimited
	}
	return limit
}

func checkRead(d eventstore.Direction, limit int) error {
	if d != eventstore.Forwards && d != eventstore.Backwards {
		return invalid("a read in direction %d, which is neither forwards nor backwards", d)
	}
	if limit < 0 {
		return invalid("a read with the limit %d", limit)
	}
	return nil
}

// allScan walks the positions of [low, high) in one direction, chunk by chunk.
type allScan struct {
	store     *Store
	filter    matcher
	made      materializer
	backwards bool
	low, high uint64
	// skipped counts filtered-out events since the last match; where skipMax is
	// not 0, a chunk ends when it is reached.
	skipped, skipMax int
	buffer           []eventstore.Recorded
	// here is the record that the last chunk ended before, if known.
	here  mark
	known bool
}

func newAllScan(s *Store, f eventstore.Filter) *allScan {
	return &allScan{store: s, filter: newMatcher(f)}
}

func (a *allScan) span(d eventstore.Direction, after *uint64, next uint64) {
	a.backwards = d == eventstore.Backwards
	a.low, a.high = 0, next
	switch {
	case after == nil:
	case a.backwards:
		a.high = min(*after, next)
	case *after >= next:
		a.low = next
	default:
		a.low = *after + 1
	}
}

func (a *allScan) done() bool { return a.low >= a.high }

// chunk returns up to limit matching events and moves on. Events and an error
// can come together: the events are those before the error. The slice is
// overwritten by the next chunk, what the events in it hold is not, unless it is lent.
func (a *allScan) chunk(ctx context.Context, limit int) (events []eventstore.Recorded, err error) {
	a.buffer = a.buffer[:0]
	a.made.again()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := a.store.enter(); err != nil {
		return nil, err
	}
	defer a.store.access.RUnlock()
	if a.done() {
		return nil, nil
	}
	c := a.store.events.cursor(windowFor(a.high-a.low, limit))
	defer c.release()
	if a.backwards {
		return a.buffer, a.walkBack(c, limit)
	}
	if a.known && a.here.position == a.low {
		c.seek(a.here.position, a.here.offset)
	} else if err := a.store.find(c, a.low); err != nil {
		return nil, err
	}
	err = a.walk(c, limit)
	a.here, a.known = mark{c.position, c.offset}, err == nil
	return a.buffer, err
}

// passBy goes on at a position up to which nothing matches. Its record begins at an
// offset, unless a segment begins with it.
func (a *allScan) passBy(position uint64, offset int64) {
	if position > a.low {
		a.skipped += int(position - a.low)
		a.low, a.here, a.known = position, mark{position, offset}, true
	}
}

// windowFor is how much a read of so many events reads at a time.
func windowFor(events uint64, limit int) int {
	n := min(events, uint64(limit), chunkEventsMax)
	return int(max(4*pointBytes, min(n*pointBytes, windowBytes)))
}

func (a *allScan) walk(c *cursor, limit int) error {
	bytes := 0
	for scanned := 0; !a.done() && scanned < chunkScanMax; scanned++ {
		r, err := c.next()
		if err != nil {
			return err
		}
		a.low++
		if a.filter.matches(&r) {
			a.skipped = 0
			a.buffer = append(a.buffer, a.made.event(&r))
			bytes += len(r.data) + len(r.metadata)
			if len(a.buffer) >= limit || bytes >= chunkBytesMax {
				return nil
			}
		} else if a.skipped++; a.skipped == a.skipMax {
			return nil
		}
	}
	return nil
}

// walkBack reads the records between one whose offset is known and the range's
// upper end, and hands them over from behind; then those before.
func (a *allScan) walkBack(c *cursor, limit int) (err error) {
	it, err := a.store.index.family(familyOffset)
	if err != nil {
		return a.store.indexDamaged(err, positionName(a.high-1))
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	bytes := 0
	for scanned := uint64(0); !a.done() && scanned < chunkScanMax; {
		m, err := a.store.markBefore(it, a.high-1)
		if err != nil {
			return err
		}
		low := max(a.low, m.position)
		c.seek(m.position, m.offset)
		found, err := a.stride(c, low, m)
		scanned += a.high - low
		for i := len(found) - 1; i >= 0; i-- {
			e := &found[i]
			a.high = e.Position
			a.buffer = append(a.buffer, *e)
			bytes += len(e.Data) + len(e.Metadata)
			if len(a.buffer) >= limit || bytes >= chunkBytesMax {
				return nil
			}
		}
		if err != nil {
			return err
		}
		a.high = low
	}
	return nil
}

// stride reads what matches from a position to the range's upper end, in
// ascending order. Where a record is damaged, it is what is sound behind the last
// such, and the error.
func (a *allScan) stride(c *cursor, low uint64, from mark) (found []eventstore.Recorded, broken error) {
	if err := a.store.walkTo(c, low, from); err != nil {
		if !c.resume(a.high) {
			return nil, err
		}
		broken = err
	}
	for c.position < a.high {
		r, err := c.next()
		if err != nil {
			found, broken = found[:0], err
			if !errors.Is(err, eventstore.ErrCorrupt) || !c.resume(a.high) {
				return nil, err
			}
			continue
		}
		if a.filter.matches(&r) {
			found = append(found, a.made.event(&r))
		}
	}
	return found, broken
}

func positionName(position uint64) string { return fmt.Sprintf("position %d", position) }

// ReadStream implements eventstore.Store. The read ends at what was readable
// when it began.
func (s *Store) ReadStream(
	ctx context.Context, stream string, read eventstore.StreamRead,
) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if err := checkStreamRead(stream, read); err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		scan := newStreamScan(s, stream)
		scan.backwards = read.Direction == eventstore.Backwards
		scan.horizon = s.next.Load()
		if read.From != nil {
			scan.from = min(*read.From, maxOrdinal)
		} else if scan.backwards {
			scan.from = maxOrdinal
		}
		left := limitOf(read.Limit)
		for size := chunkEventsMin; left > 0 && !scan.ended; size = min(2*size, chunkEventsMax) {
			events, err := scan.chunk(ctx, min(size, left))
			for i := range events {
				if !yield(events[i], nil) {
					return
				}
			}
			if err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			left -= len(events)
		}
		if !scan.exists {
			yield(eventstore.Recorded{}, notFound(stream))
		}
	}
}

func checkStreamRead(stream string, read eventstore.StreamRead) error {
	if err := eventstore.CheckName("stream name", stream, eventstore.MaxStreamName+len(metadataPrefix)); err != nil {
		return err
	}
	return checkRead(read.Direction, read.Limit)
}

func notFound(stream string) error {
	return fault.New(eventstore.ErrStreamNotFound.Kind, eventstore.ErrStreamNotFound.Code,
		"the stream %q does not exist", stream)
}

// streamScan walks one stream in one direction, chunk by chunk.
type streamScan struct {
	store     *Store
	stream    string
	made      materializer
	backwards bool
	// from is the next revision to return, or one past the end when backwards.
	from uint64
	// horizon is the first position that must not be seen.
	horizon uint64
	number  uint64
	known   bool
	// exists is set when the stream has an event below the horizon; ended when
	// there is nothing left below it.
	exists bool
	ended  bool

	places []located
	buffer []eventstore.Recorded
}

// located is where an event is: so many records behind a known one.
type located struct {
	revision, position uint64
	from               mark
}

func (r run) at(revision uint64) located {
	return located{revision: revision, position: r.lastPosition - (r.lastRevision - revision), from: mark{r.firstPosition(), r.offset}}
}

func newStreamScan(s *Store, stream string) *streamScan {
	return &streamScan{store: s, stream: stream, made: materializer{stream: stream}}
}

// chunk is as allScan.chunk.
func (c *streamScan) chunk(ctx context.Context, limit int) (events []eventstore.Recorded, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.store.enter(); err != nil {
		return nil, err
	}
	defer c.store.access.RUnlock()
	c.buffer = c.buffer[:0]
	c.made.again()
	if err := c.store.await(ctx, c.horizon, nil); err != nil {
		return nil, err
	}
	c.places = c.places[:0]
	located := false
	if !c.known {
		of, ok, err := c.store.extentOf(c.stream)
		if err != nil || !ok {
			c.ended = true
			return nil, err
		}
		if of.head.firstPosition() >= c.horizon {
			c.ended = true
			return nil, nil
		}
		c.number, c.known, c.exists = of.number, true, true
		located = !c.backwards && c.locateIn(of, limit)
	}
	if !located {
		if err := c.locate(limit); err != nil {
			return nil, err
		}
	}
	err = c.fetch()
	if c.backwards {
		slices.Reverse(c.buffer)
	}
	return c.buffer, err
}

// locate finds the next events by the index, in ascending order.
func (c *streamScan) locate(limit int) (err error) {
	it, err := c.store.index.db.NewIter(&pebble.IterOptions{
		LowerBound: streamKey(c.number, 0), UpperBound: streamKey(c.number+1, 0),
	})
	if err != nil {
		return c.damaged(err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if c.backwards {
		err = c.locateBackwards(it, limit)
		slices.Reverse(c.places)
	} else {
		err = c.locateForwards(it, limit)
	}
	if err == nil {
		if err = it.Error(); err != nil {
			return c.damaged(err)
		}
	}
	return err
}

// locateIn finds, in ascending order, the next events as far as they are in the
// stream's first batch. It reports whether the index need not be asked for more.
func (c *streamScan) locateIn(of *extent, limit int) (all bool) {
	last := of.last.Load() // below the horizon, or what came later
	for ; c.from <= of.head.lastRevision && len(c.places) < limit; c.from++ {
		c.places = append(c.places, of.head.at(c.from))
	}
	c.ended = c.from > last
	return c.ended || len(c.places) == limit
}

func (c *streamScan) locateForwards(it *pebble.Iterator, limit int) error {
	for valid := it.SeekGE(streamKey(c.number, c.from)); valid; valid = it.Next() {
		r, err := c.runAt(it)
		if err != nil {
			return err
		}
		if r.firstPosition() >= c.horizon {
			break
		}
		if r.firstRevision() > c.from {
			return c.damaged(fmt.Errorf("%w: revision %d is missing", errIndexShape, c.from))
		}
		for ; c.from <= r.lastRevision; c.from++ {
			if len(c.places) == limit {
				return nil
			}
			c.places = append(c.places, r.at(c.from))
		}
	}
	c.ended = true
	return nil
}

func (c *streamScan) locateBackwards(it *pebble.Iterator, limit int) error {
	valid := it.SeekGE(streamKey(c.number, c.from))
	if !valid {
		valid = it.Last()
	}
	for ; valid; valid = it.Prev() {
		r, err := c.runAt(it)
		if err != nil {
			return err
		}
		if r.firstPosition() >= c.horizon {
			continue
		}
		if c.from < r.firstRevision() {
			return c.damaged(fmt.Errorf("%w: revision %d is missing", errIndexShape, c.from))
		}
		for rev := min(c.from, r.lastRevision); ; rev-- {
			if len(c.places) == limit {
				return nil
			}
			c.places = append(c.places, r.at(rev))
			if rev == 0 {
				c.ended = true
				return nil
			}
			c.from = rev - 1
			if rev == r.firstRevision() {
				break
			}
		}
	}
	c.ended = true
	return nil
}

func (c *streamScan) runAt(it *pebble.Iterator) (run, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return run{}, c.damaged(err)
	}
	r, ok := decodeRun(it.Key(), value)
	if !ok {
		return run{}, c.damaged(errIndexShape)
	}
	return r, nil
}

func (c *streamScan) damaged(err error) error {
	return c.store.indexDamaged(err, fmt.Sprintf("stream %q", c.stream))
}

// manyRecords is from how many records on it is quicker to ask the index than to
// pass them by.
const manyRecords = 64

// fetch reads the located records. On an error the buffer holds those before
// it, or nothing when backwards, where they would be those after it.
func (c *streamScan) fetch() error {
	if len(c.places) == 0 {
		return nil
	}
	first, last := c.places[0].position, c.places[len(c.places)-1].position
	ahead := pointBytes
	if n := uint64(len(c.places)); n > 1 && last-first+1 == n {
		ahead = windowFor(n, chunkEventsMax) // one behind the other
	}
	cur := c.store.events.cursor(ahead)
	defer cur.release()
	for i := range c.places {
		at := &c.places[i]
		r, err := c.read(cur, at)
		if err != nil {
			if c.backwards {
				c.buffer = c.buffer[:0]
			}
			return fmt.Errorf("stream %q, revision %d: %w", c.stream, at.revision, err)
		}
		c.buffer = append(c.buffer, c.made.event(&r))
	}
	return nil
}

func (c *streamScan) read(cur *cursor, at *located) (record, error) {
	if cur.at == nil || cur.position != at.position {
		if at.position-at.from.position > manyRecords {
			if err := c.store.find(cur, at.position); err != nil {
				return record{}, err
			}
		} else {
			cur.seek(at.from.position, at.from.offset)
			if err := c.store.walkTo(cur, at.position, at.from); err != nil {
				return record{}, err
			}
		}
	}
	r, err := cur.next()
	if err != nil {
		if at.position == at.from.position {
			c.store.condemn() // it may be the index that points to a wrong place
		}
		return record{}, err
	}
	if string(r.stream) != c.stream || r.revision != at.revision {
		c.store.condemn()
		return record{}, corrupt("%s is revision %d of stream %q, and the index has it as another",
			positionName(at.position), r.revision, r.stream)
	}
	return r, nil
}
