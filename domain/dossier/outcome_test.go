package dossier_test

import (
	"testing"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"github.com/google/uuid"
)

var backAtDesk = dossier.Holder{Agency: "H15.01", Department: dossier.OneStop}

func TestSignature(t *testing.T) {
	now := on(13, "10:00")
	draft := dossier.SubmitForSignature{Hash: hash("draft"), Signer: "lead-1"}
	given(t, licence(), appraised()...).when(now, specialist, draft).then(dossier.SubmittedForSignature{
		Hash: hash("draft"), Holder: dossier.Holder{Agency: "H15.01", Department: dossier.Leadership, Officer: "lead-1"},
	})
	given(t, licence(), appraised()...).when(now, specialist, dossier.SubmitForSignature{}).refused(dossier.ErrInputMissing, "hash")
	given(t, licence(), appraising()...).when(now, specialist, draft).refused(dossier.ErrNotReady, "appraisal")
	given(t, licence(), drafted()...).when(now, leader, draft).quiet() // the leader's department holds it now
	given(t, licence(), drafted()...).when(now, leader, dossier.SubmitForSignature{Hash: hash("other")}).refused(dossier.ErrAtSignature)
	given(t, licence(), drafted()...).when(now, specialist, draft).quiet() // and so may who did it last
	given(t, licence(), drafted()...).when(now, colleague, draft).refused(dossier.ErrForbidden)
	plain := licence(func(v *procedure.Version) { v.Steps = v.Steps[:1] })
	given(t, plain, assigned()...).when(now, specialist, draft).thenTypes("submitted-for-signature")

	sign := dossier.Sign{Hash: hash("draft"), Certificate: "54-01", Format: "PAdES"}
	given(t, licence(), drafted()...).when(now, leader, sign).then(dossier.Signed{
		Hash: hash("draft"), Signer: "lead-1", Certificate: "54-01", Format: "PAdES",
		Holder: dossier.Holder{Agency: "H15.01", Department: dossier.Registry},
	})
	given(t, licence(), signed()...).when(on(14, "10:00"), leader, sign).quiet()
	given(t, licence(), signed()...).when(on(14, "10:00"), officer("lead-2", "H15.01", dossier.Leadership), sign).thenTypes("signed")
	given(t, licence(), drafted()...).when(now, leader, dossier.Sign{Hash: hash("other")}).refused(dossier.ErrDraftMismatch, hash("draft"))
	given(t, licence(), appraised()...).when(now, leader, sign).refused(dossier.ErrNoDraft)
	given(t, licence(), drafted()...).when(now, specialist, sign).refused(dossier.ErrForbidden)
	given(t, licence(), drafted()...).when(now, taxLeader, sign).refused(dossier.ErrForbidden)
}

func TestIssueResult(t *testing.T) {
	now, due := on(14, "15:00"), on(19, "09:00")
	issue := dossier.IssueResult{Number: "12/GPLX", Hash: hash("draft"), ValidUntil: on(30, "00:00").AddDate(10, 0, 0)}
	given(t, licence(), signed()...).when(now, registry, issue).then(dossier.ResultIssued{
		Version: 1, Number: "12/GPLX", Hash: hash("draft"), Signer: "lead-1", ValidUntil: issue.ValidUntil, Electronic: true,
		Holder: backAtDesk, Clock: []dossier.ClockChange{clk(dossier.ClockStop, "result", now, due, due)},
	})
	given(t, licence(), issued()...).when(now, registry, issue).quiet()
	given(t, licence(), drafted()...).when(now, registry, issue).refused(dossier.ErrNotSigned, "signature")
	given(t, licence(), appraised()...).when(now, registry, issue).refused(dossier.ErrNoDraft)
	given(t, licence(), signed()...).when(now, leader, issue).refused(dossier.ErrForbidden)
	issue.Hash = hash("forged")
	given(t, licence(), signed()...).when(now, registry, issue).refused(dossier.ErrDraftMismatch)
	given(t, licence(), issued()...).when(now, registry, issue).refused(dossier.ErrEnded)
	given(t, licence(), signed()...).when(now, registry, dossier.IssueResult{}).refused(dossier.ErrInputMissing, "number", "hash")
}

