package esdb_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/esdbserver/esdbtest"
	"github.com/prometheus/client_golang/prometheus"
)

// proxy stands between adapter and server. It can cut all connections, and make
// them silent: what is sent is taken and goes nowhere, as when a network loses all
// packets.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	open     map[net.Conn]*atomic.Bool // whether it is silent
	work     sync.WaitGroup
	// deaf makes new connections silent too.
	deaf atomic.Bool
}

func startProxy(t testing.TB, target string) *proxy {
	p := &proxy{listener: esdbtest.Listen(t, "127.0.0.1:0"), target: target, open: map[net.Conn]*atomic.Bool{}}
	p.work.Go(func() {
		for {
			from, err := p.listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", p.target)
			if err != nil {
				_ = from.Close()
				continue
			}
			p.join(from, to)
			p.join(to, from)
		}
	})
	t.Cleanup(func() {
		if err := p.listener.Close(); err != nil {
			t.Error(err)
		}
		p.cut()
		p.work.Wait()
	})
	return p
}

// join copies one way, with a small delay now and then.
func (p *proxy) join(from, to net.Conn) {
	silent := &atomic.Bool{}
	silent.Store(p.deaf.Load())
	p.mu.Lock()
	p.open[from] = silent
	p.mu.Unlock()
	p.work.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, err := from.Read(buffer)
			if rand.IntN(20) == 0 {
				time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
			}
			if n > 0 && !silent.Load() {
				if _, err := to.Write(buffer[:n]); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		_ = from.Close()
		_ = to.Close()
		p.mu.Lock()
		delete(p.open, from)
		p.mu.Unlock()
	})
}

// silence makes the connections that are open silent, and with all also those that come.
func (p *proxy) silence(all bool) {
	p.deaf.Store(all)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, silent := range p.open {
		silent.Store(true)
	}
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

// TestNothingIsLostOrDoubledOverACutConnection cuts the connection at any moment,
// also between an append and its answer. Something gets through between two cuts, so
// that a slow machine is not cut off for longer than an append may take.
func TestNothingIsLostOrDoubledOverACutConnection(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 80
	n := esdbtest.StartNode(t)
	p := startProxy(t, n.Address)
	s := open(t, "esdb://"+p.listener.Addr().String()+"?tls=false")
	registry := prometheus.NewRegistry()
	registry.MustRegister(s)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	done := make(chan struct{})
	var wg sync.WaitGroup
	var through atomic.Int64
	for w := range writers {
		wg.Go(func() {
			stream := fmt.Sprintf("w-%d", w)
			for i := range each {
				expected := event.Any
				if w%2 == 0 && i == 0 {
					expected = event.None
				} else if w%2 == 0 {
					expected = event.Exact(uint64(i - 1))
				}
				written, err := s.Append(ctx, stream, expected, proposed(fmt.Sprint(i)))
				if err != nil || written.Revision != uint64(i) || written.Repeated {
					t.Errorf("writer %d, append %d: %+v, %v", w, i, written, err)
					return
				}
				through.Add(1)
				time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
			}
		})
	}
	sub, err := s.Subscribe(ctx, eventstore.SubscribeTo{Filter: eventstore.Filter{StreamPrefixes: []string{"w-"}}})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		next := map[string]uint64{}
		for seen := 0; seen < writers*each; {
			d, err := sub.Next(ctx)
			if err != nil {
				t.Errorf("subscriber after %d: %v", seen, err)
				return
			}
			if d.Event == nil {
				continue
			}
			if d.Event.Revision != next[d.Event.Stream] || string(d.Event.Data) != fmt.Sprint(d.Event.Revision) {
				t.Errorf("%s@%d %s, want %d", d.Event.Stream, d.Event.Revision, d.Event.Data, next[d.Event.Stream])
				return
			}
			next[d.Event.Stream]++
			seen++
		}
	}()
	stop := make(chan struct{})
	cuts, before := 0, int64(0)
	cutting := make(chan struct{})
	go func() {
		defer close(cutting)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(10+rand.IntN(60)) * time.Millisecond):
				if now := through.Load(); now > before {
					before = now
					p.cut()
					cuts++
				}
			}
		}
	}()
	wg.Wait()
	close(stop)
	<-cutting
	<-done
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ledger_esdb_retries_total", "ledger_esdb_reconnects_total", "ledger_esdb_resubscriptions_total"} {
		if counted(t, registry, name) == 0 {
			t.Errorf("%s is 0 after %d cuts", name, cuts)
		}
	}
}

func counted(t testing.TB, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
