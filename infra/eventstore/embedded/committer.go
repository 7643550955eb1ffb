package embedded

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

const (
	// groupsBehind bounds the groups that are synced and answered, and not in the
	// index yet.
	groupsBehind = 8
	// groupBytesMax and groupRequestsMax bound one group, so that its memory and
	// the wait of its first request stay bounded. The requests of all groups that
	// are not in the index are far fewer than the heads that are remembered.
	groupBytesMax    = 4 << 20
	groupRequestsMax = 1024
	// gatherTurns is how often the committer lets others run before it hands a
	// group over that is smaller than the last one.
	gatherTurns = 3
)

// committerState belongs to the committer goroutine alone.
type committerState struct {
	nextPosition uint64
	nextStream   uint64
	lastRecorded int64
	heads        *headCache
	// added holds the ids that were added since opening.
	added *idFilter
	// building is the group that takes requests; lastGroup how many the last one had.
	building  *group
	lastGroup int
}

// place is where an event is.
type place struct {
	stream   string
	revision uint64
	position uint64
}

// group is what is committed with one sync.
type group struct {
	records  []byte
	batches  []batchEntry
	requests []*request
	outcomes []outcome
	lookup   *pebble.Iterator
	bytes    int
	// first is the position that the group begins at, next the one behind it.
	first, next uint64
	recorded    int64
	// offset is where its records begin in their segment.
	offset int64
	failed error
}

// commit decides: it checks expectations, assigns revisions and positions and
// hands groups to the writer in order. While a group is being written, the next
// takes whatever comes.
func (s *Store) commit() {
	defer s.workers.Done()
	defer close(s.groups)
	c := &s.committer
	for {
		if c.building == nil {
			select {
			case req := <-s.requests:
				c.building = s.newGroup()
				s.take(c.building, req)
			case <-s.closing:
				return
			}
		}
		s.gather()
		g := c.building
		// From the hand-over on the group belongs to others.
		if err := g.endLookup(); err != nil {
			s.log.Error("event store look-up", "error", err)
		}
		requests := len(g.requests)
		if requests == 1 && c.lastGroup <= 1 && len(s.requests) == 0 && s.inFlight.Load() == 0 {
			// A lone writer waits for every hand-over between goroutines.
			c.building, c.lastGroup = nil, 1
			s.writeGroup(g)
			s.written <- g
			continue
		}
		more := s.requests
		if g.full() {
			more = nil
		}
		s.inFlight.Add(1)
		select {
		case s.groups <- g:
			c.building, c.lastGroup = nil, requests
		case req := <-more:
			s.inFlight.Add(-1)
			s.take(g, req)
		}
	}
}

func (g *group) full() bool { return g.bytes >= groupBytesMax || len(g.requests) >= groupRequestsMax }

// gather takes what is there. Those whose appends have just been answered come
// again in a moment; they get it.
func (s *Store) gather() {
	g := s.committer.building
	for turns := 0; !g.full(); {
		select {
		case req := <-s.requests:
			s.take(g, req)
			continue
		default:
		}
		if turns == gatherTurns || len(g.requests) >= s.committer.lastGroup {
			return
		}
		turns++
		runtime.Gosched()
	}
}

func (s *Store) newGroup() *group {
	var g *group
	select {
	case g = <-s.spare:
	default:
		g = &group{}
	}
	g.first, g.next = s.committer.nextPosition, s.committer.nextPosition
	if !s.bulk {
		s.committer.lastRecorded = max(s.now().UnixNano(), s.committer.lastRecorded)
	}
	g.recorded = s.committer.lastRecorded
	s.committer.heads.age()
	return g
}

// take decides one request and adds it to the group.
func (s *Store) take(g *group, req *request) {
	if !req.state.CompareAndSwap(requestQueued, requestTaken) {
		return
	}
	var o outcome
	if len(req.with) > 0 {
		o = s.decideTogether(g, req)
	} else {
		o.written, o.err = s.decide(g, req)
	}
	req.state.Store(requestBuilt)
	g.requests = append(g.requests, req)
	g.outcomes = append(g.outcomes, o)
	g.bytes += req.size
}

