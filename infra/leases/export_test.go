package leases

import (
	"context"
	"errors"
	"time"

	"dossierledger/infra/elapsed"
)

// Bucket is the name of the bucket.
const Bucket = bucketName

// Net stands between a process and the bucket: what it loses and delays is for
// the test to say.
type Net struct {
	bucket place
	// Reads and Writes, where set, say what becomes of the next call.
	Read  func(actual func() error) error
	Write func(actual func() error) error
	// Earlier documents, for reads of a server that is behind.
	Stale bool
	docs  []document
	revs  []uint64
}

// ErrLost is what a call fails with that the net has lost.
var ErrLost = errors.New("lost on the way")

func (n *Net) read(ctx context.Context, task string) (doc document, revision uint64, err error) {
	if n.Stale && len(n.revs) > 0 {
		return n.docs[0], n.revs[0], nil
	}
	err = n.Read(func() (err error) {
		doc, revision, err = n.bucket.read(ctx, task)
		return err
	})
	if err == nil {
		n.docs, n.revs = append(n.docs, doc), append(n.revs, revision)
		n.docs, n.revs = n.docs[max(0, len(n.docs)-3):], n.revs[max(0, len(n.revs)-3):]
	}
	return doc, revision, err
}

func (n *Net) write(ctx context.Context, task string, doc document, revision uint64) (written uint64, err error) {
	err = n.Write(func() (err error) {
		written, err = n.bucket.write(context.WithoutCancel(ctx), task, doc, revision)
		return err
	})
	return written, err
}

// Through puts a net between leases and their bucket, and gives them a clock.
func (l *Leases) Through(n *Net, clock func() elapsed.Reading) {
	n.bucket = l.place
	l.place, l.clock = n, clock
}

// Step does what the loops of Run and Do do once, for a task that is asked for or not.
func (t *Task) Step(ctx context.Context, asking bool) {
	t.mu.Lock()
	held, left, asked := t.held, t.heldFor(), t.doc.Asked
	t.mu.Unlock()
	switch {
	case held && left <= 0:
		t.lost()
	case held && asked != "" && asked != t.leases.options.Node:
		t.giveBack(ctx)
	case held:
		t.renew(ctx)
	default:
		t.contend(ctx, asking)
	}
}

// GiveBack gives a task back where it is held.
func (t *Task) GiveBack(ctx context.Context) {
	t.mu.Lock()
	held := t.held
	t.mu.Unlock()
	if held {
		t.giveBack(ctx)
	}
}

// Term is the term of the leases of a process.
func (l *Leases) Term() time.Duration { return l.options.Term }
