package embedded

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
	"time"

	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

// recordVersion is the first byte of every record. Another layout gets another
// number; a reader refuses numbers it does not know.
const recordVersion = 1

// Offsets of a record's fixed part: version(1) crc(4) id(16) recorded(8).
const (
	crcOffset      = 1
	idOffset       = 5
	recordedOffset = 21
	fixedSize      = 29
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errRecordShape   = errors.New("the record's shape is wrong")
	errRecordCRC     = errors.New("the record's checksum is wrong")
	errRecordVersion = errors.New("the record has a version that this program does not know")
)

// recordSize is the encoded size of an event in bytes.
func recordSize(stream string, revision uint64, p *eventstore.Proposed) int {
	return fixedSize + uvarintSize(revision) + fieldSize(len(stream)) + fieldSize(len(p.Type)) +
		fieldSize(len(p.Data)) + len(p.Metadata)
}

func fieldSize(n int) int { return uvarintSize(uint64(n)) + n }

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// encodeRecord writes an event into dst, which must have recordSize bytes. The
// layout is
//
//	version(1) crc32c(4) id(16) recorded_at(8, ns since 1970)
//	revision, then length and bytes of stream, type and data; metadata is the rest
//
// with numbers as uvarints and fixed numbers big-endian. The checksum covers
// the position too, so that a record under a wrong key is found.
func encodeRecord(dst []byte, position uint64, stream string, revision uint64, recordedAt int64, p *eventstore.Proposed) {
	dst[0] = recordVersion
	copy(dst[idOffset:], p.ID[:])
	binary.BigEndian.PutUint64(dst[recordedOffset:], uint64(recordedAt))
	n := fixedSize
	n += binary.PutUvarint(dst[n:], revision)
	n += binary.PutUvarint(dst[n:], uint64(len(stream)))
	n += copy(dst[n:], stream)
	n += binary.PutUvarint(dst[n:], uint64(len(p.Type)))
	n += copy(dst[n:], p.Type)
	n += binary.PutUvarint(dst[n:], uint64(len(p.Data)))
	n += copy(dst[n:], p.Data)
	copy(dst[n:], p.Metadata)
	putCRC(position, dst)
}

func putCRC(position uint64, record []byte) {
	binary.BigEndian.PutUint32(record[crcOffset:], recordCRC(position, record))
}

func recordCRC(position uint64, record []byte) uint32 {
	var head [9]byte
	binary.BigEndian.PutUint64(head[:], position)
	head[8] = record[0]
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, record[idOffset:])
}

// record is a decoded record. Its slices are parts of the encoded bytes.
type record struct {
	id         uuid.UUID
	recordedAt int64
	revision   uint64
	stream     []byte
	kind       []byte
	data       []byte
	metadata   []byte
}

func decodeRecord(position uint64, src []byte) (record, error) {
	if len(src) < fixedSize {
		return record{}, errRecordShape
	}
	if binary.BigEndian.Uint32(src[crcOffset:]) != recordCRC(position, src) {
		return record{}, errRecordCRC
	}
	if src[0] != recordVersion {
		return record{}, errRecordVersion
	}
	r := record{
		id:         uuid.UUID(src[idOffset:recordedOffset]),
		recordedAt: int64(binary.BigEndian.Uint64(src[recordedOffset:])),
	}
	rest := src[fixedSize:]
	revision, n := binary.Uvarint(rest)
	if n <= 0 {
		return record{}, errRecordShape
	}
	r.revision, rest = revision, rest[n:]
	var ok bool
	if r.stream, rest, ok = cutField(rest); !ok {
		return record{}, errRecordShape
	}
	if r.kind, rest, ok = cutField(rest); !ok {
		return record{}, errRecordShape
	}
	if r.data, r.metadata, ok = cutField(rest); !ok {
		return record{}, errRecordShape
	}
	return r, nil
}

func cutField(src []byte) (field, rest []byte, ok bool) {
	size, n := binary.Uvarint(src)
	if n <= 0 || size > uint64(len(src)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return src[n:end:end], src[end:], true
}

// materializer turns records into events that belong to the reader. It shares
// names between events of one read and cuts payloads from blocks, so that a
// scan does not allocate four times an event.
type materializer struct {
	block  []byte
	stream string
	kinds  map[string]string
}

const (
	// blockSize bounds what one kept event keeps alive of its neighbours.
	blockSize = 16 << 10
	maxKinds  = 1024
)

func (m *materializer) event(position uint64, r *record) eventstore.Recorded {
	if m.stream != string(r.stream) {
		m.stream = string(r.stream)
	}
	return eventstore.Recorded{
		ID:         r.id,
		Type:       m.kind(r.kind),
		Data:       m.copy(r.data),
		Metadata:   m.copy(r.metadata),
		Stream:     m.stream,
		Revision:   r.revision,
		Position:   position,
		RecordedAt: time.Unix(0, r.recordedAt).UTC(),
	}
}

func (m *materializer) kind(b []byte) string {
	if known, ok := m.kinds[string(b)]; ok {
		return known
	}
	if m.kinds == nil || len(m.kinds) >= maxKinds {
		m.kinds = make(map[string]string, 16)
	}
	k := string(b)
	m.kinds[k] = k
	return k
}

func (m *materializer) copy(b []byte) []byte {
	n := len(b)
	if n == 0 {
		return nil
	}
	if n > len(m.block) {
		if n > blockSize/4 {
			return append([]byte(nil), b...)
		}
		m.block = make([]byte, blockSize)
	}
	out := m.block[:n:n]
	m.block = m.block[n:]
	copy(out, b)
	return out
}
