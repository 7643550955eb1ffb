package dossier_test

import (
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/procedure"
)

func feeAssessed(item string) []act {
	return append(received(), does(on(12, "10:00"), desk, dossier.AssessFee{Item: item}))
}

func counter(obligation string, amount int64, transaction string) dossier.PayFee {
	return dossier.PayFee{Obligation: obligation, Amount: amount, Transaction: transaction, Method: dossier.PaidCounter}
}

func gateway(obligation string, amount int64, transaction string) dossier.PayFee {
	return dossier.PayFee{Obligation: obligation, Amount: amount, Transaction: transaction, Method: dossier.PaidOnline, Gateway: dossier.GatewayNational}
}

func TestAssessFee(t *testing.T) {
	now := on(12, "10:00")
	given(t, licence(), received()...).when(now, desk, dossier.AssessFee{Item: "licence-fee"}).then(dossier.FeeAssessed{
		Obligation: "licence-fee", Kind: procedure.StatutoryFee, Quantity: 1, Amount: 115_000, LegalBasis: "TT 37/2023/TT-BTC",
	})
	due := on(19, "09:00")
	given(t, licence(), received()...).when(now, desk, dossier.AssessFee{Item: "check-fee", Quantity: 2}).then(dossier.FeeAssessed{
		Obligation: "check-fee", Kind: procedure.Charge, Quantity: 2, Amount: 66_666, LegalBasis: "TT 37/2023/TT-BTC", Blocking: true,
		Clock: []dossier.ClockChange{clk(dossier.ClockPause, "obligation-check-fee", now, due, due)},
	})
	given(t, licence(), feeAssessed("licence-fee")...).when(now, desk, dossier.AssessFee{Item: "licence-fee"}).quiet()
	given(t, licence(), received()...).when(now, desk, dossier.AssessFee{Item: "bribe"}).refused(dossier.ErrUnknownFee, "bribe")
	given(t, licence(), received()...).when(now, desk, dossier.AssessFee{Item: "licence-fee", Quantity: -1}).refused(dossier.ErrInputInvalid, "quantity")
	given(t, licence(), received()...).when(now, applicant, dossier.AssessFee{Item: "licence-fee"}).refused(dossier.ErrForbidden)
	given(t, licence(), delivered()...).when(on(20, "08:00"), desk, dossier.AssessFee{Item: "licence-fee"}).refused(dossier.ErrEnded)
}

func TestPayFee(t *testing.T) {
	now := on(13, "10:00")
	given(t, licence(), feeAssessed("licence-fee")...).when(now, ledger, gateway("licence-fee", 115_000, "tx-1")).then(dossier.FeePaid{
		Obligation: "licence-fee", Amount: 115_000, Transaction: "tx-1", Method: dossier.PaidOnline, Gateway: dossier.GatewayNational,
	})
	// The clock runs on when all that blocked is paid, and only then.
	blocked := given(t, licence(), feeAssessed("check-fee")...)
	blocked.when(now, desk, counter("check-fee", 30_000, "tx-1")).then(dossier.FeePaid{
		Obligation: "check-fee", Amount: 30_000, Transaction: "tx-1", Method: dossier.PaidCounter,
	})
	blocked.when(now, desk, counter("check-fee", 33_333, "tx-1")).then(dossier.FeePaid{
		Obligation: "check-fee", Amount: 33_333, Transaction: "tx-1", Method: dossier.PaidCounter,
		Clock: []dossier.ClockChange{clk(dossier.ClockResume, "obligation-check-fee", now, on(19, "09:00"), on(20, "09:00"))},
	})
	blocked.when(now, specialist, dossier.StartStep{Step: "appraisal"}).refused(dossier.ErrForbidden)
	paid := append(feeAssessed("licence-fee"), does(now, ledger, gateway("licence-fee", 115_000, "tx-1")))
	given(t, licence(), paid...).when(now, ledger, gateway("licence-fee", 115_000, "tx-1")).quiet()
	given(t, licence(), paid...).when(now, ledger, gateway("licence-fee", 1, "tx-1")).refused(dossier.ErrTransactionReused, "tx-1")
	given(t, licence(), paid...).when(now, desk, counter("licence-fee", 1, "tx-2")).refused(dossier.ErrNothingOwed)
	// What a gateway says has happened is recorded, too much or too late.
	given(t, licence(), paid...).when(now, ledger, gateway("licence-fee", 115_000, "tx-2")).thenTypes("fee-paid")
	withdrawn := append(feeAssessed("check-fee"), does(now, applicant, dossier.Withdraw{Why: why}))
	given(t, licence(), withdrawn...).when(now, ledger, gateway("check-fee", 33_333, "tx-1")).then(dossier.FeePaid{
		Obligation: "check-fee", Amount: 33_333, Transaction: "tx-1", Method: dossier.PaidOnline, Gateway: dossier.GatewayNational,
	})
	// Nobody records a payment on the payer's word.
	given(t, licence(), feeAssessed("licence-fee")...).when(now, applicant, gateway("licence-fee", 115_000, "tx-1")).refused(dossier.ErrForbidden)
	given(t, licence(), feeAssessed("licence-fee")...).when(now, ledger, gateway("other", 115_000, "tx-1")).refused(dossier.ErrUnknownObligation, "other")
	given(t, licence(), received()...).when(now, ledger, gateway("licence-fee", 115_000, "tx-1")).refused(dossier.ErrUnknownObligation)
	for _, amount := range []int64{0, -1, dossier.MaxAmount + 1} {
		given(t, licence(), feeAssessed("licence-fee")...).when(now, ledger, gateway("licence-fee", amount, "tx-1")).refused(dossier.ErrInputInvalid, "amount")
	}
}

