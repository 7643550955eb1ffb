package embedded

import (
	"encoding/binary"
	"errors"
	"strings"
	"sync"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

const (
	// groupsInFlight bounds the groups that wait behind the one that is being
	// synced: one, so that it is prepared meanwhile; more would make them small.
	groupsInFlight = 1
	// groupBytesMax and groupRequestsMax bound one group, so that its memory and
	// the wait of its first request stay bounded.
	groupBytesMax    = 4 << 20
	groupRequestsMax = 1024
)

// committerState belongs to the committer goroutine alone.
type committerState struct {
	nextPosition uint64
	nextStream   uint64
	lastRecorded int64
	heads        *headCache
	// added holds the ids that were added since opening.
	added *idFilter
	key   []byte
	// gate is held while Pebble has a batch in hand and must not be closed;
	// sealed is set when nothing may be handed to it any more.
	gate   sync.Mutex
	sealed bool
}

// place is where an event is.
type place struct {
	stream   string
	revision uint64
	position uint64
}

// group is what is committed with one sync.
type group struct {
	batch    *pebble.Batch
	requests []*request
	outcomes []outcome
	ids      map[uuid.UUID]place
	lookup   *pebble.Iterator
	bytes    int
	next     uint64
	recorded int64
	failed   error
}

// commit is the one writer: it checks expectations, assigns revisions and
// positions and hands groups to Pebble in order.
func (s *Store) commit() {
	defer s.workers.Done()
	defer close(s.groups)
	for {
		select {
		case first := <-s.requests:
			g := s.gather(first)
			s.apply(g)
			if len(g.requests) == 1 && len(s.requests) == 0 && s.inFlight.Load() == 0 {
				// A lone writer waits for every hand-over between goroutines.
				s.finishGroup(g)
				continue
			}
			s.inFlight.Add(1)
			s.groups <- g
		case <-s.closing:
			return
		}
	}
}

func (s *Store) gather(first *request) *group {
	g := s.newGroup()
	s.take(g, first)
	for g.bytes < groupBytesMax && len(g.requests) < groupRequestsMax {
		select {
		case req := <-s.requests:
			s.take(g, req)
			continue
		default:
		}
		break
	}
	return g
}

func (s *Store) newGroup() *group {
	var g *group
	select {
	case g = <-s.spare:
	default:
		g = &group{ids: make(map[uuid.UUID]place)}
	}
	g.batch = s.db.NewBatch()
	g.recorded = max(s.now().UnixNano(), s.committer.lastRecorded)
	s.committer.lastRecorded = g.recorded
	s.committer.heads.age()
	return g
}

// take decides one request and adds it to the group.
func (s *Store) take(g *group, req *request) {
	if !req.state.CompareAndSwap(requestQueued, requestTaken) {
		return
	}
	written, err := s.decide(g, req)
	req.state.Store(requestBuilt)
	g.requests = append(g.requests, req)
	g.outcomes = append(g.outcomes, outcome{written, err})
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

// whereIs finds an event by id, in the group that is being built and in the
// engine, where groups that are not synced yet can be seen too.
func (s *Store) whereIs(g *group, id uuid.UUID) (place, bool, error) {
	if at, ok := g.ids[id]; ok {
		return at, true, nil
	}
	if stored := s.stored.Load(); stored != nil && !stored.mayHave(id) && !s.committer.added.mayHave(id) {
		return place{}, false, nil
	}
	if g.lookup == nil {
		it, err := s.db.NewIter(&pebble.IterOptions{
			LowerBound: []byte{familyID}, UpperBound: []byte{familyID + 1}, UseL6Filters: true,
		})
		if err != nil {
			return place{}, false, s.damaged(err, "the index of ids")
		}
		g.lookup = it
	}
	key := s.committer.scratch(idKeySize)
	putIDKey(key, id)
	if !g.lookup.SeekPrefixGE(key) {
		if err := g.lookup.Error(); err != nil {
			return place{}, false, s.damaged(err, "the index of ids")
		}
		return place{}, false, nil
	}
	value, err := g.lookup.ValueAndErr()
	if err != nil {
		return place{}, false, s.damaged(err, "the index of ids")
	}
	position, n := binary.Uvarint(value)
	if n <= 0 || n != len(value) {
		return place{}, false, corrupt("the index entry of id %s has a wrong shape", id)
	}
	at, err := s.placeOf(position, id)
	return at, err == nil, err
}

// placeOf reads the record that the index of ids points to.
func (s *Store) placeOf(position uint64, id uuid.UUID) (at place, err error) {
	value, closer, err := s.db.Get(recordKey(position))
	if errors.Is(err, pebble.ErrNotFound) {
		return place{}, corrupt("position %d is missing, id %s points to it", position, id)
	}
	if err != nil {
		return place{}, s.damaged(err, positionName(position))
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	r, err := decodeRecord(position, value)
	if err != nil {
		return place{}, corrupt("%s: %w", positionName(position), err)
	}
	if r.id != id {
		return place{}, corrupt("%s: has id %s where %s is expected", positionName(position), r.id, id)
	}
	return place{stream: string(r.stream), revision: r.revision, position: position}, nil
}

// headOf finds the last assigned revision of a stream.
func (s *Store) headOf(stream string) (h head, exists bool, err error) {
	if h, ok := s.committer.heads.get(stream); ok {
		return h, true, nil
	}
	number, ok, err := s.numberOf(stream)
	if err != nil || !ok {
		return head{}, false, err
	}
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: streamKey(number, 0), UpperBound: streamKey(number+1, 0),
	})
	if err != nil {
		return head{}, false, s.damaged(err, "the index of stream "+stream)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		if err := it.Error(); err != nil {
			return head{}, false, s.damaged(err, "the index of stream "+stream)
		}
		return head{}, false, corrupt("stream %q has a number and no events", stream)
	}
	h = head{number: number, last: get40(it.Key()[6:])}
	s.committer.heads.put(stream, h)
	return h, true, nil
}

// add writes an accepted request into the group's batch.
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
		name := g.batch.SetDeferred(1+len(req.stream), 5)
		name.Key[0] = familyName
		copy(name.Key[1:], req.stream)
		put40(name.Value, h.number)
		if err := name.Finish(); err != nil {
			return event.Written{}, err
		}
	}
	position := c.nextPosition
	for i := range req.events {
		at := g.recorded
		if req.recorded != nil {
			at = req.recorded[i]
		}
		if err := s.addEvent(g, req.stream, &req.events[i], at, revision+uint64(i), position+uint64(i)); err != nil {
			return event.Written{}, err
		}
	}
	r := run{lastRevision: revision + count - 1, lastPosition: position + count - 1, count: count}
	key := c.scratch(streamKeySize)
	putStreamKey(key, h.number, r.lastRevision)
	var value [maxRunValue]byte
	if err := g.batch.Set(key, appendRunValue(value[:0], r), nil); err != nil {
		return event.Written{}, err
	}
	c.nextPosition = r.lastPosition + 1
	h.last = r.lastRevision
	c.heads.put(req.stream, h)
	return event.Written{Revision: r.lastRevision, Position: r.lastPosition}, nil
}

