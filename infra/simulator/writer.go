package simulator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"golang.org/x/sync/errgroup"
)

// writer takes the simulated actions through the real commands. Actions on one
// dossier keep their order, and submissions at one agency do, because their
// order makes the codes; everything else may go side by side, so that the
// store can share its synced writes.
type writer struct {
	commands Commands
	config   Config
	actions  int
	pending  int

	submits []action
	order   []*life
	acts    map[*life][]action

	mu sync.Mutex // guards the codes of lives
}

type action struct {
	life    *life
	key     string
	at      time.Time
	actor   event.Actor
	command dossier.Command
}

// batchActions is how many actions are gathered before they are written.
const batchActions = 8192

func newWriter(commands Commands, config Config) *writer {
	return &writer{commands: commands, config: config, acts: map[*life][]action{}}
}

func (w *writer) add(a action) {
	w.actions++
	w.pending++
	if _, ok := a.command.(dossier.Submit); ok {
		w.submits = append(w.submits, a)
		return
	}
	if len(w.acts[a.life]) == 0 {
		w.order = append(w.order, a.life)
	}
	w.acts[a.life] = append(w.acts[a.life], a)
}

func (w *writer) full() bool { return w.pending >= batchActions }

func (w *writer) flush(ctx context.Context) error {
	if err := w.flushSubmits(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(w.config.Writers)
	for _, l := range w.order {
		acts := w.acts[l]
		group.Go(func() error {
			for _, a := range acts {
				if err := w.commands.Act(ctx, a.key, a.at, a.actor, l.code, a.command); err != nil {
					return fmt.Errorf("simulate dossier %s: %s at %s: %w", l.code, a.command.CommandName(), a.at.Format(time.RFC3339), err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	w.order, w.pending = w.order[:0], 0
	clear(w.acts)
	return nil
}

func (w *writer) flushSubmits(ctx context.Context) error {
	queues := map[string][]action{}
	var agencies []string
	for _, a := range w.submits {
		if len(queues[a.life.agency]) == 0 {
			agencies = append(agencies, a.life.agency)
		}
		queues[a.life.agency] = append(queues[a.life.agency], a)
	}
	slices.Sort(agencies)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(w.config.Writers)
	for _, agency := range agencies {
		group.Go(func() error {
			for _, a := range queues[agency] {
				code, err := w.commands.Submit(ctx, a.key, a.at, a.actor, a.command.(dossier.Submit))
				if err != nil {
					return fmt.Errorf("simulate dossier %d: submit: %w", a.life.number, err)
				}
				w.mu.Lock()
				a.life.code = code
				w.mu.Unlock()
			}
			return nil
		})
	}
	w.submits = w.submits[:0]
	return group.Wait()
}
