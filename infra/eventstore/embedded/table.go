package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// tableEvents is of how many positions a table is made. It also bounds what the
	// log is asked for again at the opening after a crash.
	tableEvents = 1 << 17
	// mergeTables tables of about the same size become one, until it has up to
	// mergeTables to the power of mergeLevels times the positions of a first one:
	// 33 million, which offsets can tell.
	mergeTables = 4
	mergeLevels = 4
	// chunkPrints is about how many sightings are kept under one key.
	chunkPrints = 1 << 9
	// tableBatch is about how many bytes go to the index at a time.
	tableBatch = 256 << 10
)

// table is a part of the index: the sightings of some positions that follow each
// other, in order of their fingerprints, in chunks of which each has those whose
// fingerprints begin with its number. It is written once and never changed.
type table struct {
	number, first, next uint64
	// prints is how many sightings it has.
	prints uint64
	// filter is nil where it was not read yet, or has no room.
	filter atomic.Pointer[printFilter]
}

// chunkBits is how many bits of a fingerprint say in which chunk it is.
func (t *table) chunkBits() int { return max(0, bits.Len64(t.prints/chunkPrints)) }

func (t *table) chunkOf(f fingerprint) uint64 { return uint64(f) >> (printBits - t.chunkBits()) }

// level tells tables of about the same size.
func (t *table) level(events uint64) int {
	n := 0
	for size := events; size < t.next-t.first; size *= mergeTables {
		n++
	}
	return n
}

// tables are all tables of the index, in order of positions. Together they have
// everything from the first position up to tabled.
type tables []*table

func (l tables) tabled() uint64 {
	if len(l) == 0 {
		return 0
	}
	return l[len(l)-1].next
}

func (l tables) encode() (raw []byte) {
	for _, t := range l {
		for _, v := range []uint64{t.number, t.next - t.first, t.prints} {
			raw = binary.AppendUvarint(raw, v)
		}
	}
	return raw
}

func decodeTables(raw []byte) (l tables, ok bool) {
	for len(raw) > 0 {
		t := &table{first: l.tabled()}
		var count uint64
		for _, v := range []*uint64{&t.number, &count, &t.prints} {
			n := 0
			if *v, n = binary.Uvarint(raw); n <= 0 {
				return nil, false
			}
			raw = raw[n:]
		}
		if t.next = t.first + count; count == 0 || count > 1<<offsetBits || t.prints < count {
			return nil, false
		}
		l = append(l, t)
	}
	return l, true
}

func (l tables) nextNumber() (next uint64) {
	for _, t := range l {
		next = max(next, t.number+1)
	}
	return next
}

// filtered is how many lines the filters have.
func (l tables) filtered() (lines int) {
	for _, t := range l {
		if f := t.filter.Load(); f != nil {
			lines += len(*f)
		}
	}
	return lines
}

// readTables reads which tables there are, and removes what is left of one that was
// not finished.
func (x *index) readTables() (err error) {
	raw, _, err := x.get([]byte{familyTables})
	if err != nil {
		return err
	}
	l, ok := decodeTables(raw)
	if !ok || l.tabled() > x.whole.next {
		return errIndexShape
	}
	x.tables.Store(&l)
	x.pending = sightings{first: l.tabled(), next: l.tabled()}
	from, to := tableKey(l.nextNumber()), []byte{familyTable + 1}
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.First() {
		return it.Error()
	}
	return x.db.DeleteRange(from, to, pebble.NoSync)
}

// mayHave says whether something with a fingerprint may be in a table.
func (x *index) mayHave(f fingerprint) bool {
	for {
		l := x.tables.Load()
		may := slices.ContainsFunc(*l, func(t *table) bool { return t.mayHave(f) })
		if may || x.tables.Load() == l { // else tables were put together meanwhile
			return may
		}
	}
}

func (t *table) mayHave(f fingerprint) bool {
	filter := t.filter.Load()
	return filter == nil || filter.mayHave(f)
}

// positions are where something with a fingerprint is, as the tables say.
func (x *index) positions(f fingerprint) (positions []uint64, err error) {
	for {
		l := x.tables.Load()
		positions, err = positions[:0], nil
		for i := len(*l) - 1; i >= 0 && err == nil; i-- {
			if t := (*l)[i]; t.mayHave(f) {
				positions, err = x.positionsIn(t, f, positions)
			}
		}
		if x.tables.Load() == l {
			return positions, err
		}
	}
}

