package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"dossierledger/domain/fault"
	"dossierledger/infra/eventstore"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// openLog opens the segments and holds that none is missing.
func (s *Store) openLog(chunk int64) error {
	l := &eventLog{fs: s.fs, dir: s.dir, disk: s.disk, lazy: s.bulk, segmentBytes: s.segmentBytes, zeroBytes: chunk}
	firsts, err := s.segmentsThere()
	if err != nil {
		return s.openFailed(err)
	}
	all := make([]*segment, 0, len(firsts)+1)
	l.segments.Store(&all)
	for i, first := range firsts {
		seg, h, err := s.openSegment(first)
		switch {
		case err != nil && i > 0 && i == len(firsts)-1 && errors.Is(err, errSegmentHeader):
			// The process died while it began this segment: nothing is in it.
			if err := s.fs.Remove(s.fs.PathJoin(s.dir, segmentName(first))); err != nil {
				return errors.Join(s.openFailed(err), l.close())
			}
			continue
		case errors.Is(err, errSegmentHeader):
			err = corrupt("segment %s at offset 0, position %d: %w", segmentName(first), first, err)
		case err != nil:
			err = s.openFailed(err)
		default:
			all = append(all, seg)
			err = l.follows(h, all)
		}
		l.segments.Store(&all)
		if err != nil {
			return errors.Join(err, l.close())
		}
	}
	s.events = l
	if len(all) > 0 {
		return nil
	}
	l.id = uuid.New()
	l.seed = seedOf(l.id)
	seg, err := l.begin(0, 0)
	if err != nil {
		return s.openFailed(err)
	}
	all = append(all, seg)
	l.segments.Store(&all)
	return nil
}

