package commands

import "sync"

// keyedLock lets callers with the same key go one after the other. The zero
// value is ready. It forgets a key when nobody holds it.
type keyedLock struct {
	mu   sync.Mutex
	held map[string]*holders
}

type holders struct {
	sync.Mutex
	n int
}

func (k *keyedLock) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*holders{}
	}
	h := k.held[key]
	if h == nil {
		h = &holders{}
		k.held[key] = h
	}
	h.n++
	k.mu.Unlock()
	h.Lock()
	return func() {
		h.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if h.n--; h.n == 0 {
			delete(k.held, key)
		}
	}
}
