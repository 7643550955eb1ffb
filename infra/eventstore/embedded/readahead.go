package embedded

import (
	"context"

	"dossierledger/infra/eventstore"
)

// spansAhead is how many chunks a long scan has read in advance, each by a
// goroutine of its own, so that decoding runs beside the consumer. Memory is
// bounded by as many chunks.
const spansAhead = 2

// span is one chunk's range and, when read is closed, what was found in it.
type span struct {
	scan *allScan
	read chan struct{}
	err  error
}

// ahead yields the rest of the scan in order. It leaves no goroutine behind,
// however the consumer stops.
func (a *allScan) ahead(ctx context.Context, yield func(eventstore.Recorded, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	var flying []*span
	defer func() {
		cancel()
		for _, f := range flying {
			<-f.read
		}
	}()
	var free []*allScan
	launch := func() {
		for len(flying) < spansAhead && !a.done() {
			var scan *allScan
			if n := len(free); n > 0 {
				scan, free = free[n-1], free[:n-1]
			} else {
				scan = &allScan{store: a.store, filter: a.filter, backwards: a.backwards}
			}
			a.cutTo(scan)
			f := &span{scan: scan, read: make(chan struct{})}
			flying = append(flying, f)
			go func() {
				defer close(f.read)
				_, f.err = f.scan.chunk(ctx, chunkEventsMax)
			}()
		}
	}
	for launch(); len(flying) > 0; launch() {
		f := flying[0]
		flying = flying[1:]
		<-f.read
		launch()
		if !f.deliver(ctx, yield) {
			return
		}
		free = append(free, f.scan)
	}
}

// cutTo gives the next chunk's range to another scan.
func (a *allScan) cutTo(scan *allScan) {
	scan.low, scan.high = a.low, a.high
	if a.high-a.low <= chunkEventsMax {
		a.low = a.high
		return
	}
	if a.backwards {
		scan.low = a.high - chunkEventsMax
		a.high = scan.low
	} else {
		scan.high = a.low + chunkEventsMax
		a.low = scan.high
	}
}

// deliver hands over what was read and what the chunk's limit of bytes left in
// the range.
func (f *span) deliver(ctx context.Context, yield func(eventstore.Recorded, error) bool) bool {
	for {
		for i := range f.scan.buffer {
			if !yield(f.scan.buffer[i], nil) {
				return false
			}
		}
		if f.err != nil {
			yield(eventstore.Recorded{}, f.err)
			return false
		}
		if f.scan.done() {
			return true
		}
		_, f.err = f.scan.chunk(ctx, chunkEventsMax)
	}
}
