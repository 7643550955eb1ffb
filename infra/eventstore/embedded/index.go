package embedded

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"dossierledger/infra/room"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/google/uuid"
)

const (
	// indexName is the index's directory in that of the store.
	indexName = "index"
	// condemnedName is a file there that says that damage was seen in it: at the
	// next opening the index is made again.
	condemnedName = "CONDEMNED"
	// strideBytes is how far apart the records are whose offsets are kept.
	strideBytes = 32 << 10
)

// index finds records in the log. It holds nothing that the log does not say, is
// written without a log of its own, and loses at a crash what it was told last;
// whole says up to where it came.
type index struct {
	db   *pebble.DB
	disk *room.Disk

	// whole, stride, and the sightings that are in no table yet belong to whoever
	// feeds the index.
	whole   whole
	stride  int64
	pending sightings
	full    []sightings

	fingers     fingers
	tableEvents uint64
	tables      atomic.Pointer[tables]
	extents     *extents
	// due takes the sightings of which a table is to be made; where it is nil, the
	// feeder makes it itself.
	due chan sightings

	// gate is held while Pebble has a batch in hand and must not be closed;
	// sealed is set when nothing may be handed to it any more.
	gate   sync.Mutex
	sealed bool

	// reached is up to where readers find everything; grown is closed and made
	// anew when somebody waits for it.
	reached atomic.Uint64
	mu      sync.Mutex
	waiting int
	grown   chan struct{}
	// dead is closed when the index takes nothing any more.
	dead chan struct{}
	// noRoom says that a table found the disk full.
	noRoom chan error
}

// batchEntry is one batch as the index is told of it.
type batchEntry struct {
	stream string
	number uint64
	// fresh says that the stream begins here.
	fresh                       bool
	firstRevision, count, first uint64
	// offset is where its first record is in its segment; tell finds that out.
	offset int64
}

func (e *batchEntry) run() run {
	return run{lastRevision: e.firstRevision + e.count - 1, lastPosition: e.first + e.count - 1, count: e.count, offset: e.offset}
}

func (x *index) options(s *Store, cache int64, memTable uint64) *pebble.Options {
	opts := &pebble.Options{
		FS:                          s.disk.Over(s.fs),
		Logger:                      room.Logger{Log: s.log, Store: "event store index", Disk: s.disk},
		CacheSize:                   cache + 2*int64(memTable), // Pebble takes memory tables out of the cache.
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               256 << 20,
		MaxOpenFiles:                1000,
		FormatMajorVersion:          pebble.FormatNewest,
		BytesPerSync:                1 << 20,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		DisableWAL:                  true,
	}
	for i := range opts.Levels {
		l := &opts.Levels[i]
		l.BlockSize = 16 << 10
		l.IndexBlockSize = 64 << 10
		l.FilterPolicy = bloom.FilterPolicy(10)
		l.FilterType = pebble.TableFilter
		l.Compression = func() *sstable.CompressionProfile { return block.FastestCompression }
	}
	opts.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) {
			s.log.Error("event store background work failed", "error", err)
			if room.NoRoom(err) {
				select {
				case x.noRoom <- err:
				default:
				}
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.log.Error("event store file is damaged", "path", info.Path, "error", info.Details)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			s.log.Warn("event store writes wait for compaction", "reason", info.Reason)
		},
	}
	return opts
}

// tell adds batches, whose records lie behind each other from an offset of a
// segment on, and moves the index's end behind them.
func (x *index) tell(records []byte, batches []batchEntry, offset int64, recordedAt int64) error {
	if len(batches) == 0 {
		return nil
	}
	if first := batches[0].first; first != x.whole.next {
		return fmt.Errorf("position %d comes where position %d is due", first, x.whole.next)
	}
	b := x.db.NewBatch()
	defer func() { _ = b.Close() }() // it was applied or is of no use
	for i := range batches {
		e := &batches[i]
		e.offset = offset
		if e.fresh {
			x.sight(x.fingers.name(e.stream), e.first)
		}
		for position := e.first; position < e.first+e.count; position++ {
			x.sight(x.fingers.id(uuid.UUID(records[idOffset:recordedOffset])), position)
			if err := x.mark(b, position, offset); err != nil {
				return err
			}
			size := binary.BigEndian.Uint32(records)
			records, offset = records[size:], offset+int64(size)
		}
	}
	if err := set(b, batches); err != nil {
		return err
	}
	next := x.whole
	last := &batches[len(batches)-1]
	next.next, next.offset, next.recordedAt = last.first+last.count, offset, max(recordedAt, next.recordedAt)
	if err := b.Set([]byte{familyWhole}, next.encode(), nil); err != nil {
		return err
	}
	if err := x.apply(b); err != nil {
		return err
	}
	x.whole = next
	x.extents.tell(batches)
	x.advance(next.next)
	return x.keepFull()
}

