package dossier_test

import (
	"slices"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// Whole lives, as an office would live them.

func (s *scene) happenedInOrder(want ...string) *scene {
	s.t.Helper()
	var payloads []string
	for _, e := range s.events {
		payloads = append(payloads, typesOf([]event.Payload{e.Payload})...)
	}
	if !slices.Equal(payloads, want) {
		s.t.Fatalf("\n got %v\nwant %v", payloads, want)
	}
	return s
}

func (s *scene) stands(status dossier.Status, waits dossier.WaitsFor, timeliness dossier.Timeliness, now time.Time) *scene {
	s.t.Helper()
	m := s.state.Measures(standard, now)
	if m.Status != status || m.WaitsFor != waits || m.Timeliness != timeliness {
		s.t.Fatalf("status %d, waits for %q, %s; want %d, %q, %s", m.Status, m.WaitsFor, m.Timeliness, status, waits, timeliness)
	}
	return s
}

func TestADrivingLicenceIsExchanged(t *testing.T) {
	s := given(t, licence(), submitted()...).stands(dossier.StatusNew, "", dossier.NotStarted, on(12, "08:30"))
	s.and(received()[1:]...).stands(dossier.StatusReceived, "", dossier.Running, on(12, "09:30"))
	s.and(
		does(on(12, "09:40"), desk, dossier.AssessFee{Item: "licence-fee"}),
		does(on(12, "09:45"), ledger, gateway("licence-fee", 115_000, "tx-1")))
	s.and(issued()[2:4]...).stands(dossier.StatusProcessing, "", dossier.Running, on(12, "16:00"))
	s.and(issued()[4:7]...).stands(dossier.StatusProcessing, dossier.WaitsForSignature, dossier.Running, on(13, "16:00"))
	s.and(issued()[7:]...).stands(dossier.StatusFinished, "", dossier.Early, on(30, "09:00"))
	s.and(delivered()[9:]...).stands(dossier.StatusDelivered, "", dossier.Early, on(30, "09:00"))
	s.and(does(on(16, "09:00"), applicant, dossier.Rate{Satisfied: true}))
	s.happenedInOrder("submitted", "document-attached", "document-attached", "received", "fee-assessed", "fee-paid", "assigned",
		"step-started", "appraised", "step-completed", "submitted-for-signature", "signed", "result-issued", "result-delivered", "rated")

	m := s.state.Measures(standard, on(30, "09:00"))
	if m.Used != 20*time.Hour+30*time.Minute || m.Remaining != 19*time.Hour+30*time.Minute || m.Promised != 40*time.Hour {
		t.Errorf("used %v, remaining %v, promised %v", m.Used, m.Remaining, m.Promised)
	}
	if m.Reception != time.Hour || m.Handling != 20*time.Hour+30*time.Minute || m.Collection != 2*time.Hour+30*time.Minute || m.Paused != 0 {
		t.Errorf("reception %v, handling %v, collection %v, paused %v", m.Reception, m.Handling, m.Collection, m.Paused)
	}
	if m.PaymentState != dossier.Settled || !m.PaidOnline || m.Gateway != dossier.GatewayNational || m.ScoredLate || !m.Satisfied {
		t.Errorf("%+v", m)
	}
	if m.Documents != 2 || m.Visits != 1 || m.ApplicantSubject != "sub-an" || m.HolderDepartment != dossier.OneStop {
		t.Errorf("%+v", m)
	}
}

func TestASupplementAtReceptionCostsNoTime(t *testing.T) {
	s := given(t, licence(),
		does(on(12, "08:00"), applicant, submission(paper("application"))),
		does(on(12, "09:00"), desk, request("BS-1", "licence"))).
		stands(dossier.StatusSupplement, dossier.WaitsForSupplement, dossier.NotStarted, on(13, "09:00"))
	s.when(on(13, "09:00"), desk, dossier.Receive{Slip: "TN-1"}).refused(dossier.ErrSupplementOpen)
	s.and(
		does(on(14, "09:00"), agent, dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("licence")}}),
		does(on(14, "09:30"), desk, dossier.Receive{Slip: "TN-1"})).
		stands(dossier.StatusReceived, "", dossier.Running, on(14, "10:00"))
	if due := s.state.Clock.Due; !due.Equal(on(21, "09:30")) {
		t.Errorf("due %v", due)
	}
}

