package storetest

import (
	"fmt"
	"os"
	"testing"
)

// told makes a history by hand: beginnings and ends in the order in which they
// are given.
type told struct{ *History }

func (h told) asks(c Call) Call         { return h.begin(c) }
func (h told) answers(c Call, a Answer) { h.end(c, a) }
func (h told) does(c Call, a Answer)    { h.end(h.begin(c), a) }
func adds(expected int64, id uint32) Call {
	return Call{Stream: "s", Expected: expected, IDs: []uint32{id}}
}
func done(revision uint64) Answer         { return Answer{Done: true, Revision: revision} }
func reads(ids ...uint32) (Call, Answer)  { return Call{Stream: "s"}, Answer{Read: ids} }
func wrong(length uint64) Answer          { return Answer{Wrong: true, Length: length} }
func repeated(revision uint64) (a Answer) { a = done(revision); a.Repeated = true; return a }

// verdict takes what Check finds.
type verdict struct {
	testing.TB
	found bool
}

func (v *verdict) Helper()               {}
func (v *verdict) Logf(string, ...any)   {}
func (v *verdict) Error(...any)          { v.found = true }
func (v *verdict) Errorf(string, ...any) { v.found = true }

func TestTheCheckerTellsBrokenHistoriesFromSoundOnes(t *testing.T) {
	for name, c := range map[string]struct {
		sound bool
		tell  func(h told)
	}{
		"one after the other": {true, func(h told) {
			h.does(adds(expectNone, 1), done(0))
			h.does(adds(0, 2), done(1))
			h.does(reads(1, 2))
			h.does(adds(0, 2), repeated(1))
			h.does(adds(0, 3), wrong(2))
		}},
		"two at once, the later one first": {true, func(h told) {
			a, b := h.asks(adds(expectAny, 1)), h.asks(adds(expectAny, 2))
			h.answers(a, done(1))
			h.answers(b, done(0))
			h.does(reads(2, 1))
		}},
		"cut off, and done after all": {true, func(h told) {
			h.asks(adds(expectNone, 1))
			h.does(reads())
			h.does(reads(1))
			h.does(adds(expectNone, 1), repeated(0))
		}},
		"cut off, and never done": {true, func(h told) {
			h.asks(adds(expectNone, 1))
			h.does(adds(expectNone, 2), done(0))
			h.does(reads(2))
		}},
		"without an answer, and done": {true, func(h told) {
			h.does(adds(expectNone, 1), Answer{Unknown: true})
			h.does(reads(1))
		}},
		"an acknowledged append is lost": {false, func(h told) {
			h.does(adds(expectNone, 1), done(0))
			h.does(reads())
		}},
		"an append is there twice": {false, func(h told) {
			h.does(adds(expectAny, 1), done(0))
			h.does(reads(1, 1))
		}},
		"a repeat is done again": {false, func(h told) {
			h.does(adds(expectAny, 1), done(0))
			h.does(adds(expectAny, 1), done(1))
		}},
		"two appends on one revision": {false, func(h told) {
			a, b := h.asks(adds(expectNone, 1)), h.asks(adds(expectNone, 2))
			h.answers(a, done(0))
			h.answers(b, done(0))
		}},
		"a refused append is there": {false, func(h told) {
			h.does(adds(expectNone, 1), done(0))
			h.does(adds(expectNone, 2), wrong(1))
			h.does(reads(1, 2))
		}},
		"an append is refused for what is long past": {false, func(h told) {
			h.does(adds(expectNone, 1), done(0))
			h.does(adds(0, 2), done(1))
			h.does(adds(1, 3), wrong(1))
		}},
		"a read is older than one before it": {false, func(h told) {
			h.asks(adds(expectAny, 1))
			h.does(reads(1))
			h.does(reads())
		}},
		"what was cut off is there twice": {false, func(h told) {
			h.asks(adds(expectAny, 1))
			h.does(adds(expectAny, 1), done(0))
			h.does(reads(1, 1))
		}},
		"the order of two changes": {false, func(h told) {
			h.does(adds(expectAny, 1), done(0))
			h.does(adds(expectAny, 2), done(1))
			h.does(reads(2, 1))
		}},
		"nothing was done": {false, func(h told) { h.does(reads()) }},
	} {
		t.Run(name, func(t *testing.T) {
			h := told{NewHistory(0, nil)}
			c.tell(h)
			if name != "nothing was done" {
				// Elsewhere something is done, which the check wants to see.
				h.does(Call{Stream: "other", Expected: expectNone, IDs: []uint32{9}}, done(0))
			}
			v := &verdict{TB: t}
			h.Check(v)
			if v.found == c.sound {
				t.Errorf("sound: %v, found broken: %v", c.sound, v.found)
			}
		})
	}
}

// What another process tells makes the same history as what this one notes.
func TestAHistoryThatIsToldIsTheSame(t *testing.T) {
	reader, writer := pipe(t)
	own := told{NewHistory(0, writer)}
	a := own.asks(adds(expectAny, 1))
	own.does(adds(expectAny, 2), done(0))
	own.answers(a, done(1))
	own.asks(adds(1, 3))
	if _, err := writer.Write([]byte(`{"number":3,"str`)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	heard := NewHistory(0, nil)
	if err := heard.Follow(reader); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(heard.began, heard.ended, len(heard.calls)) != fmt.Sprint(own.began, own.ended, len(own.calls)) || heard.Next() != own.Next() {
		t.Errorf("heard %v %v, told %v %v", heard.began, heard.ended, own.began, own.ended)
	}
}

func pipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return reader, writer
}