// set writes the names and runs of batches. What lies together in the index is
// written one behind the other, so that its place is found from the one before:
// names, then streams that begin, whose numbers rise, then those that go on.
func set(b *pebble.Batch, batches []batchEntry) error {
	for i := range batches {
		e := &batches[i]
		if !e.fresh {
			continue
		}
		name := b.SetDeferred(1+len(e.stream), 5)
		name.Key[0] = familyName
		copy(name.Key[1:], e.stream)
		put40(name.Value, e.number)
		if err := name.Finish(); err != nil {
			return err
		}
	}
	for _, fresh := range [...]bool{true, false} {
		for i := range batches {
			if batches[i].fresh != fresh {
				continue
			}
			r := batches[i].run()
			var key [streamKeySize]byte
			var value [maxRunValue]byte
			putStreamKey(key[:], batches[i].number, r.lastRevision)
			if err := b.Set(key[:], appendRunValue(value[:0], r), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// sight notes what is at a position.
func (x *index) sight(f fingerprint, position uint64) {
	if position-x.pending.first >= x.tableEvents {
		x.full = append(x.full, x.pending)
		x.pending = sightings{first: position}
	}
	if x.pending.all == nil {
		x.pending.all = make([]sighting, 0, x.tableEvents/2)
	}
	x.pending.add(f, position)
}

// mark adds, now and then, where an event is.
func (x *index) mark(b *pebble.Batch, position uint64, offset int64) error {
	if offset >= x.stride && offset < x.stride+strideBytes {
		return nil
	}
	x.stride = offset
	var key [offsetKeySize]byte
	var value [binary.MaxVarintLen64]byte
	putOffsetKey(key[:], position)
	return b.Set(key[:], binary.AppendUvarint(value[:0], uint64(offset)), nil)
}

// keepFull makes tables of what is enough for them, or has them made.
func (x *index) keepFull() error {
	for _, s := range x.full {
		if x.due != nil {
			x.due <- s
		} else if err := x.keep(s, nil); err != nil {
			return err
		}
	}
	x.full = x.full[:0]
	return nil
}

var errSealed = errors.New("the index is being closed")

func (x *index) apply(b *pebble.Batch) error {
	x.gate.Lock()
	defer x.gate.Unlock()
	if x.sealed {
		return errSealed
	}
	return x.db.Apply(b, pebble.NoSync)
}

// startFlush has what was applied brought to disk.
func (x *index) startFlush() error {
	x.gate.Lock()
	defer x.gate.Unlock()
	if x.sealed {
		return errSealed
	}
	_, err := x.db.AsyncFlush()
	return err
}

func (x *index) advance(next uint64) {
	x.reached.Store(next)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.waiting > 0 {
		close(x.grown)
		x.grown, x.waiting = make(chan struct{}), 0
	}
}

// await returns when everything before a position is in the index. It is so
// within moments after a group was synced. The alarm, where not nil, ends the
// waiting for a group that is not synced.
func (s *Store) await(ctx context.Context, position uint64, alarm <-chan struct{}) error {
	x := s.index
	for x.reached.Load() < position {
		x.mu.Lock()
		grown := x.grown
		x.waiting++
		x.mu.Unlock()
		if x.reached.Load() >= position {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		case <-alarm:
			return s.alarmed()
		case <-x.dead:
			return cmp.Or(s.unwritable(), closedFault())
		case <-s.closing:
			return closedFault()
		}
	}
	return nil
}

// flush brings the index to disk. Pebble tries a table again for as long as there
// is no room; patient says whether to wait for that.
func (x *index) flush(patient bool) error {
	select {
	case <-x.noRoom: // of before
	default:
	}
	done, err := x.db.AsyncFlush()
	if err != nil {
		return err
	}
	var noRoom <-chan error
	if !patient {
		noRoom = x.noRoom
	}
	select {
	case <-done:
		return nil
	case err := <-noRoom:
		return err
	}
}

// get copies a value; ok is false when the key is not there.
func (x *index) get(key []byte) (value []byte, ok bool, err error) {
	found, closer, err := x.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return append([]byte(nil), found...), true, closer.Close()
}

// lastStream is the number that the next stream gets.
func (x *index) nextStream() (number uint64, err error) {
	it, err := x.family(familyStream)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return 0, it.Error()
	}
	if len(it.Key()) != streamKeySize {
		return 0, errIndexShape
	}
	return get40(it.Key()[1:]) + 1, nil
}

var errIndexShape = errors.New("an entry of the index has a wrong shape")

func (x *index) family(f byte) (*pebble.Iterator, error) {
	return x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{f}, UpperBound: []byte{f + 1}})
}

// mark is a record whose offset is known.
type mark struct {
	position uint64
	offset   int64
}

// markBefore is the last known record at or before a position, in its segment.
func (s *Store) markBefore(it *pebble.Iterator, position uint64) (mark, error) {
	first := s.events.holding(position).first
	start := mark{first, segmentHeaderSize}
	if !it.SeekLT(offsetKey(position + 1)) {
		if err := it.Error(); err != nil {
			return mark{}, s.indexDamaged(err, positionName(position))
		}
		return start, nil
	}
	key := it.Key()
	value, err := it.ValueAndErr()
	if err != nil {
		return mark{}, s.indexDamaged(err, positionName(position))
	}
	offset, n := binary.Uvarint(value)
	if len(key) != offsetKeySize || n <= 0 || offset > 1<<62 {
		return mark{}, s.indexDamaged(errIndexShape, positionName(position))
	}
	if at := binary.BigEndian.Uint64(key[1:]); at > first {
		return mark{at, int64(offset)}, nil
	}
	return start, nil
}

// find takes a cursor to a position.
func (s *Store) find(c *cursor, position uint64) (err error) {
	it, err := s.index.family(familyOffset)
	if err != nil {
		return s.indexDamaged(err, positionName(position))
	}
	m, err := s.markBefore(it, position)
	if err = errors.Join(err, it.Close()); err != nil {
		return err
	}
	c.seek(m.position, m.offset)
	return s.walkTo(c, position, m)
}

// walkTo passes by the records between one whose offset the index gave and a
// position. If there is no such record, it is the index that is wrong.
func (s *Store) walkTo(c *cursor, position uint64, from mark) error {
	for c.position < position {
		if err := c.skip(); err != nil {
			if c.position == from.position && from.offset != segmentHeaderSize {
				s.condemn()
			}
			return err
		}
	}
	return nil
}

// indexDamaged is for what is wrong in the index: a reader gets an error, and at
// the next opening the index is made again.
func (s *Store) indexDamaged(err error, place string) error {
	if pebble.IsCorruptionError(err) || errors.Is(err, errIndexShape) {
		s.condemn()
		return corrupt("the index at %s, which is made again from the log when the store is opened the next time: %w", place, err)
	}
	return unreadable(s.dir, "the index at "+place, err)
}

// condemn has the index made again at the next opening.
func (s *Store) condemn() {
	if s.condemned.Swap(true) {
		return
	}
	s.log.Error("event store index is damaged: it is made again from the log when the store is opened the next time")
	f, err := s.fs.Create(s.fs.PathJoin(s.dir, indexName, condemnedName), "event-store-condemned")
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		s.log.Error("event store", "error", fmt.Errorf("note that the index is damaged: %w", err))
	}
}

// numberOf looks a stream's number up.
func (s *Store) numberOf(stream string) (number uint64, ok bool, err error) {
	value, ok, err := s.index.get(nameKey(stream))
	if err != nil {
		return 0, false, s.indexDamaged(err, "the name of stream "+stream)
	}
	if ok && len(value) != 5 {
		return 0, false, s.indexDamaged(errIndexShape, "the name of stream "+stream)
	}
	if !ok {
		return 0, false, nil
	}
	return get40(value), true, nil
}

// headIn finds the last revision of a stream in the index.
func (s *Store) headIn(stream string) (h head, exists bool, err error) {
	number, ok, err := s.numberOf(stream)
	if err != nil || !ok {
		return head{}, false, err
	}
	it, err := s.index.db.NewIter(&pebble.IterOptions{
		LowerBound: streamKey(number, 0), UpperBound: streamKey(number+1, 0),
	})
	if err != nil {
		return head{}, false, s.indexDamaged(err, "stream "+stream)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		if err := it.Error(); err != nil {
			return head{}, false, s.indexDamaged(err, "stream "+stream)
		}
		return head{}, false, s.indexDamaged(errIndexShape, "stream "+stream)
	}
	return head{number: number, last: get40(it.Key()[6:])}, true, nil
}
