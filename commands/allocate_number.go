package commands

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// allocateTries bounds how often numbers are asked for when other processes
	// take the same ones; within a process they are given out one after the other.
	allocateTries = 64
	// allocateTime bounds one append of numbers with all its tries.
	allocateTime = 15 * time.Second
	// togetherMax and togetherBytes bound what is given out with one append.
	togetherMax   = 64
	togetherBytes = 2 << 20
	// sequencesKept bounds the sequences whose last number is remembered.
	sequencesKept = 4096
)

// numbers gives out the numbers of sequences. Submissions that ask for numbers
// of one sequence while an append to it is under way get theirs with the next
// append, all of them together: an agency with many submissions waits for one
// write to the disk and not for one each. Whoever comes first writes for all who
// wait, and then leaves the writing to the next. Where the store can, a number and
// its dossier are written with one sync.
type numbers struct {
	journal     Journal
	submissions Submissions

	mu     sync.Mutex
	queues map[string][]*wanted // by stream; there while somebody writes to it
	// last is the newest revision of sequences written to lately. It can be old
	// when another process writes too, which the append notices.
	last *lru.Cache[string, event.Expected]
	// read are the allocations of sequences in which a repeat was looked for.
	read *lru.Cache[string, *sequenceIDs]
}

// wanted is a number that somebody waits for.
type wanted struct {
	*submission
	id    uuid.UUID // of the allocation
	given allocated
	err   error
	// calls wakes who waits, at most twice: to write, and to take given or err.
	calls chan call
	// leads says to those who hold the lock that it is this one's turn to write,
	// answered to whose turn it is that given or err is set.
	leads, answered bool
}

// call is what somebody who waits for a number is woken for.
type call int

const (
	turnToWrite call = iota
	answerReady
)

func newWanted(s *submission, id uuid.UUID) *wanted {
	return &wanted{submission: s, id: id, calls: make(chan call, 1)}
}

// answer says that given or err is set.
func (w *wanted) answer() {
	w.answered = true
	w.calls <- answerReady
}

func newNumbers(journal Journal, submissions Submissions) (*numbers, error) {
	last, err := lru.New[string, event.Expected](sequencesKept)
	if err != nil {
		return nil, fmt.Errorf("commands: %w", err)
	}
	read, err := lru.New[string, *sequenceIDs](sequencesKept)
	if err != nil {
		return nil, fmt.Errorf("commands: %w", err)
	}
	return &numbers{journal: journal, submissions: submissions, queues: map[string][]*wanted{}, last: last, read: read}, nil
}

// give waits for a number. A caller that goes away before its number is written
// uses none; afterwards it has one, whether it waits or not, and a repeat with
// the same key finds it.
func (n *numbers) give(ctx context.Context, stream string, w *wanted) (allocated, error) {
	n.join(stream, w)
	select {
	case woken := <-w.calls:
		if woken == turnToWrite {
			n.lead(context.WithoutCancel(ctx), stream)
			<-w.calls // it was the first of those who waited
		}
	case <-ctx.Done():
		if n.leave(stream, w) {
			return allocated{}, ctx.Err()
		}
		<-w.calls
	}
	return w.given, w.err
}

func (n *numbers) join(stream string, w *wanted) {
	n.mu.Lock()
	defer n.mu.Unlock()
	waiting, busy := n.queues[stream]
	n.queues[stream] = append(waiting, w)
	if !busy {
		n.pass(stream)
	}
}

// pass makes the first of those who wait the next to write. The lock is held.
func (n *numbers) pass(stream string) {
	waiting := n.queues[stream]
	if len(waiting) == 0 {
		delete(n.queues, stream)
		return
	}
	waiting[0].leads = true
	waiting[0].calls <- turnToWrite
}

// leave takes back a wish that nobody has begun to fulfil.
func (n *numbers) leave(stream string, w *wanted) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, other := range n.queues[stream] {
		if other == w {
			n.queues[stream] = append(n.queues[stream][:i:i], n.queues[stream][i+1:]...)
			if w.leads {
				n.pass(stream)
			}
			return true
		}
	}
	return false
}

