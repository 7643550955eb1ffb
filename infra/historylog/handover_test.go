package historylog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// told is a sink that writes down what it is told, and fails at some point.
type told struct {
	lines  []string
	failAt int
	err    error
}

func (s *told) note(format string, args ...any) error {
	if s.err != nil && len(s.lines) == s.failAt {
		return s.err
	}
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
	return nil
}

func (s *told) Case(c *Case) error      { return s.note("case %v", *c) }
func (s *told) Event(e *Event) error    { return s.note("event %v", *e) }
func (s *told) Problem(p Problem) error { return s.note("problem %v", p) }

func TestASinkBesideTheReaderIsToldTheSameInTheSameOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Given what a reader finds, more than goes over at once, in slices that it
		// uses again.
		var direct, beside told
		over := newHandover(&beside)
		room := make([]Attribute, 8)
		for i := range rapid.IntRange(0, 3*loadItems).Draw(t, "found") {
			attributes := room[:rapid.IntRange(0, 3).Draw(t, "attributes")]
			for k := range attributes {
				attributes[k] = Attribute{Name: "a", Value: fmt.Sprint(i, k), Depth: k}
			}
			var err error
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				e := Event{Case: "c", Line: i, Attributes: attributes}
				err = errors.Join(direct.Event(&e), over.Event(&e))
			case 1:
				c := Case{ID: "c", Line: i, Attributes: attributes}
				err = errors.Join(direct.Case(&c), over.Case(&c))
			default:
				p := Problem{Line: i, Message: "m"}
				err = errors.Join(direct.Problem(p), over.Problem(p))
			}
			if err != nil {
				t.Fatal(err)
			}
		}

		// Then the sink has been told all of it once it has ended.
		if err := over.end(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(direct.lines, beside.lines) {
			t.Fatalf("told %d things, want %d in the same order", len(beside.lines), len(direct.lines))
		}
	})
}

func TestAnErrorOfTheSinkEndsTheReading(t *testing.T) {
	full := errors.New("the disk is full")
	for _, rows := range []int{3, 10 * loadItems} {
		// Given a log and a sink that fails in the middle of it.
		var log strings.Builder
		log.WriteString("case_id,activity,timestamp\n")
		for i := range rows {
			fmt.Fprintf(&log, "c%d,a,2024-01-01T00:00:00Z\n", i)
		}
		sink := &told{failAt: rows / 2, err: full}

		// When it is read.
		_, err := Read(context.Background(), strings.NewReader(log.String()), Options{}, sink)

		// Then the error is the sink's, which is told nothing after it.
		if !errors.Is(err, full) || len(sink.lines) != rows/2 {
			t.Errorf("%d rows: %v after %d, want the sink's error after %d", rows, err, len(sink.lines), rows/2)
		}
	}
}
