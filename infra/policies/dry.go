package policies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dossierledger/commands"
	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/policy"
	"dossierledger/infra/eventstore"
)

// Dry tells what the policies would have done up to a time, in order, without
// doing it. It reads one dossier's streams at a time, and holds what it tells.
func Dry(ctx context.Context, store eventstore.Store, journal Journal, calendars commands.Calendars, rules policy.Rules, until time.Time) ([]policy.Told, error) {
	told := []policy.Told{}
	filter := eventstore.Filter{StreamPrefixes: []string{dossier.StreamPrefix}, TypePrefixes: []string{dossier.Submitted{}.EventType()}}
	for r, err := range store.ReadAll(ctx, eventstore.AllRead{Filter: filter}) {
		if err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		code, ok := dossier.CodeOf(r.Stream)
		if !ok {
			continue
		}
		events, err := stream(ctx, store, journal, r.Stream)
		if err != nil {
			return nil, err
		}
		notices, err := stream(ctx, store, journal, policy.StreamOf(code))
		if err != nil {
			return nil, err
		}
		life, err := policy.Replay(events, notices, func(agency string, known time.Time) (dossier.Calendar, error) {
			return calendar(calendars, agency, known)
		}, rules, until)
		if err != nil {
			return nil, err
		}
		told = append(told, life...)
	}
	slices.SortStableFunc(told, func(a, b policy.Told) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Dossier, b.Dossier), cmp.Compare(a.Kind, b.Kind))
	})
	return told, nil
}

// stream reads a whole stream; one that does not exist is empty.
func stream(ctx context.Context, store eventstore.Store, journal Journal, name string) ([]event.Event, error) {
	var events []event.Event
	for r, err := range store.ReadStream(ctx, name, eventstore.StreamRead{}) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		e, err := journal.Decode(r)
		if err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		events = append(events, e)
	}
	return events, nil
}
