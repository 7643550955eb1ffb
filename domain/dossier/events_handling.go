package dossier

import (
	"time"

	"dossierledger/domain/event"
)

// Assigned: the dossier was passed to a department or officer (chuyển, phân công).
type Assigned struct {
	Holder Holder `json:"holder"`
	Why    Reason `json:"why,omitzero"`
}

// EventType implements event.Payload.
func (Assigned) EventType() string { return "dossier.assigned.v1" }

// Reassigned: an officer who had the dossier was replaced, for a reason.
type Reassigned struct {
	Previous Holder `json:"previous"`
	Holder   Holder `json:"holder"`
	Why      Reason `json:"why"`
}

// EventType implements event.Payload.
func (Reassigned) EventType() string { return "dossier.reassigned.v1" }

// StepStarted: work began on a step of the procedure.
type StepStarted struct {
	Step   string `json:"step"`
	Holder Holder `json:"holder"` // with the officer who began
}

// EventType implements event.Payload.
func (StepStarted) EventType() string { return "dossier.step-started.v1" }

// StepCompleted: the step was done.
type StepCompleted struct {
	Step string `json:"step"`
}

// EventType implements event.Payload.
func (StepCompleted) EventType() string { return "dossier.step-completed.v1" }

// StepReturned: the dossier went back to an earlier step. Voids names the facts
// that must be made again ("appraisal", "inspection", "submission", "signature").
type StepReturned struct {
	From   string   `json:"from,omitempty"`
	To     string   `json:"to"`
	Holder Holder   `json:"holder"`
	Voids  []string `json:"voids,omitempty"`
	Why    Reason   `json:"why"`
}

// EventType implements event.Payload.
func (StepReturned) EventType() string { return "dossier.step-returned.v1" }

// OpinionRequested: a coordinating agency was asked (lấy ý kiến phối hợp).
// Several may be asked in parallel; each has its number.
type OpinionRequested struct {
	Number     int            `json:"number"`
	Agency     string         `json:"agency"`
	Department string         `json:"department,omitempty"`
	Question   event.Personal `json:"question,omitzero"`
	DueAt      time.Time      `json:"due_at,omitzero"`
	Clock      []ClockChange  `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (OpinionRequested) EventType() string { return "dossier.opinion-requested.v1" }

// OpinionGiven: the coordinating agency answered.
type OpinionGiven struct {
	Number   int            `json:"number"`
	Agency   string         `json:"agency"`
	Position Position       `json:"position"`
	Hash     string         `json:"hash,omitempty"` // SHA-256 of the written opinion
	Text     event.Personal `json:"text,omitzero"`
	Clock    []ClockChange  `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (OpinionGiven) EventType() string { return "dossier.opinion-given.v1" }

// Forwarded: another agency has a part to do (liên thông). In turn, the dossier
// goes there and the holder changes; in parallel, it stays where it is.
type Forwarded struct {
	Number   int           `json:"number"`
	From     Holder        `json:"from"`
	To       Holder        `json:"to"`
	Parallel bool          `json:"parallel,omitempty"`
	Task     string        `json:"task"` // a slug of what the agency is to do
	Why      Reason        `json:"why,omitzero"`
	DueAt    time.Time     `json:"due_at,omitzero"`
	Clock    []ClockChange `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (Forwarded) EventType() string { return "dossier.forwarded.v1" }

// ForwardAnswered: the other agency did its part; Holder is who has the dossier now.
type ForwardAnswered struct {
	Number  int            `json:"number"`
	Agency  string         `json:"agency"`
	Outcome string         `json:"outcome"` // a slug: "done", "refused", …
	Hash    string         `json:"hash,omitempty"`
	Text    event.Personal `json:"text,omitzero"`
	Holder  Holder         `json:"holder"`
	Clock   []ClockChange  `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (ForwardAnswered) EventType() string { return "dossier.forward-answered.v1" }

// Appraised: the specialist concluded (thẩm định).
type Appraised struct {
	Conclusion Conclusion     `json:"conclusion"`
	Report     string         `json:"report,omitempty"` // SHA-256 of the appraisal report
	Text       event.Personal `json:"text,omitzero"`
}

// EventType implements event.Payload.
func (Appraised) EventType() string { return "dossier.appraised.v1" }

// InspectionRecorded: the place was inspected (kiểm tra thực địa).
type InspectionRecorded struct {
	Conclusion  Conclusion     `json:"conclusion"`
	InspectedAt time.Time      `json:"inspected_at"`
	Report      string         `json:"report,omitempty"`
	RemedyUntil time.Time      `json:"remedy_until,omitzero"`
	Text        event.Personal `json:"text,omitzero"`
}

// EventType implements event.Payload.
func (InspectionRecorded) EventType() string { return "dossier.inspection-recorded.v1" }

// DeadlineExtended: the agency apologised in writing and named a new date (form
// 04). The new date is in the clock change.
type DeadlineExtended struct {
	Number int           `json:"number"` // 1, 2, … in the dossier
	Letter string        `json:"letter"` // number of the apology letter
	Why    Reason        `json:"why"`
	Clock  []ClockChange `json:"clock"`
}

// EventType implements event.Payload.
func (DeadlineExtended) EventType() string { return "dossier.deadline-extended.v1" }
