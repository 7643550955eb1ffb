package commands_test

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
)

func takeOver(t *testing.T, o *office, source, prefix string, cases map[string][]string) commands.ImportResult {
	t.Helper()
	h, err := commands.NewImportHistory(o.Journal, source, prefix, nil)
	if err != nil {
		t.Fatal(err)
	}
	for id, activities := range cases {
		if err := h.Case(t.Context(), commands.CaseHistory{
			ID: id, Attributes: []legacy.Attribute{{Name: "channel", Value: "post"}},
			Actions: func(yield func(commands.LegacyAction, error) bool) {
				for i, a := range activities {
					if !yield(commands.LegacyAction{At: time.Unix(int64(i), 0), Activity: a}, nil) {
						return
					}
				}
			},
		}); err != nil {
			t.Fatal(err)
		}
	}
	result, err := h.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func wantResult(t *testing.T, got commands.ImportResult, cases, events, present, skipped int) {
	t.Helper()
	if got.Cases != cases || got.Events != events || got.AlreadyPresent != present || got.Skipped != skipped {
		t.Fatalf("wanted %d cases, %d events, %d present, %d skipped; got %+v", cases, events, present, skipped, got)
	}
}

func TestTakingOverALog(t *testing.T) {
	o := openOffice(t)
	log := map[string][]string{"1": {"a", "b", "b"}, "2": {"a"}}
	wantResult(t, takeOver(t, o, "log", "X-", log), 2, 4, 0, 0)
	if n := count(t, o, "X-1"); n != 4 { // its description and three actions
		t.Fatalf("the first case has %d events", n)
	}
	wantResult(t, takeOver(t, o, "log", "X-", log), 2, 0, 4, 0)
	o.reopen()
	wantResult(t, takeOver(t, o, "log", "X-", log), 2, 0, 4, 0)

	log["1"] = append(log["1"], "c")
	wantResult(t, takeOver(t, o, "log", "X-", log), 2, 1, 4, 0)
	if n := count(t, o, "X-1"); n != 5 {
		t.Fatalf("the grown case has %d events", n)
	}

	refused := takeOver(t, o, "another log", "X-", log)
	wantResult(t, refused, 0, 0, 0, 5)
	if len(refused.Errors) != 2 || !strings.Contains(refused.Errors[0].Message, "--case-prefix") || !strings.Contains(refused.Errors[0].Message, `of the log "log"`) {
		t.Fatalf("a dossier code of another log: %+v", refused.Errors)
	}
	wantResult(t, takeOver(t, o, "another log", "Y-", log), 2, 5, 0, 0)
}

func TestACaseLargerThanOneAppendKeepsItsOrder(t *testing.T) {
	o := openOffice(t)
	var long []string
	for i := range 5001 {
		long = append(long, strings.Repeat("x", 1+i%7))
	}
	log := map[string][]string{"long": long}
	wantResult(t, takeOver(t, o, "log", "", log), 1, 5001, 0, 0)
	wantResult(t, takeOver(t, o, "log", "", log), 1, 0, 5001, 0)
	i := -1
	for e, err := range o.Journal.Read(t.Context(), "dossier-long", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := e.Payload.(legacy.ActionRecorded); ok {
			if i++; a.Activity != long[i] || e.Metadata.OccurredAt.Unix() != int64(i) {
				t.Fatalf("event %d is %q at %s", i, a.Activity, e.Metadata.OccurredAt)
			}
		}
	}
	if i != 5000 {
		t.Fatalf("%d actions are there", i+1)
	}
}

// reads counts how often a stream is read.
type reads struct {
	commands.Journal
	n int
}

func (r *reads) Read(ctx context.Context, stream string, from uint64) iter.Seq2[event.Event, error] {
	r.n++
	return r.Journal.Read(ctx, stream, from)
}

// A long case that has grown everywhere costs one reading of it, not one for
// each of its parts.
func TestALongCaseThatHasGrownIsReadOnce(t *testing.T) {
	o := openOffice(t)
	journal := &reads{Journal: o.Journal}
	take := func(step, n int) commands.ImportResult {
		h, err := commands.NewImportHistory(journal, "log", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		err = h.Case(t.Context(), commands.CaseHistory{ID: "long", Actions: func(yield func(commands.LegacyAction, error) bool) {
			for i := range n {
				if !yield(commands.LegacyAction{At: time.Unix(int64(i*step), 0), Activity: "a"}, nil) {
					return
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		result, err := h.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	wantResult(t, take(2, 6000), 1, 6000, 0, 0)
	wantResult(t, take(1, 12000), 1, 6000, 6000, 0)
	if journal.n != 1 {
		t.Errorf("the case was read %d times", journal.n)
	}
	wantResult(t, take(1, 12000), 1, 0, 12000, 0)
}

func TestACaseWhoseNameCannotBeACodeIsTakenOverUnderAnother(t *testing.T) {
	o := openOffice(t)
	log := map[string][]string{strings.Repeat("x", 600): {"a"}, strings.Repeat("x", 601): {"a"}, "two\nlines": {"a", "b"}, "short": {"a"}}
	wantResult(t, takeOver(t, o, "log", "", log), 4, 5, 0, 0)
	wantResult(t, takeOver(t, o, "log", "", log), 4, 0, 5, 0)
	if n := count(t, o, legacy.Code("", "two\nlines")); n != 3 {
		t.Fatalf("the case has %d events", n)
	}
}

func TestProblemsComeInTheOrderOfTheLog(t *testing.T) {
	o := openOffice(t)
	h, err := commands.NewImportHistory(o.Journal, "log", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	log := map[string][]string{}
	for line := range 40 {
		log[strconv.Itoa(line+1)] = []string{"a"}
	}
	wantResult(t, takeOver(t, o, "another log", "", log), 40, 40, 0, 0)
	for line := 40; line > 0; line-- {
		if err := h.Case(t.Context(), commands.CaseHistory{
			ID: strconv.Itoa(line), Line: line,
			Actions: func(yield func(commands.LegacyAction, error) bool) {
				yield(commands.LegacyAction{At: time.Unix(1, 0), Activity: "a"}, nil)
			},
		}); err != nil {
			t.Fatal(err)
		}
	}
	result, err := h.Finish()
	if err != nil || len(result.Errors) != 40 {
		t.Fatalf("%v, %+v", err, result)
	}
	for i, p := range result.Errors {
		if p.Line != i+1 {
			t.Fatalf("problem %d is of line %d", i, p.Line)
		}
	}
}
