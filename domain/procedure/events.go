package procedure

import (
	"time"

	"dossierledger/domain/event"
)

// StreamPrefix begins the name of every stream of the catalogue of procedures.
const StreamPrefix = "procedure-"

// Stream names the stream of a procedure.
func Stream(code string) string { return StreamPrefix + code }

// Decision is the act by which an authority makes a procedure public (quyết
// định công bố). Its date is what punctuality of publication is measured from.
type Decision struct {
	Number string    `json:"number"`
	Date   time.Time `json:"date"`
}

// Published says that a procedure was made public, with its first version.
type Published struct {
	Version       Version   `json:"version"`
	EffectiveFrom time.Time `json:"effective_from"`
	Decision      *Decision `json:"decision,omitempty"`
}

// EventType implements event.Payload.
func (Published) EventType() string { return "procedure.published.v1" }

// Revised says that another version holds from a date on, until the version
// with the next later date.
type Revised struct {
	Version       Version   `json:"version"`
	EffectiveFrom time.Time `json:"effective_from"`
	Decision      *Decision `json:"decision,omitempty"`
}

// EventType implements event.Payload.
func (Revised) EventType() string { return "procedure.revised.v1" }

// SupersededBy says that the whole procedure gives way to another one.
type SupersededBy struct {
	// By is the code of the procedure that takes its place; empty where it is abolished.
	By        string    `json:"by,omitempty"`
	Effective time.Time `json:"effective"`
	Basis     string    `json:"basis,omitempty"`
}

// EventType implements event.Payload.
func (SupersededBy) EventType() string { return "procedure.superseded.v1" }

// SuspendedFrom says that the procedure does not apply for a time. Without an end
// it stays suspended until it is reinstated.
type SuspendedFrom struct {
	From time.Time `json:"from"`
	// Until is the first instant at which it applies again.
	Until *time.Time `json:"until,omitempty"`
	Basis string     `json:"basis"`
}

// EventType implements event.Payload.
func (SuspendedFrom) EventType() string { return "procedure.suspended.v1" }

// Reinstated says that a suspended or superseded procedure applies again.
type Reinstated struct {
	From  time.Time `json:"from"`
	Basis string    `json:"basis"`
}

// EventType implements event.Payload.
func (Reinstated) EventType() string { return "procedure.reinstated.v1" }

// Register makes every event of the package known: those of procedures and
// those of the norms that they rest on.
func Register(r *event.Registry) {
	event.Register[Published](r)
	event.Register[Revised](r)
	event.Register[SupersededBy](r)
	event.Register[SuspendedFrom](r)
	event.Register[Reinstated](r)
	event.Register[NormEnacted](r)
	event.Register[NormSuspended](r)
	event.Register[NormReinstated](r)
	event.Register[NormRepealed](r)
}