func (s *Store) decide(g *group, req *request) (event.Written, error) {
	written, repeated, err := s.repetition(g, req)
	if err != nil || repeated {
		return written, err
	}
	h, exists, err := s.headOf(req.stream)
	if err != nil {
		return event.Written{}, err
	}
	if !req.expected.Holds(exists, h.last) {
		return event.Written{}, &event.WrongRevision{
			Stream: req.stream, Expected: req.expected, Exists: exists, Actual: h.last,
		}
	}
	return s.add(g, req, h, exists)
}

// repetition reports whether the request's events are already in the ledger.
func (s *Store) repetition(g *group, req *request) (event.Written, bool, error) {
	var first, last place
	found := 0
	for i := range req.events {
		at, ok, err := s.whereIs(g, req.events[i].ID)
		if err != nil {
			return event.Written{}, false, err
		}
		if !ok {
			continue
		}
		if found == 0 {
			first = at
		}
		if at.stream != req.stream || at.revision != first.revision+uint64(i) {
			return event.Written{}, false, reused(req.events[i].ID, at)
		}
		last = at
		found++
	}
	switch found {
	case 0:
		return event.Written{}, false, nil
	case len(req.events):
		return event.Written{Revision: last.revision, Position: last.position, Repeated: true}, true, nil
	}
	return event.Written{}, false, fault.New(eventstore.ErrIDReused.Kind, eventstore.ErrIDReused.Code,
		"stream %q: %d of the batch's %d events are already in the ledger, the others are not",
		req.stream, found, len(req.events))
}

func reused(id uuid.UUID, at place) error {
	return fault.New(eventstore.ErrIDReused.Kind, eventstore.ErrIDReused.Code, "%w",
		&eventstore.IDReused{ID: id, Stream: at.stream, Revision: at.revision})
}

// whereIs finds an event by id, in the group that is being built, in those that
// are on their way, and in the index.
func (s *Store) whereIs(g *group, id uuid.UUID) (place, bool, error) {
	added := s.committer.added.mayHave(id)
	if stored := s.stored.Load(); stored != nil && !stored.mayHave(id) && !added {
		return place{}, false, nil
	}
	if added {
		if at, ok := g.placeOf(id); ok {
			return at, true, nil
		}
		// It may be in a group that is not in the index yet.
		if err := s.await(context.Background(), g.first, s.disk.Alarm()); err != nil {
			return place{}, false, err
		}
		if err := g.endLookup(); err != nil {
			return place{}, false, s.indexDamaged(err, "the ids")
		}
	}
	if g.lookup == nil {
		it, err := s.index.db.NewIter(&pebble.IterOptions{
			LowerBound: []byte{familyID}, UpperBound: []byte{familyID + 1}, UseL6Filters: true,
		})
		if err != nil {
			return place{}, false, s.indexDamaged(err, "the ids")
		}
		g.lookup = it
	}
	var key [idKeySize]byte
	putIDKey(key[:], id)
	if !g.lookup.SeekPrefixGE(key[:]) {
		if err := g.lookup.Error(); err != nil {
			return place{}, false, s.indexDamaged(err, "the ids")
		}
		return place{}, false, nil
	}
	value, err := g.lookup.ValueAndErr()
	if err != nil {
		return place{}, false, s.indexDamaged(err, "the ids")
	}
	position, ok := positionOfID(value)
	if !ok {
		return place{}, false, s.indexDamaged(errIndexShape, "id "+id.String())
	}
	at, err := s.placeOf(position, id)
	return at, err == nil, err
}

// placeOf finds an event in the group. Few ids are looked for here, and groups are
// short, so that a table of them would cost more than this.
func (g *group) placeOf(id uuid.UUID) (place, bool) {
	rest := g.records
	for i := range g.batches {
		b := &g.batches[i]
		for n := range b.count {
			size := binary.BigEndian.Uint32(rest)
			if uuid.UUID(rest[idOffset:recordedOffset]) == id {
				return place{stream: b.stream, revision: b.firstRevision + n, position: b.first + n}, true
			}
			rest = rest[size:]
		}
	}
	return place{}, false
}

func (g *group) endLookup() error {
	if g.lookup == nil {
		return nil
	}
	it := g.lookup
	g.lookup = nil
	return it.Close()
}

// placeOf reads the record that the index has for an id.
func (s *Store) placeOf(position uint64, id uuid.UUID) (at place, err error) {
	c := s.events.cursor(strideBytes)
	defer c.release()
	if err := s.find(c, position); err != nil {
		return place{}, err
	}
	r, err := c.next()
	if err != nil {
		return place{}, err
	}
	if r.id != id {
		s.condemn()
		return place{}, corrupt("%s has id %s where the index has %s", positionName(position), r.id, id)
	}
	return place{stream: string(r.stream), revision: r.revision, position: position}, nil
}

