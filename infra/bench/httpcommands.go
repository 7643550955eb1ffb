package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"dossierledger/infra/web/api"
)

var httpCommands = Benchmark{
	Name: "http-commands",
	About: "Commands over HTTP: sign-in checked, decoded, decided, durable, answered; against a Fiber endpoint that only decodes " +
		"the same JSON, asked by the same clients.",
	Defaults: Parameters{Events: 5000, Clients: 64, Repetitions: 5},
	Run: func(ctx context.Context, r *Run) (err error) {
		w, err := newHTTPWork(ctx, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		goals := []Goal{RatioAtLeast(0.3), FigureAtMost("p99_ms", 25)}
		// Whoever submits has signed in before, and has handed in something before.
		regulars, err := w.citizens("regular", r.Clients)
		if err != nil {
			return err
		}
		if _, err := w.submit(ctx, regulars, w.agencies, r.Clients); err != nil {
			return err
		}
		w.codes, w.at = nil, nil
		for _, c := range []struct {
			name string
			side func(ctx context.Context) (Sample, error)
		}{
			{"submit", func(ctx context.Context) (Sample, error) { return w.submit(ctx, regulars, w.agencies, r.Events) }},
			{"submit, all at one agency", func(ctx context.Context) (Sample, error) {
				return w.submit(ctx, regulars, w.agencies[:1], min(r.Events, 6000/r.Repetitions))
			}},
			{"submit, each by somebody never seen before", func(ctx context.Context) (Sample, error) {
				w.crowds++
				crowd, err := w.citizens(fmt.Sprint("crowd-", w.crowds), r.Events)
				if err != nil {
					return Sample{}, err
				}
				return w.submit(ctx, crowd, w.agencies, r.Events)
			}},
		} {
			err := r.Compare(ctx, Pair{
				Name: c.name, Unit: "commands/s", Subject: Side{"ledger", c.side},
				Baseline: Side{"only decoding", func(ctx context.Context) (Sample, error) { return w.decodeSubmissions(ctx, regulars, r.Events) }},
				Goals:    goals,
			})
			if err != nil {
				return err
			}
		}
		for _, c := range []struct {
			name string
			side func(ctx context.Context) (Sample, error)
		}{
			{"receive what was submitted last", w.receiveLast},
			{"receive what was submitted long before", func(ctx context.Context) (Sample, error) { return w.receiveFirst(ctx, r.Events) }},
		} {
			err := r.Compare(ctx, Pair{
				Name: c.name, Unit: "commands/s", Subject: Side{"ledger", c.side},
				Baseline: Side{"only decoding", w.decodeReceptions}, Goals: goals,
			})
			if err != nil {
				return err
			}
		}
		return nil
	},
}

// httpWork is a ledger and a plain server, with what was done on the ledger.
type httpWork struct {
	*servedLedger
	plain  *plainServer
	desk   map[string]session
	run    *Run
	codes  []string // dossiers on which nothing was done yet
	at     []string // their agencies
	crowds int
}

func newHTTPWork(ctx context.Context, r *Run) (*httpWork, error) {
	dir, err := r.Folder("http")
	if err != nil {
		return nil, err
	}
	served, err := serveLedger(ctx, dir, false)
	if err != nil {
		return nil, err
	}
	w := &httpWork{servedLedger: served, run: r}
	if w.plain, err = servePlain(); err == nil {
		w.desk, err = served.desks()
	}
	if err != nil {
		return nil, errors.Join(err, served.close())
	}
	return w, nil
}

func (w *httpWork) close() error { return errors.Join(w.plain.close(), w.servedLedger.close()) }

// submit hands in n dossiers and remembers them.
func (w *httpWork) submit(ctx context.Context, who []session, where []string, n int) (Sample, error) {
	shots := make([]shot, n)
	codes, at := make([]string, n), make([]string, n)
	for i := range shots {
		citizen := who[i%len(who)]
		at[i] = where[i%len(where)]
		shots[i] = shot{http.MethodPost, api.Prefix + "/dossiers", citizen.token, submissionOf(citizen.id, at[i]), http.StatusCreated}
	}
	sample, err := load(ctx, w.addr, w.run.Clients, n, func(i int) shot { return shots[i] }, func(i int, body []byte) error {
		var answer struct {
			Code string `json:"code"`
		}
		err := json.Unmarshal(body, &answer)
		codes[i] = answer.Code
		return err
	})
	w.codes, w.at = append(w.codes, codes...), append(w.at, at...)
	return sample, err
}

func (w *httpWork) decodeSubmissions(ctx context.Context, who []session, n int) (Sample, error) {
	shots := make([]shot, len(who))
	for i, citizen := range who {
		shots[i] = shot{http.MethodPost, "/submit", citizen.token, submissionOf(citizen.id, w.agencies[i%len(w.agencies)]), http.StatusCreated}
	}
	return load(ctx, w.plain.addr, w.run.Clients, 4*n, func(i int) shot { return shots[i%len(shots)] }, nil)
}

var reception = []byte(`{"slip":"TN-2026-000123"}`)

// receiveLast receives the dossiers that were submitted last, as a desk does that
// keeps up; receiveFirst those submitted first, of which no state is remembered
// where there are enough others.
func (w *httpWork) receiveLast(ctx context.Context) (Sample, error) {
	left := max(0, len(w.codes)-w.run.Events)
	codes, at := w.codes[left:], w.at[left:]
	w.codes, w.at = w.codes[:left], w.at[:left]
	return w.receive(ctx, codes, at)
}

func (w *httpWork) receiveFirst(ctx context.Context, n int) (Sample, error) {
	n = min(n, len(w.codes))
	codes, at := w.codes[:n], w.at[:n]
	w.codes, w.at = w.codes[n:], w.at[n:]
	return w.receive(ctx, codes, at)
}

func (w *httpWork) receive(ctx context.Context, codes, at []string) (Sample, error) {
	return load(ctx, w.addr, w.run.Clients, len(codes), func(i int) shot {
		return shot{http.MethodPost, api.Prefix + "/dossiers/" + url.PathEscape(codes[i]) + "/receive", w.desk[at[i]].token, reception, http.StatusOK}
	}, nil)
}

func (w *httpWork) decodeReceptions(ctx context.Context) (Sample, error) {
	return load(ctx, w.plain.addr, w.run.Clients, 4*w.run.Events, func(i int) shot {
		return shot{http.MethodPost, "/receive", w.desk[w.agencies[i%len(w.agencies)]].token, reception, http.StatusOK}
	}, nil)
}
