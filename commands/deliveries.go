package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dossierledger/domain/delivery"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// Deliveries decides on what could not be delivered to receivers outside. Whoever
// delivers follows the stream that it writes to.
type Deliveries struct {
	journal Journal
	now     func() time.Time
}

// NewDeliveries wires the commands; nothing may be nil.
func NewDeliveries(journal Journal, now func() time.Time) (*Deliveries, error) {
	if journal == nil || now == nil {
		return nil, errors.New("commands: deliveries need a journal and a clock")
	}
	return &Deliveries{journal: journal, now: now}, nil
}

// letters folds what was given up for a receiver.
func (d *Deliveries) letters(ctx context.Context, receiver string) (*delivery.Letters, error) {
	var letters delivery.Letters
	for e, err := range d.journal.Read(ctx, delivery.LettersStream(receiver), 0) {
		switch {
		case fault.KindOf(err) == fault.NotFound:
			return &letters, nil
		case err != nil:
			return nil, fmt.Errorf("letters of %s: %w", receiver, err)
		}
		letters.Fold(e)
	}
	return &letters, nil
}

// Resend has what was given up of some keys sent again, or of all where none is
// named. It answers with the keys that are sent again because of it.
func (d *Deliveries) Resend(ctx context.Context, req Request, receiver string, keys ...string) ([]string, error) {
	return d.decide(ctx, req, receiver, func(letters *delivery.Letters) ([]string, []event.Payload, error) {
		wanted := keys
		if len(wanted) == 0 {
			for _, letter := range letters.List() {
				wanted = append(wanted, letter.Key)
			}
		}
		asked := []string{}
		var facts []event.Payload
		for _, key := range wanted {
			more, err := letters.Resend(key)
			if err != nil {
				return nil, nil, err
			}
			if len(more) > 0 {
				asked, facts = append(asked, key), append(facts, more...)
			}
		}
		return asked, facts, nil
	})
}

// Skip decides that a receiver never gets the event which a key stands before.
func (d *Deliveries) Skip(ctx context.Context, req Request, receiver, key, why string) error {
	_, err := d.decide(ctx, req, receiver, func(letters *delivery.Letters) ([]string, []event.Payload, error) {
		facts, err := letters.Skip(key, why)
		return nil, facts, err
	})
	return err
}

// decide appends what a decision on the letters as they stand gives. Only an
// administrator may.
func (d *Deliveries) decide(
	ctx context.Context, req Request, receiver string, decision func(*delivery.Letters) ([]string, []event.Payload, error),
) ([]string, error) {
	if err := req.check(d.now()); err != nil {
		return nil, err
	}
	if req.Actor.Role != event.RoleAdmin {
		return nil, fault.New(fault.Forbidden, "outbound.forbidden", "only an administrator decides on deliveries")
	}
	for try := 1; ; try++ {
		letters, err := d.letters(ctx, receiver)
		if err != nil {
			return nil, err
		}
		keys, facts, err := decision(letters)
		if err != nil || len(facts) == 0 {
			return keys, err
		}
		events := make([]event.Event, len(facts))
		for i, fact := range facts {
			events[i] = event.New(uuid.New(), req.metadata(d.now()), fact)
		}
		_, err = d.journal.Append(ctx, delivery.LettersStream(receiver), letters.Expected(), events...)
		_, conflict := errors.AsType[*event.WrongRevision](err)
		switch {
		case err == nil:
			return keys, nil
		case !conflict || try == conflictTries:
			return nil, fmt.Errorf("letters of %s: %w", receiver, err)
		}
	}
}
