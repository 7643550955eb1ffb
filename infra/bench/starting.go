package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

var starting = Benchmark{
	Name: "start",
	About: "`ledger serve` on a ledger of histories taken over: the time until it answers that it is ready, and the memory that is resident " +
		"at that moment and after it was left alone for 20 seconds; without and with the embedded ClickHouse engine, whose tables are up to date.",
	Defaults: Parameters{Events: 1_000_000, Repetitions: 3},
	Run: func(ctx context.Context, r *Run) (err error) {
		dir, err := r.Folder("served")
		if err != nil {
			return err
		}
		path, log := r.File("log.xes"), writtenLog(min(r.Events, receiptEvents))
		if _, err := log.writeFile(path, log.times(r.Events)); err != nil {
			return err
		}
		if _, err := r.ran(ctx, "import", path, "--data", dir); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		if _, err := r.ran(ctx, "rebuild", "--data", dir); err != nil {
			return err
		}
		for _, c := range []struct {
			name   string
			args   []string
			memory float64
		}{
			{"without the engine", []string{"--chdb-lib", r.File("no-engine")}, 100e6},
			{"with the engine", nil, 500e6},
		} {
			goals := []Goal{AtMost(2)}
			if runtime.GOOS == "linux" {
				goals = append(goals, FigureAtMost(idleMemory, c.memory))
			}
			err := r.Compare(ctx, Pair{
				Name: c.name, Unit: "s",
				Subject: Side{"ledger serve", func(ctx context.Context) (Sample, error) {
					return r.serves(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir}, c.args...)...)
				}},
				Goals: goals,
			})
			if err != nil {
				return err
			}
		}
		return nil
	},
}

// idleMemory is the figure for the memory that is resident of a server that
// nobody asks anything.
const idleMemory = "idle_memory_bytes"

// serves starts a server, waits until it is ready, leaves it alone and stops it.
func (r *Run) serves(ctx context.Context, args ...string) (s Sample, err error) {
	p, err := r.start(ctx, args...)
	if err != nil {
		return s, err
	}
	defer func() {
		err = errors.Join(err, p.command.Process.Signal(syscall.SIGTERM), p.wait())
		if err != nil {
			err = fmt.Errorf("%w: %s", err, p.said.String())
		}
	}()
	took, err := p.ready(ctx)
	if err != nil {
		return s, err
	}
	s = Seconds(took)
	ready := p.memory("VmRSS")
	left := 20 * time.Second
	if r.Events < 10_000 { // on so little everything is done at once
		left = time.Second
	}
	select {
	case <-ctx.Done():
		return s, ctx.Err()
	case <-time.After(left):
	}
	if idle := p.memory("VmRSS"); idle > 0 {
		s = s.With("memory_when_ready_bytes", float64(ready)).With(idleMemory, float64(idle))
	}
	return s, nil
}

// served is the line of the log that tells where a server answers.
var served = regexp.MustCompile(`"address":"([^"]+)"`)

// readyWithin bounds the wait for a server.
const readyWithin = 2 * time.Minute

// ready waits until a server says that it is ready, and tells how long after its
// start that was.
func (p *program) ready(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if found := served.FindStringSubmatch(p.said.String()); found != nil && isReady(ctx, "http://"+found[1]+"/readyz") {
			return time.Since(p.began), nil
		}
		select {
		case err := <-p.ended:
			p.ended <- err // for whoever waits for the end
			return 0, fmt.Errorf("the server ended before it was ready: %w", err)
		case <-ctx.Done():
			return 0, fmt.Errorf("the server is not ready: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func isReady(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body) // the status is what counts
	_ = answer.Body.Close()                 // it was only read
	return answer.StatusCode == http.StatusOK
}