// lead gives out numbers to those who wait and, whatever happens, leaves nobody
// without an answer and the writing to the next.
func (n *numbers) lead(ctx context.Context, stream string) {
	batch := n.take(stream)
	defer func() {
		if r := recover(); r != nil {
			err := fmt.Errorf("allocate a dossier code in %s: panic: %v\n%s", stream, r, debug.Stack())
			for _, w := range batch {
				if !w.answered && !n.waits(stream, w) {
					refuse([]*wanted{w}, err)
				}
			}
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.pass(stream)
	}()
	n.write(ctx, stream, batch)
}

// waits reports whether somebody is among those who wait.
func (n *numbers) waits(stream string, w *wanted) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.queues[stream], w)
}

// take gives those whose numbers are written next. Two requests with the same
// key do not go together: the second is a repeat of the first.
func (n *numbers) take(stream string) []*wanted {
	n.mu.Lock()
	defer n.mu.Unlock()
	waiting := n.queues[stream]
	batch := make([]*wanted, 0, min(len(waiting), togetherMax))
	var rest []*wanted
	for i, w := range waiting {
		if len(batch) == togetherMax {
			rest = append(rest, waiting[i:]...)
			break
		}
		if slices.ContainsFunc(batch, func(other *wanted) bool { return other.id == w.id }) {
			rest = append(rest, w)
			continue
		}
		batch = append(batch, w)
	}
	n.queues[stream] = rest
	return batch
}

// write gives each of a batch its number, or the reason why it gets none.
func (n *numbers) write(ctx context.Context, stream string, batch []*wanted) {
	ctx, cancel := context.WithTimeout(ctx, allocateTime)
	defer cancel()
	for try := 1; ; try++ {
		expected, err := n.next(ctx, stream)
		if err != nil {
			refuse(batch, err)
			return
		}
		rest, err := n.unrepeated(ctx, stream, expected, batch)
		if err != nil {
			refuse(batch, err)
			return
		}
		batch = rest
		var events []event.Event
		if batch, events = n.encode(ctx, stream, expected, batch); len(batch) == 0 {
			return
		}
		written, err := n.append(ctx, stream, expected, batch, events)
		wrong, beaten := errors.AsType[*event.WrongRevision](err)
		repeated := isRepeat(written, err)
		switch {
		case err == nil && !written.Repeated:
			n.last.Add(stream, event.Exact(written.Revision))
			for _, w := range batch {
				w.answer()
			}
			return
		case repeated && len(batch) > 1:
			// Somebody among them repeats a request; alone it is seen who.
			for i := range batch {
				n.write(ctx, stream, batch[i:i+1])
			}
			return
		case repeated:
			n.repeat(ctx, stream, batch[0], written, err)
			return
		case !beaten || try == allocateTries:
			n.last.Remove(stream)
			refuse(batch, fmt.Errorf("allocate a dossier code in %s: %w", stream, err))
			return
		}
		n.last.Add(stream, endOf(wrong))
	}
}

// append appends the allocations of a batch, and with them the submissions where
// that can be done in one go.
func (n *numbers) append(ctx context.Context, stream string, expected event.Expected, batch []*wanted, events []event.Event) (event.Written, error) {
	written, ok, err := n.submissions.AppendAllocated(ctx, stream, expected, events)
	if err != nil {
		return event.Written{}, err
	}
	if !ok {
		return n.journal.Append(ctx, stream, expected, events...)
	}
	for i, w := range batch {
		w.given.written = &written[1+i]
	}
	return written[0], nil
}

func refuse(batch []*wanted, err error) {
	for _, w := range batch {
		w.given, w.err = allocated{}, err
		w.answer()
	}
}

// endOf is the expectation that would have held.
func endOf(wrong *event.WrongRevision) event.Expected {
	if !wrong.Exists {
		return event.None
	}
	return event.Exact(wrong.Actual)
}