func (x *index) positionsIn(t *table, f fingerprint, positions []uint64) ([]uint64, error) {
	chunk, ok, err := x.get(chunkKey(t.number, t.chunkOf(f)))
	if err != nil {
		return nil, err
	}
	if !ok || len(chunk)%sightingSize != 0 {
		return nil, errIndexShape
	}
	at := sort.Search(len(chunk)/sightingSize, func(i int) bool { return sightingAt(chunk, i).print() >= f })
	for ; at < len(chunk)/sightingSize && sightingAt(chunk, at).print() == f; at++ {
		positions = append(positions, t.first+sightingAt(chunk, at).offset())
	}
	return positions, nil
}

// sightingSize is what a sighting takes in a chunk, big-endian.
const sightingSize = 8

func sightingAt(chunk []byte, i int) sighting {
	return sighting(binary.BigEndian.Uint64(chunk[i*sightingSize:]))
}

// keep makes a table of sightings that follow those of the last one, and puts
// tables together where there are enough of the same size. It is for one goroutine
// at a time; look-ups go on beside it. closing breaks the putting together off.
func (x *index) keep(s sightings, closing <-chan struct{}) error {
	l := *x.tables.Load()
	if s.first != l.tabled() {
		return fmt.Errorf("%w: a table of position %d comes where one of position %d is due", errIndexShape, s.first, l.tabled())
	}
	s.sort()
	w := x.newTable(l, s.first, s.next, uint64(len(s.all)))
	for _, e := range s.all {
		if err := w.add(e); err != nil {
			return err
		}
	}
	if err := w.finish(); err != nil {
		return err
	}
	// What a crash loses is what came behind the last table.
	if err := x.startFlush(); err != nil {
		return err
	}
	for {
		if done, err := x.merge(closing); done || err != nil {
			return err
		}
	}
}

// keepRest makes a table of what is too little for one, so that the next opening
// does not look for it in the log.
func (x *index) keepRest() error {
	x.gate.Lock()
	sealed := x.sealed
	x.gate.Unlock()
	if sealed || len(x.pending.all) == 0 {
		return nil
	}
	s := x.pending
	x.pending = sightings{first: s.next, next: s.next}
	return x.keep(s, nil)
}

// merge puts the last tables together if that is due.
func (x *index) merge(closing <-chan struct{}) (done bool, err error) {
	l := *x.tables.Load()
	from := len(l)
	for level := l[from-1].level(x.tableEvents); level < mergeLevels && from > 0 && l[from-1].level(x.tableEvents) <= level; {
		from--
	}
	if len(l)-from < mergeTables {
		return true, nil
	}
	merged := l[from:]
	prints := uint64(0)
	inputs := make([]tableReader, len(merged))
	for i, t := range merged {
		prints += t.prints
		it, openErr := x.readerOf(t)
		if openErr != nil {
			return true, openErr
		}
		defer func() { err = errors.Join(err, it.Close()) }()
		inputs[i] = tableReader{it: it, shift: sighting(t.first - merged[0].first)}
		if err := inputs[i].next(); err != nil {
			return true, err
		}
	}
	w := x.newTable(l[:from], merged[0].first, l.tabled(), prints)
	for n := 0; ; n++ {
		least := -1
		for i := range inputs {
			if inputs[i].head != 0 && (least < 0 || inputs[i].head < inputs[least].head) {
				least = i
			}
		}
		if least < 0 {
			break
		}
		if err := w.add(inputs[least].head); err != nil {
			return true, err
		}
		if err := inputs[least].next(); err != nil {
			return true, err
		}
		if n%closingEvery == 0 && isClosed(closing) {
			return true, w.abandon()
		}
	}
	return false, w.finish()
}

// closingEvery is how many sightings are read between two looks at whether the
// store is being closed.
const closingEvery = 1 << 16

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// tableReader walks through a table. head is 0 behind its end.
type tableReader struct {
	it    *pebble.Iterator
	begun bool
	chunk []byte
	shift sighting
	head  sighting
}

func (x *index) readerOf(t *table) (*pebble.Iterator, error) {
	return x.db.NewIter(&pebble.IterOptions{LowerBound: tableKey(t.number), UpperBound: tableKey(t.number + 1)})
}

func (r *tableReader) next() error {
	for len(r.chunk) == 0 {
		valid := false
		if valid, r.begun = r.begun && r.it.Next() || !r.begun && r.it.First(), true; !valid {
			r.head = 0
			return r.it.Error()
		}
		var err error
		if r.chunk, err = r.it.ValueAndErr(); err != nil {
			return err
		}
		if len(r.chunk)%sightingSize != 0 {
			return errIndexShape
		}
	}
	r.head = sightingAt(r.chunk, 0) + r.shift
	r.chunk = r.chunk[sightingSize:]
	return nil
}