func TestReject(t *testing.T) {
	now, due := on(14, "09:00"), on(19, "09:00")
	decide := dossier.Reject{Decision: "7/QĐ", Hash: hash("refusal"), Why: why}
	given(t, licence(), appraising()...).when(now, leader, decide).then(dossier.Rejected{
		Decision: "7/QĐ", Hash: hash("refusal"), Signer: "lead-1", Why: reason, Holder: backAtDesk,
		Clock: []dossier.ClockChange{clk(dossier.ClockStop, "refusal", now, due, due)},
	})
	given(t, licence(), rejected()...).when(now, leader, decide).quiet()
	given(t, licence(), appraising()...).when(now, leader, dossier.Reject{}).refused(dossier.ErrInputMissing, "decision", "hash", "why.ground")
	given(t, licence(), appraising()...).when(now, specialist, decide).refused(dossier.ErrForbidden)
	given(t, licence(), askedInProcess()...).when(now, leader, decide).refused(dossier.ErrSupplementOpen)
	given(t, licence(), submitted()...).when(now, leader, decide).refused(dossier.ErrNotReceived)
	given(t, licence(), issued()...).when(on(20, "09:00"), leader, decide).refused(dossier.ErrEnded)
}

func TestStop(t *testing.T) {
	now, due := on(14, "09:00"), on(19, "09:00")
	notice := dossier.Stop{Notice: "5/TB", Why: why}
	given(t, licence(), appraising()...).when(now, leader, notice).then(dossier.Stopped{
		Notice: "5/TB", Stage: procedure.PhaseProcessing, Why: reason, Financial: dossier.FinancialConsequence{Kind: dossier.NothingPaid},
		Approver: "lead-1", Holder: backAtDesk, Clock: []dossier.ClockChange{clk(dossier.ClockStop, "stop", now, due, due)},
	})
	given(t, licence(), appraising()...).when(now, specialist, notice).refused(dossier.ErrInputMissing, "approver")
	given(t, licence(), append(appraising(), does(now, leader, notice))...).when(now, leader, notice).quiet()
	given(t, licence(), submitted()...).when(now, desk, notice).refused(dossier.ErrNotReceived)
	given(t, licence(), appraising()...).when(now, desk, notice).refused(dossier.ErrForbidden)

	paid := append(appraising(),
		does(on(13, "08:00"), desk, dossier.AssessFee{Item: "licence-fee"}),
		does(on(13, "08:00"), desk, counter("licence-fee", 115_000, "tx-1")))
	given(t, licence(), paid...).when(now, leader, notice).refused(dossier.ErrFinancial)
	for _, c := range []struct {
		kind    dossier.Consequence
		amount  int64
		allowed bool
	}{
		{dossier.Refundable, 115_000, true},
		{dossier.Refundable, 1, true},
		{dossier.Refundable, 115_001, false},
		{dossier.Retained, 115_000, true},
		{dossier.Retained, 1, false},
		{dossier.NothingPaid, 0, false},
	} {
		notice.Financial = dossier.FinancialConsequence{Kind: c.kind, Amount: c.amount}
		s := given(t, licence(), paid...).when(now, leader, notice)
		if c.allowed {
			s.thenTypes("stopped")
		} else {
			s.refused(dossier.ErrFinancial)
		}
	}
}

func TestDeliverResult(t *testing.T) {
	now := on(15, "08:00")
	given(t, licence(), issued()...).when(now, desk, dossier.DeliverResult{Method: dossier.DeliverCounter, Recipient: "Nguyễn Văn An"}).
		then(dossier.ResultDelivered{Method: dossier.DeliverCounter, Recipient: event.About("sub-an", "Nguyễn Văn An")})
	given(t, licence(), issued()...).when(now, ledger, dossier.DeliverResult{Method: dossier.DeliverOnline}).thenTypes("result-delivered")
	given(t, licence(), delivered()...).when(now, desk, dossier.DeliverResult{Method: dossier.DeliverCounter}).quiet()
	given(t, licence(), delivered()...).when(now, desk, dossier.DeliverResult{Method: dossier.DeliverOnline}).refused(dossier.ErrAlreadyDelivered)
	given(t, licence(), signed()...).when(now, desk, dossier.DeliverResult{Method: dossier.DeliverCounter}).refused(dossier.ErrNotDecided)
	given(t, licence(), issued()...).when(now, specialist, dossier.DeliverResult{Method: dossier.DeliverCounter}).refused(dossier.ErrForbidden)

	toPost := dossier.DeliverResult{Method: dossier.DeliverPost, State: dossier.HandedToPost, Tracking: "VN123"}
	posted := append(issued(), does(now, desk, toPost))
	given(t, licence(), issued()...).when(now, desk, toPost).then(dossier.ResultHandedToPost{Tracking: "VN123"})
	given(t, licence(), posted...).when(now, desk, toPost).quiet()
	given(t, licence(), posted...).when(now, ledger, dossier.DeliverResult{Method: dossier.DeliverPost}).
		then(dossier.ResultDelivered{Method: dossier.DeliverPost, Tracking: "VN123"})
	given(t, licence(), posted...).when(now, ledger, dossier.DeliverResult{Method: dossier.DeliverPost, State: dossier.PostReturned, Ground: "moved"}).
		then(dossier.ResultReturned{Tracking: "VN123", Ground: "moved"})
	given(t, licence(), posted...).when(now, ledger, dossier.DeliverResult{Method: dossier.DeliverPost, State: dossier.PostReturned}).
		refused(dossier.ErrInputMissing, "ground")
	given(t, licence(), issued()...).when(now, ledger, dossier.DeliverResult{Method: dossier.DeliverPost}).refused(dossier.ErrNotAtPost)
	given(t, licence(), issued()...).when(now, desk, dossier.DeliverResult{Method: dossier.DeliverCounter, State: dossier.HandedToPost, Tracking: "x"}).
		refused(dossier.ErrInputInvalid, "method")

	onPaper := licence(func(v *procedure.Version) { v.Result.Electronic = false })
	given(t, onPaper, issued()...).when(now, desk, dossier.DeliverResult{Method: dossier.DeliverOnline}).refused(dossier.ErrDeliveryNotOffered, "online")
	owing := append(received(), does(on(12, "09:30"), desk, dossier.AssessFee{Item: "licence-fee"}))
	given(t, licence(), append(owing, issued()[2:]...)...).when(now, desk, dossier.DeliverResult{Method: dossier.DeliverCounter}).
		refused(dossier.ErrPaymentOwed, "licence-fee")
	// The paper that refused the dossier is handed out too.
	given(t, licence(), rejected()...).when(now, desk, dossier.DeliverResult{Method: dossier.DeliverCounter}).thenTypes("result-delivered")
}

