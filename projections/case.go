package projections

import (
	"math"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
)

// folded is a dossier after some prefix of its stream: everything that the rows
// of the next event are made from.
type folded struct {
	code     string
	next     uint64 // revision to come
	position uint64 // of the last event
	source   string
	at       time.Time // when the first event happened, whether an action or not
	path     path
	state    dossier.State
	// visits is the number of visits that have ended; opened holds, for every
	// visit, the revision of the event that began it.
	visits int
	opened []uint32
	// returns counts how often the dossier was sent back to an earlier step.
	returns int
}

// take folds one event into everything but the path. It gives the row of the
// event without its place, false where the event is no action, and the rows of
// the visits to steps that ended with it.
func (f *folded) take(e event.Event, ref *reference) (row EventRow, isAction bool, ended []StepRow) {
	src := source(e.Payload)
	if f.next == 0 {
		f.source, f.at = src, micros(e.Metadata.OccurredAt)
	}
	f.next, f.position = e.Revision+1, e.Position
	switch e.Payload.(type) {
	case legacy.CaseDescribed:
		return EventRow{}, false, nil
	case legacy.ActionRecorded:
	default:
		if _, back := e.Payload.(dossier.StepReturned); back {
			f.returns++
		}
		before := f.state
		f.state.Apply(e)
		ended = f.endedVisits(&before, uint32(e.Revision), ref)
	}
	actor := e.Metadata.Actor
	row = EventRow{
		Code:            f.code,
		Revision:        uint32(e.Revision),
		Source:          src,
		Position:        e.Position,
		EventID:         e.ID,
		Type:            e.Payload.EventType(),
		Activity:        activity(e.Payload),
		Lifecycle:       lifecycle(e.Payload),
		Resource:        resource(e),
		Role:            string(actor.Role),
		Agency:          actor.Agency,
		Department:      actor.Department,
		Procedure:       f.state.Procedure,
		CompetentAgency: f.state.Competent,
		OccurredAt:      micros(e.Metadata.OccurredAt),
		RecordedAt:      micros(e.RecordedAt),
		Version:         e.Position,
	}
	row.HasResource = flag(row.Resource != "")
	return row, true, ended
}

// working fills in the working time since the event before, by the calendar that
// was known when the row last changed.
func working(r *EventRow, ref *reference) {
	if r.Place == 0 {
		r.WorkingSince = 0
		return
	}
	before := r.OccurredAt.Add(-time.Duration(r.MicrosSince) * time.Microsecond)
	r.WorkingSince = seconds(ref.calendar(r.CompetentAgency, r.Version).Between(before, r.OccurredAt))
}

// row gives the dossier's own row.
func (f *folded) row(ref *reference) DossierRow {
	calendar := ref.calendar(f.state.Competent, f.position)
	r := DossierRow{
		Code:          f.code,
		Source:        f.source,
		Events:        f.path.events,
		FirstAt:       f.path.firstAt,
		LastAt:        f.path.lastAt,
		FirstActivity: f.path.first,
		LastActivity:  f.path.last,
		Variant:       string(f.path.variant[:]),
		Revision:      uint32(f.next - 1),
		Version:       f.position,
	}
	if f.path.events == 0 {
		r.FirstAt, r.LastAt = f.at, f.at
	}
	r.CalendarMicros = r.LastAt.UnixMicro() - r.FirstAt.UnixMicro()
	r.WorkingSeconds = seconds(calendar.Between(r.FirstAt, r.LastAt))
	if f.state.Exists() {
		f.measure(&r, calendar, ref)
	}
	return r
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// count fits a number into a column of 16 bits; beyond that it stays at the highest.
func count(n int) uint16 { return uint16(min(n, math.MaxUint16)) }
