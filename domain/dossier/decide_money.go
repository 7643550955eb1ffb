package dossier

import (
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// MaxQuantity bounds how often one fee item is charged in one dossier.
const MaxQuantity = 1000

func feeItem(v *procedure.Version, code string) (procedure.Fee, bool) {
	for _, fee := range v.Fees {
		if fee.Code == code {
			return fee, true
		}
	}
	return procedure.Fee{}, false
}

func feeAssessedSame(s *State, c AssessFee, _ Facts) bool {
	o, ok := s.Obligation(c.Item)
	return ok && !o.Imposed
}

func assessFee(s *State, c AssessFee, f Facts) ([]event.Payload, error) {
	fee, ok := feeItem(f.Procedure, c.Item)
	if !ok {
		return nil, ErrUnknownFee.Lacking(c.Item)
	}
	if _, taken := s.Obligation(c.Item); taken {
		return nil, ErrObligationExists.Lacking(c.Item)
	}
	if c.Quantity == 0 {
		c.Quantity = 1
	}
	var in input
	in.check(c.Quantity >= 1 && c.Quantity <= MaxQuantity, "quantity")
	amount := fee.For(s.Channel)
	in.check(amount >= 0 && amount <= MaxAmount/MaxQuantity, "amount")
	if err := in.err(); err != nil {
		return nil, err
	}
	amount *= int64(c.Quantity)
	w := s.clockwork(f)
	if fee.Blocking && amount > 0 && f.Procedure.Clock.PauseOnObligation {
		w.pause(obligationCause(fee.Code))
	}
	return one(FeeAssessed{
		Obligation: fee.Code, Kind: fee.Kind, Quantity: c.Quantity, Amount: amount,
		LegalBasis: fee.LegalBasis, Blocking: fee.Blocking, Clock: w.changes,
	}, w.err)
}

// settled gives the clock events of a debt that shrinks by amount.
func (s *State) settled(o Obligation, amount int64, f Facts) ([]ClockChange, error) {
	w := s.clockwork(f)
	if amount >= o.Owed() {
		w.resume(obligationCause(o.ID))
	}
	return w.changes, w.err
}

// transaction finds a movement of money by the id that its gateway gave it.
func (s *State) transaction(id string) (obligation string, p Payment, found bool) {
	for _, o := range s.Obligations {
		for _, list := range [][]Payment{o.Payments, o.Refunds} {
			for _, p := range list {
				if p.Transaction == id {
					return o.ID, p, true
				}
			}
		}
	}
	return "", Payment{}, false
}

// repeated tells a repeated transaction from one whose id was used for another.
func (s *State) repeated(transaction, obligation string, amount int64) (bool, error) {
	of, p, found := s.transaction(transaction)
	if !found {
		return false, nil
	}
	if of != obligation || p.Amount != amount {
		return false, ErrTransactionReused.Lacking(transaction)
	}
	return true, nil
}

func payFee(s *State, c PayFee, f Facts) ([]event.Payload, error) {
	var in input
	in.identifier("obligation", c.Obligation)
	in.identifier("transaction", c.Transaction)
	in.amount("amount", c.Amount)
	in.check(oneOf(c.Method, PaidOnline, PaidCounter), "method")
	in.check(oneOf(c.Gateway, "", GatewayNational, GatewayLocal), "gateway")
	in.check(c.Method == PaidOnline || c.Gateway == "", "gateway")
	in.line("receipt.number", c.Receipt.Number+c.Receipt.Series+c.Receipt.Symbol, MaxIdentifier)
	if err := in.err(); err != nil {
		return nil, err
	}
	if again, err := s.repeated(c.Transaction, c.Obligation, c.Amount); again || err != nil {
		return nil, err
	}
	debt, ok := s.Obligation(c.Obligation)
	if !ok {
		return nil, ErrUnknownObligation.Lacking(c.Obligation)
	}
	// At the counter nobody takes more than is owed; what a gateway says has
	// happened and is recorded.
	if c.Method == PaidCounter && c.Amount > debt.Owed() {
		return nil, ErrNothingOwed
	}
	clock, err := s.settled(debt, c.Amount, f)
	return one(FeePaid{
		Obligation: c.Obligation, Amount: c.Amount, Transaction: c.Transaction, Method: c.Method,
		Gateway: c.Gateway, Receipt: c.Receipt, Clock: clock,
	}, err)
}

func feeExemptedSame(s *State, c ExemptFee, _ Facts) bool {
	o, ok := s.Obligation(c.Obligation)
	return ok && c.Exemption != "" && o.Exemption == c.Exemption
}

func exemptFee(s *State, c ExemptFee, f Facts) ([]event.Payload, error) {
	var in input
	in.identifier("obligation", c.Obligation)
	in.identifier("exemption", c.Exemption)
	in.optionalWhy(c.Why)
	if err := in.err(); err != nil {
		return nil, err
	}
	debt, ok := s.Obligation(c.Obligation)
	fee, listed := feeItem(f.Procedure, c.Obligation)
	if !ok || debt.Imposed || !listed {
		return nil, ErrUnknownObligation.Lacking(c.Obligation)
	}
	if debt.Exemption != "" {
		return nil, ErrAlreadyExempted
	}
	for _, e := range fee.Exemptions {
		if e.Code != c.Exemption {
			continue
		}
		percent := min(max(e.Percent, 0), 100)
		amount := (debt.Assessed*int64(percent) + 50) / 100
		clock, err := s.settled(debt, amount, f)
		return one(FeeExempted{
			Obligation: c.Obligation, Exemption: e.Code, Percent: percent, Amount: amount,
			Why: s.reason(c.Why), Clock: clock,
		}, err)
	}
	return nil, ErrUnknownExemption.Lacking(c.Exemption)
}

func refundFee(s *State, c RefundFee, _ Facts) ([]event.Payload, error) {
	var in input
	in.identifier("obligation", c.Obligation)
	in.identifier("transaction", c.Transaction)
	in.amount("amount", c.Amount)
	in.why(c.Why)
	if err := in.err(); err != nil {
		return nil, err
	}
	if again, err := s.repeated(c.Transaction, c.Obligation, c.Amount); again || err != nil {
		return nil, err
	}
	debt, ok := s.Obligation(c.Obligation)
	if !ok {
		return nil, ErrUnknownObligation.Lacking(c.Obligation)
	}
	if c.Amount > debt.Paid-debt.Refunded {
		return nil, ErrRefundTooLarge
	}
	return one(FeeRefunded{Obligation: c.Obligation, Amount: c.Amount, Transaction: c.Transaction, Why: s.reason(c.Why)}, nil)
}

func obligationImposedSame(s *State, c ImposeObligation, _ Facts) bool {
	o, ok := s.Obligation(c.Obligation)
	return ok && o.Imposed && o.Notice == c.Notice && o.Assessed == c.Amount
}

func imposeObligation(s *State, c ImposeObligation, f Facts) ([]event.Payload, error) {
	var in input
	in.identifier("obligation", c.Obligation)
	in.identifier("kind", c.Kind)
	in.number("notice", c.Notice)
	in.number("legal_basis", c.LegalBasis)
	in.amount("amount", c.Amount)
	if err := in.err(); err != nil {
		return nil, err
	}
	if _, exists := s.Obligation(c.Obligation); exists {
		return nil, ErrObligationExists.Lacking(c.Obligation)
	}
	w := s.clockwork(f)
	if c.Blocking && f.Procedure.Clock.PauseOnObligation {
		w.pause(obligationCause(c.Obligation))
	}
	return one(ObligationImposed{
		Obligation: c.Obligation, Kind: c.Kind, Amount: c.Amount, Notice: c.Notice,
		LegalBasis: c.LegalBasis, Blocking: c.Blocking, Clock: w.changes,
	}, w.err)
}

func obligationMetSame(s *State, c MeetObligation, _ Facts) bool {
	o, ok := s.Obligation(c.Obligation)
	return ok && o.Imposed && o.Owed() == 0
}

func meetObligation(s *State, c MeetObligation, f Facts) ([]event.Payload, error) {
	var in input
	in.identifier("obligation", c.Obligation)
	in.identifier("transaction", c.Transaction)
	in.hash("evidence", c.Evidence)
	if err := in.err(); err != nil {
		return nil, err
	}
	debt, ok := s.Obligation(c.Obligation)
	if !ok || !debt.Imposed {
		return nil, ErrUnknownObligation.Lacking(c.Obligation)
	}
	if _, _, used := s.transaction(c.Transaction); used {
		return nil, ErrTransactionReused.Lacking(c.Transaction)
	}
	clock, err := s.settled(debt, debt.Owed(), f)
	return one(ObligationMet{
		Obligation: c.Obligation, Amount: debt.Owed(), Transaction: c.Transaction, Evidence: c.Evidence, Clock: clock,
	}, err)
}
