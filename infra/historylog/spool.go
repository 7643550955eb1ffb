package historylog

import (
	"bufio"
	"errors"
	"hash/maphash"
)

const (
	// maxKeptProblems bounds the problems that a spool keeps; it counts all.
	maxKeptProblems = 10_000
	// sorterEntries bounds what one sorter holds in memory, 8 MB.
	sorterEntries = 1 << 17
	// maxCaseRuns bounds the stretches of one case that are held in memory.
	maxCaseRuns = 1 << 16
	// maxCaseBytes bounds the attributes of one case, merged from wherever the
	// log has them; further ones are reported and left out.
	maxCaseBytes = 512 << 10
)

// Spool takes a log in the order of its file and gives it back case by case.
// It is a Sink. It is not safe for concurrent use.
//
// Everything goes to one temporary file in the order it comes. A stretch of
// the file that belongs to one case is a run: a whole trace of an XES log, or a
// single row of a CSV log whose cases are interleaved. Only runs are sorted, so
// a log that is in order already costs no more than writing and reading it.
// Memory is bounded by constants, however many events, cases or runs there are;
// in the file an event takes less room than in the log.
type Spool struct {
	dir   string
	file  *temporary
	out   *bufio.Writer
	size  int64
	texts *textTable
	seeds [2]maphash.Seed

	runs   *arrivals
	byCase *sorter // those of cases that come back, by first appearance of the case, once gathered
	seq    uint64
	open   openRun
	record []byte

	problems     []Problem
	problemCount int
	visited      bool // all cases were given once, with their problems
	failed       error
	limits       spoolLimits
}

// spoolLimits are the bounds above, which tests make small.
type spoolLimits struct{ entries, caseRuns, caseBytes, arrivalBits, returning int }

// openRun is the run that is being written.
type openRun struct {
	caseID     string
	hash       caseHash
	kind       runKind
	seq        uint64
	from       int64
	count      int
	first      int64
	last       int64
	outOfOrder bool
}

type runKind uint8

const (
	noRun runKind = iota
	attributeRun
	eventRun
)

// NewSpool makes a spool that keeps its temporary files in dir; empty is the
// system's directory for them. Close removes them; so does the end of the
// process where the system lets an open file have no name.
func NewSpool(dir string) (*Spool, error) {
	return newSpool(dir, spoolLimits{
		entries: sorterEntries, caseRuns: maxCaseRuns, caseBytes: maxCaseBytes, arrivalBits: arrivalBits, returning: returningMost,
	})
}

func newSpool(dir string, limits spoolLimits) (*Spool, error) {
	file, err := newTemporary(dir)
	if err != nil {
		return nil, err
	}
	runs, err := newArrivals(dir, limits.arrivalBits, limits.returning)
	if err != nil {
		return nil, errors.Join(err, file.close())
	}
	return &Spool{
		dir: dir, file: file, out: bufio.NewWriterSize(file, 1<<20), texts: newTextTable(),
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		runs:  runs, limits: limits,
	}, nil
}

// Close removes the temporary files.
func (s *Spool) Close() error {
	var gathered error
	if s.byCase != nil {
		gathered = s.byCase.close()
	}
	return errors.Join(s.runs.close(), gathered, s.file.close())
}

// Problem implements Sink.
func (s *Spool) Problem(p Problem) error {
	s.problemCount++
	if len(s.problems) < maxKeptProblems {
		s.problems = append(s.problems, p)
	}
	return nil
}

// Problems gives the first problems of the log and the number of all. What is
// wrong with a case as a whole is among them once Cases has passed it.
func (s *Spool) Problems() (first []Problem, count int) { return s.problems, s.problemCount }

// Case implements Sink.
func (s *Spool) Case(c *Case) error {
	s.record = s.texts.appendCase(s.record[:0], c)
	return s.write(c.ID, attributeRun, 0)
}

// Event implements Sink.
func (s *Spool) Event(e *Event) error {
	s.record = s.texts.appendEvent(s.record[:0], e)
	return s.write(e.Case, eventRun, e.Time.UnixNano())
}

func (s *Spool) write(caseID string, kind runKind, nanos int64) error {
	if s.failed != nil {
		return s.failed
	}
	if s.open.kind != kind || s.open.caseID != caseID {
		if s.failed = s.startRun(caseID, kind); s.failed != nil {
			return s.failed
		}
	}
	if s.open.count == 0 {
		s.open.first = nanos
	} else if nanos < s.open.last {
		s.open.outOfOrder = true
	}
	s.open.last = nanos
	s.open.count++
	s.seq++
	s.failed = s.append(s.record)
	return s.failed
}

func (s *Spool) startRun(caseID string, kind runKind) error {
	hash := s.open.hash
	if s.open.caseID != caseID || s.open.kind == noRun {
		hash = caseHash{maphash.String(s.seeds[0], caseID), maphash.String(s.seeds[1], caseID)}
	}
	if err := s.endRun(); err != nil {
		return err
	}
	s.open = openRun{caseID: caseID, hash: hash, kind: kind, seq: s.seq, from: s.size}
	return s.append([]byte(caseID))
}

func (s *Spool) append(body []byte) error {
	n, err := appendRecord(s.out, body)
	s.size += n
	return err
}

// Flags beside the bytes of a run, in the lowest bits of their word.
const (
	flagEvents     = 1
	flagOutOfOrder = 2
	flagBits       = 2
)

// The words of a run's entry. The first three are its key: the hash of its
// case, and where the run came; once gathered, the place where the case first
// came, nothing, and where the run came.
const (
	wordCase = iota
	_
	wordSeq
	wordPlace
	wordSize
	wordCount
	wordFirst
	wordLast
)

func (s *Spool) endRun() error {
	r := &s.open
	if r.kind == noRun {
		return nil
	}
	size := uint64(s.size-r.from) << flagBits
	if r.kind == eventRun {
		size |= flagEvents
	}
	if r.outOfOrder {
		size |= flagOutOfOrder
	}
	r.kind = noRun
	return s.runs.add(entry{r.hash[0], r.hash[1], r.seq, uint64(r.from), size, uint64(r.count), sortable(r.first), sortable(r.last)})
}

// sortable maps times to words of the same order.
func sortable(nanos int64) uint64 { return uint64(nanos) ^ (1 << 63) }
