package dossier

import "time"

// MaxAmount bounds one amount of money, in đồng; it keeps sums exact in JSON
// numbers and far from overflow.
const MaxAmount = int64(1_000_000_000_000_000)

// Obligation is one debt of the applicant: a fee or charge of the procedure,
// or a financial obligation imposed by a notice. All amounts are whole đồng.
type Obligation struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Imposed    bool      `json:"imposed,omitempty"` // by a notice, not from the fee list
	Notice     string    `json:"notice,omitempty"`
	LegalBasis string    `json:"legal_basis"`
	Blocking   bool      `json:"blocking,omitempty"`
	Assessed   int64     `json:"assessed"`
	Exempted   int64     `json:"exempted"`
	Exemption  string    `json:"exemption,omitempty"`
	Paid       int64     `json:"paid"`
	Refunded   int64     `json:"refunded"`
	AssessedAt time.Time `json:"assessed_at"`
	// SettledAt is when nothing more was owed; zero while something is.
	SettledAt time.Time `json:"settled_at,omitzero"`
	Payments  []Payment `json:"payments,omitempty"`
	Refunds   []Payment `json:"refunds,omitempty"`
}

// Payment is one movement of money, in or (as a refund) out.
type Payment struct {
	Transaction string        `json:"transaction"`
	Amount      int64         `json:"amount"`
	Method      PaymentMethod `json:"method,omitempty"`
	Gateway     Gateway       `json:"gateway,omitempty"`
	Receipt     Receipt       `json:"receipt,omitzero"`
	At          time.Time     `json:"at"`
}

// Owed is what is still to be paid. A refund does not revive a debt.
func (o Obligation) Owed() int64 { return max(0, o.Assessed-o.Exempted-o.Paid) }

// Overpaid is what was paid beyond the debt and not yet given back.
func (o Obligation) Overpaid() int64 {
	return max(0, o.Paid-o.Refunded-max(0, o.Assessed-o.Exempted))
}

// Money is the sums over a dossier's debts, in whole đồng.
type Money struct {
	Assessed int64 `json:"assessed"`
	Exempted int64 `json:"exempted"`
	Paid     int64 `json:"paid"`
	Refunded int64 `json:"refunded"`
	Owed     int64 `json:"owed"`
	Overpaid int64 `json:"overpaid"`
}

// Money sums the debts.
func (s *State) Money() Money {
	var m Money
	for _, o := range s.Obligations {
		m.Assessed += o.Assessed
		m.Exempted += o.Exempted
		m.Paid += o.Paid
		m.Refunded += o.Refunded
		m.Owed += o.Owed()
		m.Overpaid += o.Overpaid()
	}
	return m
}

// BlockingOwed is what must be paid before handling goes on.
func (s *State) BlockingOwed() int64 {
	var sum int64
	for _, o := range s.Obligations {
		if o.Blocking {
			sum += o.Owed()
		}
	}
	return sum
}

// Obligation finds a debt by its id.
func (s *State) Obligation(id string) (Obligation, bool) {
	for _, o := range s.Obligations {
		if o.ID == id {
			return o, true
		}
	}
	return Obligation{}, false
}

// PaidOnline reports whether any money came through a gateway.
func (s *State) PaidOnline() bool {
	for _, o := range s.Obligations {
		for _, p := range o.Payments {
			if p.Method == PaidOnline {
				return true
			}
		}
	}
	return false
}

// PaymentState is how the dossier stands with its money. It is a state of its
// own, beside the dossier's.
type PaymentState string

// The states of payment.
const (
	NothingDue    PaymentState = "nothing-due"
	Unpaid        PaymentState = "unpaid"
	PartlyPaid    PaymentState = "partly-paid"
	Settled       PaymentState = "paid"
	FullyExempted PaymentState = "exempted"
	FullyRefunded PaymentState = "refunded"
)

// PaymentState derives the state from the sums.
func (s *State) PaymentState() PaymentState {
	m := s.Money()
	switch {
	case m.Owed > 0 && m.Paid == 0:
		return Unpaid
	case m.Owed > 0:
		return PartlyPaid
	case m.Paid > 0 && m.Refunded == m.Paid:
		return FullyRefunded
	case m.Paid > 0:
		return Settled
	case m.Exempted > 0:
		return FullyExempted
	default:
		return NothingDue
	}
}
