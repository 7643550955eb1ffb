package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"dossierledger/infra/web/api"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"
)

// freshRate is how many commands a second are sent while freshness is measured.
const freshRate = 1000

var freshness = Benchmark{
	Name: "freshness",
	About: "From the answer to a command until a search over HTTP shows it, asked with the command's position, while 1,000 commands a second are sent; " +
		"against the same search without waiting for a position.",
	Defaults: Parameters{Events: 10_000, Clients: 64, Repetitions: 3},
	Run: func(ctx context.Context, r *Run) (err error) {
		f, err := newFreshly(ctx, r, r.Events)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.close()) }()
		if err := f.submitSome(ctx); err != nil {
			return err
		}
		if err := f.caughtUp(ctx); err != nil {
			return err
		}
		return r.Compare(ctx, Pair{
			Name: "99 of 100 are seen within", Unit: "ms",
			Subject:  Side{"search that waits", func(ctx context.Context) (Sample, error) { return f.measure(ctx, true) }},
			Baseline: Side{"search that does not", func(ctx context.Context) (Sample, error) { return f.measure(ctx, false) }},
			Goals:    []Goal{AtMost(500)},
		})
	},
}

// freshly measures how long what was written is not seen.
type freshly struct {
	*httpWork
	commands int // for one sample
	regulars []session
	mu       sync.Mutex
	seen     []time.Duration
}

// newFreshly serves a ledger with its read models, and nobody's dossiers yet.
func newFreshly(ctx context.Context, r *Run, commands int) (*freshly, error) {
	dir, err := r.Folder("freshness")
	if err != nil {
		return nil, err
	}
	served, err := serveLedger(ctx, dir, true)
	if err != nil {
		return nil, err
	}
	f := &freshly{httpWork: &httpWork{servedLedger: served, run: r}, commands: commands}
	if f.desk, err = served.desks(); err == nil {
		f.regulars, err = served.citizens("regular", r.Clients)
	}
	if err != nil {
		return nil, errors.Join(err, served.close())
	}
	return f, nil
}

// submitSome hands in the dossiers that are noted upon.
func (f *freshly) submitSome(ctx context.Context) error {
	_, err := f.submit(ctx, f.regulars, f.agencies, min(2000, f.commands))
	return err
}

// close stops the ledger; there is no plain server beside it.
func (f *freshly) close() error { return f.servedLedger.close() }

// errAway says that the read models are not there, or not that far, yet.
var errAway = errors.New("the read models are not there yet")

// lookEvery is of how many commands one is looked for.
const lookEvery = 40

// caughtUpWithin bounds the wait for the read models.
const caughtUpWithin = 10 * time.Minute

// caughtUp waits until the read models have seen everything.
func (f *freshly) caughtUp(ctx context.Context) error {
	head, _, err := f.Store.Head(ctx)
	if err != nil {
		return err
	}
	client := &fasthttp.HostClient{Addr: f.addr, ReadTimeout: time.Minute}
	defer client.CloseIdleConnections()
	for began := time.Now(); ; {
		_, err := f.search(client, 0, &head)
		if err == nil || time.Since(began) > caughtUpWithin || ctx.Err() != nil || !errors.Is(err, errAway) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// measure sends commands at a steady rate and looks for some of them.
func (f *freshly) measure(ctx context.Context, wait bool) (Sample, error) {
	f.seen = nil
	client := &fasthttp.HostClient{Addr: f.addr, MaxConns: 2 * f.run.Clients, ReadTimeout: time.Minute}
	defer client.CloseIdleConnections()
	due := make(chan int, f.commands)
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	group.Go(func() error {
		defer close(due)
		for i := range f.commands {
			if early := time.Until(began.Add(time.Duration(i) * time.Second / freshRate)); early > 0 {
				time.Sleep(early)
			}
			select {
			case due <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	looking := make(chan func() error, f.commands/lookEvery+1)
	var looks errgroup.Group
	for range 8 {
		looks.Go(func() error {
			for look := range looking {
				if err := look(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range f.run.Clients {
		group.Go(func() error {
			for i := range due {
				revision, position, err := f.note(client, i)
				if err != nil {
					return err
				}
				if i%lookEvery == 0 {
					answered := time.Now()
					looking <- func() error { return f.look(client, i, revision, position, answered, wait) }
				}
			}
			return nil
		})
	}
	err := group.Wait()
	took := time.Since(began)
	close(looking)
	if err = errors.Join(err, looks.Wait()); err != nil {
		return Sample{}, err
	}
	slices.Sort(f.seen)
	n := len(f.seen)
	if n == 0 {
		return Sample{}, errors.New("nothing was looked for")
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	sample := Sample{Value: ms(f.seen[n*99/100])}
	return sample.With("p50_ms", ms(f.seen[n/2])).With("most_ms", ms(f.seen[n-1])).With("commands_per_s", float64(f.commands)/took.Seconds()), nil
}

// note adds a note to a dossier.
func (f *freshly) note(client *fasthttp.HostClient, i int) (revision, position uint64, err error) {
	n := i % len(f.codes)
	var answer struct{ Revision, Position uint64 }
	err = f.do(client, shot{
		http.MethodPost, api.Prefix + "/dossiers/" + url.PathEscape(f.codes[n]) + "/add-note", f.desk[f.at[n]].token,
		[]byte(`{"text":"Đã gọi điện cho người nộp, hẹn bổ sung vào thứ Hai","visibility":"internal"}`), http.StatusOK,
	}, nil, &answer)
	return answer.Revision, answer.Position, err
}

// look searches for a dossier until the search shows a revision.
func (f *freshly) look(client *fasthttp.HostClient, i int, revision, position uint64, answered time.Time, wait bool) error {
	from := answered
	if !wait {
		from = time.Now()
	}
	at := &position
	if !wait {
		at = nil
	}
	found, err := f.search(client, i, at)
	if err != nil {
		return err
	}
	took := time.Since(from)
	if wait && found < revision {
		return fmt.Errorf("a search that waited for position %d shows revision %d of dossier %s, which is at %d", position, found, f.codes[i%len(f.codes)], revision)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, took)
	return nil
}

// search finds a dossier as its desk, and tells the revision that is shown.
func (f *freshly) search(client *fasthttp.HostClient, i int, position *uint64) (revision uint64, err error) {
	n := i % len(f.codes)
	path := api.Prefix + "/search?q=" + url.QueryEscape(f.codes[n])
	header := map[string]string{}
	if position != nil {
		path += fmt.Sprint("&position=", *position)
		header["Prefer"] = "wait=20"
	}
	var answer struct{ Items []struct{ Revision uint64 } }
	err = f.do(client, shot{http.MethodGet, path, f.desk[f.at[n]].token, nil, http.StatusOK}, header, &answer)
	if err != nil || len(answer.Items) == 0 {
		return 0, err
	}
	return answer.Items[0].Revision, nil
}

func (f *freshly) do(client *fasthttp.HostClient, s shot, header map[string]string, answer any) error {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	s.into(req, f.addr)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	if err := client.Do(req, res); err != nil {
		return fmt.Errorf("%s %s: %w", s.method, s.path, err)
	}
	if res.StatusCode() == http.StatusServiceUnavailable {
		return fmt.Errorf("%s %s: %w", s.method, s.path, errAway)
	}
	if res.StatusCode() != s.want {
		return fmt.Errorf("%s %s: status %d: %.300s", s.method, s.path, res.StatusCode(), res.Body())
	}
	return json.Unmarshal(res.Body(), answer)
}