func TestExemptFee(t *testing.T) {
	now := on(13, "10:00")
	half := dossier.ExemptFee{Obligation: "licence-fee", Exemption: "half"}
	given(t, licence(), feeAssessed("licence-fee")...).when(now, desk, half).then(dossier.FeeExempted{
		Obligation: "licence-fee", Exemption: "half", Percent: 50, Amount: 57_500,
	})
	// Half a đồng is rounded in the applicant's favour; the rest still blocks.
	given(t, licence(), feeAssessed("check-fee")...).when(now, desk, dossier.ExemptFee{Obligation: "check-fee", Exemption: "half"}).
		then(dossier.FeeExempted{Obligation: "check-fee", Exemption: "half", Percent: 50, Amount: 16_667})
	given(t, licence(), append(feeAssessed("licence-fee"), does(now, desk, half))...).when(now, desk, half).quiet()
	given(t, licence(), append(feeAssessed("licence-fee"), does(now, desk, half))...).
		when(now, desk, dossier.ExemptFee{Obligation: "licence-fee", Exemption: "poor"}).refused(dossier.ErrAlreadyExempted)
	given(t, licence(), feeAssessed("licence-fee")...).
		when(now, desk, dossier.ExemptFee{Obligation: "licence-fee", Exemption: "friend"}).refused(dossier.ErrUnknownExemption, "friend")
	given(t, licence(), feeAssessed("licence-fee")...).
		when(now, desk, dossier.ExemptFee{Obligation: "check-fee", Exemption: "half"}).refused(dossier.ErrUnknownObligation, "check-fee")
	given(t, licence(), feeAssessed("licence-fee")...).when(now, applicant, half).refused(dossier.ErrForbidden)
}

func TestRefundFee(t *testing.T) {
	now := on(13, "11:00")
	paid := append(feeAssessed("licence-fee"), does(on(13, "10:00"), ledger, gateway("licence-fee", 200_000, "tx-1")))
	refund := dossier.RefundFee{Obligation: "licence-fee", Amount: 85_000, Transaction: "rf-1", Why: why}
	given(t, licence(), paid...).when(now, desk, refund).then(dossier.FeeRefunded{
		Obligation: "licence-fee", Amount: 85_000, Transaction: "rf-1", Why: reason,
	})
	given(t, licence(), append(paid, does(now, desk, refund))...).when(now, desk, refund).quiet()
	twice := refund
	twice.Amount, twice.Transaction = 115_001, "rf-2"
	given(t, licence(), append(paid, does(now, desk, refund))...).when(now, desk, twice).refused(dossier.ErrRefundTooLarge)
	twice.Transaction = "tx-1"
	given(t, licence(), paid...).when(now, desk, twice).refused(dossier.ErrTransactionReused, "tx-1")
	given(t, licence(), paid...).when(now, specialist, refund).refused(dossier.ErrForbidden)
	given(t, licence(), feeAssessed("licence-fee")...).when(now, desk, refund).refused(dossier.ErrRefundTooLarge)
	refund.Why = dossier.Why{}
	given(t, licence(), paid...).when(now, desk, refund).refused(dossier.ErrInputMissing, "why.ground")
}

