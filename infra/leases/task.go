package leases

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/elapsed"
	"dossierledger/infra/telemetry"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
)

var tracer = otel.Tracer("dossierledger/infra/leases")

// A holder changes its lease renewals times in a term. It holds the task for
// validNum/validDen of the term after a change: what is left over is for clocks
// that run at different speeds. Others look looks times in a term.
const (
	renewals           = 5
	validNum, validDen = 3, 4
	looks              = 10
)

// givingBack bounds the giving back of a lease; where it fails the term runs out.
const givingBack = 2 * time.Second

// Task is something that one process does at a time. Held and Status may be called
// from any goroutine; Run and Do one after the other.
type Task struct {
	leases *Leases
	name   string
	log    *slog.Logger

	mu       sync.Mutex
	doc      document
	revision uint64
	known    bool            // doc is something that was seen
	seen     elapsed.Reading // after doc at revision was first seen
	held     bool
	renewed  elapsed.Reading // before the change to revision was sent
	failure  string
}

// Run does the work whenever this process holds the task, until ctx ends; then it
// gives the task back. The context of the work ends when the task is lost, or
// another process asks for it; work that ends by itself gives it back too, and is
// begun again by whoever takes the task next.
func (t *Task) Run(ctx context.Context, work func(ctx context.Context)) {
	if t.leases.place == nil {
		work(ctx)
		return
	}
	for ctx.Err() == nil {
		t.contend(ctx, false)
		if t.Held() {
			// Why the work ended is its own to tell.
			_ = t.during(ctx, true, func(ctx context.Context) error { work(ctx); return nil })
		}
		wait(ctx, t.leases.options.Term/looks)
	}
}

// Do asks whoever holds the task to give it over, does the work once and gives the
// task back. It waits for as long as ctx lets it: CodeHeld. Where the task is lost
// meanwhile, the work's context ends, and the error has CodeLost.
func (t *Task) Do(ctx context.Context, work func(ctx context.Context) error) error {
	if t.leases.place == nil {
		return work(ctx)
	}
	for t.contend(ctx, true); !t.Held(); t.contend(ctx, true) {
		if wait(ctx, t.leases.options.Term/looks); ctx.Err() != nil {
			s := t.Status()
			return fault.New(fault.Unavailable, CodeHeld, "the task %s was not given over by %q: %w", t.name, s.Holder, errors.Join(ctx.Err(), errorOf(s.Error)))
		}
	}
	return t.during(ctx, false, work)
}

func errorOf(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

func wait(ctx context.Context, span time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(span - time.Duration(rand.Int64N(int64(span/4)+1))):
	}
}

// Alone reports whether there are no other processes.
func (t *Task) Alone() bool { return t.leases.place == nil }

// Held reports whether this process holds the task at this moment, by its own
// clocks. Whoever is about to do something asks right before it: a process that was
// stopped for a while finds out here, before its context has ended.
func (t *Task) Held() bool {
	if t.leases.place == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heldFor() > 0
}

// heldFor is for how long the task is still held. t.mu is held.
func (t *Task) heldFor() time.Duration {
	if !t.held {
		return 0
	}
	return t.doc.term()*validNum/validDen - t.renewed.AtMost(t.leases.clock())
}

