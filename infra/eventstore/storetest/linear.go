package storetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
)

// A history of what clients asked of a store and were answered is linearizable
// when there is one order of all calls, with each call somewhere between its
// beginning and its end, in which a single stream without concurrency gives the
// same answers. Calls that a crash or a lost connection cut off have no end: they
// took effect once, at any time since, or never.

// Expectations as a history tells them; zero and above is an exact revision.
const (
	expectAny    = -1
	expectNone   = -2
	expectExists = -3
)

// Call is one call to a stream, in or on its way into a history.
type Call struct {
	Number int    `json:"number"`
	Stream string `json:"stream"`
	// IDs are the numbers of the events to append; none is a read.
	IDs      []uint32 `json:"ids,omitempty"`
	Expected int64    `json:"expected,omitempty"`
	// Answer is nil while the call is under way.
	Answer *Answer `json:"answer,omitempty"`
}

// Answer is how a call ended.
type Answer struct {
	// Unknown: with an error that does not say what became of the call.
	Unknown bool `json:"unknown,omitempty"`
	// Done, with the last revision, and whether it had been done before.
	Done     bool   `json:"done,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
	Repeated bool   `json:"repeated,omitempty"`
	// Wrong: the stream was not as expected, but had Length events.
	Wrong  bool   `json:"wrong,omitempty"`
	Length uint64 `json:"length,omitempty"`
	// Reused: an id was there and the rest of the batch was not.
	Reused bool `json:"reused,omitempty"`
	// Read is what a read gave.
	Read []uint32 `json:"read,omitempty"`
}

// History is the calls of many clients in the order in which they began and
// ended. It is safe for concurrent use.
type History struct {
	mu    sync.Mutex
	calls []Call
	began []int64
	ended []int64
	tick  int64
	next  uint32
	// tell, where not nil, gets each call as it begins and as it ends, one JSON
	// object a line, for a history that must outlive this process.
	tell io.Writer
}

// NewHistory makes a history whose events are numbered from first. tell, where
// not nil, gets what Follow reads.
func NewHistory(first uint32, tell io.Writer) *History { return &History{next: first, tell: tell} }

// Next is the first number that no event has.
func (h *History) Next() uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next
}

func (h *History) begin(c Call) Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.Number = len(h.calls)
	h.note(c)
	return c
}

func (h *History) end(c Call, a Answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.Answer = &a
	h.note(c)
}

// note takes the beginning or the end of a call.
func (h *History) note(c Call) {
	h.tick++
	if c.Answer == nil {
		h.calls = append(h.calls, c)
		h.began = append(h.began, h.tick)
		h.ended = append(h.ended, math.MaxInt64)
		for _, id := range c.IDs {
			h.next = max(h.next, id+1)
		}
	} else {
		h.calls[c.Number] = c
		if !c.Answer.Unknown {
			h.ended[c.Number] = h.tick
		}
	}
	if h.tell == nil {
		return
	}
	line, err := json.Marshal(c)
	if err != nil {
		panic(err) // it has nothing that JSON cannot say
	}
	// A line is written before the call begins and after it has ended, so that
	// what is read tells calls longer than they were, never shorter.
	_, _ = h.tell.Write(append(line, '\n')) // whoever reads it may be gone
}

// Follow reads the history that another process tells until it tells no more. A
// torn last line is the beginning of nothing.
func (h *History) Follow(from io.Reader) error {
	h.mu.Lock()
	first := len(h.calls)
	h.mu.Unlock()
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil
		}
		var c Call
		if err := json.Unmarshal(line, &c); err != nil {
			return fmt.Errorf("history line %q: %w", line, err)
		}
		h.mu.Lock()
		c.Number += first
		h.note(c)
		h.mu.Unlock()
	}
}

// idSpace is where numbers of events become ids.
var idSpace = uuid.MustParse("9d2a1f3e-0c55-4b1e-8a83-6a4f3c1de001")

// Append makes one append of numbered events and notes it.
func (h *History) Append(ctx context.Context, s eventstore.Store, stream string, expected int64, ids ...uint32) Answer {
	batch := make([]eventstore.Proposed, len(ids))
	for i, id := range ids {
		text := fmt.Append(nil, id)
		batch[i] = eventstore.Proposed{ID: uuid.NewSHA1(idSpace, text), Type: "linear.v1", Data: text}
	}
	c := h.begin(Call{Stream: stream, IDs: ids, Expected: expected})
	written, err := s.Append(ctx, stream, expectation(expected), batch...)
	a := Answer{Done: err == nil, Revision: written.Revision, Repeated: written.Repeated}
	if wrong, ok := errors.AsType[*event.WrongRevision](err); ok {
		a = Answer{Wrong: true}
		if wrong.Exists {
			a.Length = wrong.Actual + 1
		}
	} else if err != nil {
		a = Answer{Reused: errors.Is(err, eventstore.ErrIDReused)}
		a.Unknown = !a.Reused
	}
	h.end(c, a)
	return a
}

func expectation(e int64) event.Expected {
	switch e {
	case expectAny:
		return event.Any
	case expectNone:
		return event.None
	case expectExists:
		return event.Exists
	}
	return event.Exact(uint64(e))
}

// Read reads a whole stream and notes it. An error other than that the stream
// does not exist is noted as unknown, and returned.
func (h *History) Read(ctx context.Context, s eventstore.Store, stream string) ([]uint32, error) {
	c := h.begin(Call{Stream: stream})
	a := Answer{Read: []uint32{}}
	var failed error
	for e, err := range s.ReadStream(ctx, stream, eventstore.StreamRead{}) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			break
		}
		var id uint32
		if err == nil {
			_, err = fmt.Sscan(string(e.Data), &id)
		}
		if err != nil {
			a, failed = Answer{Unknown: true}, err
			break
		}
		a.Read = append(a.Read, id)
	}
	h.end(c, a)
	return a.Read, failed
}

// Act lets clients act on streams, each for a number of calls or until ctx ends:
// they append what they expect to fit and what does not, repeat themselves, and read.
func (h *History) Act(ctx context.Context, s eventstore.Store, streams []string, clients, calls int, seed uint64) {
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c := client{history: h, store: s, random: rand.New(rand.NewPCG(seed, uint64(i))), lengths: map[string]int64{}}
			for range calls {
				if ctx.Err() != nil {
					return
				}
				c.act(ctx, streams[c.random.IntN(len(streams))])
			}
		})
	}
	all.Wait()
}

// client is one of those who act. It remembers what it was told last.
type client struct {
	history *History
	store   eventstore.Store
	random  *rand.Rand
	lengths map[string]int64
	last    Call
}

func (c *client) act(ctx context.Context, stream string) {
	h := c.history
	switch n := c.random.IntN(10); {
	case n < 2:
		if ids, err := h.Read(ctx, c.store, stream); err == nil {
			c.lengths[stream] = int64(len(ids))
		}
	case n < 4 && c.last.IDs != nil:
		// The same again, after an answer or without one.
		h.Append(ctx, c.store, c.last.Stream, c.last.Expected, c.last.IDs...)
	default:
		expected := c.lengths[stream] - 1
		switch {
		case c.random.IntN(4) == 0:
			expected = []int64{expectAny, expectNone, expectExists}[c.random.IntN(3)]
		case expected < 0:
			expected = expectNone
		}
		ids := h.numbers(1 + c.random.IntN(3))
		c.last = Call{Stream: stream, Expected: expected, IDs: ids}
		switch a := h.Append(ctx, c.store, stream, expected, ids...); {
		case a.Done:
			c.lengths[stream] = int64(a.Revision) + 1
		case a.Wrong:
			c.lengths[stream] = int64(a.Length)
		}
	}
}

func (h *History) numbers(n int) []uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = h.next
		h.next++
	}
	return ids
}

// Check holds the history to a single order, stream by stream, and to having
// something in it.
func (h *History) Check(t testing.TB) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	byStream := map[string][]porcupine.Operation{}
	done, cutOff := 0, 0
	for i, c := range h.calls {
		a := c.Answer
		if a == nil || a.Unknown {
			a = &Answer{Unknown: true}
			cutOff++
			if c.IDs == nil {
				continue // a read that was not answered says nothing
			}
		} else if a.Done {
			done++
		}
		byStream[c.Stream] = append(byStream[c.Stream], porcupine.Operation{Input: c, Call: h.began[i], Output: *a, Return: h.ended[i]})
	}
	t.Logf("%d calls on %d streams, %d appends done, %d cut off", len(h.calls), len(byStream), done, cutOff)
	if done == 0 {
		t.Error("no append was done, so nothing was shown")
	}
	for stream, ops := range byStream {
		if !porcupine.CheckOperations(oneStream, ops) {
			t.Errorf("the calls to %s have no single order:\n%s", stream, describe(ops))
		}
	}
}

func describe(ops []porcupine.Operation) string {
	var text strings.Builder
	for _, op := range ops {
		c, end := op.Input.(Call), fmt.Sprint(op.Return)
		if op.Return == math.MaxInt64 {
			end = "…"
		}
		fmt.Fprintf(&text, "%d–%s: %v expecting %d: %+v\n", op.Call, end, c.IDs, c.Expected, op.Output)
	}
	return text.String()
}

// oneStream is one stream without concurrency. Its state is the numbers of its
// events, four bytes each, in a string: it is compared often and never changed.
var oneStream = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		return step(state.(string), input.(Call), output.(Answer))
	},
}

func step(state string, c Call, a Answer) (bool, string) {
	length := uint64(len(state) / 4)
	if c.IDs == nil {
		return slices.Equal(a.Read, decode(state)), state
	}
	batch := encode(c.IDs)
	if at := find(state, batch); at >= 0 {
		return a.Unknown || a.Done && a.Repeated && a.Revision == uint64(at/4+len(c.IDs)-1), state
	}
	for i := range c.IDs {
		if find(state, batch[4*i:4*i+4]) >= 0 {
			return a.Unknown || a.Reused, state
		}
	}
	if !expectation(c.Expected).Holds(length > 0, length-1) {
		return a.Unknown || a.Wrong && a.Length == length, state
	}
	return a.Unknown || a.Done && !a.Repeated && a.Revision == length+uint64(len(c.IDs))-1, state + batch
}

func encode(ids []uint32) string {
	out := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		out = append(out, byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
	}
	return string(out)
}

func decode(state string) []uint32 {
	ids := make([]uint32, len(state)/4)
	for i := range ids {
		ids[i] = uint32(state[4*i])<<24 | uint32(state[4*i+1])<<16 | uint32(state[4*i+2])<<8 | uint32(state[4*i+3])
	}
	return ids
}

// find gives the place of a batch in a state, or -1.
func find(state, batch string) int {
	for at := 0; at+len(batch) <= len(state); at += 4 {
		if state[at:at+len(batch)] == batch {
			return at
		}
	}
	return -1
}
