package commands

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"dossierledger/domain/access"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// KeyVault destroys the keys under which persons' data are sealed.
type KeyVault interface {
	// Knows reports whether the vault has, or had, a key of a person.
	Knows(ctx context.Context, subject string) (bool, error)
	// Erase destroys a person's key for ever; again is a no-op.
	Erase(ctx context.Context, subject string) error
}

// ErasureGrounds are the grounds on which personal data may be erased (Luật Bảo
// vệ dữ liệu cá nhân 91/2025/QH15, art. 14(1)).
var ErasureGrounds = []string{"request", "purpose-done", "retention-expired", "authority-decision", "agreement", "other-law"}

// Erasures erases persons.
type Erasures struct {
	journal Journal
	vault   KeyVault
	now     func() time.Time
}

// NewErasures wires the command; nothing may be nil.
func NewErasures(journal Journal, vault KeyVault, now func() time.Time) (*Erasures, error) {
	if journal == nil || vault == nil || now == nil {
		return nil, errors.New("commands: erasures need a journal, a vault and a clock")
	}
	return &Erasures{journal: journal, vault: vault, now: now}, nil
}

// Erase records that a person is to be erased and destroys the key of their
// data. The record comes first: whatever happens after it, Finish completes the
// erasure. Only an administrator may do it. Again is a no-op.
func (c *Erasures) Erase(ctx context.Context, req Request, subject, ground string) error {
	if err := req.check(c.now()); err != nil {
		return err
	}
	if req.Actor.Role != event.RoleAdmin {
		return fault.New(fault.Forbidden, "erasure.forbidden", "only an administrator may erase a person")
	}
	if subject == "" {
		return fault.New(fault.Invalid, "erasure.subject", "the pseudonym of the person is missing")
	}
	if !slices.Contains(ErasureGrounds, ground) {
		return fault.New(fault.Invalid, "erasure.ground", "%q is no ground of the law; it is one of %v", ground, ErasureGrounds)
	}
	// An erasure cannot be taken back, so a pseudonym that nobody has is a mistake.
	known, err := c.vault.Knows(ctx, subject)
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	if !known {
		return fault.New(fault.NotFound, "erasure.unknown-subject", "the ledger holds nothing about a person with the pseudonym %q", subject)
	}
	meta := req.metadata(c.now())
	id := event.IDFor("erase\x00"+subject, 0) // a person is erased once
	if _, err := c.journal.Append(ctx, access.ErasureStream(subject), event.None, event.New(id, meta, access.PersonalDataErased{Subject: subject, Ground: ground})); err != nil {
		return fmt.Errorf("record the erasure: %w", err)
	}
	if err := c.vault.Erase(ctx, subject); err != nil {
		return fmt.Errorf("destroy the key: %w", err)
	}
	return nil
}

// Finish completes the erasures that were recorded but cut off before the key
// was destroyed.
func (c *Erasures) Finish(ctx context.Context, recorded iter.Seq2[event.Event, error]) error {
	for e, err := range recorded {
		if err != nil {
			return fmt.Errorf("finish erasures: %w", err)
		}
		erased, ok := e.Payload.(access.PersonalDataErased)
		if !ok {
			continue
		}
		if err := c.vault.Erase(ctx, erased.Subject); err != nil {
			return fmt.Errorf("finish erasures: %w", err)
		}
	}
	return nil
}
