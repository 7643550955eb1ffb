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

// Offsets of a record's fixed part:
// size(4) crc(4) position(8) id(16) recorded(8).
const (
	crcOffset      = 4
	positionOffset = 8
	idOffset       = 16
	recordedOffset = 32
	fixedSize      = 40
	// recordMax bounds a record: an event of the largest size with the longest names.
	recordMax = eventstore.MaxEventSize + 4<<10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errRecordShape = errors.New("the record's shape is wrong")
	errRecordCRC   = errors.New("the record's checksum is wrong")
	errRecordPlace = errors.New("there is another position's record")
)

// header is what the log knows of a record beside the event.
type header struct {
	position uint64
	// after is how many events follow without which this one is not kept: those of its
	// batch, and of the batches that were appended together with it.
	after uint64
	// group is the first position of what was written and synced together.
	group      uint64
	revision   uint64
	recordedAt int64
}

// recordSize is the encoded size of an event in bytes.
func recordSize(h *header, stream string, p *eventstore.Proposed) int {
	return fixedSize + uvarintSize(h.after) + uvarintSize(h.position-h.group) + uvarintSize(h.revision) +
		fieldSize(len(stream)) + fieldSize(len(p.Type)) + fieldSize(len(p.Data)) + len(p.Metadata)
}

func fieldSize(n int) int { return uvarintSize(uint64(n)) + n }

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// appendRecord adds a record to dst. The layout is
//
//	size(4) crc32c(4) position(8) id(16) recorded_at(8, ns since 1970)
//	events that belong together with it after this one, position - first position of the group, revision,
//	then length and bytes of stream, type and data; metadata is the rest
//
// with numbers as uvarints and fixed numbers big-endian. The checksum covers all
// of it and begins with the log's own seed, so that neither a record at a wrong
// place nor one of another log is taken for the right one.
func appendRecord(dst []byte, seed uint32, h *header, stream string, p *eventstore.Proposed) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(recordSize(h, stream, p)))
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, h.position)
	dst = append(dst, p.ID[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.recordedAt))
	dst = binary.AppendUvarint(dst, h.after)
	dst = binary.AppendUvarint(dst, h.position-h.group)
	dst = binary.AppendUvarint(dst, h.revision)
	dst = append(binary.AppendUvarint(dst, uint64(len(stream))), stream...)
	dst = append(binary.AppendUvarint(dst, uint64(len(p.Type))), p.Type...)
	dst = append(binary.AppendUvarint(dst, uint64(len(p.Data))), p.Data...)
	dst = append(dst, p.Metadata...)
	putCRC(seed, dst[at:])
	return dst
}

func putCRC(seed uint32, record []byte) {
	binary.BigEndian.PutUint32(record[crcOffset:], recordCRC(seed, record))
}

func recordCRC(seed uint32, record []byte) uint32 {
	crc := crc32.Update(seed, castagnoli, record[:crcOffset])
	return crc32.Update(crc, castagnoli, record[positionOffset:])
}

// seedOf is what the checksums of a log's records begin with.
func seedOf(log uuid.UUID) uint32 { return crc32.Checksum(log[:], castagnoli) }

// record is a decoded record. Its slices are parts of the encoded bytes.
type record struct {
	header
	id       uuid.UUID
	stream   []byte
	kind     []byte
	data     []byte
	metadata []byte
}

// sizeOf is the size that a record's beginning gives; ok is false where none begins.
func sizeOf(src []byte) (size int, ok bool) {
	size = int(binary.BigEndian.Uint32(src))
	return size, size > fixedSize && size <= recordMax
}

// decodeRecord takes the bytes of one record, which must be the one of a position.
func decodeRecord(seed uint32, position uint64, src []byte) (record, error) {
	if len(src) < fixedSize || int(binary.BigEndian.Uint32(src)) != len(src) {
		return record{}, errRecordShape
	}
	if binary.BigEndian.Uint32(src[crcOffset:]) != recordCRC(seed, src) {
		return record{}, errRecordCRC
	}
	if binary.BigEndian.Uint64(src[positionOffset:]) != position {
		return record{}, errRecordPlace
	}
	r := record{id: uuid.UUID(src[idOffset:recordedOffset])}
	r.position = position
	r.recordedAt = int64(binary.BigEndian.Uint64(src[recordedOffset:]))
	rest := src[fixedSize:]
	var back uint64
	for _, v := range []*uint64{&r.after, &back, &r.revision} {
		n := 0
		if *v, n = binary.Uvarint(rest); n <= 0 {
			return record{}, errRecordShape
		}
		rest = rest[n:]
	}
	if back > position {
		return record{}, errRecordShape
	}
	r.group = position - back
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
	blocks int // the size of the last block
	stream string
	kinds  map[string]string
	// lent says that readers are done with what was cut when again is called; whole is
	// the last block, which is then cut once more.
	lent  bool
	whole []byte
}

const (
	// blockSize bounds what one kept event keeps alive of its neighbours. Blocks grow
	// to it from firstBlock on: most reads are of a few events.
	blockSize  = 16 << 10
	firstBlock = 2 << 10
	// lentBlock is the bound where blocks are lent: nothing is kept alive then.
	lentBlock = 256 << 10
	maxKinds  = 1024
)

func (m *materializer) event(r *record) eventstore.Recorded {
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
		Position:   r.position,
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
		most := blockSize
		if m.lent {
			most = lentBlock
		}
		if n > most/4 {
			return append([]byte(nil), b...)
		}
		m.blocks = min(max(2*m.blocks, firstBlock, n), most)
		m.whole = make([]byte, m.blocks)
		m.block = m.whole
	}
	out := m.block[:n:n]
	m.block = m.block[n:]
	copy(out, b)
	return out
}

// again is for who reads the next chunk.
func (m *materializer) again() {
	if m.lent {
		m.block = m.whole
	}
}
