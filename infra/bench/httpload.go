package bench

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"
)

// shot is one request of a load.
type shot struct {
	method, path, token string
	body                []byte
	want                int // status
}

// load sends n requests to an address from some clients, each of which has a
// connection and one request under way, and tells how many were answered each
// second, with the 50th and 99th hundredth of their times. answered, where not
// nil, sees each answer; it must not keep the body.
func load(ctx context.Context, addr string, clients, n int, shots func(i int) shot, answered func(i int, body []byte) error) (Sample, error) {
	client := &fasthttp.HostClient{Addr: addr, MaxConns: clients, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, n)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range clients {
		group.Go(func() error {
			req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			defer fasthttp.ReleaseRequest(req)
			defer fasthttp.ReleaseResponse(res)
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				s := shots(i)
				s.into(req, addr)
				at := time.Now()
				if err := client.Do(req, res); err != nil {
					return fmt.Errorf("%s %s: %w", s.method, s.path, err)
				}
				took[i] = time.Since(at)
				if res.StatusCode() != s.want {
					return fmt.Errorf("%s %s: status %d: %.300s", s.method, s.path, res.StatusCode(), res.Body())
				}
				if answered != nil {
					if err := answered(i, res.Body()); err != nil {
						return err
					}
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return Sample{}, err
	}
	sample := Rate(n, time.Since(began))
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return sample.With("p50_ms", ms(took[n/2])).With("p99_ms", ms(took[n*99/100])), nil
}

func (s shot) into(req *fasthttp.Request, addr string) {
	req.Reset()
	req.SetRequestURI("http://" + addr + s.path)
	req.Header.SetMethod(s.method)
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	if s.body != nil {
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(s.body)
	}
}
