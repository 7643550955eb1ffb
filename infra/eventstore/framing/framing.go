// Package framing writes events as bytes, one behind the other, and reads them
// again: in segments of backups, and between two processes on one machine.
//
// The layout, with numbers as uvarints and fixed numbers big-endian, is
//
//	"dossierledger events 1\n"
//	for each event: length of the rest, position, id(16), recorded_at(8, ns since
//	1970), revision, then length and bytes of stream, type and data; metadata is the rest
//	0, number of events
//
// The end is marked, so that a stream that was cut off is not taken for a whole one.
// There is no checksum: who keeps the bytes hashes them.
package framing

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

const header = "dossierledger events 1\n"

// frameMax bounds the memory that a frame can ask for. EventStoreDB takes events
// of 16 MiB.
const frameMax = 32 << 20

// ErrMalformed is for bytes that no Writer has written.
var ErrMalformed = errors.New("not events, or events of another version")

// AppendHeader adds to dst what stands for the beginning.
func AppendHeader(dst []byte) []byte { return append(dst, header...) }

// AppendEvent adds one event to dst. The time of recording must be one that
// the embedded store can hold.
func AppendEvent(dst []byte, e *eventstore.Recorded) []byte {
	size := uvarintSize(e.Position) + 16 + 8 + uvarintSize(e.Revision) +
		fieldSize(len(e.Stream)) + fieldSize(len(e.Type)) + fieldSize(len(e.Data)) + len(e.Metadata)
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = binary.AppendUvarint(dst, e.Position)
	dst = append(dst, e.ID[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.RecordedAt.UnixNano()))
	dst = binary.AppendUvarint(dst, e.Revision)
	dst = appendField(dst, e.Stream)
	dst = appendField(dst, e.Type)
	dst = appendField(dst, e.Data)
	return append(dst, e.Metadata...)
}

// AppendEnd adds to dst what stands for the end behind count events.
func AppendEnd(dst []byte, count uint64) []byte {
	return binary.AppendUvarint(append(dst, 0), count)
}

func appendField[T string | []byte](dst []byte, field T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(field))), field...)
}

func fieldSize(n int) int { return uvarintSize(uint64(n)) + n }

func uvarintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// Reader reads what was written. It is not safe for concurrent use.
type Reader struct {
	from  *bufio.Reader
	begun bool
	count uint64
	names map[string]string
}

// namesMax bounds the names of types that a Reader gives to several events.
const namesMax = 1024

// NewReader reads events from the bytes of a stream.
func NewReader(from io.Reader) *Reader {
	return &Reader{from: bufio.NewReaderSize(from, 64<<10), names: map[string]string{}}
}

// Next gives the next event. io.EOF says that the marked end was reached;
// io.ErrUnexpectedEOF that the stream was cut off before it.
func (r *Reader) Next() (eventstore.Recorded, error) {
	if !r.begun {
		head := make([]byte, len(header))
		if _, err := io.ReadFull(r.from, head); err != nil {
			return eventstore.Recorded{}, cut(err)
		}
		if string(head) != header {
			return eventstore.Recorded{}, ErrMalformed
		}
		r.begun = true
	}
	size, err := binary.ReadUvarint(r.from)
	switch {
	case err != nil:
		return eventstore.Recorded{}, cut(err)
	case size == 0:
		return eventstore.Recorded{}, r.end()
	case size > frameMax:
		return eventstore.Recorded{}, fmt.Errorf("event %d has %d bytes: %w", r.count, size, ErrMalformed)
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(r.from, frame); err != nil {
		return eventstore.Recorded{}, cut(err)
	}
	e, ok := r.decode(frame)
	if !ok {
		return eventstore.Recorded{}, fmt.Errorf("event %d: %w", r.count, ErrMalformed)
	}
	r.count++
	return e, nil
}

func (r *Reader) end() error {
	count, err := binary.ReadUvarint(r.from)
	if err != nil {
		return cut(err)
	}
	if count != r.count {
		return fmt.Errorf("%d events where %d were written: %w", r.count, count, ErrMalformed)
	}
	if _, err := r.from.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(fmt.Errorf("bytes behind the end: %w", ErrMalformed), err)
	}
	return io.EOF
}

// cut says that what ends here should go on.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *Reader) decode(frame []byte) (e eventstore.Recorded, ok bool) {
	if e.Position, frame, ok = cutUvarint(frame); !ok || len(frame) < 24 {
		return e, false
	}
	e.ID = uuid.UUID(frame[:16])
	e.RecordedAt = time.Unix(0, int64(binary.BigEndian.Uint64(frame[16:]))).UTC()
	if e.Revision, frame, ok = cutUvarint(frame[24:]); !ok {
		return e, false
	}
	var stream, kind []byte
	if stream, frame, ok = cutField(frame); !ok {
		return e, false
	}
	if kind, frame, ok = cutField(frame); !ok {
		return e, false
	}
	if e.Data, e.Metadata, ok = cutField(frame); !ok {
		return e, false
	}
	e.Stream, e.Type = string(stream), r.name(kind)
	if len(e.Data) == 0 {
		e.Data = nil
	}
	if len(e.Metadata) == 0 {
		e.Metadata = nil
	}
	return e, true
}

func (r *Reader) name(b []byte) string {
	if known, ok := r.names[string(b)]; ok {
		return known
	}
	if len(r.names) >= namesMax {
		clear(r.names)
	}
	name := string(b)
	r.names[name] = name
	return name
}

func cutUvarint(src []byte) (v uint64, rest []byte, ok bool) {
	v, n := binary.Uvarint(src)
	if n <= 0 {
		return 0, nil, false
	}
	return v, src[n:], true
}

func cutField(src []byte) (field, rest []byte, ok bool) {
	size, rest, ok := cutUvarint(src)
	if !ok || size > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:size:size], rest[size:], true
}
