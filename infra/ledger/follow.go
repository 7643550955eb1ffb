package ledger

import (
	"context"
	"errors"
	"fmt"

	"dossierledger/domain/event"
	"dossierledger/infra/eventstore"
)

// Follow implements registers.Feed over the store.
func (l *Ledger) Follow(ctx context.Context, after *uint64, streamPrefixes []string, apply func(event.Event) error) (err error) {
	sub, err := l.Store.Subscribe(ctx, eventstore.SubscribeTo{AfterPosition: after, Filter: eventstore.Filter{StreamPrefixes: streamPrefixes}})
	if err != nil {
		return fmt.Errorf("follow the registers: %w", err)
	}
	defer func() { err = errors.Join(err, sub.Close()) }()
	for {
		d, err := sub.Next(ctx)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, eventstore.ErrClosed) {
				return nil
			}
			return fmt.Errorf("follow the registers: %w", err)
		}
		if d.Event == nil {
			continue
		}
		e, err := l.Journal.Decode(*d.Event)
		if err != nil {
			return err
		}
		if err := apply(e); err != nil {
			return err
		}
	}
}
