package historylog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

const (
	sourceBuffer = 256 << 10
	// inflationFloor is what any gzipped log may come to before its inflation is judged.
	inflationFloor = 64 << 20
)

// source is the uncompressed text of a log without byte order mark. Its
// refusals are faults; its other errors are those of the reader below.
type source struct {
	ctx      context.Context
	in       *bufio.Reader
	limits   Limits
	read     int64
	raw      *countingReader
	unzipped *gzip.Reader
	// fence, where set, may refuse to read on: the parser above is looking for
	// an end that does not come.
	fence func(read int64) error
}

func openSource(ctx context.Context, r io.Reader, limits Limits) (*source, error) {
	raw := &countingReader{r: r}
	s := &source{ctx: ctx, limits: limits, raw: raw, in: bufio.NewReaderSize(raw, sourceBuffer)}
	head, err := s.in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		s.unzipped, err = gzip.NewReader(s.in)
		if err != nil {
			return nil, gzipFault(err)
		}
		s.in = bufio.NewReaderSize(s.unzipped, sourceBuffer)
		if head, err = s.in.Peek(4); err != nil && err != io.EOF {
			return nil, s.translate(err)
		}
	}
	switch {
	case len(head) == 0:
		return nil, malformed(0, "the log is empty")
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return nil, unsupported(0, "the log is in UTF-16; save it as UTF-8")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, unsupported(0, "the log is a zip archive or an Excel workbook; unpack it, or save it as CSV in UTF-8")
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return nil, unsupported(0, "the log is gzipped twice")
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		if _, err := s.in.Discard(3); err != nil {
			return nil, s.translate(err)
		}
	}
	return s, nil
}

// Close ends the decompression; the reader below belongs to the caller.
func (s *source) Close() error {
	if s.unzipped != nil {
		return s.unzipped.Close()
	}
	return nil
}

// format tells the format from the first character that is not space.
func (s *source) format() Format {
	head, _ := s.in.Peek(1024) // an error comes back with the first Read
	switch head = bytes.TrimLeft(head, " \t\r\n"); {
	case bytes.HasPrefix(head, []byte("<")):
		return XES
	case bytes.HasPrefix(head, []byte("{")):
		return OCEL
	default:
		return CSV
	}
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.fence != nil {
		if err := s.fence(s.read); err != nil {
			return 0, err
		}
	}
	n, err := s.in.Read(p)
	s.read += int64(n)
	if s.read > s.limits.Bytes {
		return n, tooLarge(0, "the log has more than %d bytes", s.limits.Bytes)
	}
	if s.unzipped != nil && s.read > inflationFloor && s.read/int64(s.limits.Inflation) > s.raw.read {
		return n, tooLarge(0, "the log unpacks to more than %d times its size; unpack it first if it is to be trusted", s.limits.Inflation)
	}
	if err != nil && err != io.EOF {
		err = s.translate(err)
	}
	return n, err
}

func (s *source) translate(err error) error {
	if s.unzipped == nil {
		return err
	}
	return gzipFault(err)
}

// gzipFault tells damage to a gzipped log from failures of the reader below it.
func gzipFault(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return malformed(0, "the gzipped log is truncated")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return malformed(0, "the gzipped log is damaged: %w", err)
	}
	if corrupt, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return malformed(0, "the gzipped log is damaged: %w", corrupt)
	}
	return err
}

type countingReader struct {
	r    io.Reader
	read int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read += int64(n)
	return n, err
}
