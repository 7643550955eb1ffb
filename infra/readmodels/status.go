package readmodels

import (
	"context"
	"sync"
	"time"

	"dossierledger/infra/eventstore"
)

// State is what a projection is doing.
type State string

// The states of a projection.
const (
	// Stopped: nobody runs it.
	Stopped State = "stopped"
	// Elsewhere: another process may run it, and this one does not.
	Elsewhere State = "elsewhere"
	// CatchingUp: there are events in the log that it has not seen.
	CatchingUp State = "catching-up"
	// Live: it has seen everything and takes events as they come.
	Live State = "live"
	// Waiting: ClickHouse is away; it goes on by itself.
	Waiting State = "waiting"
	// Halted: it stands before an event that it cannot apply.
	Halted State = "halted"
	// Rebuilding: its tables are being made again beside the live ones, which go
	// on being kept.
	Rebuilding State = "rebuilding"
)

// Status is how a projection stands.
type Status struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Checkpoint is the position up to which it has been written, Head that of
	// the last event in the log.
	Checkpoint    uint64 `json:"checkpoint"`
	HasCheckpoint bool   `json:"has_checkpoint"`
	Head          uint64 `json:"head"`
	// LagEvents is how many positions it is behind. It counts events of others
	// too, so it is a bound. LagSeconds is the age of the oldest event that it
	// has not seen. Both are zero where it is run elsewhere.
	LagEvents  uint64  `json:"lag_events"`
	LagSeconds float64 `json:"lag_seconds"`
	// Rate is events per second of late.
	Rate float64 `json:"rate"`
	// Error is the last thing that went wrong, empty when all is well again.
	Error string `json:"error,omitempty"`
	Halt  *Halt  `json:"halt,omitempty"`
	// RebuildDone and RebuildTotal are positions of a rebuild under way.
	RebuildDone  uint64 `json:"rebuild_done,omitempty"`
	RebuildTotal uint64 `json:"rebuild_total,omitempty"`
}

// record is what a worker knows of itself.
type record struct {
	mu         sync.Mutex
	state      State
	position   uint64
	has        bool
	generation uint64 // of the tables that position is of
	err        string
	halt       *Halt
	rebuilding bool
	done       uint64
	total      uint64
	rate       meter
	unmerged   int           // events written since the tables were merged
	changed    chan struct{} // closed and made anew at every change
}

func newRecord(idle State) *record { return &record{state: idle, changed: make(chan struct{})} }

// change alters the record and wakes those who wait for it.
func (r *record) change(f func(*record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
	close(r.changed)
	r.changed = make(chan struct{})
}

// look reads the record; the channel is closed at its next change.
func (r *record) look(f func(*record)) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
	return r.changed
}

// meter measures events per second over the last some seconds.
type meter struct {
	since time.Time
	count int
	last  float64
}

const meterSpan = 5 * time.Second

func (m *meter) add(now time.Time, events int) {
	if m.since.IsZero() {
		m.since = now
	}
	if span := now.Sub(m.since); span >= meterSpan {
		m.last = float64(m.count) / span.Seconds()
		m.since, m.count = now, 0
	}
	m.count += events
}

func (m *meter) rate(now time.Time) float64 {
	span := now.Sub(m.since)
	switch {
	case m.since.IsZero():
		return 0
	case span < time.Second:
		if m.last == 0 && span > 0 {
			return float64(m.count) / span.Seconds()
		}
		return m.last
	default:
		return float64(m.count) / span.Seconds()
	}
}

// Status tells how every projection stands, in the order of Config.Projections.
// A store that does not answer leaves Head and lags at zero and is in Error.
func (r *Runner) Status(ctx context.Context) []Status {
	head, _, headErr := r.config.Store.Head(ctx)
	all := make([]Status, len(r.workers))
	for i, w := range r.workers {
		now := r.config.Now()
		s := Status{Name: w.name, Head: head}
		w.glance(ctx)
		w.record.look(func(rec *record) {
			s.State, s.Checkpoint, s.HasCheckpoint = rec.state, rec.position, rec.has
			s.Error, s.Halt, s.Rate = rec.err, rec.halt, rec.rate.rate(now)
			if rec.rebuilding {
				s.State, s.RebuildDone, s.RebuildTotal = Rebuilding, rec.done, rec.total
			}
		})
		switch {
		case headErr != nil:
			s.Error = headErr.Error()
		case s.State != Elsewhere:
			r.lag(ctx, w, &s)
		}
		all[i] = s
	}
	return all
}

// lag finds the oldest event that a projection has not seen. Only where that is
// sure to be near does it leave out what is not for the projection: a scrape
// must not read the log from end to end.
func (r *Runner) lag(ctx context.Context, w *worker, s *Status) {
	if s.HasCheckpoint && s.Checkpoint >= s.Head {
		return
	}
	var filter eventstore.Filter
	if s.State == Live || s.State == Halted {
		filter.StreamPrefixes = w.template.Streams()
	}
	oldest, ok, err := r.first(ctx, filter, s.Checkpoint, s.HasCheckpoint)
	if err != nil {
		s.Error = err.Error()
		return
	}
	if ok && oldest.Position <= s.Head {
		s.LagEvents = s.Head - oldest.Position + 1
		s.LagSeconds = max(0, r.config.Now().Sub(oldest.RecordedAt).Seconds())
	}
}
