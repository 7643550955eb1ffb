package historylog

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// collected is a sink that keeps everything.
type collected struct {
	cases    []Case
	events   []Event
	problems []Problem
}

func (c *collected) Case(k *Case) error {
	kept := *k
	kept.Attributes = slices.Clone(k.Attributes)
	c.cases = append(c.cases, kept)
	return nil
}

func (c *collected) Event(e *Event) error {
	kept := *e
	kept.Attributes = slices.Clone(e.Attributes)
	c.events = append(c.events, kept)
	return nil
}

func (c *collected) Problem(p Problem) error {
	c.problems = append(c.problems, p)
	return nil
}

func read(t testing.TB, text string, opts Options) (*collected, Summary) {
	t.Helper()
	sink := new(collected)
	summary, err := Read(context.Background(), strings.NewReader(text), opts, sink)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Events != len(sink.events) {
		t.Errorf("the summary says %d events, the sink has %d", summary.Events, len(sink.events))
	}
	return sink, summary
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

// problemAt finds the problem of a line that has the words.
func (c *collected) problemAt(t testing.TB, line int, words string) {
	t.Helper()
	for _, p := range c.problems {
		if p.Line == line && strings.Contains(p.Message, words) {
			return
		}
	}
	t.Errorf("no problem at line %d says %q; there are %v", line, words, c.problems)
}
