package ledger

import (
	"context"
	"iter"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
)

// finishEvery is how often submissions are looked for that were cut off. A start
// has to look at those since the last time only.
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

// keepFinishing does it from time to time until ctx ends.
func (l *Ledger) keepFinishing(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(finishEvery):
		}
		if err := l.finishSubmissions(ctx); err != nil && ctx.Err() == nil {
			l.Log.ErrorContext(ctx, "submissions that were cut off cannot be looked for; it is tried again", "error", err)
		}
	}
}
