package queries

import (
	"context"
	"fmt"

	"dossierledger/domain/access"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
)

// Look is one look at the personal data of a dossier.
type Look struct {
	At       Instant      `json:"at"`
	By       ActorView    `json:"by"`
	Means    access.Means `json:"means"`
	Purpose  string       `json:"purpose,omitempty"`
	Revision uint64       `json:"revision"` // of the dossier, as it was shown
	Position uint64       `json:"position"`
}

// Looks answers who looked at the personal data of a dossier, oldest first. It is
// for the persons concerned and for auditors.
func (d *Dossiers) Looks(ctx context.Context, code string) ([]Look, error) {
	n, err := d.names(nil, d.now())
	if err != nil {
		return nil, err
	}
	looks := []Look{}
	for e, err := range d.journal.Read(ctx, access.StreamOf(code), 0) {
		if fault.KindOf(err) == fault.NotFound {
			return looks, nil
		}
		if err != nil {
			return nil, fmt.Errorf("dossier %s: looks: %w", code, err)
		}
		p, ok := e.Payload.(access.PersonalDataViewed)
		if !ok {
			continue
		}
		n.at = e.Metadata.OccurredAt
		look := Look{
			At: Instant{e.Metadata.OccurredAt.UTC()}, By: n.actor(e.Metadata.Actor),
			Means: p.Means, Purpose: p.Purpose, Revision: p.Revision, Position: e.Position,
		}
		if e.Metadata.Actor.Role != event.RoleCitizen {
			look.By.Officer = e.Metadata.Actor.ID
		}
		looks = append(looks, look)
	}
	return looks, nil
}
