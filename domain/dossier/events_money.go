package dossier

import "dossierledger/domain/procedure"

// FeeAssessed: a listed charge or fee (phí, lệ phí) is due. Amounts are whole
// đồng and come from the procedure's version, never from the caller.
type FeeAssessed struct {
	// Obligation identifies the debt within the dossier; for a fee it is the item's code.
	Obligation string            `json:"obligation"`
	Kind       procedure.FeeKind `json:"kind"`
	Quantity   int               `json:"quantity"`
	Amount     int64             `json:"amount"`
	LegalBasis string            `json:"legal_basis"`
	Blocking   bool              `json:"blocking,omitempty"`
	Clock      []ClockChange     `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (FeeAssessed) EventType() string { return "dossier.fee-assessed.v1" }

// Receipt names an electronic receipt (biên lai, Nghị định 254/2026/NĐ-CP).
type Receipt struct {
	Symbol string `json:"symbol,omitempty"` // form symbol
	Series string `json:"series,omitempty"`
	Number string `json:"number"`
}

// FeePaid: money came in for a debt. Transaction makes a repeated callback of a
// gateway harmless. Money that is there is recorded even where it is too much
// or too late; it can then be refunded.
type FeePaid struct {
	Obligation  string        `json:"obligation"`
	Amount      int64         `json:"amount"`
	Transaction string        `json:"transaction"`
	Method      PaymentMethod `json:"method"`
	Gateway     Gateway       `json:"gateway,omitempty"`
	Receipt     Receipt       `json:"receipt,omitzero"`
	Clock       []ClockChange `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (FeePaid) EventType() string { return "dossier.fee-paid.v1" }

// FeeExempted: a debt need not be paid, wholly or in part (miễn, giảm).
type FeeExempted struct {
	Obligation string        `json:"obligation"`
	Exemption  string        `json:"exemption"` // code in the procedure's list
	Percent    int           `json:"percent"`
	Amount     int64         `json:"amount"`
	Why        Reason        `json:"why,omitzero"`
	Clock      []ClockChange `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (FeeExempted) EventType() string { return "dossier.fee-exempted.v1" }

// FeeRefunded: money went back to the payer (hoàn trả). It does not revive the debt.
type FeeRefunded struct {
	Obligation  string `json:"obligation"`
	Amount      int64  `json:"amount"`
	Transaction string `json:"transaction"`
	Why         Reason `json:"why"`
}

// EventType implements event.Payload.
func (FeeRefunded) EventType() string { return "dossier.fee-refunded.v1" }

// ObligationImposed: a financial obligation outside the fee list was determined
// (nghĩa vụ tài chính: tax, land-use levy, deposit), by a notice of its own.
type ObligationImposed struct {
	Obligation string        `json:"obligation"`
	Kind       string        `json:"kind"` // a slug: "tax", "land-use", "deposit", …
	Amount     int64         `json:"amount"`
	Notice     string        `json:"notice"` // number of the notice
	LegalBasis string        `json:"legal_basis"`
	Blocking   bool          `json:"blocking,omitempty"`
	Clock      []ClockChange `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (ObligationImposed) EventType() string { return "dossier.obligation-imposed.v1" }

// ObligationMet: evidence was shown that the obligation was met elsewhere (for
// example at the Treasury), for all that was still owed.
type ObligationMet struct {
	Obligation  string        `json:"obligation"`
	Amount      int64         `json:"amount"`
	Transaction string        `json:"transaction"`
	Evidence    string        `json:"evidence"` // SHA-256 of the proof of payment
	Clock       []ClockChange `json:"clock,omitempty"`
}

// EventType implements event.Payload.
func (ObligationMet) EventType() string { return "dossier.obligation-met.v1" }
