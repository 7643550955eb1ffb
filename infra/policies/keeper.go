package policies

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/policy"
)

// ledgerActor is who acts where a policy does.
var ledgerActor = event.Actor{ID: "ledger-policies", Role: event.RoleSystem}

// keeper knows what is to be done and does it. Its lock is held while one
// dossier is worked on.
type keeper struct {
	config   Config
	metrics  *metrics
	mu       sync.Mutex
	schedule *schedule
	states   *commands.States
}

func newKeeper(config Config, m *metrics) (*keeper, error) {
	states := config.States
	if states == nil {
		var err error
		if states, err = commands.NewStates(DefaultStates); err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
	}
	return &keeper{config: config, metrics: m, schedule: newSchedule(), states: states}, nil
}

// observe takes in events of one stream that follow each other. Redelivery, and
// events that were read ahead, change nothing.
func (k *keeper) observe(ctx context.Context, run []event.Event) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if code, ok := policy.CodeOf(run[0].Stream); ok {
		for _, e := range run {
			k.noticed(code, e)
		}
		return nil
	}
	code, ok := dossier.CodeOf(run[0].Stream)
	if !ok {
		return nil
	}
	if _, open := k.schedule.plans[code]; !open && !slices.ContainsFunc(run, begins) {
		return nil
	}
	found, known := k.states.Get(code)
	s := &found
	for _, e := range run {
		switch {
		case known && e.Revision <= s.Revision:
			// Somebody else has folded it this far; it may not have been planned for.
		case known && e.Revision == s.Revision+1, !known && e.Revision == 0:
			s.Apply(e)
			known = true
		default:
			var err error
			if s, err = k.load(ctx, code); err != nil {
				return err
			}
			known = true
		}
	}
	return k.keep(code, s)
}

// runs yields events in order, those of one stream that follow each other together:
// what is appended at once is folded at once.
func runs(events []event.Event) iter.Seq[[]event.Event] {
	return func(yield func([]event.Event) bool) {
		for len(events) > 0 {
			n := 1
			for n < len(events) && events[n].Stream == events[0].Stream {
				n++
			}
			if !yield(events[:n]) {
				return
			}
			events = events[n:]
		}
	}
}

// begins reports whether a dossier that is not open may be so from here on.
func begins(e event.Event) bool {
	switch e.Payload.(type) {
	case dossier.Submitted, dossier.Reopened:
		return true
	}
	return false
}

// noticed remembers what was done on an open dossier.
func (k *keeper) noticed(code string, e event.Event) {
	p, open := k.schedule.plans[code]
	if !open {
		return
	}
	if key, ok := policy.KeyOf(e.Payload); ok {
		k.schedule.did(p, key)
	}
}

// load folds a dossier up to the end of its stream.
func (k *keeper) load(ctx context.Context, code string) (*dossier.State, error) {
	s, known := k.states.Get(code)
	from := uint64(0)
	if known {
		from = s.Revision + 1
	}
	for e, err := range k.config.Journal.Read(ctx, dossier.StreamOf(code), from) {
		if err != nil {
			return nil, fmt.Errorf("policies: read dossier %s: %w", code, err)
		}
		s.Apply(e)
	}
	return &s, nil
}

// keep remembers a state, which is not to be changed any more, and plans what it
// asks for.
func (k *keeper) keep(code string, s *dossier.State) error {
	k.states.Share(code, s)
	if !s.Phase.Open() {
		k.schedule.close(code)
		return nil
	}
	now := k.config.Now()
	cal, err := calendar(k.config.Calendars, s.Competent, now)
	if err != nil {
		return err
	}
	k.schedule.set(k.schedule.open(code), policy.Next(s, cal, k.config.Rules, now))
	return nil
}

// work does what is ripe until nothing is, and says when it is to be called
// again; ok is false where nothing is planned. What fails is put off.
func (k *keeper) work(ctx context.Context, did func(policy.Wake)) (next time.Time, ok bool) {
	for {
		at, ok := k.workOnce(ctx, did)
		if !ok || ctx.Err() != nil || at.After(k.config.Now()) {
			return at, ok
		}
	}
}

// workOnce looks at the dossier that is next, where its time has come.
func (k *keeper) workOnce(ctx context.Context, did func(policy.Wake)) (next time.Time, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p, at, ok := k.schedule.first()
	if !ok || at.After(k.config.Now()) {
		return at, ok
	}
	if k.config.Held != nil && !k.config.Held() { // it was stopped for a while, and ends soon
		return k.config.Now().Add(k.config.RetryMin), true
	}
	kind := p.wakes[0].Kind
	if err := k.attend(ctx, p, did); err != nil && ctx.Err() == nil {
		pause := min(k.config.RetryMin<<min(p.failed, 16), k.config.RetryMax)
		k.schedule.later(p, k.config.Now().Add(pause))
		k.metrics.failures.WithLabelValues(string(kind)).Inc()
		k.config.Logger.ErrorContext(ctx, "a policy could not be carried out and is tried again",
			"policy", kind, "dossier", p.code, "attempt", p.failed, "pause", pause, "error", err)
	}
	_, at, ok = k.schedule.first()
	return at, ok
}

// attend does the first ripe thing on a dossier, as the dossier stands now.
func (k *keeper) attend(ctx context.Context, p *plan, did func(policy.Wake)) error {
	s, err := k.load(ctx, p.code)
	if err != nil {
		return err
	}
	if err := k.keep(p.code, s); err != nil {
		return err
	}
	p.retry = time.Time{}
	k.schedule.settle(p)
	now := k.config.Now()
	if len(p.wakes) == 0 || !p.wakes[0].Ripe(now) {
		k.schedule.mended(p)
		return nil
	}
	w := p.wakes[0]
	fresh, err := k.do(ctx, w, s, now)
	if err != nil {
		return err
	}
	k.schedule.mended(p)
	k.schedule.did(p, w.Key())
	if fresh {
		k.metrics.done.WithLabelValues(string(w.Kind)).Inc()
		did(w)
	}
	return nil
}

// do carries out one thing; fresh is false where it had been done before.
func (k *keeper) do(ctx context.Context, w policy.Wake, s *dossier.State, now time.Time) (fresh bool, err error) {
	command, notice := w.Do(s)
	if command != nil {
		answer, err := k.config.Actions.Act(ctx, commands.Request{Actor: ledgerActor, Key: w.Key(), Causation: w.ID().String()}, w.Dossier, command)
		return !answer.Repeated && len(answer.Events) > 0, err
	}
	meta := event.Metadata{OccurredAt: now.UTC().Truncate(time.Microsecond), Actor: ledgerActor, Causation: w.Key()}
	written, err := k.config.Journal.Append(ctx, policy.StreamOf(w.Dossier), event.Any, event.New(w.ID(), meta, notice))
	return !written.Repeated, err
}

// standing is how the schedule stands.
func (k *keeper) standing() (open, failing int, next time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, at, ok := k.schedule.first(); ok {
		next = at
	}
	return len(k.schedule.plans), k.schedule.failing, next
}
