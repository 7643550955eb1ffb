package bench

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"

	"dossierledger/infra/web/api"
)

var httpTimeline = Benchmark{
	Name: "http-timeline",
	About: "Timelines over HTTP, of dossiers drawn in turn: sign-in checked, rights looked at, the newest revision looked up, answered; " +
		"against a Fiber endpoint that sends the same bytes, asked by the same clients.",
	Defaults: Parameters{Events: 20_000, Clients: 64, Repetitions: 5},
	Run: func(ctx context.Context, r *Run) (err error) {
		w, err := newHTTPWork(ctx, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		citizens, err := w.citizens("regular", r.Clients)
		if err != nil {
			return err
		}
		dossiers := min(r.Events, 4000)
		if _, err := w.submit(ctx, citizens, w.agencies, dossiers); err != nil {
			return err
		}
		codes, at := w.codes, w.at
		for len(w.codes) > 0 {
			if _, err := w.receiveFirst(ctx, r.Events); err != nil {
				return err
			}
		}
		w.codes, w.at = codes, at
		for _, c := range []struct {
			name string
			of   int
			goal float64
		}{
			{"of 500 dossiers", 500, 0.4},
			{"of 4,000 dossiers", 4000, 0.4},
		} {
			err := r.Compare(ctx, Pair{
				Name: c.name, Unit: "answers/s",
				Subject:  Side{"ledger", func(ctx context.Context) (Sample, error) { return w.timelines(ctx, r.Events, min(c.of, dossiers)) }},
				Baseline: Side{"only sending", w.sendOnly},
				Goals:    []Goal{RatioAtLeast(c.goal), FigureAtMost("p99_ms", 25)},
			})
			if err != nil {
				return err
			}
		}
		return nil
	},
}

// timelines asks n times for the timelines of some dossiers, each as the desk that
// has it, or as anybody.
func (w *httpWork) timelines(ctx context.Context, n, of int) (Sample, error) {
	var once sync.Once
	return load(ctx, w.addr, w.run.Clients, n, func(i int) shot {
		d := (i * 7919) % of
		s := timelineOf(w.codes[d])
		if i%4 > 0 {
			s.token = w.desk[w.at[d]].token
		}
		return s
	}, func(i int, body []byte) error {
		if i%4 > 0 {
			once.Do(func() { w.plain.sent = bytes.Clone(body) })
		}
		return nil
	})
}

// timelineOf asks for a dossier's timeline as anybody.
func timelineOf(code string) shot {
	return shot{method: http.MethodGet, path: api.Prefix + "/dossiers/" + url.PathEscape(code) + "/timeline", want: http.StatusOK}
}

// sendOnly sends as many bytes. The order of a pair's sides changes, so the
// bytes may have to be fetched first.
func (w *httpWork) sendOnly(ctx context.Context) (Sample, error) {
	if w.plain.sent == nil {
		if _, err := w.timelines(ctx, 2, 1); err != nil { // as anybody, and as the desk
			return Sample{}, err
		}
	}
	return load(ctx, w.plain.addr, w.run.Clients, w.run.Events, func(int) shot {
		return shot{http.MethodGet, "/timeline", w.desk[w.agencies[0]].token, nil, http.StatusOK}
	}, nil)
}
