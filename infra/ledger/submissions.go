package ledger

import (
	"context"
	"iter"
	"time"

	"dossierledger/domain/access"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
)

// finishEvery is how often it is looked for what was cut off. A start has to look
// at submissions since the last time only.
const finishEvery = time.Minute

// finishSubmissions completes what a crash cut off, here or in another program
// on the same events.
func (l *Ledger) finishSubmissions(ctx context.Context) error {
	finished, err := l.Dossiers.FinishSubmissions(ctx, func(ctx context.Context, after *uint64) iter.Seq2[event.Event, error] {
		return l.Journal.ReadAll(ctx, after, dossier.SequencePrefix)
	})
	if finished > 0 {
		l.Log.Info("submissions that a crash had cut off were completed", "count", finished)
	}
	return err
}

// finishErasures destroys the keys of persons whose erasure is on record, where
// that was cut off; those of earlier records are looked at once in a process.
func (l *Ledger) finishErasures(ctx context.Context) error {
	last := l.erasuresFinished
	err := l.Erasures.Finish(ctx, func(yield func(event.Event, error) bool) {
		for e, err := range l.Journal.ReadAll(ctx, l.erasuresFinished, access.ErasurePrefix) {
			if !yield(e, err) {
				return
			}
			if position := e.Position; err == nil {
				last = &position
			}
		}
	})
	if err == nil {
		l.erasuresFinished = last
	}
	return err
}

// keepFinishing completes what was cut off from time to time until ctx ends. What
// others are just about to do may be done here too: it is the same.
func (l *Ledger) keepFinishing(ctx context.Context) {
	for {
		for what, finish := range map[string]func(context.Context) error{"submissions": l.finishSubmissions, "erasures": l.finishErasures} {
			if err := finish(ctx); err != nil && ctx.Err() == nil {
				l.Log.ErrorContext(ctx, "what was cut off cannot be looked for; it is tried again", "of", what, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(finishEvery):
		}
	}
}
