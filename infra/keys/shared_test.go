package keys_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/keys"
	"dossierledger/infra/nats/natstest"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// sharedPlace is a place on NATS servers.
func sharedPlace(t *testing.T, server *natstest.Server) place {
	t.Helper()
	p := place{dir: server.Dir, server: server, master: filepath.Join(t.TempDir(), "master.key")}
	if err := keys.MakeMaster(p.master); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p place) share(t *testing.T, conn *natsgo.Conn, options keys.SharedOptions) *keys.Shared {
	t.Helper()
	master, err := keys.ReadMaster(p.master)
	if err != nil {
		t.Fatal(err)
	}
	v, err := keys.OpenShared(t.Context(), conn, master, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// gated is a line that can be closed: nothing passes then, and nobody is told.
type gated struct {
	net.Conn
	gate *gate
}

type gate struct {
	mu     sync.Mutex
	passes sync.Cond
	shut   bool
}

func newGate() *gate {
	g := &gate{}
	g.passes.L = &g.mu
	return g
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	g.passes.Broadcast()
}

func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.shut {
		g.passes.Wait()
	}
}

// Dial implements nats.CustomDialer.
func (g *gate) Dial(network, address string) (net.Conn, error) {
	g.pass()
	conn, err := net.Dial(network, address)
	return gated{conn, g}, err
}

func (c gated) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gate.pass()
	return n, err
}

func (c gated) Write(b []byte) (int, error) {
	c.gate.pass()
	return c.Conn.Write(b)
}

// A process that is cut off does not hear of an erasure. It may open what it has
// open for as long as Stale says, and then nothing any more; once it is back it
// knows.
func TestAnErasureElsewhereHoldsInAProcessThatWasCutOff(t *testing.T) {
	const stale = 300 * time.Millisecond
	server := natstest.Start(t)
	p := sharedPlace(t, server)
	here := p.share(t, natstest.Connect(t, []*natstest.Server{server}), keys.SharedOptions{Replicas: 1})
	line := newGate()
	there := p.share(t, natstest.Connect(t, []*natstest.Server{server}, natsgo.SetCustomDialer(line)), keys.SharedOptions{Stale: stale})
	sealed := seal(t, there, "p-1", "x")
	other := seal(t, there, "p-2", "x")

	line.set(true)
	t.Cleanup(func() { line.set(false) })
	if err := here.Erase(t.Context(), "p-1"); err != nil {
		t.Fatal(err)
	}
	returned := time.Now()
	for refused := false; !refused; {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := there.Unseal(ctx, "p-1", sealed, []byte("place"))
		cancel()
		switch {
		case err == nil && began.Sub(returned) > stale:
			t.Fatalf("%v after the erasure the value still opens", began.Sub(returned))
		case err != nil && fault.CodeOf(err) != keys.CodeUnavailable:
			t.Fatal(err)
		}
		refused = err != nil
	}
	if _, err := there.Seal(withDeadline(t, 50*time.Millisecond), "p-1", []byte("y"), nil); fault.CodeOf(err) != keys.CodeUnavailable {
		t.Fatalf("sealing while cut off: %v", err)
	}
	line.set(false)
	eventually(t, "the process knows of the erasure", func() error {
		_, err := there.Unseal(t.Context(), "p-1", sealed, []byte("place"))
		if !errors.Is(err, keys.ErrErased) {
			return fmt.Errorf("it says %w", err)
		}
		return nil
	})
	if _, err := there.Seal(t.Context(), "p-1", []byte("y"), nil); !errors.Is(err, keys.ErrErased) {
		t.Fatalf("sealing for who was erased elsewhere: %v", err)
	}
	if clear, err := there.Unseal(t.Context(), "p-2", other, []byte("place")); err != nil || string(clear) != "x" {
		t.Fatalf("somebody else: %q, %v", clear, err)
	}
}

func withDeadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for what must come to be, longer than any machine is slow.
func eventually(t *testing.T, what string, attempt func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = attempt(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within five minutes; last: %v", what, err)
}

// An eraser that dies in the middle is finished by another process by itself,
// though nobody asks for the shard.
func TestAnErasureThatNobodyFinishesIsFinishedByOthers(t *testing.T) {
	server := natstest.Start(t)
	p := sharedPlace(t, server)
	conn := natstest.Connect(t, []*natstest.Server{server})
	v := p.share(t, conn, keys.SharedOptions{Replicas: 1})
	sealed := seal(t, v, "p-1", "x")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "LEDGER_KEYS")
	if err != nil {
		t.Fatal(err)
	}
	// What an eraser leaves that dies after its first step.
	turn := fmt.Sprintf("ledger.keys.turn.%02x", keys.ShardOf("p-1"))
	doc, err := stream.GetLastMsgForSubject(t.Context(), turn)
	if err != nil {
		t.Fatal(err)
	}
	var key uint64
	if _, err := fmt.Sscanf(string(doc.Data), `{"epoch":1,"state":"kept","key":%d}`, &key); err != nil {
		t.Fatalf("%v in %s", err, doc.Data)
	}
	old, err := stream.GetMsg(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	master, err := keys.ReadMaster(p.master)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := master.Wrap(t.Context(), make([]byte, 32), []byte{'k', keys.ShardOf("p-1"), 0, 0, 0, 0, 0, 0, 0, 2})
	if err != nil {
		t.Fatal(err)
	}
	next, err := js.Publish(t.Context(), fmt.Sprintf("ledger.keys.shard.%02x.2.x", keys.ShardOf("p-1")), wrapped)
	if err != nil {
		t.Fatal(err)
	}
	begun := fmt.Sprintf(`{"epoch":1,"state":"turning","key":%d,"next":%d,"victim":"p-1"}`, key, next.Sequence)
	if _, err := js.Publish(t.Context(), turn, []byte(begun)); err != nil {
		t.Fatal(err)
	}

	v = p.share(t, conn, keys.SharedOptions{Patience: 10 * time.Millisecond})
	if _, err := v.Unseal(t.Context(), "p-1", sealed, []byte("place")); !errors.Is(err, keys.ErrErased) {
		t.Errorf("while the erasure is under way: %v", err)
	}
	eventually(t, "the erasure is finished", func() error {
		doc, err := stream.GetLastMsgForSubject(t.Context(), turn)
		if err == nil && string(doc.Data) != fmt.Sprintf(`{"epoch":2,"state":"kept","key":%d}`, next.Sequence) {
			err = fmt.Errorf("the document is %s", doc.Data)
		}
		return err
	})
	if file, found := p.holds(t, old.Data); found {
		t.Errorf("%s still holds the old key", file)
	}
}

func TestAStreamInWhichKeysCouldBeLostIsRefused(t *testing.T) {
	for name, change := range map[string]func(*jetstream.StreamConfig){
		"old keys are dropped":         func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"keys beyond a number":         func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 },
		"keys beyond a size":           func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 },
		"reads from replicas behind":   func(c *jetstream.StreamConfig) { c.AllowDirect = true },
		"kept in memory":               func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"earlier documents stay":       func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5 },
		"a destroyed key cannot go":    func(c *jetstream.StreamConfig) { c.DenyDelete = true },
		"destroyed records cannot go":  func(c *jetstream.StreamConfig) { c.DenyPurge = true },
		"who reads takes the key away": func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy },
	} {
		t.Run(name, func(t *testing.T) {
			p := sharedPlace(t, natstest.Start(t))
			js, err := jetstream.New(natstest.Connect(t, []*natstest.Server{p.server}))
			if err != nil {
				t.Fatal(err)
			}
			config := jetstream.StreamConfig{Name: "LEDGER_KEYS", Subjects: []string{"ledger.keys.>"}, MaxMsgsPerSubject: 1}
			change(&config)
			if _, err := js.CreateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			if _, err := p.openWith(t, p.master); fault.CodeOf(err) != keys.CodeSettings {
				t.Errorf("it was opened: %v", err)
			}
		})
	}
}

