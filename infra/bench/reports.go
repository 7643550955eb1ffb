package bench

import (
	"context"
	"errors"
	"time"

	"dossierledger/queries"
)

var reports = Benchmark{
	Name: "reports",
	About: "Reports, warm, over a history shaped like the receipt log of a municipality, and over handled dossiers; " +
		"where there is one, against a plain recount in Go of the history that lies decoded in memory.",
	Defaults: Parameters{Events: 1_000_000, Repetitions: 5},
	Run: func(ctx context.Context, r *Run) (err error) {
		t, err := openTables(ctx, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		h := newHistory(r.Events)
		r.Say("taking over %d events of %d cases", h.events, len(h.cases))
		if err := h.importInto(ctx, t); err != nil {
			return err
		}
		// Dossiers of the ledger's own, for the reports that histories have nothing for.
		now := time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC)
		simulated := min(1000, r.Events/10)
		if err := t.simulate(ctx, simulated, now); err != nil {
			return err
		}
		if err := t.merge(ctx, "dossiers", "events", "steps"); err != nil {
			return err
		}
		own, history := queries.Filter{Source: queries.OwnSource}, queries.Filter{Source: "bench"}
		from, to := time.Date(2011, 4, 1, 0, 0, 0, 0, time.UTC), time.Date(2011, 7, 1, 0, 0, 0, 0, time.UTC)
		window := history
		window.From, window.To = &from, &to
		activity := func(a historyAction) int { return a.activity }
		resource := func(a historyAction) int { return a.resource }
		for _, c := range []struct {
			report, name string
			filter       queries.Filter
			opts         queries.Options
			recount      func() int
			limit        float64 // ms
		}{
			{"dfg", "dfg", history, queries.Options{}, h.recountEdges, 100},
			{"dfg", "dfg, of everything", queries.Filter{}, queries.Options{}, h.recountEdges, 100},
			{"dfg", "dfg, cases of a quarter", window, queries.Options{}, nil, 100},
			{"dfg", "dfg in working time", history, queries.Options{Working: true}, nil, 100},
			{"variants", "variants", history, queries.Options{}, h.recountVariants, 43},
			{"variants", "variants, cases of a quarter", window, queries.Options{}, nil, 43},
			{"durations", "durations", history, queries.Options{}, h.recountDurations, 74},
			{"durations", "durations, cases of a quarter", window, queries.Options{}, nil, 74},
			{"summary", "summary", history, queries.Options{}, nil, 100},
			{"activities", "activities", history, queries.Options{}, func() int { return h.recountActivities(activity) }, 100},
			{"starts-ends", "starts-ends", history, queries.Options{}, h.recountEnds, 100},
			{"resources", "resources", history, queries.Options{}, func() int { return h.recountActivities(resource) }, 100},
			{"handover", "handover", history, queries.Options{}, h.recountHandover, 100},
			{"rework", "rework", history, queries.Options{}, h.recountRework, 100},
			{"bottlenecks", "bottlenecks", history, queries.Options{}, nil, 100},
			{"bottlenecks", "bottlenecks, own dossiers", own, queries.Options{}, nil, 100},
			{"on-time", "on-time, own dossiers", own, queries.Options{Now: now}, nil, 100},
			{"transparency", "transparency, own dossiers", own, queries.Options{Now: now}, nil, 100},
		} {
			pair := Pair{
				Name: c.name, Unit: "ms",
				Subject: Side{"report", func(ctx context.Context) (Sample, error) {
					took, err := medianTime(ctx, 5, func(ctx context.Context) error {
						_, err := t.reports.Run(ctx, c.report, c.filter, c.opts)
						return err
					})
					return Sample{Value: took}, err
				}},
				Goals: []Goal{AtMost(c.limit)},
			}
			if c.recount != nil {
				pair.Baseline = Side{"recount in memory", func(ctx context.Context) (Sample, error) {
					took, err := medianTime(ctx, 3, func(context.Context) error {
						if c.recount() == 0 {
							return errors.New("the recount found nothing")
						}
						return nil
					})
					return Sample{Value: took}, err
				}}
			}
			if err := r.Compare(ctx, pair); err != nil {
				return err
			}
		}
		return nil
	},
}
