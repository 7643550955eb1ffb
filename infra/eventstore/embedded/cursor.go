package embedded

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

const (
	// windowBytes is what a scan reads at a time; pointBytes what is read for one
	// record, which most fit into.
	windowBytes = 256 << 10
	pointBytes  = 1 << 10
)

// windows are buffers that cursors read into.
var windows = sync.Pool{New: func() any {
	b := make([]byte, windowBytes)
	return &b
}}

// cursor walks the log's records in order. It must not be taken past what is
// synced, and lives no longer than one chunk, because what it has read ahead of
// that may have been half written.
type cursor struct {
	log      *eventLog
	at       *segment
	offset   int64
	position uint64
	// ahead is how much is read from the file at a time.
	ahead int

	buffer *[]byte
	// window is what was read, from the file's offset begin on.
	window []byte
	begin  int64
}

func (l *eventLog) cursor(ahead int) *cursor {
	return &cursor{log: l, ahead: ahead, buffer: windows.Get().(*[]byte)}
}

// release gives the buffer back: records that were handed out are not valid any more.
func (c *cursor) release() {
	windows.Put(c.buffer)
	c.buffer, c.window = nil, nil
}

// seek goes to a position, whose record begins at an offset of its segment.
func (c *cursor) seek(position uint64, offset int64) {
	s := c.log.holding(position)
	if s.first == position {
		offset = segmentHeaderSize
	}
	if s != c.at {
		c.at, c.window = s, nil
	}
	c.position, c.offset = position, offset
}

// need has n bytes from the offset on in the window; short says that the file
// ends before.
func (c *cursor) need(n int) (src []byte, short bool, err error) {
	from := c.offset - c.begin
	if from >= 0 && from+int64(n) <= int64(len(c.window)) {
		return c.window[from : from+int64(n)], false, nil
	}
	size := c.ahead
	if written := c.at.written.Load(); written > 0 {
		size = int(min(int64(size), written-c.offset))
	}
	size = max(n, size)
	if size > len(*c.buffer) {
		*c.buffer = make([]byte, size)
	}
	read, err := c.at.file.ReadAt((*c.buffer)[:size], c.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		c.window = nil
		return nil, false, err
	}
	c.window, c.begin = (*c.buffer)[:read], c.offset
	if read < n {
		return c.window, true, nil
	}
	return c.window[:n], false, nil
}

// frame returns the bytes of the position's record without looking into them,
// beyond that it has this position.
func (c *cursor) frame() ([]byte, error) {
	for {
		head, short, err := c.need(idOffset)
		if err != nil {
			return nil, c.unreadable(err)
		}
		size, ok := 0, false
		if !short {
			size, ok = sizeOf(head)
		}
		if !ok {
			// The segment may end here.
			if next := c.log.following(c.position); next != nil && next != c.at {
				c.seek(c.position, segmentHeaderSize)
				continue
			}
			if short || binary.BigEndian.Uint32(head) == 0 {
				return nil, c.damaged(errMissing)
			}
			return nil, c.damaged(errRecordShape)
		}
		if binary.BigEndian.Uint64(head[positionOffset:]) != c.position {
			return nil, c.damaged(errRecordPlace)
		}
		src, short, err := c.need(size)
		if err != nil {
			return nil, c.unreadable(err)
		}
		if short {
			return nil, c.damaged(errRecordShape)
		}
		return src, nil
	}
}

var errMissing = errors.New("the record is missing")

// skip passes the position's record by.
func (c *cursor) skip() error {
	src, err := c.frame()
	if err != nil {
		return err
	}
	c.pass(len(src))
	return nil
}

func (c *cursor) pass(size int) {
	c.offset += int64(size)
	c.position++
}

// next decodes the position's record and goes on behind it. The record is valid
// until the next call.
func (c *cursor) next() (record, error) {
	src, err := c.frame()
	if err != nil {
		return record{}, err
	}
	r, err := decodeRecord(c.log.seed, c.position, src)
	if err != nil {
		return record{}, c.damaged(err)
	}
	c.pass(len(src))
	return r, nil
}

// resume goes behind a damaged record, to the next whose beginning can be told;
// found is false where none is before a position.
func (c *cursor) resume(limit uint64) (found bool) {
	offset := c.offset
	for c.position+1 < limit {
		head, short, err := c.need(idOffset)
		if err != nil || short {
			return false
		}
		size, ok := sizeOf(head)
		if !ok {
			return false
		}
		c.pass(size)
		if src, err := c.frame(); err == nil {
			if _, err := decodeRecord(c.log.seed, c.position, src); err == nil {
				return true
			}
		} else {
			c.offset = offset
			return false
		}
	}
	return false
}

// damaged names the place.
func (c *cursor) damaged(err error) error {
	return corrupt("%s, in segment %s at offset %d: %w", positionName(c.position), c.at.name, c.offset, err)
}

func (c *cursor) unreadable(err error) error {
	return unreadable(c.log.dir, positionName(c.position)+" in segment "+c.at.name, err)
}