// The server stops and starts again: what cannot be done meanwhile is refused as
// unavailable, and then all goes on.
func TestTheSharedStoreIsAwayForAWhile(t *testing.T) {
	server := natstest.Start(t)
	p := sharedPlace(t, server)
	v := p.share(t, natstest.Connect(t, []*natstest.Server{server}), keys.SharedOptions{Replicas: 1})
	sealed := seal(t, v, "p-1", "x")
	if err := v.Erase(t.Context(), "p-2"); err != nil {
		t.Fatal(err)
	}
	server.Shutdown()
	server.WaitForShutdown()
	if _, err := v.Seal(withDeadline(t, 50*time.Millisecond), "p-3", []byte("x"), nil); fault.CodeOf(err) != keys.CodeUnavailable {
		t.Errorf("sealing while the server is away: %v", err)
	}
	if err := v.Erase(withDeadline(t, 50*time.Millisecond), "p-1"); fault.CodeOf(err) != keys.CodeUnavailable {
		t.Errorf("erasing while the server is away: %v", err)
	}
	server.Restart(t)
	eventually(t, "sealing goes on", func() error {
		_, err := v.Seal(t.Context(), "p-3", []byte("x"), nil)
		return err
	})
	if clear, err := v.Unseal(t.Context(), "p-1", sealed, []byte("place")); err != nil || string(clear) != "x" {
		t.Errorf("what was sealed before: %q, %v", clear, err)
	}
	if _, err := v.Seal(t.Context(), "p-2", []byte("x"), nil); !errors.Is(err, keys.ErrErased) {
		t.Errorf("who was erased before: %v", err)
	}
}

// On three servers, of which the one that leads is stopped and comes back: nobody
// is lost and who was erased stays so.
func TestThreeServersLoseTheOneThatLeads(t *testing.T) {
	servers := natstest.Cluster(t, 3)
	p := sharedPlace(t, servers[0])
	var vaults []*keys.Shared
	for range 2 {
		vaults = append(vaults, p.share(t, natstest.Connect(t, servers), keys.SharedOptions{Replicas: 3, Patience: 100 * time.Millisecond}))
	}
	var mu sync.Mutex
	values, erased := map[string][]byte{}, map[string]bool{}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i, v := range vaults {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				person := fmt.Sprintf("p-%d-%d", i, n)
				sealed, err := v.Seal(t.Context(), person, []byte(person), nil)
				if err == nil && n%5 == 0 {
					if err = v.Erase(t.Context(), person); err == nil {
						mu.Lock()
						erased[person] = true
						mu.Unlock()
					}
				}
				if err != nil && fault.KindOf(err) != fault.Unavailable {
					t.Errorf("%s: %v", person, err)
					return
				}
				if sealed != nil {
					mu.Lock()
					values[person] = sealed
					mu.Unlock()
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(values)
	}
	eventually(t, "keys are made", func() error { return more(count(), 0) })
	for _, s := range servers {
		if s.JetStreamIsStreamLeader("$G", "LEDGER_KEYS") {
			s.Shutdown()
			s.WaitForShutdown()
			before := count()
			eventually(t, "keys are made without the server that led", func() error { return more(count(), before) })
			s.Restart(t)
			break
		}
	}
	before := count()
	eventually(t, "keys are made by all three again", func() error { return more(count(), before) })
	close(stop)
	all.Wait()
	for person, sealed := range values {
		for _, v := range vaults {
			eventually(t, person, func() error {
				clear, err := v.Unseal(t.Context(), person, sealed, nil)
				switch {
				case fault.KindOf(err) == fault.Unavailable:
					return err
				case erased[person] && !errors.Is(err, keys.ErrErased):
					t.Fatalf("%s was erased and opens: %q, %v", person, clear, err)
				case !erased[person] && err != nil && !(mayBeErased(person) && errors.Is(err, keys.ErrErased)):
					t.Fatalf("%s is lost: %v", person, err)
				}
				return nil
			})
		}
	}
	t.Logf("%d persons, %d erased", len(values), len(erased))
}

// mayBeErased: the erasure was begun and its answer lost.
func mayBeErased(person string) bool {
	var i, n int
	_, err := fmt.Sscanf(person, "p-%d-%d", &i, &n)
	return err == nil && n%5 == 0
}

func more(now, before int) error {
	if now < before+20 {
		return fmt.Errorf("%d after %d", now, before)
	}
	return nil
}
