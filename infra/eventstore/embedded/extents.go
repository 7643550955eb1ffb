package embedded

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	lru "github.com/hashicorp/golang-lru/v2"
)

// extent is where a stream lies.
type extent struct {
	number uint64
	head   run // its first batch, which never changes
	// last is the last revision that the index was told of. It can only be behind
	// while the index is being told of what nobody waits for yet.
	last atomic.Uint64
}

// extentsKept bounds the streams whose extents are remembered, two hundred bytes and
// the name each.
const extentsKept = 1 << 16

// extents are those of the streams that were begun or read lately, kept up to date by
// whoever feeds the index. So who reads what a stream began with, or on behind its
// end, need not ask the index.
type extents struct {
	mu     sync.Mutex
	told   uint64 // how often the index was told of something
	begun  bool   // streams are remembered when they begin
	lately *lru.Cache[string, *extent]
}

func newExtents(begun bool) (*extents, error) {
	lately, err := lru.New[string, *extent](extentsKept)
	return &extents{begun: begun, lately: lately}, err
}

// tell notes what the index has just been told, before anybody is told that it was.
func (s *extents) tell(batches []batchEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told++
	for i := range batches {
		e := &batches[i]
		if e.fresh && s.begun {
			of := &extent{number: e.number, head: e.run()}
			of.last.Store(of.head.lastRevision)
			s.lately.Add(e.stream, of)
		} else if of, ok := s.lately.Peek(e.stream); ok {
			of.last.Store(e.run().lastRevision)
		}
	}
}

// mark is for keep, taken before the index is read.
func (s *extents) mark() (told uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told
}

// keep remembers an extent that was found in the index, unless the index was told of
// something meanwhile: that could be missing in it.
func (s *extents) keep(stream string, found *extent, told uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told == told {
		s.lately.Add(stream, found)
	}
}

// extentOf looks up where a stream lies, without the index where it was asked for
// lately.
func (s *Store) extentOf(stream string) (of *extent, ok bool, err error) {
	x := s.index
	if of, ok := x.extents.lately.Get(stream); ok {
		return of, true, nil
	}
	told := x.extents.mark()
	of = new(extent)
	if of.number, ok, err = s.numberOf(stream); err != nil || !ok {
		return nil, false, err
	}
	it, err := x.db.NewIter(&pebble.IterOptions{
		LowerBound: streamKey(of.number, 0), UpperBound: streamKey(of.number+1, 0),
	})
	if err != nil {
		return nil, false, s.indexDamaged(err, "stream "+stream)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	first, err := runOf(it, it.First())
	if err == nil && first.firstRevision() != 0 {
		err = errIndexShape
	}
	var last run
	if err == nil {
		last, err = runOf(it, it.Last())
	}
	if err != nil {
		return nil, false, s.indexDamaged(err, "stream "+stream)
	}
	of.head = first
	of.last.Store(last.lastRevision)
	x.extents.keep(stream, of, told)
	return of, true, nil
}

// runOf is the run at an iterator that was moved.
func runOf(it *pebble.Iterator, valid bool) (run, error) {
	if !valid {
		return run{}, cmp.Or(it.Error(), errIndexShape)
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return run{}, err
	}
	r, ok := decodeRun(it.Key(), value)
	if !ok {
		return run{}, errIndexShape
	}
	return r, nil
}
