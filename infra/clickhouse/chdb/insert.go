package chdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"unsafe"
)

// insertChunk is how much of an insert is handed over at once, in bytes.
const insertChunk = 256 << 10

// insert streams data into a table. It is done, and what it wrote is there for
// every reader, when it returns without an error. After an error, whole blocks
// that the engine has flushed before stay, as with a server.
func (e *Engine) insert(ctx context.Context, s *session, q *request, data io.ReadCloser) error {
	// A producer that is waited for must not outlive the request.
	stopClosing := context.AfterFunc(ctx, func() { _ = data.Close() })
	defer stopClosing()

	var stream unsafe.Pointer
	e.cancellable(ctx, s, func() { stream = s.openInsert(q) })
	if stream == nil {
		e.discard(s)
		return refusal(codeUnknownException, "the engine gave no stream to insert into")
	}
	err := e.feed(ctx, s, stream, data)
	if err == nil {
		var result *block
		e.cancellable(ctx, s, func() { result, err = s.newBlock(s.lib.doneInsert(stream)) })
		if err == nil {
			result.destroy()
		}
	} else {
		s.lib.cancelInsert(stream)
	}
	s.lib.destroyInsert(stream)
	if err != nil {
		e.discard(s)
		return err
	}
	e.release(s)
	return nil
}

// feed hands the data over in chunks, which the engine copies.
func (e *Engine) feed(ctx context.Context, s *session, stream unsafe.Pointer, data io.Reader) error {
	if text := s.lib.insertError(stream); text != "" {
		return newServerError(text)
	}
	buffer := make([]byte, insertChunk)
	for {
		n, readErr := fill(data, buffer)
		if n > 0 {
			var state int32
			e.cancellable(ctx, s, func() {
				state = s.lib.appendInsert(stream, unsafe.Pointer(&buffer[0]), uintptr(n))
			})
			if state != 0 {
				if text := s.lib.insertError(stream); text != "" {
					return newServerError(text)
				}
				return refusal(codeUnknownException, "the engine took no more of the insert")
			}
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return nil
		case readErr != nil:
			return fmt.Errorf("reading the data to insert: %w", readErr)
		}
	}
}

// fill reads until buffer is full or the data end. Unlike io.ReadFull it keeps
// the end apart from a producer that broke off, after which nothing may be kept.
func fill(data io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = data.Read(buffer[n:])
		n += m
	}
	return n, err
}

func (s *session) openInsert(q *request) unsafe.Pointer {
	a := newArrays(q.parameters)
	defer a.free()
	stream := s.lib.streamInsert(s.conn, bytesOf(q.sql), uintptr(len(q.sql)), bytesOf(q.format), uintptr(len(q.format)),
		a.namesP, a.nameLensP, a.valuesP, a.valueLensPtr, uintptr(len(q.parameters)))
	runtime.KeepAlive(q)
	runtime.KeepAlive(a)
	return stream
}
