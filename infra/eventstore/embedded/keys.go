package embedded

import (
	"encoding/binary"

	"github.com/google/uuid"
)

// Key families of the index. Each is one contiguous range, ordered as the engine
// reads it.
const (
	familyName   = 'n'
	familyOffset = 'o'
	familyStream = 's'
	familyTable  = 't'
	familyTables = 'u'
	familyWhole  = 'w'
)

const (
	offsetKeySize = 1 + 8
	streamKeySize = 1 + 5 + 5
	// maxOrdinal bounds stream numbers and revisions, which keys hold in 40 bits.
	maxOrdinal = 1<<40 - 1
)

func putOffsetKey(dst []byte, position uint64) {
	dst[0] = familyOffset
	binary.BigEndian.PutUint64(dst[1:], position)
}

func offsetKey(position uint64) []byte {
	key := make([]byte, offsetKeySize)
	putOffsetKey(key, position)
	return key
}

func put40(dst []byte, v uint64) {
	dst[0] = byte(v >> 32)
	binary.BigEndian.PutUint32(dst[1:], uint32(v))
}

func get40(src []byte) uint64 {
	return uint64(src[0])<<32 | uint64(binary.BigEndian.Uint32(src[1:]))
}

func putStreamKey(dst []byte, number, revision uint64) {
	dst[0] = familyStream
	put40(dst[1:], number)
	put40(dst[6:], min(revision, maxOrdinal))
}

func streamKey(number, revision uint64) []byte {
	key := make([]byte, streamKeySize)
	putStreamKey(key, number, revision)
	return key
}

func tableKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{familyTable}, number)
}

func chunkKey(number, chunk uint64) []byte {
	return binary.BigEndian.AppendUint32(tableKey(number), uint32(chunk))
}

func nameKey(name string) []byte {
	key := make([]byte, 0, 1+len(name))
	key = append(key, familyName)
	return append(key, name...)
}

// run is a batch as the stream index holds it: consecutive revisions at
// consecutive positions. One entry a batch keeps the index small.
type run struct {
	lastRevision uint64
	lastPosition uint64
	count        uint64
	// offset is where the first record is in its segment, which holds the others too.
	offset int64
}

func (r run) firstRevision() uint64 { return r.lastRevision - r.count + 1 }
func (r run) firstPosition() uint64 { return r.lastPosition - r.count + 1 }

const maxRunValue = 3 * binary.MaxVarintLen64

func appendRunValue(dst []byte, r run) []byte {
	dst = binary.AppendUvarint(dst, r.lastPosition)
	dst = binary.AppendUvarint(dst, uint64(r.offset))
	if r.count > 1 {
		dst = binary.AppendUvarint(dst, r.count)
	}
	return dst
}

func decodeRun(key, value []byte) (run, bool) {
	if len(key) != streamKeySize {
		return run{}, false
	}
	r := run{lastRevision: get40(key[6:]), count: 1}
	position, n := binary.Uvarint(value)
	if n <= 0 {
		return run{}, false
	}
	offset, m := binary.Uvarint(value[n:])
	if m <= 0 || offset > 1<<62 {
		return run{}, false
	}
	r.lastPosition, r.offset = position, int64(offset)
	if rest := value[n+m:]; len(rest) > 0 {
		count, k := binary.Uvarint(rest)
		if k != len(rest) || count < 2 {
			return run{}, false
		}
		r.count = count
	}
	return r, r.count <= r.lastRevision+1 && r.count-1 <= r.lastPosition
}

// whole is up to where the index has the log.
type whole struct {
	log uuid.UUID
	// next is the first position that is not in the index; its record begins at
	// the offset, unless a segment begins with it.
	next   uint64
	offset int64
	// recordedAt is when the event before was recorded.
	recordedAt int64
}

const (
	wholeSize = 16 + 8 + 8 + 8
	// indexLayout says behind it which families the index has. An index of the first
	// layout, which had a key for each event id, has nothing there.
	indexLayout = 2
)

func (w whole) encode() []byte {
	raw := append(make([]byte, 0, wholeSize+1), w.log[:]...)
	raw = binary.BigEndian.AppendUint64(raw, w.next)
	raw = binary.BigEndian.AppendUint64(raw, uint64(w.offset))
	raw = binary.BigEndian.AppendUint64(raw, uint64(w.recordedAt))
	return append(raw, indexLayout)
}

// decodeWhole says also whether the index has the layout that this program knows.
func decodeWhole(raw []byte) (w whole, known, ok bool) {
	if len(raw) < wholeSize {
		return w, false, false
	}
	return whole{log: uuid.UUID(raw[:16]), next: binary.BigEndian.Uint64(raw[16:]),
			offset: int64(binary.BigEndian.Uint64(raw[24:])), recordedAt: int64(binary.BigEndian.Uint64(raw[32:]))},
		string(raw[wholeSize:]) == string([]byte{indexLayout}), true
}