func TestWithdraw(t *testing.T) {
	now, due := on(14, "09:00"), on(19, "09:00")
	given(t, licence(), appraising()...).when(now, applicant, dossier.Withdraw{Why: why}).then(dossier.Withdrawn{
		Why: reason, Clock: []dossier.ClockChange{clk(dossier.ClockStop, "withdrawal", now, due, due)},
	})
	given(t, licence(), submitted()...).when(now, agent, dossier.Withdraw{Why: why}).then(dossier.Withdrawn{Why: reason})
	given(t, licence(), append(submitted(), does(now, applicant, dossier.Withdraw{Why: why}))...).when(now, applicant, dossier.Withdraw{}).quiet()
	given(t, licence(), appraising()...).when(now, stranger, dossier.Withdraw{Why: why}).refused(dossier.ErrForbidden)
	given(t, licence(), appraising()...).when(now, applicant, dossier.Withdraw{}).refused(dossier.ErrInputMissing, "why.ground")
	given(t, licence(), issued()...).when(on(20, "09:00"), applicant, dossier.Withdraw{Why: why}).refused(dossier.ErrEnded)
}

func TestReopen(t *testing.T) {
	now := on(20, "09:00")
	upheld := dossier.Reopen{Complaint: "2/KN", Why: why}
	restart := clk(dossier.ClockRestart, "complaint", now, on(19, "09:00"), on(27, "09:00"))
	restart.From = now
	for name, acts := range map[string][]act{"issued": issued(), "delivered": delivered(), "rejected": rejected()} {
		t.Run(name, func(t *testing.T) {
			given(t, licence(), acts...).when(now, leader, upheld).then(dossier.Reopened{
				Complaint: "2/KN", Why: reason, Holder: dossier.Holder{Agency: "H15.01", Department: dossier.Leadership, Officer: "lead-1"},
				Clock: []dossier.ClockChange{restart},
			})
		})
	}
	reopened := append(delivered(), does(now, leader, upheld))
	given(t, licence(), reopened...).when(now, leader, upheld).quiet()
	given(t, licence(), reopened...).when(now, leader, dossier.Reopen{Complaint: "3/KN", Why: why}).refused(dossier.ErrNotDecided)
	// Everything is to be done again.
	given(t, licence(), reopened...).when(now, registry, dossier.IssueResult{Number: "13", Hash: hash("draft")}).refused(dossier.ErrNoDraft)
	given(t, licence(), append(reopened, does(now, leader, dossier.Assign{Department: dossier.Specialist}))...).
		when(now, specialist, dossier.StartStep{Step: "signature"}).refused(dossier.ErrStepOrder, "appraisal")
	given(t, licence(), append(submitted(), does(on(12, "09:00"), applicant, dossier.Withdraw{Why: why}))...).
		when(now, leader, upheld).refused(dossier.ErrNotReopenable)
	given(t, licence(), delivered()...).when(now, specialist, upheld).refused(dossier.ErrForbidden)
	given(t, licence(), delivered()...).when(now, leader, dossier.Reopen{}).refused(dossier.ErrInputMissing, "complaint", "why.ground")
}

