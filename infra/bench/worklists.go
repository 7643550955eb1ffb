package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dossierledger/queries"
)

var worklists = Benchmark{
	Name: "worklists",
	About: "Lists of dossiers as their number grows, over the same agencies: the first page of an agency's worklist, of an officer's, " +
		"a citizen's own dossiers, and a search by the beginning of a code.",
	Defaults: Parameters{Events: 1_000_000, Repetitions: 5},
	Run: func(ctx context.Context, r *Run) (err error) {
		t, err := openTables(ctx, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		now := time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC)
		simulated := min(2000, r.Events/10)
		if err := t.simulate(ctx, simulated, now); err != nil {
			return err
		}
		asked, err := t.whoAsks(ctx)
		if err != nil {
			return err
		}
		if err := t.keepForCopies(ctx); err != nil {
			return err
		}
		copied := 0
		for _, size := range decades(r.Events, simulated) {
			if add := size/simulated - 1 - copied; add > 0 {
				r.Say("%s dossiers more are copied", thousands(int64(add*simulated)))
				if err := t.multiply(ctx, copied, add); err != nil {
					return err
				}
				copied += add
			}
			for _, q := range asked.questions(t, now) {
				err := r.Grow(ctx, q.name, "ms", ExponentAtMost(0.3), size, func(ctx context.Context) (float64, error) {
					return medianTime(ctx, 9, q.ask)
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	},
}

// asking are those whose lists are measured: the ones with the most to do.
type asking struct {
	Agency  string `ch:"agency"`
	Officer string `ch:"officer"`
	Citizen string `ch:"citizen"`
	Code    string `ch:"code"`
}

func (t *tables) whoAsks(ctx context.Context) (asking, error) {
	var found []asking
	err := t.db.Select(ctx, &found, `
SELECT (SELECT holder_agency FROM dossiers FINAL WHERE status IN (1, 2, 4, 5, 6, 9) GROUP BY holder_agency ORDER BY count() DESC LIMIT 1) AS agency,
       (SELECT holder_officer FROM dossiers FINAL WHERE status IN (1, 2, 4, 5, 6, 9) AND holder_officer != '' GROUP BY holder_officer ORDER BY count() DESC LIMIT 1) AS officer,
       (SELECT min(applicant) FROM dossiers) AS citizen, (SELECT max(code) FROM dossiers) AS code`)
	if err == nil && len(found) != 1 {
		err = errors.New("there are no dossiers to list")
	}
	if err != nil {
		return asking{}, fmt.Errorf("whose lists are measured: %w", err)
	}
	return found[0], nil
}

type question struct {
	name string
	ask  func(ctx context.Context) error
}

func (a asking) questions(t *tables, now time.Time) []question {
	page := func(filter queries.WorklistFilter) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := t.worklists.Page(ctx, filter, queries.WorklistPage{Now: now})
			return err
		}
	}
	find := func(text string, among queries.Among) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := t.worklists.FindDossiers(ctx, text, among, 0)
			return err
		}
	}
	return []question{
		{"an agency's worklist", page(queries.WorklistFilter{Agency: a.Agency})},
		{"an officer's worklist", page(queries.WorklistFilter{Agency: a.Agency, Officer: a.Officer})},
		{"the overdue of an agency", page(queries.WorklistFilter{Agency: a.Agency, OverdueOnly: true})},
		{"a citizen's own dossiers", find("", queries.Among{Subject: a.Citizen})},
		{"a search by code", find(a.Code, queries.Among{Everything: true})},
	}
}

// medianTime asks once without measuring and then some times; milliseconds.
func medianTime(ctx context.Context, times int, ask func(ctx context.Context) error) (float64, error) {
	if err := ask(ctx); err != nil {
		return 0, err
	}
	took := make([]float64, times)
	for i := range took {
		began := time.Now()
		if err := ask(ctx); err != nil {
			return 0, err
		}
		took[i] = float64(time.Since(began).Microseconds()) / 1000
	}
	slices.Sort(took)
	return took[times/2], nil
}