func TestASupplementInProcessResumesOrRestarts(t *testing.T) {
	bring := dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("photo")}}
	for answer, due := range map[procedure.OnAnswer]time.Time{procedure.Resume: on(21, "09:00"), procedure.Restart: on(22, "09:00")} {
		t.Run(string(answer), func(t *testing.T) {
			v := licence(func(v *procedure.Version) { v.Supplement.Rules[1].OnAnswer = answer })
			s := given(t, v, askedInProcess()...).
				stands(dossier.StatusSupplement, dossier.WaitsForSupplement, dossier.Running, on(28, "09:00"))
			s.and(does(on(15, "09:00"), applicant, bring)).stands(dossier.StatusProcessing, "", dossier.Running, on(16, "09:00"))
			if got := s.state.Clock.Due; !got.Equal(due) {
				t.Errorf("due %v, want %v", got, due)
			}
			s.stands(dossier.StatusProcessing, "", dossier.Overdue, due.Add(time.Minute))
		})
	}
}

func TestADossierIsStoppedWhenNobodyAnswers(t *testing.T) {
	given(t, licence(), append(askedInProcess(),
		does(on(19, "08:00"), ledger, dossier.ExpireSupplement{Notice: "TB-1"}),
		does(on(19, "09:00"), desk, dossier.DeliverResult{Method: dossier.DeliverCounter}))...).
		stands(dossier.StatusStopped, "", dossier.Early, on(30, "09:00")).
		happenedInOrder("submitted", "document-attached", "document-attached", "received", "assigned", "step-started",
			"supplement-requested", "supplement-expired", "stopped", "result-delivered")
}

func TestALateAgencyApologisesOnce(t *testing.T) {
	s := given(t, licence(), appraising()...).stands(dossier.StatusProcessing, "", dossier.Overdue, on(19, "09:01"))
	s.and(does(on(19, "10:00"), leader, dossier.ExtendDeadline{Letter: "3/PXL", Due: on(21, "17:00"), Why: why})).
		stands(dossier.StatusProcessing, "", dossier.Running, on(21, "17:00"))
	if e := s.state.Extensions[0]; !e.PreviousDue.Equal(on(19, "09:00")) || !e.Due.Equal(on(21, "17:00")) {
		t.Errorf("%+v", e)
	}
	s.and(
		does(on(22, "08:00"), specialist, dossier.Appraise{Conclusion: dossier.Ineligible}),
		does(on(22, "09:00"), leader, dossier.Reject{Decision: "7/QĐ", Hash: hash("no"), Why: why})).
		stands(dossier.StatusStopped, "", dossier.Late, on(30, "09:00"))
	if got := s.state.Clock.Entries; len(got) != 3 || got[0].Due != on(19, "09:00") {
		t.Errorf("the first promise must stay: %+v", got)
	}
}

func TestLienThongGoesToTheOtherAgencyAndBack(t *testing.T) {
	s := given(t, licence(), append(appraising(),
		does(on(13, "09:00"), specialist, dossier.Forward{Agency: "H15.02", Task: "tax"}),
		does(on(13, "10:00"), taxDesk, dossier.Assign{Department: dossier.Specialist, Officer: "tax-1"}))...).
		stands(dossier.StatusProcessing, dossier.WaitsForOtherAgency, dossier.Running, on(13, "11:00"))
	if s.state.Holder.Agency != "H15.02" || s.state.Competent != "H15.01" || s.state.Receiving != "H15.01" {
		t.Errorf("%+v", s.state.Holder)
	}
	s.and(does(on(14, "09:00"), taxOfficer, dossier.AnswerForward{Outcome: "done"})).
		stands(dossier.StatusProcessing, "", dossier.Running, on(14, "11:00"))
	if h := s.state.Holder; h.Agency != "H15.01" || h.Officer != "spec-1" || !s.state.HolderSince.Equal(on(14, "09:00")) {
		t.Errorf("%+v since %v", h, s.state.HolderSince)
	}
	// A transfer never restarts the clock.
	if !s.state.Clock.Due.Equal(on(19, "09:00")) {
		t.Errorf("due %v", s.state.Clock.Due)
	}
}

