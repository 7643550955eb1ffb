package embedded

import (
	"encoding/binary"

	"github.com/google/uuid"
)

// Key families. Each is one contiguous range, ordered as the engine reads it.
const (
	familyFormat = 'f'
	familyID     = 'i'
	familyName   = 'n'
	familyRecord = 'r'
	familyStream = 's'
)

const (
	recordKeySize = 1 + 8
	streamKeySize = 1 + 5 + 5
	idKeySize     = 1 + 16
	// maxOrdinal bounds stream numbers and revisions, which keys hold in 40 bits.
	maxOrdinal = 1<<40 - 1
)

func putRecordKey(dst []byte, position uint64) {
	dst[0] = familyRecord
	binary.BigEndian.PutUint64(dst[1:], position)
}

func recordKey(position uint64) []byte {
	key := make([]byte, recordKeySize)
	putRecordKey(key, position)
	return key
}

func positionOfKey(key []byte) (uint64, bool) {
	if len(key) != recordKeySize || key[0] != familyRecord {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
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

func putIDKey(dst []byte, id uuid.UUID) {
	dst[0] = familyID
	copy(dst[1:], id[:])
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
}

func (r run) firstRevision() uint64 { return r.lastRevision - r.count + 1 }
func (r run) firstPosition() uint64 { return r.lastPosition - r.count + 1 }

const maxRunValue = 2 * binary.MaxVarintLen64

func appendRunValue(dst []byte, r run) []byte {
	dst = binary.AppendUvarint(dst, r.lastPosition)
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
	r.lastPosition = position
	if rest := value[n:]; len(rest) > 0 {
		count, m := binary.Uvarint(rest)
		if m != len(rest) || count < 2 {
			return run{}, false
		}
		r.count = count
	}
	return r, r.count <= r.lastRevision+1 && r.count-1 <= r.lastPosition
}