// next is where a sequence ends, which makes the numbers behind it ours alone.
func (n *numbers) next(ctx context.Context, stream string) (event.Expected, error) {
	if known, ok := n.last.Get(stream); ok {
		return known, nil
	}
	for e, err := range n.submissions.ReadBack(ctx, stream, 1) {
		if fault.KindOf(err) == fault.NotFound {
			break
		}
		if err != nil {
			return event.Any, fmt.Errorf("read %s: %w", stream, err)
		}
		return event.Exact(e.Revision), nil
	}
	return event.None, nil
}

// encode makes the allocations of a batch, numbered on from where the sequence
// ends. Whoever cannot have one is told so and left out; what would make the
// append too large goes back to the head of the queue.
func (n *numbers) encode(ctx context.Context, stream string, end event.Expected, batch []*wanted) ([]*wanted, []event.Event) {
	first := uint64(1)
	if revision, exists := end.Revision(); exists {
		first = revision + 2
	}
	for len(batch) > 0 {
		for i, w := range batch {
			w.number(ctx, first+uint64(i))
		}
		good := make([]*wanted, 0, len(batch))
		for _, w := range batch {
			switch _, exists := end.Revision(); {
			case w.err == nil:
				good = append(good, w)
			case exists && w.req.Key != "" && errors.Is(w.err, dossier.ErrCodesUsedUp):
				n.usedUp(ctx, stream, w)
			default:
				refuse([]*wanted{w}, w.err)
			}
		}
		if len(good) < len(batch) {
			batch = good // those behind the gap get other numbers
			continue
		}
		batch = n.fit(stream, batch)
		events := make([]event.Event, len(batch))
		for i, w := range batch {
			events[i] = event.New(w.id, w.req.metadata(w.now), w.given.NumberAllocated)
		}
		return batch, events
	}
	return nil, nil
}

// number encodes the submission under a number. A panic is that submission's
// alone, as it would be in the goroutine of its request.
func (w *wanted) number(ctx context.Context, number uint64) {
	defer func() {
		if r := recover(); r != nil {
			w.err = fmt.Errorf("submit: panic: %v\n%s", r, debug.Stack())
		}
	}()
	w.given.NumberAllocated, w.err = w.encode(ctx, number)
}

// fit keeps as many as one append may hold, at least one.
func (n *numbers) fit(stream string, batch []*wanted) []*wanted {
	size := 0
	for i, w := range batch {
		for _, e := range w.given.Submission {
			size += len(e.Data) + len(e.Metadata)
		}
		if size > togetherBytes && i > 0 {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.queues[stream] = append(batch[i:len(batch):len(batch)], n.queues[stream]...)
			return batch[:i]
		}
	}
	return batch
}

// usedUp answers who gets no number because there is none left: the request may
// repeat one that got a number, which only the store can tell. It is asked with an
// append that cannot add anything, since the sequence exists.
func (n *numbers) usedUp(ctx context.Context, stream string, w *wanted) {
	probe := event.New(w.id, w.req.metadata(w.now), dossier.NumberAllocated{})
	written, err := n.journal.Append(ctx, stream, event.None, probe)
	_, absent := errors.AsType[*event.WrongRevision](err)
	switch {
	case isRepeat(written, err):
		n.repeat(ctx, stream, w, written, err)
	case absent:
		refuse([]*wanted{w}, w.err)
	default:
		refuse([]*wanted{w}, fmt.Errorf("allocate a dossier code in %s: %w", stream, err))
	}
}

// isRepeat says whether an append found that events of the same ids are there already.
func isRepeat(written event.Written, err error) bool {
	return err == nil && written.Repeated || fault.CodeOf(err) == "eventstore.id-reused"
}

// repeat answers a request whose allocation is in the ledger already.
func (n *numbers) repeat(ctx context.Context, stream string, w *wanted, written event.Written, err error) {
	switch {
	case err == nil:
		w.given, w.err = w.earlier(ctx, stream, w.id, &written.Revision)
	case w.req.Key != "":
		w.given, w.err = w.otherDays(ctx, w.id)
	default:
		w.given, w.err = allocated{}, fmt.Errorf("allocate a dossier code in %s: %w", stream, err)
	}
	w.answer()
}
