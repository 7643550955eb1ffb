package leases_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/leases"
	"dossierledger/infra/nats"
	"dossierledger/infra/nats/natstest"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// term is short, so that tests are; nothing is held to it.
const term = time.Second

func open(t *testing.T, conn *natsgo.Conn, node string, replicas int) *leases.Leases {
	t.Helper()
	l, err := leases.Open(t.Context(), conn, leases.Options{Node: node, Replicas: replicas, Term: term})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// runs runs a task until stop is called, which returns when it has ended.
func runs(t *testing.T, task *leases.Task) (working *atomic.Bool, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	working = &atomic.Bool{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		task.Run(ctx, func(ctx context.Context) {
			working.Store(true)
			<-ctx.Done()
			working.Store(false)
		})
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return working, stop
}

// eventually waits for what must come to be, longer than any machine is slow.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within five minutes", what)
		}
	}
}

func TestWhoIsAloneHoldsEverything(t *testing.T) {
	task := leases.Alone().Task("projections")
	if s := task.Status(); !task.Held() || !s.Here {
		t.Errorf("held %v, %+v", task.Held(), s)
	}
	ran := false
	task.Run(t.Context(), func(context.Context) { ran = true })
	wrong := errors.New("it failed")
	if err := task.Do(t.Context(), func(context.Context) error { return wrong }); !ran || !errors.Is(err, wrong) {
		t.Errorf("ran %v, did %v", ran, err)
	}
}

// The task goes to one of two; when that one ends it goes to the other at once, and
// each task by itself.
func TestATaskIsHandedOver(t *testing.T) {
	server := natstest.Start(t)
	conn := natstest.Connect(t, []*natstest.Server{server})
	a, b := open(t, conn, "a", 1), open(t, conn, "b", 1)
	inA, stopA := runs(t, a.Task("projections"))
	eventually(t, "one works", inA.Load)
	inB, stopB := runs(t, b.Task("projections"))
	other, _ := runs(t, b.Task("outbound.archive"))
	eventually(t, "the other task is b's", other.Load)
	eventually(t, "b knows who works", func() bool { return b.Task("projections").Status().Holder == "a" })
	if b.Task("projections").Held() && a.Task("projections").Held() {
		t.Fatal("both hold it")
	}
	stopA()
	eventually(t, "the other works", inB.Load)
	if inA.Load() || a.Task("projections").Held() {
		t.Error("both work")
	}
	stopB()
	eventually(t, "it is given back", func() bool { // at once, unless it was just lost
		if s := b.Task("projections").Status(); !s.Here && s.Holder == "" {
			return true
		}
		inB, stop := runs(t, b.Task("projections"))
		eventually(t, "it is taken again", inB.Load)
		stop()
		return false
	})
}

// Somebody who has to have the task asks for it, has it once, and gives it back.
func TestATaskIsAskedFor(t *testing.T) {
	server := natstest.Start(t)
	conn := natstest.Connect(t, []*natstest.Server{server})
	a, b := open(t, conn, "a", 1), open(t, conn, "b", 1)
	inA, _ := runs(t, a.Task("projections"))
	eventually(t, "one works", inA.Load)
	wrong := errors.New("it failed")
	eventually(t, "it is done once, alone", func() (kept bool) {
		alone := false
		err := b.Task("projections").Do(t.Context(), func(context.Context) error {
			alone = !inA.Load() && !a.Task("projections").Held()
			kept = b.Task("projections").Held() // a slow machine may have lost it already
			return wrong
		})
		if !errors.Is(err, wrong) || kept && !alone {
			t.Fatalf("it ended with %v, alone at it: %v", err, alone)
		}
		return kept
	})
	eventually(t, "the first works again", inA.Load)
	// One who is asked himself, once, does not give way.
	release := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- b.Task("projections").Do(t.Context(), func(ctx context.Context) error { <-release; return ctx.Err() })
	}()
	eventually(t, "it is given over", b.Task("projections").Held)
	c := open(t, conn, "c", 1)
	ctx, cancel := context.WithTimeout(t.Context(), term)
	defer cancel()
	err := c.Task("projections").Do(ctx, func(context.Context) error { return nil })
	lost := !b.Task("projections").Held() // as a slow machine may
	if !lost && (fault.CodeOf(err) != leases.CodeHeld || !strings.Contains(err.Error(), `"b"`)) {
		t.Errorf("asked for in vain: %v", err)
	}
	close(release)
	if err := <-done; err != nil && !(lost && fault.CodeOf(err) == leases.CodeLost) {
		t.Errorf("who was asked ended with %v", err)
	}
}

