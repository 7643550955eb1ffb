package esdb

import (
	"context"
	"sync"
)

// turns lets one append at a time to each stream through.
type turns struct {
	mu      sync.Mutex
	waiting map[string]*turn
}

type turn struct {
	held  chan struct{}
	users int
}

// take waits for the stream's turn; the caller gives it back by calling release.
func (t *turns) take(ctx context.Context, stream string) (release func(), err error) {
	t.mu.Lock()
	at := t.waiting[stream]
	if at == nil {
		at = &turn{held: make(chan struct{}, 1)}
		t.waiting[stream] = at
	}
	at.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if at.users--; at.users == 0 {
			delete(t.waiting, stream)
		}
	}
	select {
	case at.held <- struct{}{}:
		return func() {
			<-at.held
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ended(ctx)
	}
}
