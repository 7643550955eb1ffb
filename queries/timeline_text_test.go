package queries_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"reflect"
	"testing"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/worktime"
	"dossierledger/infra/ledger"
	"dossierledger/infra/registers"
	"dossierledger/infra/simulator"
	"dossierledger/queries"
	"github.com/google/uuid"
)

// simulated is a ledger with some dossiers, and a clock that stands behind them.
func simulated(t *testing.T, dossiers int) (l *ledger.Ledger, codes []string, now *time.Time) {
	t.Helper()
	end := time.Date(2026, 10, 20, 3, 0, 0, 0, time.UTC)
	now = &end
	l, err := ledger.Open(t.Context(), ledger.Config{Data: t.TempDir(), Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	if _, err := l.Simulate(t.Context(), simulator.Config{Dossiers: dossiers, Seed: 7, From: from, To: from.AddDate(0, 0, 14)}, nil); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for e, err := range l.Journal.ReadAll(t.Context(), nil, dossier.StreamPrefix) {
		if err != nil {
			t.Fatal(err)
		}
		if code, ok := dossier.CodeOf(e.Stream); ok && !seen[code] {
			seen[code] = true
			codes = append(codes, code)
		}
	}
	return l, codes, now
}

// The text of a timeline is the timeline, also when it was asked for before, when
// something has happened since, and when the registers have changed.
func TestTheTextOfATimelineIsTheTimeline(t *testing.T) {
	l, codes, now := simulated(t, 40)
	fresh := func() *queries.Dossiers {
		d, err := queries.NewDossiers(l.Journal, l.Registers, l.Now)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	remembers := fresh()
	check := func(when string) {
		t.Helper()
		for _, code := range codes {
			for _, view := range []queries.View{{}, {Concerned: true}, {Concerned: true, Internal: true}} {
				for _, part := range []struct {
					from  uint64
					limit int
				}{{0, 1000}, {0, 3}, {2, 2}, {5, 1000}, {1000, 10}} {
					c, err := remembers.Load(t.Context(), code)
					if err != nil {
						t.Fatal(err)
					}
					got, err := remembers.TimelineText(t.Context(), c, view, part.from, part.limit)
					if err != nil {
						t.Fatal(err)
					}
					other := fresh()
					if c, err = other.Load(t.Context(), code); err != nil {
						t.Fatal(err)
					}
					timeline, err := other.TimelinePart(t.Context(), c, view, part.from, part.limit)
					if err != nil {
						t.Fatal(err)
					}
					var want bytes.Buffer
					encoder := json.NewEncoder(&want)
					encoder.SetEscapeHTML(false)
					if err := encoder.Encode(timeline); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, want.Bytes()) {
						t.Fatalf("%s, %s from %d, %d entries, %+v:\n%s\nthe timeline is\n%s", when, code, part.from, part.limit, view, got, want.Bytes())
					}
				}
			}
		}
	}
	codes = codes[:12]
	check("asked for the first time")
	check("asked for again")
	made := *now
	*now = made.Add(999 * time.Millisecond)
	for _, code := range codes {
		c, err := remembers.Load(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		text, err := remembers.TimelineText(t.Context(), c, queries.View{}, 0, 1000)
		if err != nil || !bytes.Contains(text, []byte(`"as_of":"`+queries.Instant{Time: made}.String()+`"`)) {
			t.Fatalf("within a second: %v\n%s", err, text)
		}
	}
	*now = made.Add(time.Second)
	check("a second later")
	*now = now.Add(time.Hour)
	check("an hour later")
	for _, code := range codes[:6] {
		staff := event.Actor{ID: "o", Role: event.RoleOfficer, Agency: "none"}
		c, err := remembers.Load(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		staff.Agency = c.State.Competent
		if _, err := l.Dossiers.Act(t.Context(), commands.Request{Actor: staff}, code, dossier.AddNote{Visibility: dossier.Internal, Text: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	check("after a note")
	closed := worktime.HolidayDeclared{Code: "storm", Name: worktime.Name{VI: "Bão", EN: "Storm"}, On: worktime.On(2026, 10, 14), AnnouncedAt: *now, Basis: "CV 1"}
	meta := event.Metadata{OccurredAt: *now, Actor: event.Actor{ID: "ledger", Role: event.RoleSystem}}
	if _, err := l.Journal.Append(t.Context(), worktime.Stream(worktime.National), event.Any, event.New(uuid.New(), meta, closed)); err != nil {
		t.Fatal(err)
	}
	after, _ := l.Registers.Position()
	if err := l.Registers.Load(l.Journal.ReadAll(t.Context(), &after, registers.StreamPrefixes...)); err != nil {
		t.Fatal(err)
	}
	check("after a day off was announced")
}

// reads counts how often streams are read.
type reads struct {
	queries.Journal
	n int
}

func (r *reads) Read(ctx context.Context, stream string, from uint64) iter.Seq2[event.Event, error] {
	r.n++
	return r.Journal.Read(ctx, stream, from)
}

// A timeline that is asked for for the first time takes one read of the stream, and
// is what it is later, when the events have to be read again for another part.
func TestTheFirstTimelineReadsADossierOnce(t *testing.T) {
	l, codes, _ := simulated(t, 10)
	journal := &reads{Journal: l.Journal}
	d, err := queries.NewDossiers(journal, l.Registers, l.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		parts := make([][]queries.Entry, 2)
		for i := range parts {
			journal.n = 0
			c, err := d.Load(t.Context(), code)
			if err != nil {
				t.Fatal(err)
			}
			timeline, err := d.TimelinePart(t.Context(), c, queries.View{Concerned: true}, 1, 3)
			if err != nil {
				t.Fatal(err)
			}
			parts[i] = timeline.Entries
			if want := 1 + i; journal.n != want {
				t.Errorf("%s: %d reads, not %d", code, journal.n, want)
			}
		}
		if !reflect.DeepEqual(parts[0], parts[1]) {
			t.Errorf("%s: first %+v, then %+v", code, parts[0], parts[1])
		}
	}
}
