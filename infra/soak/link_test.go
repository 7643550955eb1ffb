package soak

import (
	"net"
	"sync"
	"testing"
	"time"
)

// link stands between two processes as the network does: it can be cut, can hold
// everything back while connections stay open, can be slow, and can be down.
type link struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	ends  map[net.Conn]struct{}
	delay time.Duration
	// held, where not nil, is closed when bytes may pass again.
	held chan struct{}
	down bool
	work sync.WaitGroup
}

func startLink(t *testing.T, address, target string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, target: target, ends: map[net.Conn]struct{}{}}
	l.work.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.release()
		l.cut()
		l.work.Wait()
	})
	return l
}

func (l *link) accept() {
	for {
		from, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		down := l.down
		l.mu.Unlock()
		to, err := net.Dial("tcp", l.target)
		if down || err != nil {
			reset(from)
			if err == nil {
				reset(to)
			}
			continue
		}
		l.mu.Lock()
		l.ends[from], l.ends[to] = struct{}{}, struct{}{}
		l.mu.Unlock()
		l.work.Go(func() { l.pass(from, to) })
		l.work.Go(func() { l.pass(to, from) })
	}
}

// pass carries bytes one way until either end is gone.
func (l *link) pass(from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		held, delay := l.held, l.delay
		l.mu.Unlock()
		if held != nil {
			<-held
		}
		time.Sleep(delay)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	l.mu.Lock()
	delete(l.ends, from)
	l.mu.Unlock()
	_ = from.Close()
	_ = to.Close()
}

// reset ends a connection without a goodbye.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// cut resets every connection; new ones are taken.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.ends {
		reset(c)
	}
}

// away cuts every connection and resets new ones, for a while.
func (l *link) away(span time.Duration) {
	l.set(func() { l.down = true })
	l.cut()
	time.Sleep(span)
	l.set(func() { l.down = false })
}

// hold lets nothing pass for a while; connections stay open.
func (l *link) hold(span time.Duration) {
	l.set(func() {
		if l.held == nil {
			l.held = make(chan struct{})
		}
	})
	time.Sleep(span)
	l.release()
}

func (l *link) release() {
	l.set(func() {
		if l.held != nil {
			close(l.held)
			l.held = nil
		}
	})
}

// slow delays every piece that passes, for a while.
func (l *link) slow(delay, span time.Duration) {
	l.set(func() { l.delay = delay })
	time.Sleep(span)
	l.set(func() { l.delay = 0 })
}

func (l *link) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}
