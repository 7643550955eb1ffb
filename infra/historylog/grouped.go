package historylog

import (
	"context"
	"fmt"
	"iter"
)

// GroupedCase is one case of a log with all its events, from wherever in the
// log they were.
type GroupedCase struct {
	Case
	// Count is the number of its events, at least one.
	Count int

	spool  *Spool
	window *window
	runs   []entry
	size   int // of the attributes
	cut    bool
	events *sorter // in order of time, where the runs are not
}

// Cases gives the cases in the order of their first appearance in the log.
// A case is valid only during the call. Cases of which the log has no event
// that could be read are left out. Nothing may be added to the spool once this
// was called; it may be called again.
func (s *Spool) Cases(ctx context.Context, visit func(*GroupedCase) error) error {
	if err := s.gather(); err != nil {
		return err
	}
	var c *GroupedCase
	var place uint64
	w := &window{file: s.file}
	finish := func() error {
		if c == nil {
			return nil
		}
		defer func() { c = nil }()
		return c.deliver(visit)
	}
	for run, err := range s.byCase.sorted() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && (c == nil || run[wordCase] != place) {
			err = finish()
			c, place = &GroupedCase{spool: s, window: w}, run[wordCase]
		}
		if err == nil {
			err = c.take(ctx, run)
		}
		if err != nil {
			if c != nil {
				c.release()
			}
			return err
		}
	}
	if err := finish(); err != nil {
		return err
	}
	s.visited = true
	return nil
}

// gather ends the writing and sorts the runs by the first appearance of their case.
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
	byCase := newSorter(s.dir, s.limits.entries)
	var hash [2]uint64
	var place uint64
	first := true
	for run, err := range s.runs.sorted() {
		if err != nil {
			return err
		}
		if h := [2]uint64{run[0], run[1]}; first || h != hash {
			hash, place, first = h, run[wordSeq], false
		}
		run[wordCase], run[wordKind] = place, run[wordSize]&flagEvents
		if err := byCase.add(run); err != nil {
			return err
		}
	}
	s.byCase = byCase
	return s.runs.close()
}

// take adds a run to the case: attributes come first, then events in the order of the file.
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
		c.runs = nil
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
		further := s.attributes(nil)
		if s.failed {
			return errDamaged
		}
		c.merge(further)
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

func (c *GroupedCase) release() {
	if c.events != nil {
		// The file has no name and holds nothing that is still needed: closing
		// it only gives back its space.
		_ = c.events.close()
		c.events = nil
	}
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