func (s *Store) addEvent(g *group, stream string, p *eventstore.Proposed, recorded int64, revision, position uint64) error {
	size := recordSize(stream, revision, p)
	rec := g.batch.SetDeferred(recordKeySize, size)
	putRecordKey(rec.Key, position)
	encodeRecord(rec.Value, position, stream, revision, recorded, p)
	if err := rec.Finish(); err != nil {
		return err
	}
	key := s.committer.scratch(idKeySize)
	putIDKey(key, p.ID)
	var value [binary.MaxVarintLen64]byte
	if err := g.batch.Set(key, binary.AppendUvarint(value[:0], position), nil); err != nil {
		return err
	}
	s.committer.added.add(p.ID)
	g.ids[p.ID] = place{stream: stream, revision: revision, position: position}
	return nil
}

func (c *committerState) scratch(n int) []byte {
	if cap(c.key) < n {
		c.key = make([]byte, n, 64)
	}
	return c.key[:n]
}

// apply hands the group to the log. The group is visible to the committer's
// own look-ups from then on, and to readers when it is synced.
func (s *Store) apply(g *group) {
	if g.lookup != nil {
		if err := g.lookup.Close(); err != nil {
			s.log.Error("event store look-up", "error", err)
		}
		g.lookup = nil
	}
	g.next = s.committer.nextPosition
	if g.batch.Empty() {
		return
	}
	s.committer.gate.Lock()
	defer s.committer.gate.Unlock()
	if s.committer.sealed {
		g.failed = closedFault()
		return
	}
	if s.disk.Broken() != nil {
		g.failed = s.unwritable()
		return
	}
	if err := s.db.ApplyNoSyncWait(g.batch, pebble.Sync); err != nil {
		s.disk.BreakOff(err)
		g.failed = s.unwritable()
	}
}

// finish waits for each group's sync, in order, then shows it to readers and
// answers its requests. Refusals wait too: they tell of what earlier requests
// did, which must not be undone by a crash.
func (s *Store) finish() {
	defer s.workers.Done()
	for g := range s.groups {
		s.finishGroup(g)
		s.inFlight.Add(-1)
	}
}

func (s *Store) finishGroup(g *group) {
	synced := g.failed == nil && !g.batch.Empty()
	if synced {
		if err := g.batch.SyncWait(); err != nil {
			s.disk.BreakOff(err)
		}
	}
	if g.failed == nil && s.disk.Broken() != nil {
		g.failed = s.unwritable()
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
	if synced && g.failed == nil {
		s.watches.wake(g.requests)
	}
	if err := g.batch.Close(); err != nil {
		s.log.Error("event store batch", "error", err)
	}
	s.recycle(g)
}

func (s *Store) recycle(g *group) {
	clear(g.requests)
	clear(g.outcomes)
	clear(g.ids)
	*g = group{requests: g.requests[:0], outcomes: g.outcomes[:0], ids: g.ids}
	select {
	case s.spare <- g:
	default:
	}
}
