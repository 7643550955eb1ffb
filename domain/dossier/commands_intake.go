package dossier

import (
	"dossierledger/domain/procedure"
)

// Command is an action that somebody wants to take on a dossier. Commands are
// also the bodies of the API; personal inputs are plain text here and become
// sealed values in the events. Names are permanent.
type Command interface{ CommandName() string }

// Why is the input of a Reason: a ground that can be counted, and free words.
type Why struct {
	Ground string `json:"ground"`
	Text   string `json:"text,omitempty"`
}

// Person is the input of a Party. Subject is the person's pseudonym.
type Person struct {
	Subject  string             `json:"subject"`
	Kind     procedure.Audience `json:"kind"`
	Name     string             `json:"name"`
	IDNumber string             `json:"id_number,omitempty"`
	Phone    string             `json:"phone,omitempty"`
	Email    string             `json:"email,omitempty"`
	Address  string             `json:"address,omitempty"`
}

// Submit hands in a dossier under a code that was allocated before. Again with
// the same code, procedure, applicant and agency: quiet.
type Submit struct {
	Code             string            `json:"code,omitempty"`
	Procedure        string            `json:"procedure"`
	Channel          procedure.Channel `json:"channel"`
	Applicant        Person            `json:"applicant"`
	Representative   *Person           `json:"representative,omitempty"`
	Summary          string            `json:"summary,omitempty"`
	Support          string            `json:"support_agency,omitempty"`
	Receiving        string            `json:"receiving_agency"`
	Competent        string            `json:"competent_agency"`
	Delivery         DeliveryMethod    `json:"delivery,omitempty"` // default: as it came in
	DeliveryAddress  string            `json:"delivery_address,omitempty"`
	VerifiedIdentity bool              `json:"verified_identity,omitempty"`
	Documents        []AttachDocument  `json:"documents,omitempty"`
}

// CommandName implements Command.
func (Submit) CommandName() string { return "submit" }

// AttachDocument adds a document whose content is already stored. Quiet where
// the same content is the component's newest version.
type AttachDocument struct {
	Component string       `json:"component,omitempty"`
	Hash      string       `json:"hash"`
	Size      int64        `json:"size_bytes"`
	MediaType string       `json:"media_type"`
	Form      DocumentForm `json:"form"`
	FileName  string       `json:"file_name,omitempty"`
	Digitised bool         `json:"digitised,omitempty"`
	Reused    bool         `json:"reused,omitempty"`
	FromStore bool         `json:"from_store,omitempty"`
}

// CommandName implements Command.
func (AttachDocument) CommandName() string { return "attach-document" }

// Receive takes the dossier in: it needs every required component. Quiet where
// it was received with the same slip.
type Receive struct {
	Slip string `json:"slip"`
	// Competent, where given, replaces the agency named at submission.
	Competent string `json:"competent_agency,omitempty"`
}

// CommandName implements Command.
func (Receive) CommandName() string { return "receive" }

// RefuseReception does not take the dossier in. Quiet where it was refused with
// the same slip.
type RefuseReception struct {
	Slip      string `json:"slip"`
	Why       Why    `json:"why"`
	Suggested string `json:"suggested_agency,omitempty"`
}

// CommandName implements Command.
func (RefuseReception) CommandName() string { return "refuse-reception" }

// ComponentRequest is the input of a RequestedComponent.
type ComponentRequest struct {
	Code           string `json:"code"`
	Originals      int    `json:"originals,omitempty"`
	CertifiedCount int    `json:"certified_copies,omitempty"`
	Copies         int    `json:"copies,omitempty"`
	Note           string `json:"note,omitempty"`
}

// RequestSupplement asks the applicant for documents, as often as the
// procedure's version allows in the phase. While the dossier is processed the
// request needs an approver (a leader's officer id). Quiet where the open
// request has the same slip.
type RequestSupplement struct {
	Slip       string             `json:"slip"`
	Components []ComponentRequest `json:"components"`
	Why        Why                `json:"why"`
	Basis      string             `json:"basis"`
	Approver   string             `json:"approver,omitempty"`
}

// CommandName implements Command.
func (RequestSupplement) CommandName() string { return "request-supplement" }

// ProvideSupplement answers the open request, with the documents that are not
// attached yet. Every requested component needs a document newer than the
// request. Quiet where the last request was answered and nothing new is brought.
type ProvideSupplement struct {
	Documents []AttachDocument `json:"documents,omitempty"`
}

// CommandName implements Command.
func (ProvideSupplement) CommandName() string { return "provide-supplement" }

// ExpireSupplement records that the open request was not answered in time and
// does what the rule says then. Quiet where that was recorded already.
type ExpireSupplement struct {
	// Notice is the number of the stop notice or decision that the rule leads to.
	Notice string `json:"notice,omitempty"`
}

// CommandName implements Command.
func (ExpireSupplement) CommandName() string { return "expire-supplement" }