func TestOpinionsAreGivenInParallel(t *testing.T) {
	given(t, licence(), append(appraising(),
		does(on(13, "09:00"), specialist, dossier.RequestOpinion{Agency: "H15.02"}),
		does(on(13, "09:00"), specialist, dossier.RequestOpinion{Agency: "H15.03"}),
		does(on(14, "09:00"), police, dossier.GiveOpinion{Position: dossier.Conditional}))...).
		stands(dossier.StatusProcessing, dossier.WaitsForOpinion, dossier.Running, on(14, "10:00")).
		and(does(on(15, "09:00"), taxOfficer, dossier.GiveOpinion{Position: dossier.Agrees})).
		stands(dossier.StatusProcessing, "", dossier.Running, on(15, "10:00"))
}

func TestAComplaintReopensAndTheResultComesAgain(t *testing.T) {
	s := given(t, licence(), append(delivered(), does(on(20, "09:00"), leader, dossier.Reopen{Complaint: "2/KN", Why: why}))...).
		stands(dossier.StatusProcessing, "", dossier.Running, on(21, "09:00"))
	s.and(
		does(on(20, "10:00"), leader, dossier.Assign{Department: dossier.Specialist, Officer: "spec-2"}),
		does(on(21, "09:00"), colleague, dossier.Appraise{Conclusion: dossier.Eligible}),
		does(on(21, "10:00"), colleague, dossier.SubmitForSignature{Hash: hash("second")}),
		does(on(22, "10:00"), leader, dossier.Sign{Hash: hash("second")}),
		does(on(27, "09:00"), registry, dossier.IssueResult{Number: "15/GPLX", Hash: hash("second")})).
		stands(dossier.StatusFinished, "", dossier.OnTime, on(30, "09:00"))
	s.and(does(on(28, "09:00"), registry, dossier.CorrectResult{Number: "15a/GPLX", Hash: hash("third"), Signer: "lead-1", Why: why}))
	r, _ := s.state.Result()
	if len(s.state.Results) != 3 || r.Corrects != 2 || r.Version != 3 || !r.Electronic || s.state.Results[0].Number != "12/GPLX" {
		t.Errorf("%+v", s.state.Results)
	}
}

func TestADossierIsRefusedOrWithdrawn(t *testing.T) {
	given(t, licence(), append(submitted(), does(on(12, "09:00"), desk, dossier.RefuseReception{Slip: "TC", Why: why}))...).
		stands(dossier.StatusReceptionRefused, "", dossier.NotStarted, on(30, "09:00"))
	given(t, licence(), append(askedInProcess(), does(on(23, "09:00"), applicant, dossier.Withdraw{Why: why}))...).
		stands(dossier.StatusWithdrawn, "", dossier.Early, on(30, "09:00"))
}

func TestScoringByTheOfficialIndex(t *testing.T) {
	periodEnd := on(31, "17:00")
	bring := dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("photo")}}
	twice := licence(func(v *procedure.Version) { v.Supplement.Rules[1].Max = 2 })
	running := licence(func(v *procedure.Version) { v.Clock.PauseOnSupplement = false })
	finish := func(at int) []act {
		return []act{
			does(on(at, "08:10"), specialist, dossier.Appraise{Conclusion: dossier.Eligible}),
			does(on(at, "08:20"), specialist, dossier.SubmitForSignature{Hash: hash("d")}),
			does(on(at, "08:30"), leader, dossier.Sign{Hash: hash("d")}),
			does(on(at, "08:40"), registry, dossier.IssueResult{Number: "1", Hash: hash("d")}),
		}
	}
	for name, c := range map[string]struct {
		v    *procedure.Version
		acts []act
		late bool
	}{
		"not received":                       {licence(), submitted(), false},
		"finished in time":                   {licence(), issued(), false},
		"finished late":                      {licence(), append(appraising(), finish(20)...), true},
		"open past the period's end":         {licence(), appraising(), true},
		"waiting for one unanswered request": {licence(), askedInProcess(), false},
		"the same where the clock runs on":   {running, askedInProcess(), false},
		"two requests": {twice, append(askedInProcess(),
			does(on(13, "10:00"), applicant, bring),
			does(on(13, "11:00"), specialist, request("BS-2", "licence"))), true},
		"time of the request is taken off where the clock ran on": {running,
			append(append(askedInProcess(), does(on(15, "09:00"), applicant, bring)), finish(20)...), false},
		"delivered late, but finished in time": {licence(), append(issued(), does(on(30, "09:00"), desk, dossier.DeliverResult{Method: dossier.DeliverCounter})), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := given(t, c.v, c.acts...).state.ScoredLate(standard, periodEnd); got != c.late {
				t.Errorf("late: %v, want %v", got, c.late)
			}
		})
	}
}
