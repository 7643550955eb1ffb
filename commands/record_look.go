package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dossierledger/domain/access"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"github.com/google/uuid"
)

// MaxPurpose bounds the purpose of a look, in bytes.
const MaxPurpose = 500

// ErrPurpose is for a look at personal data for which no reason is given.
var ErrPurpose = fault.New(fault.Invalid, "access.purpose", "say for what purpose you look at personal data, in at most %d bytes on one line", MaxPurpose)

// Looks records who looked at personal data. A look is recorded before anything
// is shown: where the record fails, nothing may be shown.
type Looks struct {
	journal Journal
	now     func() time.Time
}

// NewLooks wires the command; nothing may be nil.
func NewLooks(journal Journal, now func() time.Time) (*Looks, error) {
	if journal == nil || now == nil {
		return nil, errors.New("commands: looks need a journal and a clock")
	}
	return &Looks{journal: journal, now: now}, nil
}

// Record appends a look to the stream beside the dossier's. It is durable when
// Record returns. Each look is an event of its own, also where it is repeated;
// with a Key, the same key of the same actor is one look.
func (l *Looks) Record(ctx context.Context, req Request, look access.PersonalDataViewed) error {
	if req.Actor.ID == "" || req.Actor.Role == "" {
		return fault.New(fault.Unauthenticated, "actor.unknown", "it is not known who looks")
	}
	look.Purpose = strings.TrimSpace(look.Purpose)
	if look.Purpose == "" || len(look.Purpose) > MaxPurpose || !utf8.ValidString(look.Purpose) ||
		strings.ContainsFunc(look.Purpose, unicode.IsControl) {
		return ErrPurpose.Lacking("purpose")
	}
	id := uuid.New()
	if req.Key != "" {
		id = event.IDFor("look\x00"+req.scope(), 0)
	}
	stream := access.StreamOf(look.Dossier)
	if _, err := l.journal.Append(ctx, stream, event.Any, event.New(id, req.metadata(l.now()), look)); err != nil {
		return fmt.Errorf("dossier %s: record a look: %w", look.Dossier, err)
	}
	return nil
}
