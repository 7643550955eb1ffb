package outbound

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dossierledger/domain/delivery"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// deliverer is who writes about deliveries.
func deliverer(receiver string) event.Actor {
	return event.Actor{ID: "outbound-" + receiver, Role: event.RoleSystem}
}

// idleSave is after how long it is written that the position went over what is
// not for the receiver. To write it is such an event too, so it must not be often.
const idleSave = 15 * time.Minute

// place keeps in the ledger how far a receiver has come.
type place struct {
	config *Config

	mu sync.Mutex
	// expected is the stream as this session left it.
	expected event.Expected
	saved    time.Time
	// pending is an entry of which it is not known whether it was written.
	pending *event.Event
	// letters is the revision of the stream of letters up to which it was read.
	letters *uint64
}

// open reads what was written before into a book.
func (p *place) open(ctx context.Context, b *book) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	progress, err := p.progress(ctx)
	if err != nil {
		return err
	}
	first := progress == nil && p.config.From == FromNow
	if first {
		head, ok, err := p.config.Store.Head(ctx)
		if err != nil {
			return fmt.Errorf("outbound: where the ledger ends: %w", err)
		}
		progress = &delivery.Progressed{}
		if ok {
			progress.Next = head + 1
		}
	}
	var letters delivery.Letters
	p.letters, p.pending = nil, nil
	for e, err := range p.config.Journal.Read(ctx, delivery.LettersStream(p.config.Name), 0) {
		if fault.KindOf(err) == fault.NotFound {
			break
		}
		if err != nil {
			return fmt.Errorf("outbound: what was given up: %w", err)
		}
		letters.Fold(e)
		revision := e.Revision
		p.letters = &revision
	}
	if first {
		// Written at once: after a crash "now" must not be later.
		if err := p.write(ctx, *progress); err != nil {
			return err
		}
	}
	p.saved = p.config.Now()
	b.change(func() { b.open(progress, &letters) })
	return nil
}

// progress reads the last entry; nil where there is none.
func (p *place) progress(ctx context.Context) (*delivery.Progressed, error) {
	p.expected = event.None
	for e, err := range p.config.Journal.ReadBack(ctx, delivery.ProgressStream(p.config.Name), 1) {
		if fault.KindOf(err) == fault.NotFound {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("outbound: how far the deliveries have come: %w", err)
		}
		progress, ok := e.Payload.(delivery.Progressed)
		if !ok {
			return nil, fmt.Errorf("outbound: %s holds a %s", e.Stream, e.Payload.EventType())
		}
		p.expected = event.Exact(e.Revision)
		return &progress, nil
	}
	return nil, nil
}

// save writes how far the deliveries have come, where there is anything to write.
func (p *place) save(ctx context.Context, b *book, last bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var entry delivery.Progressed
	due := false
	b.look(func() {
		due = b.unsaved || b.moved && (last || p.config.Now().Sub(p.saved) >= idleSave)
		if due {
			entry = b.entry()
			b.unsaved, b.moved = false, false
		}
	})
	if !due {
		return nil
	}
	if err := p.write(ctx, entry); err != nil {
		b.look(func() { b.unsaved = true })
		return err
	}
	p.saved = p.config.Now()
	return nil
}

// write appends an entry, and before it one of which it is not known whether it
// was written: with the same id it is there once.
func (p *place) write(ctx context.Context, entry delivery.Progressed) error {
	if p.pending != nil {
		if err := p.append(ctx); err != nil {
			return err
		}
	}
	e := p.fact(uuid.New(), entry)
	p.pending = &e
	return p.append(ctx)
}

func (p *place) append(ctx context.Context) error {
	if p.config.Held != nil && !p.config.Held() {
		return errNotHeld
	}
	w, err := p.config.Journal.Append(ctx, delivery.ProgressStream(p.config.Name), p.expected, *p.pending)
	if _, other := errors.AsType[*event.WrongRevision](err); other {
		return ErrSuperseded
	}
	if err != nil {
		return fmt.Errorf("outbound: write how far the deliveries have come: %w", err)
	}
	p.expected, p.pending = event.Exact(w.Revision), nil
	return nil
}

// note writes about a letter. Whoever does was not superseded just before.
func (p *place) note(ctx context.Context, b *book, id uuid.UUID, fact event.Payload) error {
	b.look(func() { b.unsaved = true })
	if err := p.save(ctx, b, false); err != nil {
		return err
	}
	if _, err := p.config.Journal.Append(ctx, delivery.LettersStream(p.config.Name), event.Any, p.fact(id, fact)); err != nil {
		return fmt.Errorf("outbound: write what was given up: %w", err)
	}
	return nil
}

func (p *place) fact(id uuid.UUID, fact event.Payload) event.Event {
	return event.New(id, event.Metadata{OccurredAt: p.config.Now().UTC(), Actor: deliverer(p.config.Name)}, fact)
}
