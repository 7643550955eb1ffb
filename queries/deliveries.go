package queries

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"dossierledger/domain/delivery"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// DeliveryJournal is what questions about deliveries need of the ledger.
type DeliveryJournal interface {
	Read(ctx context.Context, stream string, from uint64) iter.Seq2[event.Event, error]
	ReadAll(ctx context.Context, after *uint64, streamPrefixes ...string) iter.Seq2[event.Event, error]
}

// Deliveries answers questions about what is delivered to receivers outside, from
// the events that say so.
type Deliveries struct{ journal DeliveryJournal }

// NewDeliveries wires the questions; the journal must not be nil.
func NewDeliveries(journal DeliveryJournal) (*Deliveries, error) {
	if journal == nil {
		return nil, errors.New("queries: deliveries need a journal")
	}
	return &Deliveries{journal: journal}, nil
}

// Delivered is how far a receiver has come, as it was last written.
type Delivered struct {
	Receiver string `json:"receiver"`
	// Next is the position before which everything was delivered, but for what is
	// behind or given up.
	Next    uint64         `json:"next"`
	Behind  []delivery.Lag `json:"behind"`
	GivenUp int            `json:"given_up"`
	Written *Instant       `json:"written,omitempty"`
}

// Receivers lists every receiver to which something was ever delivered, or given
// up for, by name. It reads through the whole ledger.
func (d *Deliveries) Receivers(ctx context.Context) ([]Delivered, error) {
	found := map[string]Delivered{}
	letters := map[string]*delivery.Letters{}
	for e, err := range d.journal.ReadAll(ctx, nil, delivery.ProgressPrefix, delivery.LettersPrefix) {
		if err != nil {
			return nil, fmt.Errorf("deliveries: %w", err)
		}
		name, progress := strings.CutPrefix(e.Stream, delivery.ProgressPrefix)
		if !progress {
			name = strings.TrimPrefix(e.Stream, delivery.LettersPrefix)
			if letters[name] == nil {
				letters[name] = &delivery.Letters{}
			}
			letters[name].Fold(e)
		}
		one := found[name]
		one.Receiver = name
		if p, ok := e.Payload.(delivery.Progressed); ok {
			one.Next, one.Behind, one.Written = p.Next, p.Behind, moment(e.Metadata.OccurredAt)
		}
		found[name] = one
	}
	list := slices.SortedFunc(maps.Values(found), func(a, b Delivered) int { return strings.Compare(a.Receiver, b.Receiver) })
	for i := range list {
		if l := letters[list[i].Receiver]; l != nil {
			list[i].GivenUp = len(l.List())
		}
		if list[i].Behind == nil {
			list[i].Behind = []delivery.Lag{}
		}
	}
	return list, nil
}

// Letters lists what was given up for a receiver and not delivered since, the
// oldest first.
func (d *Deliveries) Letters(ctx context.Context, receiver string) ([]delivery.Letter, error) {
	var letters delivery.Letters
	for e, err := range d.journal.Read(ctx, delivery.LettersStream(receiver), 0) {
		if fault.KindOf(err) == fault.NotFound {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("deliveries to %s: %w", receiver, err)
		}
		letters.Fold(e)
	}
	if list := letters.List(); list != nil {
		return list, nil
	}
	return []delivery.Letter{}, nil
}