func TestFinancialObligation(t *testing.T) {
	now, due := on(13, "10:00"), on(19, "09:00")
	impose := dossier.ImposeObligation{
		Obligation: "land-tax", Kind: "tax", Amount: 12_000_000, Notice: "45/TB-CCT", LegalBasis: "Luật Đất đai 2024", Blocking: true,
	}
	given(t, licence(), appraising()...).when(now, specialist, impose).then(dossier.ObligationImposed{
		Obligation: "land-tax", Kind: "tax", Amount: 12_000_000, Notice: "45/TB-CCT", LegalBasis: "Luật Đất đai 2024", Blocking: true,
		Clock: []dossier.ClockChange{clk(dossier.ClockPause, "obligation-land-tax", now, due, due)},
	})
	imposed := append(appraising(), does(now, specialist, impose))
	given(t, licence(), imposed...).when(now, specialist, impose).quiet()
	other := impose
	other.Notice = "46/TB-CCT"
	given(t, licence(), imposed...).when(now, specialist, other).refused(dossier.ErrObligationExists, "land-tax")
	given(t, licence(), imposed...).when(now, specialist, dossier.Appraise{Conclusion: dossier.Eligible}).refused(dossier.ErrPaymentOwed, "land-tax")

	meet := dossier.MeetObligation{Obligation: "land-tax", Transaction: "kb-1", Evidence: hash("slip")}
	later := on(14, "10:00")
	given(t, licence(), imposed...).when(later, desk, meet).then(dossier.ObligationMet{
		Obligation: "land-tax", Amount: 12_000_000, Transaction: "kb-1", Evidence: hash("slip"),
		Clock: []dossier.ClockChange{clk(dossier.ClockResume, "obligation-land-tax", later, due, on(20, "09:00"))},
	})
	given(t, licence(), append(imposed, does(later, desk, meet))...).when(later, desk, meet).quiet()
	given(t, licence(), imposed...).when(later, applicant, meet).refused(dossier.ErrForbidden)
	given(t, licence(), imposed...).when(later, desk, dossier.MeetObligation{Obligation: "land-tax"}).
		refused(dossier.ErrInputMissing, "transaction", "evidence")
	given(t, licence(), feeAssessed("licence-fee")...).when(later, desk, dossier.MeetObligation{Obligation: "licence-fee", Transaction: "x", Evidence: hash("slip")}).
		refused(dossier.ErrUnknownObligation)

	free := licence(func(v *procedure.Version) { v.Clock.PauseOnObligation = false })
	impose.Amount = 1
	if s := given(t, free, append(appraising(), does(now, specialist, impose))...); s.state.Clock.Paused() {
		t.Error("the procedure does not stop the clock for a debt")
	}
}

func TestMoneyIsSummedByDebt(t *testing.T) {
	acts := append(feeAssessed("licence-fee"),
		does(on(12, "10:10"), desk, dossier.AssessFee{Item: "check-fee"}),
		does(on(12, "10:20"), desk, dossier.ExemptFee{Obligation: "check-fee", Exemption: "half"}),
		does(on(12, "10:30"), ledger, gateway("licence-fee", 200_000, "tx-1")),
		does(on(12, "10:40"), desk, dossier.RefundFee{Obligation: "licence-fee", Amount: 50_000, Transaction: "rf-1", Why: why}))
	s := given(t, licence(), acts...).state
	want := dossier.Money{Assessed: 148_333, Exempted: 16_667, Paid: 200_000, Refunded: 50_000, Owed: 16_666, Overpaid: 35_000}
	if got := s.Money(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if s.PaymentState() != dossier.PartlyPaid || s.BlockingOwed() != 16_666 || !s.PaidOnline() {
		t.Errorf("payment state %s, blocking %d", s.PaymentState(), s.BlockingOwed())
	}
	if o, _ := s.Obligation("licence-fee"); !o.SettledAt.Equal(on(12, "10:30")) {
		t.Errorf("settled at %v", o.SettledAt)
	}
}

func TestPausesThatOverlapCountOnce(t *testing.T) {
	// A debt from the 13th 9:00 to the 15th 9:00, a supplement from the 14th
	// 9:00 to the 16th 9:00: three working days in all.
	impose := dossier.ImposeObligation{Obligation: "tax", Kind: "tax", Amount: 5, Notice: "1", LegalBasis: "x", Blocking: true}
	s := given(t, licence(), append(appraising(),
		does(on(13, "09:00"), specialist, impose),
		does(on(14, "09:00"), specialist, request("BS-1", "photo")),
		does(on(15, "09:00"), desk, dossier.MeetObligation{Obligation: "tax", Transaction: "kb", Evidence: hash("slip")}))...)
	if !s.state.Clock.Paused() || !s.state.Clock.Due.Equal(on(19, "09:00")) {
		t.Fatalf("the clock runs on while the supplement is open: due %v", s.state.Clock.Due)
	}
	s.and(does(on(16, "09:00"), applicant, dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("photo")}}))
	if c := s.state.Clock; c.Paused() || !c.Due.Equal(on(22, "09:00")) || c.Used(standard, on(16, "10:00")) != 9*time.Hour {
		t.Errorf("due %v, used %v", c.Due, c.Used(standard, on(16, "10:00")))
	}
	if got := s.state.Clock.PausedBetween(standard, on(12, "00:00"), on(30, "00:00")); got != 24*time.Hour {
		t.Errorf("stood for %v of working time", got)
	}
}