// Status tells how the task stands.
func (t *Task) Status() Status {
	if t.leases.place == nil {
		return Status{Task: t.name, Here: true}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return Status{Task: t.name, Here: t.heldFor() > 0, Holder: t.doc.Holder, Error: t.failure}
}

// contend looks at the lease and takes it where it is free. asking asks its holder
// for it.
func (t *Task) contend(ctx context.Context, asking bool) {
	doc, revision, err := t.leases.place.read(ctx, t.name)
	if err != nil {
		t.failed(ctx, err)
		return
	}
	t.saw(doc, revision)
	me := t.leases.options.Node
	switch {
	case t.free(doc, revision):
		t.take(ctx, revision)
	case asking && doc.Asked != me && revision > 0:
		t.log.Info("a task is asked for", "holder", doc.Holder)
		doc.Asked = me
		if revision, err = t.leases.place.write(ctx, t.name, doc, revision); err == nil {
			t.saw(doc, revision)
		} else if !errors.Is(err, errMoved) {
			t.failed(ctx, err)
		}
	}
}

// saw notes what a lease says, and since when.
func (t *Task) saw(doc document, revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failure = ""
	if !t.known || revision != t.revision {
		t.known, t.doc, t.revision, t.seen = true, doc, revision, t.leases.clock()
	}
}

// free reports whether a lease may be taken at a revision.
func (t *Task) free(doc document, revision uint64) bool {
	me := t.leases.options.Node
	if doc.Holder == me { // it was taken or kept, and the answer was lost
		return true
	}
	if revision > 0 && doc.Holder == "" && (doc.Asked == "" || doc.Asked == me) {
		return true
	}
	term := doc.term()
	if term <= 0 {
		term = t.leases.options.Term
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.AtLeast(t.leases.clock()) >= term
}

func (t *Task) take(ctx context.Context, revision uint64) {
	ctx, span := tracer.Start(ctx, "take task "+t.name)
	began := t.leases.clock()
	doc := document{Holder: t.leases.options.Node, TermMS: t.leases.options.Term.Milliseconds(), Since: time.Now().UTC().Truncate(time.Millisecond)}
	revision, err := t.leases.place.write(ctx, t.name, doc, revision)
	if errors.Is(err, errMoved) { // another was quicker
		span.SetAttributes(attribute.Bool("ledger.lease.taken", false))
		span.End()
		return
	}
	telemetry.End(span, err)
	if err != nil {
		t.failed(ctx, err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.doc.Holder
	t.known, t.doc, t.revision, t.failure = true, doc, revision, ""
	t.held, t.renewed = true, began
	t.leases.metrics.taken.WithLabelValues(t.name).Inc()
	t.log.Info("a task is taken", "before", before)
}

// during does the work while the task is held.
func (t *Task) during(ctx context.Context, yielding bool, work func(context.Context) error) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	for {
		t.mu.Lock()
		left := t.heldFor()
		asked := t.doc.Asked
		t.mu.Unlock()
		if left <= 0 {
			t.lost()
			stop()
			return errors.Join(<-done, fault.New(fault.Unavailable, CodeLost, "the task %s was lost while it was under way", t.name))
		}
		if yielding && asked != "" {
			stop() // and it is kept until the work has ended
		}
		select {
		case err := <-done:
			t.giveBack(ctx)
			return err
		case <-time.After(min(left, t.leases.options.Term/renewals)):
			t.renew(ctx)
		}
	}
}

// renew changes the lease once more. Where that does not succeed in time, the task
// is held no longer.
func (t *Task) renew(outer context.Context) {
	t.mu.Lock()
	doc, revision, left := t.doc, t.revision, t.heldFor()
	t.mu.Unlock()
	if left <= 0 {
		return
	}
	// The work may be ending, and is not to be left without its lease for that.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(outer), left)
	defer cancel()
	for range 2 {
		began := t.leases.clock()
		written, err := t.leases.place.write(ctx, t.name, doc, revision)
		if err == nil {
			t.kept(doc, written, began)
			return
		}
		if errors.Is(err, errMoved) {
			doc, revision, err = t.moved(ctx)
		}
		if err != nil {
			t.failed(ctx, err)
			return
		}
		if revision == 0 {
			return
		}
	}
}

func (t *Task) kept(doc document, revision uint64, began elapsed.Reading) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doc, t.revision, t.renewed, t.failure = doc, revision, began, ""
}

// moved finds out why the lease of a holder is at another revision: it was asked
// for, or a change went through of which no answer came, and then it is kept from
// there; or it was taken, and then the revision is zero.
func (t *Task) moved(ctx context.Context) (document, uint64, error) {
	doc, revision, err := t.leases.place.read(ctx, t.name)
	if err != nil {
		return doc, 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case revision <= t.revision: // an earlier state; the next try will tell
		return doc, 0, nil
	case doc.Holder == t.leases.options.Node:
		t.doc, t.revision = doc, revision
		return doc, revision, nil
	}
	t.doc, t.revision, t.seen = doc, revision, t.leases.clock()
	t.held = false
	return doc, 0, nil
}

func (t *Task) lost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = false
	t.leases.metrics.lost.WithLabelValues(t.name).Inc()
	t.log.Warn("a task is lost: its lease could not be kept", "holder", t.doc.Holder, "error", t.failure)
}

// giveBack lets others take the task at once.
func (t *Task) giveBack(outer context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(outer), givingBack)
	defer cancel()
	ctx, span := tracer.Start(ctx, "give back task "+t.name)
	t.mu.Lock()
	t.held = false
	doc, revision := document{Asked: t.doc.Asked, TermMS: t.doc.TermMS}, t.revision
	t.mu.Unlock()
	revision, err := t.leases.place.write(ctx, t.name, doc, revision)
	telemetry.End(span, err)
	if err != nil {
		t.log.Warn("a task could not be given back; others wait until its term is over", "error", err)
		return
	}
	t.saw(doc, revision)
	t.log.Info("a task is given back", "asked", doc.Asked)
}

// failed shows why the lease cannot be read or changed, and logs it once.
func (t *Task) failed(ctx context.Context, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	t.leases.metrics.failures.WithLabelValues(t.name).Inc()
	t.mu.Lock()
	text := fmt.Sprint(err)
	again := t.failure == text
	t.failure = text
	t.mu.Unlock()
	if !again {
		t.log.WarnContext(ctx, "the lease of a task cannot be reached and is tried again", "error", err)
	}
}
