package chdb

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"unsafe"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// notStreamed is what the engine says of DESCRIBE and its like: statements that
// read, but whose results come only whole.
const notStreamed = "Streaming query is not supported"

// read runs a statement that changes nothing. The first block is there when it
// returns, so that a refusal comes as one; the rest is fetched as the body is
// read, and at most one block is held. An empty result has no body.
func (e *Engine) read(ctx context.Context, s *session, q *request) (body io.ReadCloser, empty bool, err error) {
	var first *block
	stream := &streamReader{engine: e, session: s, ctx: ctx}
	e.cancellable(ctx, s, func() {
		stream.handle, err = s.open(q.sql, q.format, q.parameters...)
		if err == nil {
			first, err = s.newBlock(s.lib.fetch(s.conn, stream.handle))
		}
	})
	var refused *serverError
	if errors.As(err, &refused) && strings.Contains(refused.text, notStreamed) {
		return e.readWhole(ctx, s, q, stream)
	}
	if err != nil {
		stream.abandon()
		return nil, false, err
	}
	if len(first.bytes) == 0 {
		first.destroy()
		stream.destroyHandle()
		header := s.header(q)
		e.release(s)
		if len(header) == 0 {
			return nil, true, nil
		}
		return io.NopCloser(bytes.NewReader(header)), false, nil
	}
	stream.block, stream.rest = first, first.bytes
	// A reader that went away without closing must not keep the session.
	stream.mu.Lock()
	stream.stop = context.AfterFunc(ctx, stream.expire)
	stream.mu.Unlock()
	return stream, false, nil
}

// header is the block of no rows with which a server answers a statement that
// finds none; the engine writes nothing at all. It is nil where the result's
// columns cannot be told beforehand, which the driver takes for no columns.
func (s *session) header(q *request) []byte {
	if q.format != "Native" {
		return nil
	}
	sql := strings.TrimRight(q.sql, "; \t\r\n")
	described, err := s.query("DESCRIBE TABLE ("+sql+"\n)", "Native", q.parameters...)
	if err != nil {
		return nil
	}
	defer described.destroy()
	columns := proto.NewBlock()
	if err := columns.Decode(chproto.NewReader(bytes.NewReader(described.bytes)), 0); err != nil || len(columns.Columns) < 2 {
		return nil
	}
	// No columns' data: in a block without rows, types leave out their prefixes.
	var header chproto.Buffer
	header.PutUVarInt(uint64(columns.Rows()))
	header.PutUVarInt(0)
	for i := range columns.Rows() {
		for _, c := range columns.Columns[:2] { // name, type
			text, ok := c.Row(i, false).(string)
			if !ok {
				return nil
			}
			header.PutString(text)
		}
	}
	return header.Buf
}

// readWhole reads a result that the engine does not stream. Such results are
// bounded by the schema, not by the data.
func (e *Engine) readWhole(ctx context.Context, s *session, q *request, stream *streamReader) (io.ReadCloser, bool, error) {
	stream.destroyHandle()
	var (
		result *block
		err    error
	)
	e.cancellable(ctx, s, func() { result, err = s.query(q.sql, q.format, q.parameters...) })
	if err != nil {
		e.discard(s)
		return nil, false, err
	}
	e.release(s)
	if len(result.bytes) == 0 {
		result.destroy()
		return nil, true, nil
	}
	return &blockReader{block: result}, false, nil
}

// blockReader reads one result that is there as a whole.
type blockReader struct {
	mu    sync.Mutex
	block *block
	at    int
}

// Read implements io.Reader.
func (b *blockReader) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at >= len(b.block.bytes) {
		return 0, io.EOF
	}
	n := copy(p, b.block.bytes[b.at:])
	b.at += n
	return n, nil
}

// Close implements io.Closer.
func (b *blockReader) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.block.destroy()
	return nil
}

// streamReader reads a result block by block. It holds its session until the
// end of the result or Close, whichever comes first.
type streamReader struct {
	engine *Engine
	ctx    context.Context // of the request that the result answers

	mu      sync.Mutex
	session *session    // nil when given back
	stop    func() bool // waiting for the end of ctx
	handle  unsafe.Pointer
	block   *block
	rest    []byte // of block
	err     error  // what comes after rest
}

// Read implements io.Reader.
func (r *streamReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.next()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next fetches one block, or puts what ends the result in its place.
func (r *streamReader) next() {
	r.block.destroy()
	r.block = nil
	if r.session == nil {
		r.err = io.ErrClosedPipe
		return
	}
	if err := r.ctx.Err(); err != nil {
		r.err = err
		r.abandon()
		return
	}
	var err error
	r.engine.cancellable(r.ctx, r.session, func() {
		r.block, err = r.session.newBlock(r.session.lib.fetch(r.session.conn, r.handle))
	})
	switch {
	case err == nil && len(r.block.bytes) > 0:
		r.rest = r.block.bytes
	case err == nil:
		r.block.destroy()
		r.err = io.EOF
		r.finish()
	case r.ctx.Err() != nil:
		r.err = r.ctx.Err()
		r.abandon()
	default:
		// The status went out long ago. A server would frame the error in the
		// body now, and the driver would look for the frame in bytes that it
		// cannot decode; in process, the reader can simply be told.
		r.err = r.engine.lostOr(exception(err))
		r.abandon()
	}
}

// Close implements io.Closer. It cancels what has not been fetched.
func (r *streamReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.block.destroy()
	r.block, r.rest = nil, nil
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
	r.abandon()
	return nil
}

// expire ends the result with its context.
func (r *streamReader) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session == nil {
		return
	}
	r.block.destroy()
	r.block, r.rest, r.err = nil, nil, r.ctx.Err()
	r.abandon()
}

// finish gives the session back after the last block.
func (r *streamReader) finish() {
	r.stop()
	r.destroyHandle()
	r.engine.release(r.session)
	r.session = nil
}

// abandon cancels a result half-way and gives the session up.
func (r *streamReader) abandon() {
	if r.session == nil {
		return
	}
	if r.stop != nil {
		r.stop()
	}
	if r.handle != nil {
		r.session.lib.cancelQuery(r.session.conn, r.handle)
	}
	r.destroyHandle()
	r.engine.discard(r.session)
	r.session = nil
}

func (r *streamReader) destroyHandle() {
	if r.handle != nil {
		r.session.lib.destroyResult(r.handle)
		r.handle = nil
	}
}
