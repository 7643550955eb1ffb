package dossier

import (
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

// Submitted: somebody handed in the dossier (nộp hồ sơ). The three
// organisations are kept apart for ever: where support was given, where it was
// handed in, and who is competent to decide.
type Submitted struct {
	Code             string            `json:"code"`
	Procedure        string            `json:"procedure"`
	ProcedureVersion int               `json:"procedure_version"`
	Channel          procedure.Channel `json:"channel"`
	Applicant        Party             `json:"applicant"`
	Representative   Party             `json:"representative,omitzero"`
	Summary          event.Personal    `json:"summary,omitzero"` // trích yếu
	Support          string            `json:"support_agency,omitempty"`
	Receiving        string            `json:"receiving_agency"`
	Competent        string            `json:"competent_agency"`
	// Delivery is how the applicant wants the result.
	Delivery        DeliveryMethod `json:"delivery"`
	DeliveryAddress event.Personal `json:"delivery_address,omitzero"`
	// VerifiedIdentity is true where the applicant signed in with a verified e-ID.
	VerifiedIdentity bool `json:"verified_identity,omitempty"`
}

// EventType implements event.Payload.
func (Submitted) EventType() string { return "dossier.submitted.v1" }

// DocumentAttached: a document was added. The content is kept elsewhere and
// bound by its hash; a newer document of the same component is a new version.
type DocumentAttached struct {
	// Component is the code in the procedure's list; empty for other attachments.
	Component string         `json:"component,omitempty"`
	Version   int            `json:"version"`
	Hash      string         `json:"hash"` // SHA-256 of the content, 64 hex digits
	Size      int64          `json:"size_bytes"`
	MediaType string         `json:"media_type"`
	Form      DocumentForm   `json:"form"`
	Stage     DocumentStage  `json:"stage"`
	FileName  event.Personal `json:"file_name,omitzero"`
	// Digitised, Reused and FromStore are the three marks that the official
	// index counts: scanned at the desk, taken over from an earlier dossier,
	// fetched from the national store of documents.
	Digitised bool `json:"digitised,omitempty"`
	Reused    bool `json:"reused,omitempty"`
	FromStore bool `json:"from_store,omitempty"`
}

// EventType implements event.Payload.
func (DocumentAttached) EventType() string { return "dossier.document-attached.v1" }

// Received: the one-stop desk took the dossier in (tiếp nhận) and gave the
// acceptance slip with the appointment date (form 01). From here on the dossier
// lives under this version of the procedure.
type Received struct {
	Procedure        string        `json:"procedure"`
	ProcedureVersion int           `json:"procedure_version"`
	FormSet          string        `json:"form_set"`
	Slip             string        `json:"slip"` // number of the acceptance slip
	Competent        string        `json:"competent_agency"`
	Holder           Holder        `json:"holder"`
	Term             worktime.Term `json:"term,omitzero"`
	SameDay          bool          `json:"same_day,omitempty"`
	Clock            []ClockChange `json:"clock"`
}

// EventType implements event.Payload.
func (Received) EventType() string { return "dossier.received.v1" }

// ReceptionRefused: the desk did not take the dossier in (form 03).
type ReceptionRefused struct {
	Slip string `json:"slip"`
	Why  Reason `json:"why"`
	// Suggested is the agency that would be competent, where that was the ground.
	Suggested string `json:"suggested_agency,omitempty"`
}

// EventType implements event.Payload.
func (ReceptionRefused) EventType() string { return "dossier.reception-refused.v1" }

// RequestedComponent is one row of the supplement form: which component, and
// how many of each form.
type RequestedComponent struct {
	Code           string         `json:"code"`
	Originals      int            `json:"originals,omitempty"`
	CertifiedCount int            `json:"certified_copies,omitempty"`
	Copies         int            `json:"copies,omitempty"`
	Note           event.Personal `json:"note,omitzero"`
}

// SupplementRequested: the applicant was asked to add or mend documents (form
// 02). It keeps the rule it was asked under, so that the answer is judged by it.
type SupplementRequested struct {
	Number     int                  `json:"number"` // 1, 2, … in the dossier
	Phase      procedure.Phase      `json:"phase"`
	Slip       string               `json:"slip"`
	Components []RequestedComponent `json:"components"`
	Why        Reason               `json:"why"`
	Basis      string               `json:"basis"` // the norm
	Approver   string               `json:"approver,omitempty"`
	// WaitUntil is zero where the rule sets no limit.
	WaitUntil time.Time          `json:"wait_until,omitzero"`
	OnAnswer  procedure.OnAnswer `json:"on_answer"`
	OnExpiry  procedure.OnExpiry `json:"on_expiry"`
	Calendar  string             `json:"calendar"`
	Clock     []ClockChange      `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (SupplementRequested) EventType() string { return "dossier.supplement-requested.v1" }

// SupplementProvided: the request was answered in full.
type SupplementProvided struct {
	Number     int           `json:"number"`
	Components []string      `json:"components"`
	Clock      []ClockChange `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (SupplementProvided) EventType() string { return "dossier.supplement-provided.v1" }

// SupplementExpired: nobody answered in time. Outcome is what the rule says
// then; the stop or the refusal itself is an event of its own.
type SupplementExpired struct {
	Number  int                `json:"number"`
	Outcome procedure.OnExpiry `json:"outcome"`
}

// EventType implements event.Payload.
func (SupplementExpired) EventType() string { return "dossier.supplement-expired.v1" }
