package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"dossierledger/commands"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/ledger"
)

// history is a log as an older system keeps it: cases that take one of some
// paths, a few of which most take. It is shaped like the receipt log of a
// municipality: 27 activities, 48 resources, some six actions a case.
type history struct {
	activities, resources []string
	cases                 [][]historyAction
	events                int
}

type historyAction struct {
	at       time.Time
	activity int
	resource int
}

// newHistory draws a history of about some events, the same each time.
func newHistory(events int) *history {
	random := rand.New(rand.NewPCG(1, 2))
	h := &history{}
	for i := range 27 {
		h.activities = append(h.activities, fmt.Sprintf("T%02d Determine and decide on part %d of a request", i, i))
	}
	for i := range 48 {
		h.resources = append(h.resources, fmt.Sprintf("Resource%02d", i))
	}
	paths := make([][]int, 116)
	for i := range paths {
		paths[i] = []int{0}
		for range 2 + random.IntN(8) {
			paths[i] = append(paths[i], 1+random.IntN(26))
		}
	}
	begin := time.Date(2011, 1, 3, 8, 0, 0, 0, time.UTC)
	for h.events < events {
		// Squared, so that few paths are taken by most.
		path := paths[int(random.Float64()*random.Float64()*random.Float64()*float64(len(paths)))]
		at := begin.Add(time.Duration(random.Int64N(int64(400 * 24 * time.Hour))))
		actions := make([]historyAction, len(path))
		for i, activity := range path {
			actions[i] = historyAction{at: at.Truncate(time.Millisecond), activity: activity, resource: random.IntN(len(h.resources))}
			at = at.Add(time.Duration(random.ExpFloat64() * float64(30*time.Hour)))
		}
		h.cases = append(h.cases, actions)
		h.events += len(actions)
	}
	return h
}

// importInto takes a history over into a ledger.
func (h *history) importInto(ctx context.Context, t *tables) error {
	_, err := h.takeOver(ctx, t.ledger.Journal, 0, len(h.cases))
	return err
}

// takeOver takes n cases over, numbered from first on: behind the last the cases
// are repeated under other identifiers. It tells how many events that are.
func (h *history) takeOver(ctx context.Context, journal commands.Journal, first, n int) (events int, err error) {
	importing, err := commands.NewImportHistory(journal, "bench", "", nil)
	if err != nil {
		return 0, err
	}
	for i := first; i < first+n; i++ {
		actions := h.cases[i%len(h.cases)]
		c := commands.CaseHistory{ID: caseID(i), Line: i + 1, Actions: func(yield func(commands.LegacyAction, error) bool) {
			for _, a := range actions {
				if !yield(commands.LegacyAction{At: a.at, Activity: h.activities[a.activity], Resource: h.resources[a.resource]}, nil) {
					return
				}
			}
		}}
		if err = importing.Case(ctx, c); err != nil {
			break
		}
	}
	result, finished := importing.Finish()
	return result.Events, errors.Join(err, finished)
}

// caseID is the identifier of a case, and the code of the dossier that it becomes.
func caseID(i int) string { return fmt.Sprintf("case-%07d", i) }

// fill grows a ledger that others use meanwhile by histories taken over.
type fill struct {
	history *history
	cases   int // taken over so far
}

func newFill(events int) *fill { return &fill{history: newHistory(min(events, receiptEvents))} }

// upTo takes cases over, and at least some, until the ledger has about so many
// events, and tells how many it has then.
func (f *fill) upTo(ctx context.Context, l *ledger.Ledger, size, least int) (events int, err error) {
	if events, err = eventsIn(ctx, l.Store); err != nil {
		return 0, err
	}
	n := max(least, (size-events)*len(f.history.cases)/f.history.events)
	added, err := f.history.takeOver(ctx, l.Journal, f.cases, n)
	f.cases += n
	return events + added, err
}

// eventsIn counts the events of a store, whose positions have no gaps.
func eventsIn(ctx context.Context, store eventstore.Store) (int, error) {
	head, some, err := store.Head(ctx)
	if err != nil || !some {
		return 0, err
	}
	return int(head) + 1, nil
}
