package projections

import (
	"time"

	"github.com/google/uuid"
)

// EventRow is one action on a dossier, as the table events holds it.
type EventRow struct {
	Code            string    `ch:"code"`
	Revision        uint32    `ch:"revision"`
	Source          string    `ch:"source"`
	Position        uint64    `ch:"position"`
	EventID         uuid.UUID `ch:"event_id"`
	Type            string    `ch:"type"`
	Activity        string    `ch:"activity"`
	Lifecycle       string    `ch:"lifecycle"`
	Resource        string    `ch:"resource"`
	HasResource     uint8     `ch:"has_resource"`
	Role            string    `ch:"role"`
	Agency          string    `ch:"agency"`
	Department      string    `ch:"department"`
	Procedure       string    `ch:"procedure"`
	CompetentAgency string    `ch:"competent_agency"`
	OccurredAt      time.Time `ch:"occurred_at"`
	RecordedAt      time.Time `ch:"recorded_at"`

	Place              uint32 `ch:"place"`
	PrevActivity       string `ch:"prev_activity"`
	PrevResource       string `ch:"prev_resource"`
	PrevHasResource    uint8  `ch:"prev_has_resource"`
	MicrosSince        int64  `ch:"micros_since"`
	WorkingSince       int64  `ch:"working_since"` // seconds
	Occurrence         uint32 `ch:"occurrence"`
	ResourceOccurrence uint32 `ch:"resource_occurrence"`
	Version            uint64 `ch:"version"`
}

var eventsTable = newLayout("events", []string{"code", "revision"},
	func(r *EventRow) uint64 { return r.Version },
	text("code", func(r *EventRow) string { return r.Code }),
	whole("revision", func(r *EventRow) uint32 { return r.Revision }),
	text("source", func(r *EventRow) string { return r.Source }),
	whole("position", func(r *EventRow) uint64 { return r.Position }),
	id("event_id", func(r *EventRow) uuid.UUID { return r.EventID }),
	text("type", func(r *EventRow) string { return r.Type }),
	text("activity", func(r *EventRow) string { return r.Activity }),
	text("lifecycle", func(r *EventRow) string { return r.Lifecycle }),
	text("resource", func(r *EventRow) string { return r.Resource }),
	whole("has_resource", func(r *EventRow) uint8 { return r.HasResource }),
	text("role", func(r *EventRow) string { return r.Role }),
	text("agency", func(r *EventRow) string { return r.Agency }),
	text("department", func(r *EventRow) string { return r.Department }),
	text("procedure", func(r *EventRow) string { return r.Procedure }),
	text("competent_agency", func(r *EventRow) string { return r.CompetentAgency }),
	instant("occurred_at", func(r *EventRow) time.Time { return r.OccurredAt }),
	instant("recorded_at", func(r *EventRow) time.Time { return r.RecordedAt }),
	whole("place", func(r *EventRow) uint32 { return r.Place }),
	text("prev_activity", func(r *EventRow) string { return r.PrevActivity }),
	text("prev_resource", func(r *EventRow) string { return r.PrevResource }),
	whole("prev_has_resource", func(r *EventRow) uint8 { return r.PrevHasResource }),
	whole("micros_since", func(r *EventRow) int64 { return r.MicrosSince }),
	whole("working_since", func(r *EventRow) int64 { return r.WorkingSince }),
	whole("occurrence", func(r *EventRow) uint32 { return r.Occurrence }),
	whole("resource_occurrence", func(r *EventRow) uint32 { return r.ResourceOccurrence }),
	whole("version", func(r *EventRow) uint64 { return r.Version }),
)

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
