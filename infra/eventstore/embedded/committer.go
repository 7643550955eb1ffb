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
	// recent are the ids and streams that may not be in the index's tables yet.
	recent *recent
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
		requests := len(g.requests)
		if requests == 1 && c.lastGroup <= 1 && len(s.requests) == 0 && s.inFlight.Load() == 0 {
			// A lone writer waits for every hand-over between goroutines.
			c.building, c.lastGroup = nil, 1 // from here on the group belongs to others
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
	s.age(g.first)
	return g
}

// age lets go of what is remembered and can be looked up, before a position.
func (s *Store) age(position uint64) {
	s.committer.heads.age()
	s.committer.recent.age(position, s.index.tables.Load().tabled())
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
	return s.add(g, req, h, exists, 0)
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
// are on their way, and in the log.
func (s *Store) whereIs(g *group, id uuid.UUID) (place, bool, error) {
	f := s.index.fingers.id(id)
	if c := &s.committer; c.recent.has(f) {
		for _, position := range c.recent.positions(f) {
			if at, ok, err := s.placeIn(g, position, id); ok || err != nil {
				return at, ok, err
			}
		}
	}
	positions, err := s.index.positions(f)
	if err != nil {
		return place{}, false, s.indexDamaged(err, "id "+id.String())
	}
	for _, position := range positions {
		if at, ok, err := s.placeOf(position, id); ok || err != nil {
			return at, ok, err
		}
	}
	return place{}, false, nil
}

// placeIn says whether an event that was added lately has an id.
func (s *Store) placeIn(g *group, position uint64, id uuid.UUID) (place, bool, error) {
	if position >= g.first {
		at, ok := g.placeOf(id)
		return at, ok, nil
	}
	// It may be in a group that is not written yet.
	if err := s.await(context.Background(), g.first, s.disk.Alarm()); err != nil {
		return place{}, false, err
	}
	return s.placeOf(position, id)
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

// placeOf reads the record at a position; ok says whether its event has the id.
func (s *Store) placeOf(position uint64, id uuid.UUID) (at place, ok bool, err error) {
	c := s.events.cursor(strideBytes)
	defer c.release()
	if err := s.find(c, position); err != nil {
		return place{}, false, err
	}
	r, err := c.next()
	if err != nil || r.id != id {
		return place{}, false, err
	}
	return place{stream: string(r.stream), revision: r.revision, position: position}, true, nil
}

// headOf finds the last assigned revision of a stream. What is not in the index
// yet is in the cache.
func (s *Store) headOf(stream string) (h head, exists bool, err error) {
	if h, ok := s.committer.heads.get(stream); ok {
		return h, true, nil
	}
	if f := s.index.fingers.name(stream); !s.committer.recent.has(f) && !s.index.mayHave(f) {
		return head{}, false, nil
	}
	if h, exists, err = s.headIn(stream); err == nil && exists {
		s.committer.heads.put(stream, h)
	}
	return h, exists, err
}

// add writes an accepted request into the group. So many events of requests with it
// follow, without which it is not kept either.
func (s *Store) add(g *group, req *request, h head, exists bool, follow uint64) (event.Written, error) {
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
	position := c.nextPosition
	if !exists {
		c.nextStream++
		c.recent.add(s.index.fingers.name(req.stream), position)
		s.described.add(req.stream)
	}
	for i := range req.events {
		p := &req.events[i]
		at := header{position: position + uint64(i), after: count - uint64(i) - 1 + follow, group: g.first,
			revision: revision + uint64(i), recordedAt: g.recorded}
		if req.recorded != nil {
			at.recordedAt = req.recorded[i]
			c.lastRecorded = max(c.lastRecorded, at.recordedAt)
		}
		g.records = appendRecord(g.records, s.events.seed, &at, req.stream, p)
		c.recent.add(s.index.fingers.id(p.ID), at.position)
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
		s.watches.wake(g)
	}
}

// feedIndex tells the index of what was written. Nobody waits for it but readers
// of streams that have just been written to.
func (s *Store) feedIndex() {
	defer s.workers.Done()
	defer close(s.index.dead)
	defer close(s.index.due)
	failed := false
	for g := range s.written {
		if len(g.records) > 0 && g.failed == nil && !failed {
			failed = s.indexFailed(s.index.tell(g.records, g.batches, g.offset, g.recorded))
		}
		s.recycle(g)
	}
}

// makeTables makes the index's tables, beside whom feeds it.
func (s *Store) makeTables() {
	defer s.workers.Done()
	failed := false
	for due := range s.index.due {
		failed = failed || s.indexFailed(s.index.keep(due, s.closing))
	}
}

// indexFailed takes note of an index that could not be written.
func (s *Store) indexFailed(err error) bool {
	if err != nil && !errors.Is(err, errSealed) {
		s.disk.BreakOff(fmt.Errorf("write the index: %w", err))
	}
	return err != nil
}

// prime reads what spares look-ups. Until it is done they ask the index.
func (s *Store) prime() {
	defer s.workers.Done()
	if err := s.readDescribed(); err != nil {
		s.log.Warn("event store: metadata is looked up on disk", "error", s.indexDamaged(err, "the names of streams"))
	}
	if err := s.index.readFilters(s.closing); err != nil {
		s.log.Warn("event store: ids are looked up on disk", "error", s.indexDamaged(err, "the ids"))
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
