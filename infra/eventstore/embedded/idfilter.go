package embedded

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/google/uuid"
)

// idFilter is a Bloom filter over event ids. Nearly every id that the
// committer sees is new, and to know that from memory costs a twentieth of
// asking the engine. "May have" is only a reason to ask it.
//
// It grows by tables of twice the size, so that a look-up touches few of them.
// Each id sets its bits within one cache line.
type idFilter struct {
	tables []idTable
	// overflow is set when the filter has reached its bound; it then knows nothing.
	overflow bool
}

type idTable struct {
	lines []idLine
	room  int
}

type idLine [8]uint64

const (
	idsPerLine   = 32 // 16 bits an id: about one false answer in a thousand
	idProbes     = 6
	firstIDLines = 1 << 12
	// lastIDLines is the size of the largest table; the filter is bounded by
	// twice its size, 128 MiB for 64 million ids.
	lastIDLines = 1 << 20
)

func newIDFilter() *idFilter { return &idFilter{} }

func hashID(id uuid.UUID) (line, probes uint64) {
	a, b := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	h := hi ^ lo
	return h * 0x94d049bb133111eb, h ^ h>>29
}

func (f *idFilter) add(id uuid.UUID) {
	if f.overflow {
		return
	}
	if n := len(f.tables); n == 0 || f.tables[n-1].room == 0 {
		f.grow()
		if f.overflow {
			return
		}
	}
	t := &f.tables[len(f.tables)-1]
	t.room--
	line, probes := hashID(id)
	l := t.line(line)
	for range idProbes {
		l[probes>>6&7] |= 1 << (probes & 63)
		probes >>= 9
	}
}

func (f *idFilter) grow() {
	size := firstIDLines << len(f.tables)
	if size > lastIDLines {
		*f = idFilter{overflow: true}
		return
	}
	f.tables = append(f.tables, idTable{lines: make([]idLine, size), room: size * idsPerLine})
}

func (f *idFilter) mayHave(id uuid.UUID) bool {
	if f.overflow {
		return true
	}
	line, probes := hashID(id)
	for i := range f.tables {
		if f.tables[i].has(line, probes) {
			return true
		}
	}
	return false
}

// line picks by the upper bits of the hash; the number of lines is a power of two.
func (t *idTable) line(hash uint64) *idLine {
	return &t.lines[hash>>32&uint64(len(t.lines)-1)]
}

func (t *idTable) has(line, probes uint64) bool {
	l := t.line(line)
	for range idProbes {
		if l[probes>>6&7]&(1<<(probes&63)) == 0 {
			return false
		}
		probes >>= 9
	}
	return true
}

// loadIDs reads the ids that were stored before opening. Until it is done the
// committer asks the engine for each.
func (s *Store) loadIDs() {
	defer s.workers.Done()
	f := newIDFilter()
	switch err := s.readIDs(f); {
	case errors.Is(err, errClosing):
		return
	case err != nil:
		s.log.Warn("event store: ids are looked up on disk", "error", err)
		return
	}
	s.stored.Store(f)
}

var errClosing = errors.New("the store is being closed")

func (s *Store) readIDs(f *idFilter) error {
	n, closing := 0, false
	err := s.index.idsIn(func(id uuid.UUID) bool {
		f.add(id)
		if n++; n%1024 != 0 {
			return true
		}
		select {
		case <-s.closing:
			closing = true
		default:
		}
		return !closing && !f.overflow
	})
	if err == nil && closing {
		return errClosing
	}
	return err
}