// NATS stops for longer than a term: nobody works then; afterwards one does.
func TestNATSIsAwayForAWhile(t *testing.T) {
	server := natstest.Start(t)
	var tasks []*leases.Task
	var working []*atomic.Bool
	registry := prometheus.NewRegistry()
	for i := range 2 {
		l := open(t, natstest.Connect(t, []*natstest.Server{server}), fmt.Sprintf("n%d", i), 1)
		if i == 0 {
			if err := l.Register(registry); err != nil {
				t.Fatal(err)
			}
		}
		tasks = append(tasks, l.Task("policies"))
		w, _ := runs(t, tasks[i])
		working = append(working, w)
		eventually(t, "the first works", working[0].Load)
	}
	server.Shutdown()
	server.WaitForShutdown()
	eventually(t, "nobody works", func() bool {
		return !working[0].Load() && !working[1].Load() && !tasks[0].Held() && !tasks[1].Held()
	})
	eventually(t, "it is told why", func() bool { return tasks[0].Status().Error != "" })
	if n, err := testutil.GatherAndCount(registry, "ledger_lease_held", "ledger_lease_lost_total", "ledger_lease_failures_total"); err != nil || n != 3 {
		t.Errorf("%d metrics, %v", n, err)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP ledger_lease_held 1 where this process holds a task.
# TYPE ledger_lease_held gauge
ledger_lease_held{task="policies"} 0
`), "ledger_lease_held"); err != nil {
		t.Error(err)
	}
	if n := lostTotal(t, registry); n < 1 {
		t.Errorf("a task was lost, and %v are counted", n)
	}
	server.Restart(t)
	eventually(t, "one works", func() bool { return working[0].Load() != working[1].Load() })
}

// lostTotal is how often a process has lost tasks. A slow machine loses more.
func lostTotal(t *testing.T, from prometheus.Gatherer) (n float64) {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "ledger_lease_lost_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// The bucket is deleted under the holder: it stops; and a document that somebody
// spoilt is replaced after a term.
func TestTheBucketIsLostOrSpoilt(t *testing.T) {
	server := natstest.Start(t)
	conn := natstest.Connect(t, []*natstest.Server{server})
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, conn, "a", 1)
	inA, stopA := runs(t, a.Task("policies"))
	eventually(t, "one works", inA.Load)
	kv, err := js.KeyValue(t.Context(), leases.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "policies", []byte("what is this")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it stops", func() bool { return !inA.Load() })
	eventually(t, "it works again", inA.Load)
	if err := kv.Delete(t.Context(), "policies"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it stops", func() bool { return !inA.Load() })
	eventually(t, "it works again", inA.Load)
	stopA()
	if err := js.DeleteKeyValue(t.Context(), leases.Bucket); err != nil {
		t.Fatal(err)
	}
	inB, _ := runs(t, open(t, conn, "b", 1).Task("policies"))
	eventually(t, "another works", inB.Load)
}

// Of three servers the one that leads is stopped: the task goes on, or goes over.
func TestOneOfThreeServersIsLost(t *testing.T) {
	servers := natstest.Cluster(t, 3)
	var working []*atomic.Bool
	for i := range 2 {
		w, _ := runs(t, open(t, natstest.Connect(t, servers), fmt.Sprintf("n%d", i), 3).Task("policies"))
		working = append(working, w)
	}
	one := func() bool { return working[0].Load() != working[1].Load() }
	eventually(t, "one works", one)
	for _, s := range servers {
		if s.JetStreamIsStreamLeader("$G", "KV_"+leases.Bucket) {
			s.Shutdown()
			s.WaitForShutdown()
			break
		}
	}
	eventually(t, "one works without it", one)
}

// childEnv makes the test binary a process that runs a task and answers whether it
// holds it.
const childEnv = "LEASES_TEST_CHILD"

func TestMain(m *testing.M) {
	if file := os.Getenv(childEnv); file != "" {
		if err := child(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(file string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	conn, err := nats.Connect(ctx, file, "child", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer conn.Close()
	l, err := leases.Open(ctx, conn, leases.Options{Node: "child", Replicas: 1, Term: term})
	if err != nil {
		return err
	}
	go l.Task("projections").Run(ctx, func(ctx context.Context) { <-ctx.Done() })
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(l.Task("projections").Held())
	}
	return nil
}

type process struct {
	*exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func startChild(t *testing.T, server *natstest.Server) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self)}
	p.Env = append(os.Environ(), childEnv+"="+natstest.File(t, server))
	p.Stderr = os.Stderr
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended
		_ = p.Wait()
	})
	return p
}

func (p *process) holds(t *testing.T) bool {
	t.Helper()
	if _, err := fmt.Fprintln(p.in); err != nil {
		t.Fatal(err)
	}
	if !p.out.Scan() {
		t.Fatal("the process does not answer")
	}
	return p.out.Text() == "true"
}

// A process that was stopped for longer than a term finds out before it does
// anything that its task is another's.
func TestAHolderThatWasStoppedKnowsWhenItWakes(t *testing.T) {
	server := natstest.Start(t)
	p := startChild(t, server)
	eventually(t, "the process holds the task", func() bool { return p.holds(t) })
	task := open(t, natstest.Connect(t, []*natstest.Server{server}), "here", 1).Task("projections")
	for range 3 {
		here, stop := runs(t, task)
		if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another works", here.Load)
		if err := p.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if before, both := task.Held(), p.holds(t); before && both && task.Held() {
			t.Fatal("it was stopped and believes that it still holds the task")
		}
		stop()
		eventually(t, "the process holds the task again", func() bool { return p.holds(t) })
	}
}

func TestAHolderIsKilled(t *testing.T) {
	server := natstest.Start(t)
	p := startChild(t, server)
	eventually(t, "the process holds the task", func() bool { return p.holds(t) })
	here, _ := runs(t, open(t, natstest.Connect(t, []*natstest.Server{server}), "here", 1).Task("projections"))
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another works", here.Load)
}
