package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// model is an event store without an engine: the port's definition over a slice.
type model struct {
	ledger []eventstore.Recorded
}

func (m *model) stream(name string) (out []eventstore.Recorded) {
	for _, e := range m.ledger {
		if e.Stream == name {
			out = append(out, e)
		}
	}
	return out
}

// append says what the store must answer: a kind of refusal, or the answer.
func (m *model) append(stream string, expected event.Expected, batch []eventstore.Proposed) (event.Written, string) {
	var found []eventstore.Recorded
	for _, p := range batch {
		if at := slices.IndexFunc(m.ledger, func(e eventstore.Recorded) bool { return e.ID == p.ID }); at >= 0 {
			found = append(found, m.ledger[at])
		}
	}
	for i, e := range found {
		if len(found) != len(batch) || e.Stream != stream || e.Revision != found[0].Revision+uint64(i) {
			return event.Written{}, "reused"
		}
	}
	if n := len(found); n > 0 {
		return event.Written{Revision: found[n-1].Revision, Position: found[n-1].Position, Repeated: true}, ""
	}
	there := uint64(len(m.stream(stream)))
	if !expected.Holds(there > 0, there-1) {
		return event.Written{Revision: there}, "wrong"
	}
	for i, p := range batch {
		m.ledger = append(m.ledger, eventstore.Recorded{ID: p.ID, Type: p.Type, Data: p.Data, Stream: stream,
			Revision: there + uint64(i), Position: uint64(len(m.ledger))})
	}
	return event.Written{Revision: there + uint64(len(batch)) - 1, Position: uint64(len(m.ledger)) - 1}, ""
}

// machine drives a store and the model with the same actions.
type machine struct {
	model model
	disk  *vfs.MemFS
	store *embedded.Store
	// segment bounds the log's segments, so that reads pass from one to the next.
	segment int64
	ids     []uuid.UUID
	sub     eventstore.Subscription
	// seen counts what the subscription has delivered.
	seen int
}

var (
	streamNames = rapid.SampledFrom([]string{"a", "b", "a-1", "hồ-sơ"})
	typeNames   = rapid.SampledFrom([]string{"x.v1", "x.v2", "y.v1"})
)

func (m *machine) Append(t *rapid.T) {
	stream := streamNames.Draw(t, "stream")
	var batch []eventstore.Proposed
	for range rapid.IntRange(1, 4).Draw(t, "size") {
		id := uuid.New()
		if len(m.ids) > 0 && rapid.IntRange(0, 9).Draw(t, "again") == 0 {
			id = rapid.SampledFrom(m.ids).Draw(t, "id")
		}
		if slices.ContainsFunc(batch, func(p eventstore.Proposed) bool { return p.ID == id }) {
			continue
		}
		batch = append(batch, eventstore.Proposed{ID: id, Type: typeNames.Draw(t, "type"),
			Data: []byte(rapid.StringN(0, 20, -1).Draw(t, "data"))})
	}
	m.send(t, stream, batch)
}

// Repeat sends a part of what is already there.
func (m *machine) Repeat(t *rapid.T) {
	events := m.model.stream(streamNames.Draw(t, "stream"))
	if len(events) == 0 {
		t.Skip("nothing to repeat")
	}
	from := rapid.IntRange(0, len(events)-1).Draw(t, "from")
	var batch []eventstore.Proposed
	for _, e := range events[from:min(len(events), from+3)] {
		batch = append(batch, eventstore.Proposed{ID: e.ID, Type: e.Type, Data: e.Data})
	}
	m.send(t, events[0].Stream, batch)
}

func (m *machine) send(t *rapid.T, stream string, batch []eventstore.Proposed) {
	expected := rapid.SampledFrom([]event.Expected{
		event.Any, event.Any, event.None, event.Exists, event.Exact(uint64(rapid.IntRange(0, 12).Draw(t, "revision"))),
	}).Draw(t, "expected")
	for _, p := range batch {
		m.ids = append(m.ids, p.ID)
	}
	want, refusal := m.model.append(stream, expected, batch)
	got, err := m.store.Append(context.Background(), stream, expected, batch...)
	switch refusal {
	case "":
		if err != nil || got != want {
			t.Fatalf("append: %+v, %v; want %+v", got, err, want)
		}
	case "reused":
		if !errors.Is(err, eventstore.ErrIDReused) {
			t.Fatalf("append: %+v, %v; want ErrIDReused", got, err)
		}
	case "wrong":
		var wrong *event.WrongRevision
		if !errors.As(err, &wrong) || wrong.Exists != (want.Revision > 0) || (wrong.Exists && wrong.Actual+1 != want.Revision) {
			t.Fatalf("append: %+v, %v; want a wrong revision with %d events", got, err, want.Revision)
		}
	}
}

