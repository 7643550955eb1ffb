package historylog

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"slices"
)

// entryWords is the size of a sorter's entry: key and payload together.
const entryWords = 8

// entry is sorted word by word; callers put the key first and make it unique,
// so that the payload never decides.
type entry [entryWords]uint64

const entryBytes = 8 * entryWords

func compareEntries(a, b entry) int {
	for i := range a {
		if c := cmp.Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// sorter orders any number of entries in bounded memory: it sorts what fits,
// writes it to a temporary file as a run, and merges the runs when read.
type sorter struct {
	dir   string
	most  int // entries in memory
	held  []entry
	order bool // held was added in order
	file  *temporary
	ends  []int64 // end of each run in file
}

func newSorter(dir string, most int) *sorter { return &sorter{dir: dir, most: most, order: true} }

func (s *sorter) add(e entry) error {
	if n := len(s.held); n > 0 && s.order && compareEntries(s.held[n-1], e) > 0 {
		s.order = false
	}
	s.held = append(s.held, e)
	if len(s.held) < s.most {
		return nil
	}
	return s.spill()
}

func (s *sorter) sortHeld() {
	if !s.order {
		slices.SortFunc(s.held, compareEntries)
		s.order = true
	}
}

// spill writes what is held as one run.
func (s *sorter) spill() error {
	s.sortHeld()
	var from int64
	if s.file == nil {
		file, err := newTemporary(s.dir)
		if err != nil {
			return err
		}
		s.file = file
	} else {
		from = s.ends[len(s.ends)-1]
	}
	w := bufio.NewWriterSize(s.file, 1<<18)
	for _, e := range s.held {
		if err := writeEntry(w, e); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write a temporary file of the import: %w", err)
	}
	s.ends = append(s.ends, from+int64(len(s.held))*entryBytes)
	s.held, s.order = s.held[:0], true
	return nil
}

// sorted yields the entries in order. It may be called again; nothing may be added after.
func (s *sorter) sorted() iter.Seq2[entry, error] {
	if s.file == nil {
		s.sortHeld()
		return func(yield func(entry, error) bool) {
			for _, e := range s.held {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
	return func(yield func(entry, error) bool) {
		if len(s.held) > 0 {
			if err := s.spill(); err != nil {
				yield(entry{}, err)
				return
			}
		}
		s.held = nil
		if err := s.merge(yield); err != nil {
			yield(entry{}, err)
		}
	}
}

func (s *sorter) merge(yield func(entry, error) bool) error {
	var from int64
	runs := make(runHeap, 0, len(s.ends))
	for _, end := range s.ends {
		r := &run{in: bufio.NewReaderSize(io.NewSectionReader(s.file, from, end-from), 1<<16)}
		if _, err := r.advance(); err != nil {
			return err
		}
		runs = append(runs, r)
		from = end
	}
	heap.Init(&runs)
	for len(runs) > 0 {
		if !yield(runs[0].head, nil) {
			return nil
		}
		more, err := runs[0].advance()
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&runs, 0)
		} else {
			heap.Pop(&runs)
		}
	}
	return nil
}

func (s *sorter) close() error {
	s.held = nil
	if s.file == nil {
		return nil
	}
	err := s.file.close()
	s.file = nil
	return err
}

// run is one sorted part of the file.
type run struct {
	in   *bufio.Reader
	head entry
}

func (r *run) advance() (more bool, err error) {
	var b [entryBytes]byte
	if _, err := io.ReadFull(r.in, b[:]); err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("read a temporary file of the import: %w", err)
	}
	for i := range r.head {
		r.head[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return true, nil
}

type runHeap []*run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return compareEntries(h[i].head, h[j].head) < 0 }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(*run)) }
func (h *runHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
