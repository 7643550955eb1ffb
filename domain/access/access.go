// Package access is the record of who looked at whose personal data. Every look
// by a member of staff is an event of its own that the person can see
// (Luật Bảo vệ dữ liệu cá nhân 91/2025/QH15); it stands in a stream beside the
// dossier's, so that a look never changes the dossier.
package access

import (
	"strings"

	"dossierledger/domain/event"
)

// StreamPrefix begins the name of every stream of looks.
const StreamPrefix = "access-"

// StreamOf names the stream of the looks at a dossier.
func StreamOf(code string) string { return StreamPrefix + code }

// CodeOf gives the dossier code of a stream of looks; ok is false for others.
func CodeOf(stream string) (code string, ok bool) { return strings.CutPrefix(stream, StreamPrefix) }

// Means is by what a look was taken.
type Means string

// The means.
const (
	Detail   Means = "detail"   // the dossier with its personal data
	Replay   Means = "replay"   // the dossier as it was at some time
	Events   Means = "events"   // its events one by one
	Export   Means = "export"   // a file
	Delivery Means = "delivery" // an event sent to a receiver outside
)

// PersonalDataViewed: somebody was shown personal data of a dossier. Who it was
// is the event's actor, when it was its OccurredAt.
type PersonalDataViewed struct {
	Dossier string `json:"dossier"`
	Means   Means  `json:"means"`
	// Subjects are the pseudonyms of the persons whose data were shown.
	Subjects []string `json:"subjects"`
	// Purpose is what the viewer gave as the reason, from a fixed list or free.
	Purpose string `json:"purpose,omitempty"`
	// Revision is that of the dossier as it was shown.
	Revision uint64 `json:"revision"`
}

// EventType implements event.Payload.
func (PersonalDataViewed) EventType() string { return "access.personal-data-viewed.v1" }

// PersonalDataErased: the key of a person was destroyed; nothing sealed for them
// can be read any more, and everything else stays as it was.
type PersonalDataErased struct {
	Subject string `json:"subject"`
	// Ground is the ground of the law on which it was done.
	Ground string `json:"ground"`
}

// EventType implements event.Payload.
func (PersonalDataErased) EventType() string { return "access.personal-data-erased.v1" }

// ErasurePrefix begins the name of every stream of erasures.
const ErasurePrefix = "person-"

// ErasureStream names the stream of a person's erasure.
func ErasureStream(subject string) string { return ErasurePrefix + subject }

// Register adds the types of this package.
func Register(r *event.Registry) {
	event.Register[PersonalDataViewed](r)
	event.Register[PersonalDataErased](r)
}
