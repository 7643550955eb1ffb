package historylog

// A reader and its sink work side by side: while the sink writes what was found,
// the reader finds the next. What is found goes over in loads, since handing over
// each event alone would cost more than it saves.
const (
	loadItems = 512
	// loadBytes bounds the text of a load, so that its memory is bounded however
	// large the events are.
	loadBytes = 1 << 20
	// loadsUnderWay is how many loads there are: one that is filled, one that the
	// sink works on, and one between them.
	loadsUnderWay = 3
)

// handover is a Sink that hands over to another one, which runs in a goroutine of
// its own. An error of that one comes back with a later call, at the latest with
// end.
type handover struct {
	sink    Sink
	filling *load
	filled  chan *load
	empty   chan *load
	ended   chan struct{}
	failed  error // the sink's; to be read after ended is closed
}

// load is what goes over at once. Attributes of its items lie one after the other
// in one slice, whose room is used again.
type load struct {
	items      []found
	attributes []Attribute
	bytes      int
}

// found is one of the three things that a Sink takes.
type found struct {
	kind     foundKind
	event    Event
	ofCase   Case
	problem  Problem
	from, to int // its attributes in the load
}

type foundKind uint8

const (
	foundEvent foundKind = iota
	foundCase
	foundProblem
)

func newHandover(sink Sink) *handover {
	h := &handover{
		sink: sink, filling: &load{}, filled: make(chan *load), empty: make(chan *load, loadsUnderWay), ended: make(chan struct{}),
	}
	for range loadsUnderWay - 1 {
		h.empty <- &load{}
	}
	go h.run()
	return h
}

// run gives the loads to the sink until the last one, or until the sink fails.
func (h *handover) run() {
	defer close(h.ended)
	for l := range h.filled {
		if h.failed = l.unload(h.sink); h.failed != nil {
			return
		}
		h.empty <- l
	}
}

func (l *load) unload(sink Sink) (err error) {
	for i := range l.items {
		f := &l.items[i]
		if f.from < f.to {
			f.event.Attributes = l.attributes[f.from:f.to:f.to]
			f.ofCase.Attributes = f.event.Attributes
		}
		switch f.kind {
		case foundEvent:
			err = sink.Event(&f.event)
		case foundCase:
			err = sink.Case(&f.ofCase)
		case foundProblem:
			err = sink.Problem(f.problem)
		}
		if err != nil {
			return err
		}
	}
	l.items, l.attributes, l.bytes = l.items[:0], l.attributes[:0], 0
	return nil
}

// Event implements Sink.
func (h *handover) Event(e *Event) error {
	return h.add(found{kind: foundEvent, event: *e}, e.Attributes)
}

// Case implements Sink.
func (h *handover) Case(c *Case) error {
	return h.add(found{kind: foundCase, ofCase: *c}, c.Attributes)
}

// Problem implements Sink.
func (h *handover) Problem(p Problem) error {
	return h.add(found{kind: foundProblem, problem: p}, nil)
}

func (h *handover) add(f found, attributes []Attribute) error {
	l := h.filling
	f.from = len(l.attributes)
	l.attributes = append(l.attributes, attributes...)
	f.to = len(l.attributes)
	l.items = append(l.items, f)
	for i := range attributes {
		l.bytes += len(attributes[i].Value) + attributeCost
	}
	if len(l.items) < loadItems && l.bytes < loadBytes {
		return nil
	}
	return h.send()
}

// send hands the load over and takes an empty one.
func (h *handover) send() error {
	select {
	case h.filled <- h.filling:
	case <-h.ended:
		return h.failed
	}
	select {
	case h.filling = <-h.empty:
		return nil
	case <-h.ended:
		return h.failed
	}
}

// end hands the rest over, waits for the sink and gives its error. Nothing may be
// added after.
func (h *handover) end() error {
	if len(h.filling.items) > 0 {
		select {
		case h.filled <- h.filling:
		case <-h.ended:
		}
	}
	close(h.filled)
	<-h.ended
	return h.failed
}
