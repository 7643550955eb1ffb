package projections

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
)

// Kind is how the values of a column are written down for a digest.
type Kind uint8

// The kinds of columns.
const (
	// Text is a string.
	Text Kind = iota
	// Whole is a whole number of any width.
	Whole
	// Instant is a time in microseconds.
	Instant
	// MaybeInstant is a time or nothing.
	MaybeInstant
	// ID is a UUID.
	ID
	// Bytes is a string of fixed length that holds any bytes.
	Bytes
)

// Column is one column of a table.
type Column struct {
	Name string
	Kind Kind
}

// Table is one table of a read model.
type Table struct {
	Name string
	// Key are the columns by which a newer row replaces an older one.
	Key     []string
	Columns []Column
}

// Batch is rows of one table. A batch may hold several rows of one key; the one
// with the highest version counts.
type Batch interface {
	Table() Table
	Len() int
	// Values gives a column's values, one a row, as a slice of its Go type:
	// string, an unsigned or signed whole number, time.Time, *time.Time, uuid.UUID.
	Values(column int) any
	// Digest gives a hash over a row's key, its version, and a hash over all of
	// its columns (see Digest).
	Digest(row int) (key, version, digest uint64)
}

// layout says how the fields of R stand in a table.
type layout[R any] struct {
	table   Table
	columns []columnOf[R]
	keys    []int
	version func(*R) uint64
}

type columnOf[R any] struct {
	Column
	values func([]R) any
	append func([]byte, *R) []byte
}

func newLayout[R any](name string, key []string, version func(*R) uint64, columns ...columnOf[R]) *layout[R] {
	l := &layout[R]{table: Table{Name: name, Key: key}, columns: columns, version: version}
	for i, c := range columns {
		l.table.Columns = append(l.table.Columns, c.Column)
		for _, k := range key {
			if k == c.Name {
				l.keys = append(l.keys, i)
			}
		}
	}
	return l
}

// batch wraps rows; nil where there are none.
func (l *layout[R]) batch(rows []R) []Batch {
	if len(rows) == 0 {
		return nil
	}
	return []Batch{&batch[R]{layout: l, rows: rows}}
}

type batch[R any] struct {
	layout  *layout[R]
	rows    []R
	scratch []byte
}

func (b *batch[R]) Table() Table          { return b.layout.table }
func (b *batch[R]) Len() int              { return len(b.rows) }
func (b *batch[R]) Values(column int) any { return b.layout.columns[column].values(b.rows) }

// Digest writes the columns one after the other, each as text and ended by a
// line feed, texts with their length in bytes and a colon before them, and
// hashes that by XXH64. ClickHouse can do the same, so that rows can be compared
// without being fetched.
func (b *batch[R]) Digest(row int) (key, version, digest uint64) {
	r := &b.rows[row]
	buf := b.scratch[:0]
	for _, k := range b.layout.keys {
		buf = append(b.layout.columns[k].append(buf, r), '\n')
	}
	key = xxhash.Sum64(buf)
	buf = buf[:0]
	for i := range b.layout.columns {
		buf = append(b.layout.columns[i].append(buf, r), '\n')
	}
	b.scratch = buf
	return key, b.layout.version(r), xxhash.Sum64(buf)
}

func column[R, V any](name string, kind Kind, get func(*R) V, write func([]byte, V) []byte) columnOf[R] {
	return columnOf[R]{
		Column: Column{Name: name, Kind: kind},
		values: func(rows []R) any {
			out := make([]V, len(rows))
			for i := range rows {
				out[i] = get(&rows[i])
			}
			return out
		},
		append: func(buf []byte, r *R) []byte { return write(buf, get(r)) },
	}
}

func text[R any](name string, get func(*R) string) columnOf[R] {
	return column(name, Text, get, func(buf []byte, v string) []byte {
		buf = append(strconv.AppendInt(buf, int64(len(v)), 10), ':')
		return append(buf, v...)
	})
}

func whole[R any, V uint8 | uint16 | uint32 | uint64 | int64](name string, get func(*R) V) columnOf[R] {
	return column(name, Whole, get, func(buf []byte, v V) []byte {
		if v < 0 {
			return strconv.AppendInt(buf, int64(v), 10)
		}
		return strconv.AppendUint(buf, uint64(v), 10)
	})
}

func instant[R any](name string, get func(*R) time.Time) columnOf[R] {
	return column(name, Instant, get, func(buf []byte, v time.Time) []byte {
		return strconv.AppendInt(buf, v.UnixMicro(), 10)
	})
}

func maybeInstant[R any](name string, get func(*R) *time.Time) columnOf[R] {
	return column(name, MaybeInstant, get, func(buf []byte, v *time.Time) []byte {
		if v == nil {
			return buf
		}
		return strconv.AppendInt(buf, v.UnixMicro(), 10)
	})
}

func id[R any](name string, get func(*R) uuid.UUID) columnOf[R] {
	return column(name, ID, get, func(buf []byte, v uuid.UUID) []byte { return append(buf, v.String()...) })
}

func fixed[R any](name string, get func(*R) string) columnOf[R] {
	return column(name, Bytes, get, func(buf []byte, v string) []byte { return hex.AppendEncode(buf, []byte(v)) })
}

// maybe is nil for the zero time.
func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = micros(t)
	return &t
}

// micros cuts a time to the precision of the tables.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
