package dossier

import (
	"time"

	"github.com/google/uuid"
)

// SubmitForSignature puts the draft before a leader. Quiet where the same draft
// lies there.
type SubmitForSignature struct {
	Hash   string `json:"hash"`
	Signer string `json:"signer,omitempty"` // the leader's officer id
}

// CommandName implements Command.
func (SubmitForSignature) CommandName() string { return "submit-for-signature" }

// Sign signs the draft; the hash must be the draft's. Quiet where the actor
// signed it.
type Sign struct {
	Hash        string `json:"hash"`
	Certificate string `json:"certificate,omitempty"`
	Format      string `json:"format,omitempty"`
}

// CommandName implements Command.
func (Sign) CommandName() string { return "sign" }

// IssueResult numbers and issues the signed draft. Quiet where it was issued
// under the same number.
type IssueResult struct {
	Number     string    `json:"number"`
	Hash       string    `json:"hash"`
	ValidUntil time.Time `json:"valid_until,omitzero"`
}

// CommandName implements Command.
func (IssueResult) CommandName() string { return "issue-result" }

// Reject refuses the application by a reasoned decision that the actor signs.
// Quiet where the same decision was recorded.
type Reject struct {
	Decision string `json:"decision"`
	Hash     string `json:"hash"`
	Why      Why    `json:"why"`
}

// CommandName implements Command.
func (Reject) CommandName() string { return "reject" }

// Stop ends the handling with a notice. It must say what becomes of money paid.
// An officer who is not a leader names the leader who approved. Quiet where the
// same notice was recorded.
type Stop struct {
	Notice    string               `json:"notice"`
	Why       Why                  `json:"why"`
	Financial FinancialConsequence `json:"financial"`
	Approver  string               `json:"approver,omitempty"`
}

// CommandName implements Command.
func (Stop) CommandName() string { return "stop" }

// DeliverResult moves the result, or the decision that ended the dossier, on its
// way to the applicant. State handed-to-post and returned belong to the post;
// the default state is delivered. Quiet where it is in that state by that way.
type DeliverResult struct {
	Method    DeliveryMethod `json:"method"`
	State     DeliveryState  `json:"state,omitempty"`
	Tracking  string         `json:"tracking,omitempty"`
	Ground    string         `json:"ground,omitempty"` // why the post brought it back
	Recipient string         `json:"recipient,omitempty"`
}

// CommandName implements Command.
func (DeliverResult) CommandName() string { return "deliver-result" }

// Withdraw takes the dossier back. Quiet where it is withdrawn.
type Withdraw struct {
	Why Why `json:"why"`
}

// CommandName implements Command.
func (Withdraw) CommandName() string { return "withdraw" }

// Reopen handles a decided dossier again after a complaint was upheld. Quiet
// where this complaint reopened it.
type Reopen struct {
	Complaint string `json:"complaint"`
	Why       Why    `json:"why"`
}

// CommandName implements Command.
func (Reopen) CommandName() string { return "reopen" }

// CorrectResult issues a corrected result in place of the one that holds. Quiet
// where the same correction was recorded.
type CorrectResult struct {
	Number string `json:"number"`
	Hash   string `json:"hash"`
	Signer string `json:"signer"`
	Why    Why    `json:"why"`
}

// CommandName implements Command.
func (CorrectResult) CommandName() string { return "correct-result" }

// Rate judges the handling, once. Quiet where the same judgement was given.
type Rate struct {
	Satisfied bool   `json:"satisfied"`
	Criteria  []int  `json:"criteria,omitempty"` // none, or nine of 0 to 2
	Text      string `json:"text,omitempty"`
}

// CommandName implements Command.
func (Rate) CommandName() string { return "rate" }

// AddNote writes a note. Applicants' notes are visible to them.
type AddNote struct {
	Visibility Visibility `json:"visibility,omitempty"` // default: internal
	Text       string     `json:"text"`
}

// CommandName implements Command.
func (AddNote) CommandName() string { return "add-note" }

// Correct says what is wrong in an earlier event of the dossier.
type Correct struct {
	Event uuid.UUID `json:"event"`
	Field string    `json:"field"`
	Text  string    `json:"text"`
}

// CommandName implements Command.
func (Correct) CommandName() string { return "correct" }

// ReportSync records how far the exchange with a portal has come. Quiet where
// that is known.
type ReportSync struct {
	Portal    string    `json:"portal"`
	State     SyncState `json:"state"`
	Status    Status    `json:"status,omitempty"`
	Reference string    `json:"reference,omitempty"`
	Error     string    `json:"error,omitempty"`
}

// CommandName implements Command.
func (ReportSync) CommandName() string { return "report-sync" }
