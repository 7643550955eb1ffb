package bus

import (
	"bytes"
	"context"
	"sync"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
)

// buffer is where the next page grows while the one before is being worked on.
// One goroutine puts, another takes.
type buffer struct {
	limit  Config
	mu     sync.Mutex
	page   Page
	bytes  int
	since  time.Time // when the page got its first content
	sealed bool      // nothing may be added any more
	queue  bool      // an event waits for the next page
	// live is true once the end of the log was reached; from then on nothing is
	// held back. news is true when that has not been told yet.
	live, news bool
	// spare is a page that was worked off, whose lists are used again.
	spare   Page
	changed chan struct{} // something was put
	taken   chan struct{} // a page was taken
}

// spareEvents bounds the lists that are kept once the end of the log was reached:
// from then on pages are short.
const spareEvents = 1024

func newBuffer(limit Config) *buffer {
	return &buffer{limit: limit, changed: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds what the subscription delivered. It waits while the page is full.
func (b *buffer) put(ctx context.Context, d eventstore.Delivery) error {
	if d.Event == nil {
		b.note(d)
		signal(b.changed)
		return nil
	}
	var decoded event.Event
	if b.limit.Decode != nil {
		var err error
		if decoded, err = b.limit.Decode(*d.Event); err != nil {
			broken := &Broken{Recorded: *d.Event, Err: err}
			broken.Recorded.Data = bytes.Clone(d.Event.Data) // they were lent
			broken.Recorded.Metadata = bytes.Clone(d.Event.Metadata)
			return b.putBroken(ctx, broken)
		}
	}
	for !b.add(d.Event, &decoded) {
		if err := wait(ctx, b.taken); err != nil {
			return err
		}
	}
	signal(b.changed)
	return nil
}

func (b *buffer) note(d eventstore.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.CaughtUp {
		b.news = b.news || !b.live
		b.live = true
	}
	if d.Checkpoint != nil && b.page.Broken == nil {
		b.begin()
		b.page.Position, b.page.HasPosition = *d.Checkpoint, true
	}
}

// add adds an event to the page, unless the page is full.
func (b *buffer) add(recorded *eventstore.Recorded, decoded *event.Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := len(recorded.Data) + len(recorded.Metadata)
	held := b.page.Len()
	full := held >= b.limit.PageEvents || b.bytes+size > b.limit.PageBytes
	if b.sealed || full && held > 0 {
		b.sealed, b.queue = true, true
		signal(b.changed)
		return false
	}
	b.begin()
	if b.limit.Decode != nil {
		b.page.Events = append(b.page.Events, *decoded)
	} else {
		b.page.Recorded = append(b.page.Recorded, *recorded)
	}
	b.page.Position, b.page.HasPosition = recorded.Position, true
	b.bytes += size
	b.sealed = held+1 >= b.limit.PageEvents
	return true
}

// putBroken delivers what came before, then the broken event alone.
func (b *buffer) putBroken(ctx context.Context, broken *Broken) error {
	for {
		b.mu.Lock()
		empty := !b.page.HasPosition
		if empty {
			b.page = Page{Broken: broken, Position: broken.Recorded.Position, HasPosition: true}
		}
		b.sealed, b.queue = true, !empty
		b.mu.Unlock()
		signal(b.changed)
		if empty {
			return nil
		}
		if err := wait(ctx, b.taken); err != nil {
			return err
		}
	}
}

func (b *buffer) begin() {
	if !b.page.HasPosition {
		b.since = time.Now()
	}
}

// take gives the next page. While the subscription catches up it waits for the
// page to fill, at most for Linger.
func (b *buffer) take(ctx context.Context) (Page, error) {
	for {
		page, ready, pause := b.tryTake()
		if ready {
			signal(b.taken)
			return page, nil
		}
		timer := (<-chan time.Time)(nil)
		if pause > 0 {
			timer = time.After(pause)
		}
		select {
		case <-b.changed:
		case <-timer:
		case <-ctx.Done():
			return Page{}, ctx.Err()
		}
	}
}

func (b *buffer) tryTake() (page Page, ready bool, pause time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.page.HasPosition {
		if !b.news {
			return Page{}, false, 0
		}
		b.news = false
		return Page{CaughtUp: true}, true, 0
	}
	if left := b.limit.Linger - time.Since(b.since); !b.live && !b.sealed && left > 0 {
		return Page{}, false, left
	}
	page = b.page
	page.CaughtUp = b.live && !b.sealed
	switch {
	case page.CaughtUp:
		b.news = false
	case b.live && !b.queue:
		b.news = true // a page that is full to the last event tells it afterwards
	}
	b.page, b.spare = b.spare, Page{}
	b.bytes, b.sealed, b.queue = 0, false, false
	return page, true, 0
}

// giveBack is for a page that was worked off.
func (b *buffer) giveBack(page Page) {
	clear(page.Recorded) // what they held can go
	clear(page.Events)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live || cap(page.Recorded)+cap(page.Events) <= spareEvents {
		b.spare = Page{Recorded: page.Recorded[:0], Events: page.Events[:0]}
	}
}

func wait(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
