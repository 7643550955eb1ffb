package historylog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
)

// GroupedCase is one case of a log with all its events, from wherever in the
// log they were.
type GroupedCase struct {
	Case
	// Count is the number of its events, at least one.
	Count int

	spool   *Spool
	window  *window
	runs    []entry
	further []Attribute // of the place of the log at hand
	size    int         // of the attributes
	cut     bool
	events  *sorter // in order of time, where the runs are not
}

// Cases gives the cases in the order of their first appearance in the log.
// A case is valid only during the call. Cases of which the log has no event
// that could be read are left out. Nothing may be added to the spool once this
// was called; it may be called again.
func (s *Spool) Cases(ctx context.Context, visit func(*GroupedCase) error) error {
	if err := s.gather(); err != nil {
		return err
	}
	c := &GroupedCase{spool: s, window: &window{file: s.file}}
	defer c.release()
	place := uint64(math.MaxUint64) // of no case
	for run, err := range s.gathered() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && run[wordCase] != place {
			err = c.deliver(visit)
			place = run[wordCase]
		}
		if err == nil {
			err = c.take(ctx, run)
		}
		if err != nil {
			return err
		}
	}
	if err := c.deliver(visit); err != nil {
		return err
	}
	s.visited = true
	return nil
}

// gather ends the writing and sorts the runs of cases that come back by the first
// appearance of their case.
func (s *Spool) gather() error {
	if s.failed != nil {
		return s.failed
	}
	if s.byCase != nil {
		return nil
	}
	if err := s.endRun(); err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write a temporary file of the import: %w", err)
	}
	if err := s.runs.flush(); err != nil {
		return err
	}
	byHash, byCase := newSorter(s.dir, s.limits.entries), newSorter(s.dir, s.limits.entries)
	err := s.sortReturning(byHash, byCase)
	if err = errors.Join(err, byHash.close()); err != nil {
		return errors.Join(err, byCase.close())
	}
	s.byCase = byCase
	return nil
}

