// Package legacy is the history of a dossier as an older system recorded it:
// actions with their own names, which this ledger keeps as they were and never
// reads a meaning into.
package legacy

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"dossierledger/domain/event"
	"github.com/google/uuid"
)

// ActionRecorded: an older system recorded this action on a dossier. When it
// happened is the event's OccurredAt; the time when it was taken over is the
// store's.
type ActionRecorded struct {
	// Source is the name of the log, Case the dossier's identifier in it.
	Source string `json:"source"`
	Case   string `json:"case"`
	// Activity is what was done, in the words of the log.
	Activity string `json:"activity"`
	// Resource is who did it; empty where the log does not say. It is a
	// pseudonym or a function, never a citizen.
	Resource  string `json:"resource,omitempty"`
	Lifecycle string `json:"lifecycle,omitempty"` // "start", "complete", …; empty where the log does not say
	// OffsetMinutes is the distance from UTC, east positive, that the log gave for the time.
	OffsetMinutes int         `json:"offset_minutes,omitempty"`
	Attributes    []Attribute `json:"attributes,omitempty"`
}

// EventType implements event.Payload.
func (ActionRecorded) EventType() string { return "legacy.action-recorded.v1" }

// CaseDescribed: what the log says about the dossier as a whole.
type CaseDescribed struct {
	Source     string      `json:"source"`
	Case       string      `json:"case"`
	Attributes []Attribute `json:"attributes"`
}

// EventType implements event.Payload.
func (CaseDescribed) EventType() string { return "legacy.case-described.v1" }

// Attribute is one further statement of the log, as written there.
type Attribute struct {
	Name string `json:"name"`
	// Type is string, date, int, float, boolean, id, list or container.
	Type  string `json:"type,omitempty"` // empty: string
	Value string `json:"value,omitempty"`
	// Depth is 0 for an attribute of the event or case itself; one of depth
	// n > 0 belongs to the nearest attribute before it of depth n-1.
	Depth int `json:"depth,omitempty"`
}

// Register adds the types of this package.
func Register(r *event.Registry) {
	event.Register[ActionRecorded](r)
	event.Register[CaseDescribed](r)
}

// Names gives the ids of a case's events. An id follows from what the log says,
// so that the same log taken over again repeats its ids, also when it has grown
// meanwhile. Equal lines of one case are told apart by counting them. The zero
// value is ready after Begin.
type Names struct {
	seen map[[16]byte]int
	// text begins with what all ids of the case begin with; content and the rest
	// of text are kept for their room.
	text, content []byte
	common        int
}

// manySeen is how many different lines of a case make its table too large to be
// used again.
const manySeen = 256

// NewNames begins the naming of one case of one source.
func NewNames(source, caseID string) *Names {
	n := &Names{}
	n.Begin(source, caseID)
	return n
}

// Begin leaves the case at hand and begins the naming of another one.
func (n *Names) Begin(source, caseID string) {
	if n.seen == nil || len(n.seen) > manySeen {
		n.seen = map[[16]byte]int{}
	}
	clear(n.seen)
	n.text = appendPart(appendPart(append(n.text[:0], nameSpace[:]...), source), caseID)
	n.common = len(n.text)
}

// Described is the id of the case's CaseDescribed.
func (n *Names) Described() uuid.UUID {
	return n.name(appendPart(n.text[:n.common], "case"))
}

// Action is the id of the next event with this content.
func (n *Names) Action(at time.Time, a ActionRecorded) uuid.UUID {
	b := binary.BigEndian.AppendUint64(n.content[:0], uint64(at.UnixNano()))
	for _, part := range [...]string{a.Activity, a.Resource, a.Lifecycle} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	n.content = b
	sum := sha256.Sum256(b)
	content := [16]byte(sum[:16])
	count := n.seen[content] + 1
	n.seen[content] = count
	b = appendPart(appendPart(n.text[:n.common], "action"), content[:])
	var digits [20]byte
	return n.name(appendPart(b, strconv.AppendInt(digits[:0], int64(count), 10)))
}

// name is a UUIDv5 (RFC 9562 section 5.5) of text that begins with the name space.
func (n *Names) name(text []byte) uuid.UUID {
	n.text = text
	sum := sha1.Sum(text)
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// appendPart writes a part so that no two lists of parts are written alike.
func appendPart[T string | []byte](b []byte, part T) []byte {
	return append(append(strconv.AppendInt(b, int64(len(part)), 10), ':'), part...)
}

var nameSpace = uuid.MustParse("0c5d8c7e-6b0f-5b3b-8d52-3f0f8d0a7a01")
