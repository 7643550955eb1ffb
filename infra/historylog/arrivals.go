package historylog

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
)

const (
	// arrivalBits is the size of the filter of cases that have come, 4 MB: of a
	// million cases some 30 are taken for coming back that do not.
	arrivalBits = 1 << 25
	// arrivalProbes is how many bits of the filter a case sets.
	arrivalProbes = 6
	// returningMost bounds the cases that are told apart as coming back.
	returningMost = 1 << 16
)

// caseHash stands for a case. Two cases of one hash would be noticed, and the
// import refused, when their runs are read.
type caseHash [2]uint64

func hashOf(run entry) caseHash { return caseHash{run[0], run[1]} }

// arrivals keeps the runs of a log in the order in which they come, on disk, and
// finds out which cases the log comes back to. All runs of any other case lie
// together, so that they need no sorting: a log whose cases come one after the
// other costs what writing it down costs. A case may be taken for one that comes
// back though it does not, which only costs its sorting.
type arrivals struct {
	file *temporary
	out  *bufio.Writer
	size int64

	come      []uint64 // bits of the cases that have come
	last      caseHash
	returning map[caseHash]struct{}
	most      int  // of returning
	all       bool // more come back than are told apart: every case is taken for one of them
}

func newArrivals(dir string, bits, most int) (*arrivals, error) {
	file, err := newTemporary(dir)
	if err != nil {
		return nil, err
	}
	return &arrivals{
		file: file, out: bufio.NewWriterSize(file, 1<<16), come: make([]uint64, max(bits/64, 1)),
		returning: map[caseHash]struct{}{}, most: most,
	}, nil
}

// add takes the next run.
func (a *arrivals) add(run entry) error {
	if hash := hashOf(run); a.size == 0 || hash != a.last {
		a.last = hash
		if a.meet(hash) && !a.all {
			a.returning[hash] = struct{}{}
			if a.all = len(a.returning) > a.most; a.all {
				a.returning = nil
			}
		}
	}
	a.size += entryBytes
	return writeEntry(a.out, run)
}

// meet notes a case, and reports whether it may have come before.
func (a *arrivals) meet(hash caseHash) bool {
	before := true
	at := hash[0]
	for range arrivalProbes {
		word, bit := &a.come[at/64%uint64(len(a.come))], uint64(1)<<(at%64)
		before = before && *word&bit != 0
		*word |= bit
		at += hash[1]
	}
	return before
}

// comesBack reports whether the runs of a case may lie apart from each other. It
// is known when all runs have come.
func (a *arrivals) comesBack(run entry) bool {
	if a.all {
		return true
	}
	_, back := a.returning[hashOf(run)]
	return back
}

// flush ends the adding.
func (a *arrivals) flush() error {
	a.come = nil
	if err := a.out.Flush(); err != nil {
		return fmt.Errorf("write a temporary file of the import: %w", err)
	}
	return nil
}

// each yields the runs as they came.
func (a *arrivals) each() iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		r := run{in: bufio.NewReaderSize(io.NewSectionReader(a.file, 0, a.size), 1<<16)}
		for {
			more, err := r.advance()
			if err != nil {
				yield(entry{}, err)
				return
			}
			if !more || !yield(r.head, nil) {
				return
			}
		}
	}
}

func (a *arrivals) close() error { return a.file.close() }

func writeEntry(w *bufio.Writer, e entry) error {
	var b [entryBytes]byte
	for i, word := range e {
		binary.LittleEndian.PutUint64(b[8*i:], word)
	}
	if _, err := w.Write(b[:]); err != nil {
		return fmt.Errorf("write a temporary file of the import: %w", err)
	}
	return nil
}