func (s *Store) segmentsThere() (firsts []uint64, err error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if first, ok := firstOfName(name); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

func (s *Store) openSegment(first uint64) (*segment, segmentHeader, error) {
	name := segmentName(first)
	f, err := s.fs.OpenReadWrite(s.fs.PathJoin(s.dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, segmentHeader{}, err
	}
	h, err := readSegmentHeader(f)
	if err != nil {
		return nil, h, errors.Join(err, f.Close())
	}
	return &segment{first: first, name: name, file: f}, h, nil
}

// follows holds that the last of some segments is what its name says, and comes
// behind the one before.
func (l *eventLog) follows(h segmentHeader, all []*segment) error {
	last, previous := all[len(all)-1], uint64(0)
	if len(all) == 1 {
		l.id, l.seed = h.log, seedOf(h.log)
	} else {
		previous = all[len(all)-2].first
	}
	switch {
	case h.log != l.id:
		return corrupt("segment %s, position %d: it belongs to another log", last.name, last.first)
	case h.first != last.first:
		return corrupt("segment %s, position %d: it began as segment %s", last.name, last.first, segmentName(h.first))
	case len(all) == 1 && last.first != 0, h.previous != previous:
		return corrupt("segment %s, position %d: the segment before it, %s, is missing", last.name, last.first, segmentName(h.previous))
	}
	return nil
}

// empty says whether the log has no event.
func (l *eventLog) empty() bool {
	c := l.cursor(pointBytes)
	defer c.release()
	c.seek(0, segmentHeaderSize)
	_, err := c.frame()
	return err != nil
}

// openIndex opens the index, brings it up to the log's end, and finds that. An
// index that is missing, damaged or not this log's is made again.
func (s *Store) openIndex(cache int64, memTable, synced uint64) error {
	dir := s.fs.PathJoin(s.dir, indexName)
	why, err := s.tryIndex(dir, cache, memTable)
	if err != nil {
		return err
	}
	if w := s.index.whole; w.log == s.events.id && !s.unfinished {
		// What the index has was synced before the index was told.
		synced = max(synced, w.next)
	}
	switch why {
	case indexMissing:
		// A log without events is a new store's.
		if s.events.empty() {
			why = ""
			break
		}
		s.log.Warn("event store index is made again from the log", "reason", why)
		s.opening.IndexMadeAgain, why = why, ""
	case "":
		if why, err = s.checkIndex(synced); err != nil {
			return errors.Join(err, s.closeIndex())
		}
	}
	if why != "" {
		if err := s.closeIndex(); err != nil {
			return err
		}
		if s.disk.Full() {
			// While it is made, nobody could be told that there is no room.
			return s.openFailed(fmt.Errorf("make the index again: %w", syscall.ENOSPC))
		}
		if err := s.fs.RemoveAll(dir); err != nil {
			return s.openFailed(err)
		}
		s.log.Warn("event store index is made again from the log", "reason", why)
		s.opening.IndexMadeAgain = why
		if _, err := s.tryIndex(dir, cache, memTable); err != nil {
			return err
		}
	}
	if err := s.replay(synced); err != nil {
		return errors.Join(err, s.closeIndex())
	}
	return nil
}

// Why an index is made again.
const (
	indexMissing = "the index is missing"
	indexDamaged = "the index is damaged"
	indexForeign = "the index belongs to another log"
	indexOther   = "the index is of another version"
	indexAhead   = "the index does not fit the log"
)

func (s *Store) closeIndex() error {
	if s.index == nil || s.index.db == nil {
		return nil
	}
	db := s.index.db
	s.index.db = nil
	return db.Close()
}

// tryIndex opens the index as it is; why says what is wrong with it. It is nil
// where it cannot even be opened.
func (s *Store) tryIndex(dir string, cache int64, memTable uint64) (why string, err error) {
	x := &index{disk: s.disk, grown: make(chan struct{}), dead: make(chan struct{}), noRoom: make(chan error, 1)}
	x.whole = whole{log: s.events.id, offset: segmentHeaderSize}
	x.fingers, x.tableEvents = fingersOf(s.events.id), s.tableEvents
	x.tables.Store(&tables{})
	s.described = described{fingers: x.fingers, names: map[fingerprint]struct{}{}}
	if x.extents, err = newExtents(!s.bulk); err != nil {
		return "", s.openFailed(err)
	}
	s.index = x
	_, statErr := s.fs.Stat(dir)
	if err := s.fs.MkdirAll(dir, 0o750); err != nil {
		return "", s.openFailed(err)
	}
	if f, err := s.fs.Open(s.fs.PathJoin(dir, condemnedName)); err == nil {
		return indexDamaged, f.Close()
	}
	db, err := pebble.Open(dir, x.options(s, cache, memTable))
	if err != nil {
		if pebble.IsCorruptionError(err) || isNotExist(err) {
			return fmt.Sprintf("%s: %v", indexDamaged, err), nil
		}
		return "", s.openFailed(err)
	}
	x.db = db
	raw, ok, err := x.get([]byte{familyWhole})
	if err != nil {
		return fmt.Sprintf("%s: %v", indexDamaged, err), nil
	}
	if isNotExist(statErr) {
		return indexMissing, nil
	}
	if !ok {
		return "", nil // it was made, and nothing of it came to disk
	}
	w, known, ok := decodeWhole(raw)
	if !ok {
		return indexDamaged, nil
	}
	x.whole = w
	switch {
	case w.log != s.events.id:
		return indexForeign, nil
	case !known:
		return indexOther, nil
	}
	if err := x.readTables(); err != nil {
		return fmt.Sprintf("%s: %v", indexDamaged, err), nil
	}
	return "", nil
}

// checkIndex holds that the index ends where a record of the log does. The index of
// an unfinished import may have come to disk before the log: of what was not synced
// when it was told, every record is looked at, since a crash leaves any part of it.
func (s *Store) checkIndex(synced uint64) (why string, err error) {
	w := s.index.whole
	if w.next == 0 {
		return "", nil
	}
	from := w.next - 1
	if s.unfinished {
		// A segment was synced before the next one began.
		from = min(from, max(synced, s.events.active().first))
	}
	c := s.events.cursor(windowBytes)
	defer c.release()
	err = s.find(c, from)
	for ; err == nil && from < w.next; from++ {
		_, err = c.next()
	}
	switch {
	case errors.Is(err, eventstore.ErrCorrupt):
		return fmt.Sprintf("%s: %v", indexAhead, err), nil
	case err != nil:
		return "", err
	case c.offset != w.offset:
		return indexAhead, nil
	}
	return "", nil
}

// replay tells the index of the log behind where the index ends, and finds the
// log's end. Everything before synced must be there.
func (s *Store) replay(synced uint64) error {
	number, err := s.index.nextStream()
	if err != nil {
		return s.indexDamaged(err, "the streams")
	}
	s.committer.heads = newHeadCache(headCacheSize)
	s.committer.recent = &recent{events: s.tableEvents}
	s.committer.nextStream = number
	w := s.index.whole
	if err := s.sightAgain(w.next); err != nil {
		return err
	}
	p := &replaying{store: s, at: mark{w.next, w.offset}, told: mark{w.next, w.offset}, recordedAt: w.recordedAt, unsure: -1}
	c := s.events.cursor(windowBytes)
	defer c.release()
	c.seek(w.next, w.offset)
	var broken error
	for broken == nil {
		from := c.position
		r, err := c.next()
		if err != nil {
			broken = err
			break
		}
		if err := p.take(c, &r, from >= synced); err != nil {
			return err
		}
	}
	if err := p.tell(); err != nil {
		return err
	}
	if err := s.endsAt(c, p, synced, broken); err != nil {
		return err
	}
	s.committer.nextPosition, s.committer.lastRecorded = p.at.position, p.recordedAt
	s.next.Store(p.at.position)
	s.index.advance(p.at.position)
	return nil
}

// sightAgain looks in the log for what the index has up to a position and did not
// bring into a table.
func (s *Store) sightAgain(next uint64) error {
	x := s.index
	position := x.tables.Load().tabled()
	s.age(position)
	if position == next {
		return nil
	}
	c := s.events.cursor(windowBytes)
	defer c.release()
	if err := s.find(c, position); err != nil {
		return err
	}
	for ; position < next; position++ {
		r, err := c.next()
		if err != nil {
			return err
		}
		if r.revision == 0 {
			s.sight(x.fingers.name(string(r.stream)), position)
		}
		s.sight(x.fingers.id(r.id), position)
	}
	return x.keepFull()
}

func (s *Store) sight(f fingerprint, position uint64) {
	s.index.sight(f, position)
	s.committer.recent.add(f, position)
}

// replaying collects batches of the log for the index.
type replaying struct {
	store *Store
	// at is behind the last whole batch, told behind the last that the index has.
	at, told mark
	segment  *segment
	records  []byte
	batches  []batchEntry
	// pending are the batches that belong together and are not whole yet, in
	// pendingLen bytes.
	pending    []replayedBatch
	pendingLen int
	recordedAt int64
	lastTime   int64
	// unsure is where in the last segment begins what may not be synced, or -1.
	unsure int64
}

// replayedBatch is what was found of a batch so far.
type replayedBatch struct {
	stream string
	count  uint64
	// revision and position are those of its last event.
	revision, position uint64
}

const replayBytes = 1 << 20

func (p *replaying) take(c *cursor, r *record, unsynced bool) error {
	size := int(c.offset) - int(p.at.offset) - p.pendingLen
	if c.at != p.segment {
		// A batch lies in one segment.
		if len(p.pending) > 0 {
			return corrupt("%s, in segment %s: the batch before it has no end", positionName(r.position), c.at.name)
		}
		if err := p.tell(); err != nil {
			return err
		}
		if p.segment != nil || p.at.position == c.at.first {
			p.at.offset = segmentHeaderSize
			p.told = p.at
			p.unsure = -1
			size = int(c.offset) - segmentHeaderSize
		}
		p.segment = c.at
	}
	if unsynced && p.unsure < 0 {
		p.unsure = c.offset - int64(size)
	}
	from := c.offset - int64(size) - c.begin
	p.records = append(p.records, c.window[from:from+int64(size)]...)
	p.pendingLen += size
	if n := len(p.pending); n == 0 || p.pending[n-1].stream != string(r.stream) {
		p.pending = append(p.pending, replayedBatch{stream: string(r.stream)})
	}
	last := &p.pending[len(p.pending)-1]
	last.count, last.revision, last.position = last.count+1, r.revision, r.position
	p.lastTime = max(p.lastTime, r.recordedAt)
	p.store.committer.recent.add(p.store.index.fingers.id(r.id), r.position)
	if r.after > 0 {
		return nil
	}
	for _, b := range p.pending {
		if err := p.batch(b); err != nil {
			return err
		}
	}
	p.at.position, p.at.offset = r.position+1, p.at.offset+int64(p.pendingLen)
	p.recordedAt = max(p.recordedAt, p.lastTime)
	p.pending, p.pendingLen = p.pending[:0], 0
	if len(p.records) >= replayBytes {
		return p.tell()
	}
	return nil
}

// batch adds a whole batch to those that the index is told of.
func (p *replaying) batch(b replayedBatch) error {
	s := p.store
	h, exists, err := s.headOf(b.stream)
	if err != nil {
		return err
	}
	first := uint64(0)
	if exists {
		first = h.last + 1
	} else {
		h.number = s.committer.nextStream
		s.committer.nextStream++
		s.committer.recent.add(s.index.fingers.name(b.stream), b.position+1-b.count)
	}
	if first+b.count-1 != b.revision {
		return corrupt("%s: it is revision %d of stream %q where revision %d is due", positionName(b.position), b.revision, b.stream, first+b.count-1)
	}
	p.batches = append(p.batches, batchEntry{stream: b.stream, number: h.number, fresh: !exists,
		firstRevision: first, count: b.count, first: b.position + 1 - b.count})
	h.last = b.revision
	s.committer.heads.put(b.stream, h)
	return nil
}

// tell hands the whole batches to the index.
func (p *replaying) tell() error {
	if len(p.batches) == 0 {
		return nil
	}
	if err := p.store.index.tell(p.records, p.batches, p.told.offset, p.recordedAt); err != nil {
		return p.store.openFailed(err)
	}
	whole := int(p.at.offset - p.told.offset)
	p.records = append(p.records[:0], p.records[whole:]...)
	p.batches = p.batches[:0]
	p.told = p.at
	p.store.age(p.at.position)
	return nil
}

// endsAt decides about what stopped the replay: the log's end, a write that a
// crash tore off, or damage. What a crash has left behind the end is wiped.
func (s *Store) endsAt(c *cursor, p *replaying, synced uint64, broken error) error {
	l := s.events
	if !errors.Is(broken, eventstore.ErrCorrupt) {
		return broken
	}
	if c.at != l.active() {
		return broken
	}
	if p.segment != c.at {
		// Nothing was found in the last segment.
		p.at.offset = c.offset
	}
	if p.at.position < synced {
		return fmt.Errorf("the log in %s ends at position %d, but everything before position %d was synced: %w",
			s.dir, p.at.position, synced, broken)
	}
	l.end = p.at.offset
	rest, err := l.behind(c.at, l.end)
	if err != nil {
		return unreadable(s.dir, "the end of segment "+c.at.name, err)
	}
	if offset, position, found := l.laterGroup(rest, p.at.position); found && !s.unfinished {
		return fmt.Errorf("position %d, at offset %d of segment %s, was written when this was synced: %w",
			position, l.end+int64(offset), c.at.name, broken)
	}
	return s.secure(c.at, p.unsure, len(rest))
}

// behind reads what is in a segment from an offset on, without the zeros at its end.
func (l *eventLog) behind(s *segment, offset int64) ([]byte, error) {
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	l.prepared = max(info.Size(), l.end)
	if info.Size() <= offset {
		return nil, nil
	}
	rest := make([]byte, info.Size()-offset)
	if n, err := s.file.ReadAt(rest, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else if n < len(rest) {
		rest = rest[:n]
	}
	return bytes.TrimRight(rest, "\x00"), nil
}

// laterGroup looks for a sound record of a group that began behind a position: it
// was written after everything up to there had been synced.
func (l *eventLog) laterGroup(rest []byte, position uint64) (offset int, found uint64, ok bool) {
	for i := 0; i+fixedSize < len(rest); i++ {
		if rest[i] != 0 {
			continue // no record is as large as that
		}
		size, ok := sizeOf(rest[i:])
		if !ok || i+size > len(rest) {
			continue
		}
		at := binary.BigEndian.Uint64(rest[i+positionOffset:])
		if at <= position {
			continue
		}
		if r, err := decodeRecord(l.seed, at, rest[i:i+size]); err == nil && r.group > position {
			return i, at, true
		}
	}
	return 0, 0, false
}

// secure writes again what may be in the machine's memory only, wipes what lies
// behind the end, and syncs both: from here on what is served is on disk.
func (s *Store) secure(seg *segment, unsure int64, garbage int) error {
	l := s.events
	if unsure >= 0 && unsure < l.end {
		again := make([]byte, l.end-unsure)
		if _, err := seg.file.ReadAt(again, unsure); err != nil && !errors.Is(err, io.EOF) {
			return unreadable(s.dir, "the end of segment "+seg.name, err)
		}
		if _, err := seg.file.WriteAt(again, unsure); err != nil {
			return s.openFailed(err)
		}
	}
	if garbage > 0 {
		if _, err := seg.file.WriteAt(make([]byte, garbage), l.end); err != nil {
			return s.openFailed(err)
		}
		l.prepared = max(l.prepared, l.end+int64(garbage))
	}
	if (unsure >= 0 && unsure < l.end) || garbage > 0 {
		if err := seg.file.Sync(); err != nil {
			return s.openFailed(err)
		}
	}
	return nil
}

func unreadable(dir, place string, err error) error {
	return fmt.Errorf("read the event store in %s at %s: %w", dir, place, err)
}

func corrupt(format string, args ...any) error {
	return fault.New(eventstore.ErrCorrupt.Kind, eventstore.ErrCorrupt.Code, "a stored record is damaged: "+format, args...)
}
