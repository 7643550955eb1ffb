// Package leases says which of several processes that share a ledger does what
// only one should do at a time: keep the read models, run the policies, deliver
// to a receiver, finish what was cut off.
//
// # A lease
//
// There is one lease for each task: a JSON document in a key-value bucket of NATS
// JetStream, which is changed only from the revision that was seen. Its holder
// changes it again and again. Where it has not changed for its term, whoever wants
// the task takes it over, and of several the first one.
//
// # Whose clock
//
// No process compares its clock with another's. The holder counts from before it
// sent its last change, and stops well before the term is over; others count from
// after they saw that change, and wait for the whole term. So the holder has
// stopped before anybody else begins, whatever a wall clock says, and also after it
// was stopped itself for a while: a holder counts by the longer of the monotonic
// and the wall clock, others by the monotonic clock alone. What is not relied on is
// that clocks are set right, only that they run at the same speed, to a quarter.
//
// A document that is not there says nothing either: it may have been lost with a
// disk. Whoever finds none waits for a term too.
//
// # What a lease does not do
//
// It cannot call back a write that has left the process. A process that is stopped
// between its last look at Held and the write may write after another has taken
// over. So a task may only do what is harmless when two do it: append with an
// expected revision or an id that is taken once, insert rows that have a key and a
// version. The lease is there so that work is done once, not so that it is right.
package leases

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/elapsed"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Codes of this package's faults.
const (
	// CodeUnavailable: the leases in NATS cannot be read or changed.
	CodeUnavailable = "leases.unavailable"
	// CodeHeld: the task was not given over in the time that was given.
	CodeHeld = "leases.held"
	// CodeLost: the lease was lost while the task was under way.
	CodeLost = "leases.lost"
)

// Defaults of Options.
const (
	DefaultReplicas = 3
	DefaultTerm     = 10 * time.Second
)

// Options say how leases are kept.
type Options struct {
	// Node names this process among the others. No two may have the same.
	Node string
	// Replicas is on how many servers leases are kept, where they are not yet: 1, 3 or 5.
	Replicas int
	// Term is after what time of silence a task of this process is taken over. It
	// is written with each lease, so that processes may have different ones.
	Term time.Duration
	// Logger gets what is worth knowing; nil is silent.
	Logger *slog.Logger
}

// Leases are those of one process.
type Leases struct {
	options Options
	place   place // nil where the process is alone
	clock   func() elapsed.Reading
	metrics *metrics

	mu    sync.Mutex
	tasks map[string]*Task
}

// Alone are the leases of a process that shares with nobody: it holds everything.
func Alone() *Leases {
	return &Leases{metrics: newMetrics(), clock: elapsed.Read, tasks: map[string]*Task{}}
}

// Open opens the leases in NATS, and makes their bucket where there is none. The
// connection stays the caller's.
func Open(ctx context.Context, conn *natsgo.Conn, options Options) (*Leases, error) {
	if options.Node == "" {
		return nil, errors.New("leases: a process needs a name")
	}
	if options.Replicas == 0 {
		options.Replicas = DefaultReplicas
	}
	if options.Term <= 0 {
		options.Term = DefaultTerm
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(callWithin))
	if err != nil {
		return nil, fmt.Errorf("leases: %w", err)
	}
	bucket, err := openBucket(ctx, js, options.Replicas)
	if err != nil {
		return nil, err
	}
	l := Alone()
	l.options, l.place = options, bucket
	return l, nil
}

// Register shows who holds what as metrics.
func (l *Leases) Register(to prometheus.Registerer) error {
	if err := l.metrics.register(to, l); err != nil {
		return fmt.Errorf("leases: registering metrics: %w", err)
	}
	return nil
}

// taskName is what JetStream takes as a key, and a label can be.
var taskName = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// Task gives the task of a name, always the same one. A name is permanent: it is
// small letters, digits and hyphens, with dots between words.
func (l *Leases) Task(name string) *Task {
	if !taskName.MatchString(name) {
		panic("leases: a task cannot be called " + name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t, known := l.tasks[name]
	if !known {
		t = &Task{leases: l, name: name, log: slog.New(slog.DiscardHandler)}
		if l.options.Logger != nil {
			t.log = l.options.Logger.With("task", name)
		}
		l.tasks[name] = t
		l.metrics.know(name)
	}
	return t
}

// Status tells how each task stands, in the order of their names.
func (l *Leases) Status() []Status {
	l.mu.Lock()
	var tasks []*Task
	for _, t := range l.tasks {
		tasks = append(tasks, t)
	}
	l.mu.Unlock()
	all := make([]Status, len(tasks))
	for i, t := range tasks {
		all[i] = t.Status()
	}
	slices.SortFunc(all, func(a, b Status) int {
		if a.Task < b.Task {
			return -1
		}
		return 1
	})
	return all
}

// Status tells how a task stands.
type Status struct {
	Task string `json:"task"`
	// Here is true while this process holds it.
	Here bool `json:"here"`
	// Holder is the process that holds it, as far as is known here; empty for none.
	Holder string `json:"holder,omitempty"`
	// Error is why the lease cannot be read or kept at the moment.
	Error string `json:"error,omitempty"`
}

func unavailable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fault.New(fault.Unavailable, CodeUnavailable, "the leases in NATS cannot be reached: %w", err)
}