func (m *machine) ReadStream(t *rapid.T) {
	name := streamNames.Draw(t, "stream")
	read := eventstore.StreamRead{
		Direction: rapid.SampledFrom([]eventstore.Direction{eventstore.Forwards, eventstore.Backwards}).Draw(t, "direction"),
		Limit:     rapid.IntRange(0, 8).Draw(t, "limit"),
	}
	want := m.model.stream(name)
	exists := len(want) > 0
	if rapid.Bool().Draw(t, "from a revision") {
		from := uint64(rapid.IntRange(0, 20).Draw(t, "from"))
		read.From = &from
		if read.Direction == eventstore.Forwards {
			want = want[min(int(from), len(want)):]
		} else {
			want = want[:min(int(from)+1, len(want))]
		}
	}
	got, err := collect(m.store.ReadStream(context.Background(), name, read))
	if !exists {
		if !errors.Is(err, eventstore.ErrStreamNotFound) {
			t.Fatalf("read of a stream that is not there: %v", err)
		}
		return
	}
	same(t, got, err, cut(want, read.Direction, read.Limit))
}

func (m *machine) ReadAll(t *rapid.T) {
	read := eventstore.AllRead{
		Direction: rapid.SampledFrom([]eventstore.Direction{eventstore.Forwards, eventstore.Backwards}).Draw(t, "direction"),
		Limit:     rapid.IntRange(0, 8).Draw(t, "limit"),
	}
	want := m.model.ledger
	if rapid.Bool().Draw(t, "after a position") {
		after := uint64(rapid.IntRange(0, len(want)+3).Draw(t, "after"))
		read.After = &after
		if read.Direction == eventstore.Forwards {
			want = want[min(int(after)+1, len(want)):]
		} else {
			want = want[:min(int(after), len(want))]
		}
	}
	if rapid.Bool().Draw(t, "filtered") {
		read.Filter = eventstore.Filter{StreamPrefixes: []string{"a"}, TypePrefixes: []string{"x.", "none"}}
		want = slices.DeleteFunc(slices.Clone(want), func(e eventstore.Recorded) bool {
			return !strings.HasPrefix(e.Stream, "a") || !strings.HasPrefix(e.Type, "x.")
		})
	}
	got, err := collect(m.store.ReadAll(context.Background(), read))
	same(t, got, err, cut(want, read.Direction, read.Limit))
}

// Follow takes everything that a subscription has to give.
func (m *machine) Follow(t *rapid.T) {
	ctx := context.Background()
	if m.sub == nil {
		to := eventstore.SubscribeTo{}
		if m.seen > 0 {
			after := uint64(m.seen - 1)
			to.AfterPosition = &after
		}
		sub, err := m.store.Subscribe(ctx, to)
		if err != nil {
			t.Fatal(err)
		}
		m.sub = sub
	}
	for m.seen < len(m.model.ledger) {
		d, err := m.sub.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d.Event != nil {
			same(t, []eventstore.Recorded{*d.Event}, nil, m.model.ledger[m.seen:m.seen+1])
			m.seen++
		}
	}
}

func (m *machine) Restart(t *rapid.T) {
	m.sub = nil
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
}

func (m *machine) open(t *rapid.T) {
	s, err := embedded.Open(context.Background(), embedded.Options{Dir: "ledger", FS: m.disk, SegmentBytes: m.segment}.WithTables(5))
	if err != nil {
		t.Fatal(err)
	}
	m.store = s
}

// Check holds the head after every action.
func (m *machine) Check(t *rapid.T) {
	head, ok, err := m.store.Head(context.Background())
	if err != nil || ok != (len(m.model.ledger) > 0) || (ok && head != uint64(len(m.model.ledger)-1)) {
		t.Fatalf("head %d, %v, %v; the model has %d events", head, ok, err, len(m.model.ledger))
	}
}

func TestStoreDoesWhatTheModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{disk: vfs.NewMem(), segment: rapid.SampledFrom([]int64{0, 300, 2000}).Draw(t, "segment")}
		m.open(t)
		defer func() {
			if err := m.store.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		t.Repeat(rapid.StateMachineActions(m))
	})
}

func cut(events []eventstore.Recorded, d eventstore.Direction, limit int) []eventstore.Recorded {
	events = slices.Clone(events)
	if d == eventstore.Backwards {
		slices.Reverse(events)
	}
	if limit > 0 && len(events) > limit {
		events = events[:limit]
	}
	return events
}

func same(t *rapid.T, got []eventstore.Recorded, err error, want []eventstore.Recorded) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	short := func(events []eventstore.Recorded) string {
		var b strings.Builder
		for _, e := range events {
			fmt.Fprintf(&b, "%d %s@%d %s %s %q\n", e.Position, e.Stream, e.Revision, e.Type, e.ID, e.Data)
		}
		return b.String()
	}
	if short(got) != short(want) {
		t.Fatalf("got\n%swant\n%s", short(got), short(want))
	}
}

func collect(events func(func(eventstore.Recorded, error) bool)) (out []eventstore.Recorded, err error) {
	for e, err := range events {
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
	return out, nil
}
