package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/legacy"
	"dossierledger/infra/eventstore"
	"github.com/google/uuid"
)

type historyCommand struct {
	Code string `arg:"" help:"Dossier code."`
}

// historyEvent is one event as it is stored; personal values are sealed.
type historyEvent struct {
	Revision   uint64          `json:"revision"`
	Position   uint64          `json:"position"`
	ID         uuid.UUID       `json:"id"`
	Type       string          `json:"type"`
	OccurredAt time.Time       `json:"occurred_at"`
	RecordedAt time.Time       `json:"recorded_at"`
	Actor      event.Actor     `json:"actor"`
	Data       json.RawMessage `json:"data"`
	Metadata   json.RawMessage `json:"metadata"`
}

// Run prints the events of a dossier, in order, as they are stored.
func (c *historyCommand) Run(w *world) error {
	l, err := w.read()
	if err != nil {
		return err
	}
	defer w.close(l)
	events := []historyEvent{}
	for r, err := range l.Store.ReadStream(w.ctx, dossier.StreamOf(given(c.Code)), eventstore.StreamRead{}) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			return fault.New(fault.NotFound, "dossier.not-found", "there is no dossier %q", c.Code)
		}
		if err != nil {
			return err
		}
		var meta event.Metadata
		if err := json.Unmarshal(r.Metadata, &meta); err != nil {
			return fmt.Errorf("metadata of %s@%d: %w", r.Stream, r.Revision, err)
		}
		events = append(events, historyEvent{
			Revision: r.Revision, Position: r.Position, ID: r.ID, Type: r.Type,
			OccurredAt: meta.OccurredAt, RecordedAt: r.RecordedAt, Actor: meta.Actor, Data: r.Data, Metadata: r.Metadata,
		})
	}
	return w.print(events, func(out io.Writer) error {
		for _, e := range events {
			what, who := e.told()
			if _, err := fmt.Fprintf(out, "%4d  %s  %-36s %s\n", e.Revision, local(e.OccurredAt), what, who); err != nil {
				return err
			}
		}
		return nil
	})
}

// told says what happened and who did it: of an action taken over, in the words
// of its log; else by the event's type and actor.
func (e historyEvent) told() (what, who string) {
	var action legacy.ActionRecorded
	if e.Type == action.EventType() && json.Unmarshal(e.Data, &action) == nil {
		return strings.Join(strings.Fields(action.Activity), " "), action.Resource
	}
	return e.Type, string(e.Actor.Role) + " " + e.Actor.ID
}

// local writes an instant for people, in Vietnam's time.
func local(t time.Time) string { return t.In(dossier.ICT).Format("02/01/2006 15:04:05") }