func TestCorrectResult(t *testing.T) {
	now := on(20, "09:00")
	fix := dossier.CorrectResult{Number: "12a/GPLX", Hash: hash("corrected"), Signer: "lead-1", Why: why}
	given(t, licence(), delivered()...).when(now, registry, fix).then(dossier.ResultCorrected{
		Version: 2, Corrects: 1, Number: "12a/GPLX", Hash: hash("corrected"), Signer: "lead-1", Why: reason,
	})
	given(t, licence(), append(delivered(), does(now, registry, fix))...).when(now, registry, fix).quiet()
	given(t, licence(), signed()...).when(now, registry, fix).refused(dossier.ErrNotDecided, "result")
	given(t, licence(), delivered()...).when(now, desk, fix).refused(dossier.ErrForbidden)
	given(t, licence(), delivered()...).when(now, registry, dossier.CorrectResult{}).refused(dossier.ErrInputMissing, "number", "hash", "signer", "why.ground")
}

func TestRate(t *testing.T) {
	now := on(20, "09:00")
	judged := dossier.Rate{Satisfied: true, Criteria: []int{2, 2, 2, 2, 2, 2, 1, 1, 0}, Text: "tốt"}
	given(t, licence(), delivered()...).when(now, applicant, judged).then(dossier.Rated{
		Satisfied: true, Criteria: []int{2, 2, 2, 2, 2, 2, 1, 1, 0}, Text: event.About("sub-an", "tốt"),
	})
	given(t, licence(), append(delivered(), does(now, applicant, judged))...).when(now, applicant, judged).quiet()
	given(t, licence(), append(delivered(), does(now, applicant, judged))...).when(now, applicant, dossier.Rate{}).refused(dossier.ErrAlreadyRated)
	given(t, licence(), appraising()...).when(now, applicant, judged).refused(dossier.ErrNotRateable)
	given(t, licence(), delivered()...).when(now, desk, judged).refused(dossier.ErrForbidden)
	given(t, licence(), delivered()...).when(now, applicant, dossier.Rate{Criteria: []int{3}}).refused(dossier.ErrInputInvalid)
}

func TestNotesAndCorrections(t *testing.T) {
	now := on(20, "09:00")
	given(t, licence(), delivered()...).when(now, specialist, dossier.AddNote{Text: "gọi lại"}).
		then(dossier.NoteAdded{Visibility: dossier.Internal, Text: event.About("sub-an", "gọi lại")})
	given(t, licence(), delivered()...).when(now, applicant, dossier.AddNote{Text: "cảm ơn", Visibility: dossier.Internal}).
		then(dossier.NoteAdded{Visibility: dossier.ForApplicant, Text: event.About("sub-an", "cảm ơn")})
	given(t, licence(), delivered()...).when(now, specialist, dossier.AddNote{Text: " "}).refused(dossier.ErrInputMissing, "text")
	given(t, licence(), delivered()...).when(now, police, dossier.AddNote{Text: "x"}).refused(dossier.ErrForbidden)

	s := given(t, licence(), delivered()...)
	s.when(now, desk, dossier.Correct{Event: eventID(3), Field: "slip", Text: "TN-01"}).
		then(dossier.CorrectionRecorded{Event: eventID(3), Field: "slip", Text: event.About("sub-an", "TN-01")})
	unknown := uuid.MustParse("6b0a6d0e-2f5c-5a0e-9d7e-5d2f6c1b8a11")
	s.when(now, desk, dossier.Correct{Event: unknown, Field: "slip", Text: "TN-01"}).refused(dossier.ErrUnknownEvent, unknown.String())
	s.when(now, desk, dossier.Correct{}).refused(dossier.ErrInputMissing, "field", "text")
	s.when(now, applicant, dossier.Correct{Event: eventID(3), Field: "slip", Text: "TN-01"}).refused(dossier.ErrForbidden)
}

func TestReportSync(t *testing.T) {
	now := on(20, "09:00")
	sent := dossier.ReportSync{Portal: "national", State: dossier.SyncSent, Status: dossier.StatusFinished, Reference: "99"}
	given(t, licence(), issued()...).when(now, ledger, sent).then(dossier.SyncReported{
		Portal: "national", State: dossier.SyncSent, Status: dossier.StatusFinished, Reference: "99",
	})
	given(t, licence(), append(issued(), does(now, ledger, sent))...).when(now, admin, sent).quiet()
	given(t, licence(), issued()...).when(now, desk, sent).refused(dossier.ErrForbidden)
	given(t, licence(), issued()...).when(now, ledger, dossier.ReportSync{Portal: "national", State: "lost", Status: 11}).
		refused(dossier.ErrInputInvalid, "state", "status")
}
