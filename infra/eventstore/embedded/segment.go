package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

const (
	segmentSuffix = ".segment"
	// segmentMagic is the beginning of every segment; another layout gets another number.
	segmentMagic = "dossierledger log 2\n"
	// segmentHeaderSize is where the first record begins. The header is
	//
	//	magic(20) log id(16) first position(8) first position of the segment before(8) crc32c(4)
	//
	// and zeros; numbers are big-endian.
	segmentHeaderSize = 64
	segmentCRCOffset  = len(segmentMagic) + 16 + 8 + 8
)

// segment is one file of the log. Its records are at positions from first on,
// without gaps, up to the first position of the next segment.
type segment struct {
	first uint64
	name  string
	file  vfs.File
	// written is where the records end that were written since it was opened; 0 where
	// none were. What is behind is there for those that come.
	written atomic.Int64
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// firstOfName is the position in a segment's name; ok is false for other files.
func firstOfName(name string) (first uint64, ok bool) {
	digits, is := strings.CutSuffix(name, segmentSuffix)
	if !is || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil
}

// segmentHeader says which log a segment belongs to and what comes before it,
// so that a file that is missing, or another log's, is noticed.
type segmentHeader struct {
	log             uuid.UUID
	first, previous uint64
}

func (h segmentHeader) encode() []byte {
	raw := make([]byte, 0, segmentHeaderSize)
	raw = append(raw, segmentMagic...)
	raw = append(raw, h.log[:]...)
	raw = binary.BigEndian.AppendUint64(raw, h.first)
	raw = binary.BigEndian.AppendUint64(raw, h.previous)
	raw = binary.BigEndian.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	return raw[:segmentHeaderSize]
}

var errSegmentHeader = errors.New("the segment's header is damaged")

func decodeSegmentHeader(raw []byte) (h segmentHeader, err error) {
	if len(raw) < segmentHeaderSize || string(raw[:len(segmentMagic)]) != segmentMagic ||
		binary.BigEndian.Uint32(raw[segmentCRCOffset:]) != crc32.Checksum(raw[:segmentCRCOffset], castagnoli) {
		return h, errSegmentHeader
	}
	rest := raw[len(segmentMagic):]
	h.log = uuid.UUID(rest[:16])
	h.first, h.previous = binary.BigEndian.Uint64(rest[16:]), binary.BigEndian.Uint64(rest[24:])
	return h, nil
}

func readSegmentHeader(f vfs.File) (segmentHeader, error) {
	var raw [segmentHeaderSize]byte
	if n, err := f.ReadAt(raw[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return segmentHeader{}, err
	} else if n < segmentHeaderSize {
		return segmentHeader{}, errSegmentHeader
	}
	return decodeSegmentHeader(raw[:])
}