// tableWriter writes a table that comes behind some others, piece by piece. It is
// there when it is finished; what a crash leaves of it before is removed at the
// next opening.
type tableWriter struct {
	x      *index
	before tables
	made   *table
	filter printFilter
	batch  *pebble.Batch
	chunk  []byte
	// at is the chunk's number, prints how many sightings were added.
	at, prints uint64
}

func (x *index) newTable(before tables, first, next, prints uint64) *tableWriter {
	w := &tableWriter{x: x, before: before, batch: x.db.NewBatch(),
		made: &table{number: x.tables.Load().nextNumber(), first: first, next: next, prints: prints}}
	if lines := filterLines(prints); before.filtered()+lines <= filterLinesMax {
		w.filter = make(printFilter, lines)
	}
	return w
}

// add adds a sighting; they come in order.
func (w *tableWriter) add(s sighting) error {
	for c := w.made.chunkOf(s.print()); w.at < c; {
		if err := w.endChunk(); err != nil {
			return err
		}
	}
	w.prints++
	w.chunk = binary.BigEndian.AppendUint64(w.chunk, uint64(s))
	if w.filter != nil {
		w.filter.add(s.print())
	}
	return nil
}

// endChunk begins the next chunk. None is left out, so that one that is missing is
// damage.
func (w *tableWriter) endChunk() error {
	if err := w.batch.Set(chunkKey(w.made.number, w.at), w.chunk, nil); err != nil {
		return err
	}
	w.at, w.chunk = w.at+1, w.chunk[:0]
	if w.batch.Len() < tableBatch {
		return nil
	}
	return w.apply()
}

// apply hands over what was collected.
func (w *tableWriter) apply() error {
	err := errors.Join(w.x.apply(w.batch), w.batch.Close())
	w.batch = w.x.db.NewBatch()
	return err
}

// finish puts the table in the place of those behind the ones before it.
func (w *tableWriter) finish() error {
	if w.prints != w.made.prints {
		return fmt.Errorf("%w: a table has %d of %d sightings", errIndexShape, w.prints, w.made.prints)
	}
	for w.at>>w.made.chunkBits() == 0 {
		if err := w.endChunk(); err != nil {
			return err
		}
	}
	if err := w.apply(); err != nil {
		return err
	}
	if w.filter != nil {
		filter := w.filter // a pointer into w would keep all that w has for as long as the table
		w.made.filter.Store(&filter)
	}
	l := append(slices.Clone(w.before), w.made)
	// Who finds nothing in a table that is removed sees that the list is another,
	// and looks again.
	old := *w.x.tables.Swap(&l)
	for _, t := range old[len(w.before):] {
		if err := w.batch.DeleteRange(tableKey(t.number), tableKey(t.number+1), nil); err != nil {
			return err
		}
	}
	if err := w.batch.Set([]byte{familyTables}, l.encode(), nil); err != nil {
		return err
	}
	return w.apply()
}

// abandon removes what was written.
func (w *tableWriter) abandon() error {
	w.batch.Reset()
	if err := w.batch.DeleteRange(tableKey(w.made.number), tableKey(w.made.number+1), nil); err != nil {
		return err
	}
	return w.apply()
}

// readFilters makes the filters of the tables that were there at opening, the last
// one's first. Until then each look-up asks those tables.
func (x *index) readFilters(closing <-chan struct{}) error {
	for _, t := range slices.Backward(*x.tables.Load()) {
		if x.tables.Load().filtered()+filterLines(t.prints) > filterLinesMax {
			continue
		}
		if err := x.readFilter(t, closing); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) readFilter(t *table, closing <-chan struct{}) (err error) {
	it, err := x.readerOf(t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	filter, r := make(printFilter, filterLines(t.prints)), tableReader{it: it}
	for n := uint64(0); ; n++ {
		if err := r.next(); err != nil {
			return err
		}
		if n%closingEvery == 0 && isClosed(closing) {
			return nil
		}
		if r.head != 0 {
			filter.add(r.head.print())
			continue
		}
		switch {
		case n == t.prints:
			t.filter.Store(&filter)
		case slices.Contains(*x.tables.Load(), t): // else it was put together with others
			return fmt.Errorf("%w: a table has %d of %d sightings", errIndexShape, n, t.prints)
		}
		return nil
	}
}