func (s *Spool) sortReturning(byHash, byCase *sorter) error {
	for run, err := range s.runs.each() {
		if err == nil && s.runs.comesBack(run) {
			err = byHash.add(run)
		}
		if err != nil {
			return err
		}
	}
	var stretch placing
	for run, err := range byHash.sorted() {
		if err == nil {
			err = byCase.add(stretch.placed(run))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// placing gives runs of which those of one case follow each other their case's
// place in place of its hash.
type placing struct {
	hash  caseHash
	place uint64
	begun bool
}

func (p *placing) placed(run entry) entry {
	if hash := hashOf(run); !p.begun || hash != p.hash {
		p.hash, p.place, p.begun = hash, run[wordSeq], true
	}
	run[wordCase], run[wordCase+1] = p.place, 0
	return run
}

// gathered yields the runs by the first appearance of their case, and those of a
// case as they came.
func (s *Spool) gathered() iter.Seq2[entry, error] {
	if s.runs.all {
		return s.byCase.sorted()
	}
	return func(yield func(entry, error) bool) {
		next, stop := iter.Pull2(s.byCase.sorted())
		defer stop()
		back, err, more := next()
		// before yields what came back before a place.
		before := func(place uint64) bool {
			for more && (err != nil || back[wordCase] < place) {
				if !yield(back, err) || err != nil {
					return false
				}
				back, err, more = next()
			}
			return true
		}
		var stretch placing
		for run, err := range s.runs.each() {
			if err != nil {
				yield(run, err)
				return
			}
			if s.runs.comesBack(run) {
				continue
			}
			run = stretch.placed(run)
			if !before(run[wordCase]) || !yield(run, nil) {
				return
			}
		}
		before(math.MaxUint64)
	}
}

// take adds a run to the case, in the order of the file.
func (c *GroupedCase) take(ctx context.Context, run entry) error {
	if run[wordSize]&flagEvents == 0 {
		return c.takeAttributes(run)
	}
	c.Count += int(run[wordCount])
	if c.Line == 0 {
		if err := c.lineOfFirst(run); err != nil {
			return err
		}
	}
	if c.events == nil {
		n := len(c.runs)
		inOrder := run[wordSize]&flagOutOfOrder == 0 && (n == 0 || c.runs[n-1][wordLast] <= run[wordFirst])
		if inOrder && n < c.spool.limits.caseRuns {
			c.runs = append(c.runs, run)
			return nil
		}
		c.events = newSorter(c.spool.dir, c.spool.limits.entries)
		for _, earlier := range c.runs {
			if err := c.sortRun(ctx, earlier); err != nil {
				return err
			}
		}
		c.runs = c.runs[:0]
	}
	return c.sortRun(ctx, run)
}

// lineOfFirst takes the line of a run's first event for the case's own, where
// the log says nothing of the case as a whole.
func (c *GroupedCase) lineOfFirst(run entry) error {
	r, err := c.open(run)
	if err != nil {
		return err
	}
	body, err := r.next()
	if err != nil {
		return err
	}
	var e Event
	if err := c.spool.texts.event(body, &e); err != nil {
		return err
	}
	c.Line = e.Line
	return nil
}

// sortRun adds each event of a run to the sorter, by time and then by place in the log.
func (c *GroupedCase) sortRun(ctx context.Context, run entry) error {
	r, err := c.open(run)
	if err != nil {
		return err
	}
	for i := range run[wordCount] {
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		body, err := r.next()
		if err != nil {
			return err
		}
		nanos, err := eventTime(body)
		if err != nil {
			return err
		}
		if err := c.events.add(entry{sortable(nanos), run[wordSeq] + i, uint64(r.at) - uint64(len(body)), uint64(len(body))}); err != nil {
			return err
		}
	}
	return nil
}

// takeAttributes merges what one place of the log says of the case with what
// earlier places said: the first value of a name holds.
func (c *GroupedCase) takeAttributes(run entry) error {
	r, err := c.open(run)
	if err != nil {
		return err
	}
	for range run[wordCount] {
		if c.cut {
			return nil
		}
		body, err := r.next()
		if err != nil {
			return err
		}
		s := recordScanner{table: c.spool.texts, body: string(body)}
		line := int(s.uvarint())
		if c.Line == 0 {
			c.Line = line
		}
		c.further = s.attributes(c.further[:0])
		if s.failed {
			return errDamaged
		}
		c.merge(c.further)
	}
	return nil
}

func (c *GroupedCase) merge(further []Attribute) {
	var known map[string]bool
	if len(c.Attributes) > 0 { // mostly one place says everything
		known = make(map[string]bool, len(c.Attributes))
	}
	for i := range c.Attributes {
		if c.Attributes[i].Depth == 0 {
			known[c.Attributes[i].Name] = true
		}
	}
	keep := false
	for _, a := range further {
		if a.Depth == 0 {
			keep = !known[a.Name]
		}
		if !keep {
			continue
		}
		if c.size += attributeCost + len(a.Name) + len(a.Value); c.size > c.spool.limits.caseBytes {
			c.cut = true
			return
		}
		c.Attributes = append(c.Attributes, a)
	}
}

// open places a reader at a run's first record and holds that the run is the case's.
func (c *GroupedCase) open(run entry) (*runReader, error) {
	from := int64(run[wordPlace])
	r := &runReader{window: c.window, at: from, end: from + int64(run[wordSize]>>flagBits)}
	id, err := r.next()
	if err != nil {
		return nil, err
	}
	if c.ID == "" {
		c.ID = string(id)
	} else if c.ID != string(id) {
		return nil, errDamaged
	}
	return r, nil
}

// deliver passes the case to the visitor, unless nothing came, and makes room for the next.
func (c *GroupedCase) deliver(visit func(*GroupedCase) error) error {
	defer c.release()
	if c.Count == 0 {
		return nil
	}
	if c.cut && !c.spool.visited {
		if err := c.spool.Problem(Problem{Line: c.Line, Message: fmt.Sprintf("the case %s has attributes of more than %d bytes; those beyond are left out", clip(c.ID), c.spool.limits.caseBytes)}); err != nil {
			return err
		}
	}
	return visit(c)
}

// release forgets the case and keeps the room that it took, where that is little.
func (c *GroupedCase) release() {
	if c.events != nil {
		// The file has no name and holds nothing that is still needed: closing
		// it only gives back its space.
		_ = c.events.close()
	}
	*c = GroupedCase{
		Case: Case{Attributes: kept(c.Attributes)}, spool: c.spool, window: c.window, runs: kept(c.runs), further: kept(c.further),
	}
}

// kept is a slice's room for what comes next, where it is little.
func kept[T any](room []T) []T {
	const most = 256
	if cap(room) > most {
		return nil
	}
	clear(room)
	return room[:0]
}

// Events gives the events in order of time, those of the same instant in the
// order of the log. An event and its attributes are valid until the next; their
// texts stay. It may be called again within the visit.
func (c *GroupedCase) Events() iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		e := &Event{Case: c.ID}
		if c.events == nil {
			c.eventsOfRuns(e, yield)
			return
		}
		for place, err := range c.events.sorted() {
			var body []byte
			if err == nil {
				body, err = c.window.bytes(int64(place[2]), int(place[3]))
			}
			if err == nil {
				err = c.spool.texts.event(body, e)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (c *GroupedCase) eventsOfRuns(e *Event, yield func(*Event, error) bool) {
	for _, run := range c.runs {
		r, err := c.open(run)
		if err != nil {
			yield(nil, err)
			return
		}
		for range run[wordCount] {
			body, err := r.next()
			if err == nil {
				err = c.spool.texts.event(body, e)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}
