package historylog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// temporary is a file for the time of an import.
type temporary struct {
	*os.File
}

// newTemporary makes a file that only this process opens and, where the system
// allows it, that vanishes with the process.
func newTemporary(dir string) (*temporary, error) {
	file, err := os.CreateTemp(dir, "history-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file for the import: %w", err)
	}
	// Where an open file keeps its name, close removes it.
	_ = os.Remove(file.Name())
	return &temporary{File: file}, nil
}

func (t *temporary) close() error {
	err := t.Close()
	if gone := os.Remove(t.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// recordFile is a temporary file of records, written and then read from its start.
type recordFile struct {
	file  *temporary
	out   *bufio.Writer
	texts *textTable
	body  []byte
	size  int64
}

func newRecordFile(dir string) (*recordFile, error) {
	file, err := newTemporary(dir)
	if err != nil {
		return nil, err
	}
	return &recordFile{file: file, out: bufio.NewWriterSize(file, 1<<18), texts: newTextTable()}, nil
}

func (f *recordFile) close() error { return f.file.close() }

// append writes body as a record.
func (f *recordFile) append() error {
	n, err := appendRecord(f.out, f.body)
	f.size += n
	return err
}

// each reads all records; the event is for the visitor to reuse.
func (f *recordFile) each(visit func(table *textTable, body []byte, e *Event) error) error {
	if err := f.out.Flush(); err != nil {
		return fmt.Errorf("write a temporary file of the import: %w", err)
	}
	r := runReader{window: &window{file: f.file}, end: f.size}
	var e Event
	for r.at < r.end {
		body, err := r.next()
		if err != nil {
			return err
		}
		if err := visit(f.texts, body, &e); err != nil {
			return err
		}
	}
	return nil
}

// runReader reads the records of one stretch of a file.
type runReader struct {
	window  *window
	at, end int64
}

// next gives the next record's body, valid until the next read of the window.
func (r *runReader) next() ([]byte, error) {
	left := r.end - r.at
	head, err := r.window.ahead(r.at, int(min(left, binary.MaxVarintLen64)), left)
	if err != nil {
		return nil, err
	}
	length, n := binary.Uvarint(head)
	if n <= 0 || length > uint64(left-int64(n)) {
		return nil, errDamaged
	}
	body, err := r.window.bytes(r.at+int64(n), int(length))
	r.at += int64(n) + int64(length)
	return body, err
}

// window reads a file at any place. It reads ahead where the places follow each
// other, and no more than needed where they do not.
type window struct {
	file io.ReaderAt
	buf  []byte
	from int64
}

const (
	windowAhead = 256 << 10
	windowLeast = 4 << 10
)

func (w *window) bytes(at int64, n int) ([]byte, error) { return w.ahead(at, n, int64(n)) }

// ahead gives n bytes, and reads as many as are likely to be wanted next.
func (w *window) ahead(at int64, n int, likely int64) ([]byte, error) {
	to := w.from + int64(len(w.buf))
	if at >= w.from && at+int64(n) <= to {
		return w.buf[at-w.from:][:n], nil
	}
	size := max(min(likely, windowAhead), windowLeast, int64(n))
	if len(w.buf) > 0 && at >= w.from && at <= to+windowLeast {
		size = max(size, windowAhead)
	}
	if int64(cap(w.buf)) < size {
		w.buf = make([]byte, size)
	}
	got, err := w.file.ReadAt(w.buf[:size], at)
	w.buf, w.from = w.buf[:got], at
	if got < n {
		if err == nil {
			err = errDamaged
		}
		return nil, fmt.Errorf("read a temporary file of the import: %w", err)
	}
	return w.buf[:n], nil
}
