package queries

import (
	"context"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
)

// DossierDetail is a dossier for those concerned: everything that is known of it.
// Personal values are hidden unless the reader may see them.
type DossierDetail struct {
	Status
	// Allowed names the actions that the reader could take now.
	Allowed []string `json:"allowed"`
	// Money is in whole đồng.
	Money dossier.Money `json:"money"`
	State any           `json:"state,omitempty"`
	// Personal is true where personal values are shown, and the look is on record.
	Personal bool `json:"personal"`
}

// DetailOf answers everything about a case that was read, for an actor. With
// view.Personal its personal values are opened.
func (d *Dossiers) DetailOf(ctx context.Context, c *Case, actor event.Actor, view View) (DossierDetail, error) {
	now := d.now()
	status, err := d.StatusOf(c, now)
	if err != nil {
		return DossierDetail{}, err
	}
	answer := DossierDetail{Status: status, Allowed: []string{}, Money: c.State.Money(), Personal: view.Personal}
	if !c.State.Exists() {
		return answer, nil
	}
	if answer.Allowed, err = d.AllowedOf(c, actor); err != nil {
		return DossierDetail{}, err
	}
	shown := view.state(c.State)
	if view.Personal {
		events, err := d.all(ctx, c)
		if err != nil {
			return DossierDetail{}, err
		}
		if events, err = d.revealed(ctx, c.Code, events, view); err != nil {
			return DossierDetail{}, err
		}
		shown = caseOf(c.Code, events).State
	}
	answer.State = present(shown)
	return answer, nil
}

// AllowedOf names the actions that an actor could take on a case now.
func (d *Dossiers) AllowedOf(c *Case, actor event.Actor) ([]string, error) {
	if !c.State.Exists() {
		return []string{}, nil
	}
	facts, err := d.facts(c.State, d.now())
	if err != nil {
		return nil, err
	}
	allowed := dossier.Allowed(&c.State, actor, facts)
	if allowed == nil {
		allowed = []string{}
	}
	return allowed, nil
}

// facts are those that a command on the dossier would be decided with.
func (d *Dossiers) facts(s dossier.State, now time.Time) (dossier.Facts, error) {
	version, err := d.version(s)
	if err != nil {
		return dossier.Facts{}, err
	}
	if s.ReceivedAt.IsZero() && s.Phase.Open() {
		if current, err := d.registers.InForce(s.Procedure, now); err == nil {
			version = current
		}
	}
	calendar, err := d.registers.For(s.Competent, now)
	if err != nil {
		return dossier.Facts{}, err
	}
	return dossier.Facts{Now: now, Procedure: version, Calendar: calendar}, nil
}

// EventView is one event as it is stored, with its personal values hidden or shown.
type EventView struct {
	ID          string      `json:"id"`
	Type        string      `json:"type"`
	Stream      string      `json:"stream"`
	Revision    uint64      `json:"revision"`
	Position    uint64      `json:"position"`
	OccurredAt  Instant     `json:"occurred_at"`
	RecordedAt  Instant     `json:"recorded_at"`
	Actor       event.Actor `json:"actor"`
	Correlation string      `json:"correlation,omitempty"`
	Causation   string      `json:"causation,omitempty"`
	Trace       string      `json:"trace,omitempty"`
	Data        any         `json:"data"`
}

// EventsOf gives the events of a case from a revision on, at most limit. With
// view.Personal their personal values are opened.
func (d *Dossiers) EventsOf(ctx context.Context, c *Case, from uint64, limit int, view View) ([]EventView, error) {
	events, err := d.events(ctx, c, from, limit)
	if err != nil {
		return nil, err
	}
	if events, err = d.revealed(ctx, c.Code, events, view); err != nil {
		return nil, err
	}
	answer := []EventView{}
	for _, e := range events {
		answer = append(answer, EventView{
			ID: e.ID.String(), Type: e.Payload.EventType(), Stream: e.Stream, Revision: e.Revision, Position: e.Position,
			OccurredAt: Instant{e.Metadata.OccurredAt.UTC()}, RecordedAt: Instant{e.RecordedAt.UTC()}, Actor: e.Metadata.Actor,
			Correlation: e.Metadata.Correlation, Causation: e.Metadata.Causation, Trace: e.Metadata.Trace, Data: present(e.Payload),
		})
	}
	return answer, nil
}
