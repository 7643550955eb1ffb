package dossier

import (
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"github.com/google/uuid"
)

// SubmittedForSignature: the draft result was put before a leader (trình ký).
type SubmittedForSignature struct {
	Hash   string `json:"hash"` // SHA-256 of the draft
	Holder Holder `json:"holder"`
}

// EventType implements event.Payload.
func (SubmittedForSignature) EventType() string { return "dossier.submitted-for-signature.v1" }

// Signed: a leader signed exactly the draft that was submitted (ký).
type Signed struct {
	Hash        string `json:"hash"`
	Signer      string `json:"signer"`
	Certificate string `json:"certificate,omitempty"` // serial number
	Format      string `json:"format,omitempty"`      // "PAdES", "XAdES", "wet-ink"
	Holder      Holder `json:"holder"`
}

// EventType implements event.Payload.
func (Signed) EventType() string { return "dossier.signed.v1" }

// ResultIssued: the registry numbered and issued the signed result (cấp số,
// phát hành) and sent it to the one-stop desk. The clock stops.
type ResultIssued struct {
	Version    int           `json:"version"` // 1, 2, … of the dossier's result
	Number     string        `json:"number"`
	Hash       string        `json:"hash"`
	Signer     string        `json:"signer"`
	ValidUntil time.Time     `json:"valid_until,omitzero"`
	Electronic bool          `json:"electronic"`
	Holder     Holder        `json:"holder"`
	Clock      []ClockChange `json:"clock"`
}

// EventType implements event.Payload.
func (ResultIssued) EventType() string { return "dossier.result-issued.v1" }

// Rejected: the application was refused by a reasoned decision (từ chối giải quyết).
type Rejected struct {
	Decision string        `json:"decision"` // number of the decision
	Hash     string        `json:"hash,omitempty"`
	Signer   string        `json:"signer,omitempty"`
	Why      Reason        `json:"why"`
	Holder   Holder        `json:"holder"`
	Clock    []ClockChange `json:"clock"`
}

// EventType implements event.Payload.
func (Rejected) EventType() string { return "dossier.rejected.v1" }

// Stopped: handling was stopped by a notice that says what becomes of money
// paid (form 05, thông báo dừng giải quyết).
type Stopped struct {
	Notice    string               `json:"notice"`
	Stage     procedure.Phase      `json:"stage"`
	Why       Reason               `json:"why"`
	Financial FinancialConsequence `json:"financial"`
	Approver  string               `json:"approver,omitempty"`
	Holder    Holder               `json:"holder"`
	Clock     []ClockChange        `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (Stopped) EventType() string { return "dossier.stopped.v1" }

// ResultHandedToPost: the post took the result over.
type ResultHandedToPost struct {
	Tracking string `json:"tracking"`
}

// EventType implements event.Payload.
func (ResultHandedToPost) EventType() string { return "dossier.result-handed-to-post.v1" }

// ResultReturned: the post could not deliver and brought the result back.
type ResultReturned struct {
	Tracking string `json:"tracking"`
	Ground   string `json:"ground"`
}

// EventType implements event.Payload.
func (ResultReturned) EventType() string { return "dossier.result-returned.v1" }

// ResultDelivered: the applicant has the result (trả kết quả), or the decision
// that refused or stopped the dossier.
type ResultDelivered struct {
	Method    DeliveryMethod `json:"method"`
	Tracking  string         `json:"tracking,omitempty"`
	Recipient event.Personal `json:"recipient,omitzero"`
}

// EventType implements event.Payload.
func (ResultDelivered) EventType() string { return "dossier.result-delivered.v1" }

// Withdrawn: the applicant took the dossier back (rút hồ sơ).
type Withdrawn struct {
	Why   Reason        `json:"why"`
	Clock []ClockChange `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (Withdrawn) EventType() string { return "dossier.withdrawn.v1" }

// Reopened: a complaint was upheld and the dossier is handled again.
type Reopened struct {
	Complaint string        `json:"complaint"` // number of the complaint's decision
	Why       Reason        `json:"why"`
	Holder    Holder        `json:"holder"`
	Clock     []ClockChange `json:"clock"`
}

// EventType implements event.Payload.
func (Reopened) EventType() string { return "dossier.reopened.v1" }

// ResultCorrected: an issued result was corrected (đính chính) by a new one
// that points at the one it corrects.
type ResultCorrected struct {
	Version  int    `json:"version"`
	Corrects int    `json:"corrects"`
	Number   string `json:"number"`
	Hash     string `json:"hash"`
	Signer   string `json:"signer"`
	Why      Reason `json:"why"`
}

// EventType implements event.Payload.
func (ResultCorrected) EventType() string { return "dossier.result-corrected.v1" }

// Rated: the applicant judged the handling (đánh giá). Criteria are the nine of
// Thông tư 01/2018/TT-VPCP, 0 to 2 points each; they may be left out.
type Rated struct {
	Satisfied bool           `json:"satisfied"`
	Criteria  []int          `json:"criteria,omitempty"`
	Text      event.Personal `json:"text,omitzero"`
}

// EventType implements event.Payload.
func (Rated) EventType() string { return "dossier.rated.v1" }

// NoteAdded: somebody wrote a note.
type NoteAdded struct {
	Visibility Visibility     `json:"visibility"`
	Text       event.Personal `json:"text"`
}

// EventType implements event.Payload.
func (NoteAdded) EventType() string { return "dossier.note-added.v1" }

// CorrectionRecorded: an earlier event says something wrong. The event stays;
// this one points at it and says what is right.
type CorrectionRecorded struct {
	Event uuid.UUID      `json:"event"`
	Field string         `json:"field"`
	Text  event.Personal `json:"text"`
}

// EventType implements event.Payload.
func (CorrectionRecorded) EventType() string { return "dossier.correction-recorded.v1" }

// SyncReported: the exchange with another portal came this far.
type SyncReported struct {
	Portal    string    `json:"portal"`
	State     SyncState `json:"state"`
	Status    Status    `json:"status,omitempty"` // national status code that was exchanged
	Reference string    `json:"reference,omitempty"`
	Error     string    `json:"error,omitempty"` // the other side's error code
}

// EventType implements event.Payload.
func (SyncReported) EventType() string { return "dossier.sync-reported.v1" }