// headOf finds the last assigned revision of a stream. What is not in the index
// yet is in the cache.
func (s *Store) headOf(stream string) (h head, exists bool, err error) {
	if h, ok := s.committer.heads.get(stream); ok {
		return h, true, nil
	}
	if h, exists, err = s.headIn(stream); err == nil && exists {
		s.committer.heads.put(stream, h)
	}
	return h, exists, err
}

// add writes an accepted request into the group.
func (s *Store) add(g *group, req *request, h head, exists bool) (event.Written, error) {
	c := &s.committer
	count := uint64(len(req.events))
	revision := uint64(0)
	if exists {
		revision = h.last + 1
	} else {
		h.number = c.nextStream
	}
	if revision+count > maxOrdinal || h.number >= maxOrdinal {
		return event.Written{}, tooLarge("stream %q: the store's limit of revisions or streams is reached", req.stream)
	}
	if !exists {
		c.nextStream++
	}
	position := c.nextPosition
	for i := range req.events {
		p := &req.events[i]
		at := header{position: position + uint64(i), after: count - uint64(i) - 1, group: g.first,
			revision: revision + uint64(i), recordedAt: g.recorded}
		if req.recorded != nil {
			at.recordedAt = req.recorded[i]
			c.lastRecorded = max(c.lastRecorded, at.recordedAt)
		}
		g.records = appendRecord(g.records, s.events.seed, &at, req.stream, p)
		c.added.add(p.ID)
	}
	g.batches = append(g.batches, batchEntry{stream: req.stream, number: h.number, fresh: !exists,
		firstRevision: revision, count: count, first: position})
	h.last = revision + count - 1
	c.nextPosition = position + count
	g.next = c.nextPosition
	c.heads.put(req.stream, h)
	return event.Written{Revision: h.last, Position: c.nextPosition - 1}, nil
}

// write writes and syncs group after group.
func (s *Store) write() {
	defer s.workers.Done()
	defer close(s.written)
	for g := range s.groups {
		s.writeGroup(g)
		// Before the committer may write one itself: the index is told in order.
		s.written <- g
		s.inFlight.Add(-1)
	}
}

// writeGroup brings a group to disk, shows it to readers and answers its
// requests. Refusals wait for that too: they tell of what earlier requests did,
// which must not be undone by a crash.
func (s *Store) writeGroup(g *group) {
	if s.disk.Broken() != nil {
		g.failed = s.unwritable()
	} else if offset, err := s.events.write(g.first, g.records); err != nil {
		// Without another reason it waited for room, and the store is being closed.
		g.failed = cmp.Or(s.unwritable(), closedFault())
	} else {
		g.offset = offset
	}
	if g.failed == nil {
		s.next.Store(g.next)
	}
	for i, req := range g.requests {
		if strings.HasPrefix(req.stream, metadataPrefix) {
			s.metadataChanges.Add(1)
		}
		o := g.outcomes[i]
		if g.failed != nil {
			o = outcome{err: g.failed}
		}
		req.done <- o
	}
	if len(g.records) > 0 && g.failed == nil {
		s.watches.wake(g.batches)
	}
}

// feedIndex tells the index of what was written. Nobody waits for it but readers
// of streams that have just been written to.
func (s *Store) feedIndex() {
	defer s.workers.Done()
	defer close(s.index.dead)
	failed := false
	for g := range s.written {
		if len(g.records) > 0 && g.failed == nil && !failed {
			if err := s.index.tell(g.records, g.batches, g.offset, g.recorded); err != nil {
				failed = true
				if !errors.Is(err, errSealed) {
					s.disk.BreakOff(fmt.Errorf("write the index: %w", err))
				}
			}
		}
		s.recycle(g)
	}
}

const groupKeepBytes = 1 << 20

func (s *Store) recycle(g *group) {
	clear(g.requests)
	clear(g.outcomes)
	clear(g.batches)
	if cap(g.records) > groupKeepBytes {
		g.records = nil
	}
	*g = group{records: g.records[:0], batches: g.batches[:0], requests: g.requests[:0], outcomes: g.outcomes[:0]}
	select {
	case s.spare <- g:
	default:
	}
}
