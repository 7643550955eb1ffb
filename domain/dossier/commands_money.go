package dossier

// AssessFee makes an item of the procedure's fee list due. Quiet where the item
// is assessed already.
type AssessFee struct {
	Item     string `json:"item"`
	Quantity int    `json:"quantity,omitempty"` // default 1
}

// CommandName implements Command.
func (AssessFee) CommandName() string { return "assess-fee" }

// PayFee records money that came in. Quiet where the transaction is recorded
// with the same amount; the same transaction with another amount is a conflict.
type PayFee struct {
	Obligation  string        `json:"obligation"`
	Amount      int64         `json:"amount"`
	Transaction string        `json:"transaction"`
	Method      PaymentMethod `json:"method"`
	Gateway     Gateway       `json:"gateway,omitempty"`
	Receipt     Receipt       `json:"receipt,omitzero"`
}

// CommandName implements Command.
func (PayFee) CommandName() string { return "pay-fee" }

// ExemptFee takes off what the procedure's exemption says. Quiet where the same
// exemption was granted.
type ExemptFee struct {
	Obligation string `json:"obligation"`
	Exemption  string `json:"exemption"`
	Why        Why    `json:"why,omitzero"`
}

// CommandName implements Command.
func (ExemptFee) CommandName() string { return "exempt-fee" }

// RefundFee gives money back, at most what came in. Quiet where the transaction
// is recorded with the same amount.
type RefundFee struct {
	Obligation  string `json:"obligation"`
	Amount      int64  `json:"amount"`
	Transaction string `json:"transaction"`
	Why         Why    `json:"why"`
}

// CommandName implements Command.
func (RefundFee) CommandName() string { return "refund-fee" }

// ImposeObligation records a financial obligation that a notice determined.
// Quiet where the same notice imposed the same amount.
type ImposeObligation struct {
	Obligation string `json:"obligation"`
	Kind       string `json:"kind"`
	Amount     int64  `json:"amount"`
	Notice     string `json:"notice"`
	LegalBasis string `json:"legal_basis"`
	Blocking   bool   `json:"blocking,omitempty"`
}

// CommandName implements Command.
func (ImposeObligation) CommandName() string { return "impose-obligation" }

// MeetObligation shows that an imposed obligation was met elsewhere. Quiet where
// nothing is owed on it.
type MeetObligation struct {
	Obligation  string `json:"obligation"`
	Transaction string `json:"transaction"`
	Evidence    string `json:"evidence"`
}

// CommandName implements Command.
func (MeetObligation) CommandName() string { return "meet-obligation" }
