package esdbserver

import (
	"time"

	"dossierledger/infra/eventstore"
)

// place is how far a subscription has come: a revision of its stream, or a position.
type place struct{ revision, position *uint64 }

func (p *place) pass(e *eventstore.Recorded, ofStream bool) {
	if ofStream {
		at := e.Revision
		p.revision = &at
		return
	}
	at := e.Position
	p.position = &at
}

// Numbers of the fields of ReadResp.CaughtUp and ReadResp.FellBehind, which
// KurrentDB 25.0 has added; its clients tell of neither message without them. The
// generated types here are older.
const (
	fieldTimestamp      = 1
	fieldStreamRevision = 2
	fieldPlacePosition  = 3

	fieldSeconds = 1 // google.protobuf.Timestamp
	fieldNanos   = 2

	fieldPlaceCommit  = 1 // ReadResp.Position
	fieldPlacePrepare = 2
)

// fields are those of the message that tells of a place. Older clients leave them out.
func (p place) fields(now time.Time) []byte {
	var at, b []byte
	at = appendNumber(at, fieldSeconds, uint64(now.Unix()))
	at = appendNumber(at, fieldNanos, uint64(now.Nanosecond()))
	b = appendText(b, fieldTimestamp, at)
	if p.revision != nil {
		b = appendNumber(b, fieldStreamRevision, *p.revision)
	}
	if p.position != nil {
		wire := wirePosition(*p.position)
		b = appendText(b, fieldPlacePosition, appendNumber(appendNumber(nil, fieldPlaceCommit, wire), fieldPlacePrepare, wire))
	}
	return b
}
