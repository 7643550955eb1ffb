package projections

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// path is the course of a dossier in order of time, as far as it is needed to
// place one more event at its end. It is small whatever the number of events:
// only the distinct activities and resources are kept.
type path struct {
	events      uint32
	firstAt     time.Time
	lastAt      time.Time
	first, last string // activities
	resource    string // of the last event
	hasResource uint8
	occurrences map[string]uint32 // of activities
	turns       map[string]uint32 // of resources
	// variant is a hash over the activities so far, rolled on with each event.
	variant [16]byte
}

// follows reports whether an event that comes later in the stream is also not
// earlier in time.
func (p *path) follows(r *EventRow) bool { return p.events == 0 || !r.OccurredAt.Before(p.lastAt) }

// place puts an event at the end of the path and fills in the columns of its row
// that follow from its place, but for the working time.
func (p *path) place(r *EventRow) {
	r.Place = p.events
	if p.events == 0 {
		p.firstAt, p.first = r.OccurredAt, r.Activity
		p.occurrences, p.turns = map[string]uint32{}, map[string]uint32{}
		r.PrevActivity, r.PrevResource, r.PrevHasResource, r.MicrosSince = "", "", 0, 0
	} else {
		r.PrevActivity, r.PrevResource, r.PrevHasResource = p.last, p.resource, p.hasResource
		r.MicrosSince = r.OccurredAt.UnixMicro() - p.lastAt.UnixMicro()
	}
	p.occurrences[r.Activity]++
	r.Occurrence = p.occurrences[r.Activity]
	r.ResourceOccurrence = 0
	if r.HasResource != 0 {
		p.turns[r.Resource]++
		r.ResourceOccurrence = p.turns[r.Resource]
	}
	p.events++
	p.lastAt, p.last, p.resource, p.hasResource = r.OccurredAt, r.Activity, r.Resource, r.HasResource
	p.roll(r.Activity)
}

// roll makes h' = SHA-256(h, length of the activity, activity), cut to 16 bytes.
// The length keeps ("ab", "c") and ("a", "bc") apart.
func (p *path) roll(activity string) {
	buf := make([]byte, 0, 128)
	buf = append(buf, p.variant[:]...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(activity)))
	buf = append(buf, activity...)
	sum := sha256.Sum256(buf)
	copy(p.variant[:], sum[:])
}

// arrange sorts rows by time and places them on a new path. The version of each
// becomes the highest position among the rows up to it: an event changes the
// rows of all events behind it in time, and no other.
func arrange(rows []EventRow) *path {
	slices.SortFunc(rows, func(a, b EventRow) int {
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), cmp.Compare(a.Revision, b.Revision))
	})
	p := &path{}
	var version uint64
	for i := range rows {
		version = max(version, rows[i].Position)
		rows[i].Version = version
		p.place(&rows[i])
	}
	return p
}
