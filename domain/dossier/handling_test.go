package dossier_test

import (
	"slices"
	"testing"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
)

func TestAssign(t *testing.T) {
	now := on(12, "10:00")
	to := dossier.Assign{Department: dossier.Specialist, Officer: "spec-1"}
	given(t, licence(), received()...).when(now, desk, to).then(dossier.Assigned{
		Holder: dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-1"},
	})
	given(t, licence(), assigned()...).when(now, leader, to).quiet()
	given(t, licence(), assigned()...).when(now, leader, dossier.Assign{Department: dossier.Specialist}).quiet()
	given(t, licence(), assigned()...).when(now, leader, dossier.Assign{Department: dossier.Specialist, Officer: "spec-2"}).refused(dossier.ErrAlreadyAssigned)
	given(t, licence(), received()...).when(now, desk, dossier.Assign{}).refused(dossier.ErrInputMissing, "department")
	given(t, licence(), received()...).when(now, desk, dossier.Assign{Agency: "H15.02", Department: "x"}).refused(dossier.ErrAgencyNotHolder, "H15.01")
	given(t, licence(), received()...).when(now, specialist, to).refused(dossier.ErrForbidden)
	given(t, licence(), submitted()...).when(now, desk, to).refused(dossier.ErrNotReceived)
	given(t, licence(), drafted()...).when(on(13, "11:00"), leader, to).refused(dossier.ErrAtSignature)
	given(t, licence(), delivered()...).when(on(20, "11:00"), leader, to).refused(dossier.ErrEnded)
}

func TestReassign(t *testing.T) {
	now := on(12, "15:00")
	given(t, licence(), assigned()...).when(now, leader, dossier.Reassign{Officer: "spec-2", Why: why}).then(dossier.Reassigned{
		Previous: dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-1"},
		Holder:   dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-2"}, Why: reason,
	})
	given(t, licence(), assigned()...).when(now, leader, dossier.Reassign{Officer: "spec-1", Why: why}).quiet()
	given(t, licence(), assigned()...).when(now, leader, dossier.Reassign{Officer: "spec-2"}).refused(dossier.ErrInputMissing, "why.ground")
	given(t, licence(), assigned()...).when(now, taxLeader, dossier.Reassign{Officer: "spec-2", Why: why}).refused(dossier.ErrForbidden)
	nobody := append(received(), does(on(12, "10:00"), desk, dossier.Assign{Department: dossier.Specialist}))
	given(t, licence(), nobody...).when(now, leader, dossier.Reassign{Officer: "spec-2", Why: why}).refused(dossier.ErrNotAssigned)
}

func TestSteps(t *testing.T) {
	now := on(12, "14:00")
	holder := dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-2"}
	given(t, licence(), assigned()...).when(now, colleague, dossier.StartStep{Step: "appraisal"}).
		then(dossier.StepStarted{Step: "appraisal", Holder: holder})
	given(t, licence(), appraising()...).when(now, specialist, dossier.StartStep{Step: "appraisal"}).quiet()
	given(t, licence(), assigned()...).when(now, specialist, dossier.StartStep{Step: "dance"}).refused(dossier.ErrUnknownStep, "dance")
	given(t, licence(), assigned()...).when(now, specialist, dossier.StartStep{Step: "issue"}).refused(dossier.ErrStepOrder, "appraisal", "signature")
	given(t, licence(), appraising()...).when(now, specialist, dossier.StartStep{Step: "signature"}).refused(dossier.ErrStepOpen)
	given(t, licence(), askedInProcess()...).when(on(13, "10:00"), specialist, dossier.StartStep{Step: "appraisal"}).quiet()
	given(t, licence(), assigned()...).when(now, leader, dossier.StartStep{Step: "appraisal"}).refused(dossier.ErrForbidden)

	given(t, licence(), appraising()...).when(now, specialist, dossier.CompleteStep{Step: "appraisal"}).then(dossier.StepCompleted{Step: "appraisal"})
	given(t, licence(), append(appraising(), does(now, specialist, dossier.CompleteStep{Step: "appraisal"}))...).
		when(now, specialist, dossier.CompleteStep{Step: "appraisal"}).quiet()
	given(t, licence(), appraising()...).when(now, specialist, dossier.CompleteStep{Step: "signature"}).refused(dossier.ErrStepNotOpen, "signature")
	given(t, licence(), assigned()...).when(now, specialist, dossier.CompleteStep{Step: "appraisal"}).refused(dossier.ErrStepNotOpen)
	given(t, licence(), appraised()...).when(on(13, "10:00"), specialist, dossier.StartStep{Step: "signature"}).thenTypes("step-started")
}

func TestReturnStep(t *testing.T) {
	now := on(14, "10:00")
	given(t, licence(), signed()...).when(now, leader, dossier.ReturnStep{To: "appraisal", Why: why}).then(dossier.StepReturned{
		To: "appraisal", Holder: dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-1"},
		Voids: []string{"appraisal", "submission", "signature"}, Why: reason,
	})
	back := append(drafted(), does(on(14, "09:00"), leader, dossier.ReturnStep{To: "appraisal", Why: why}))
	// What was done before must be done again, and no later step begins before it.
	given(t, licence(), back...).when(now, specialist, dossier.SubmitForSignature{Hash: hash("draft")}).refused(dossier.ErrNotReady, "appraisal")
	given(t, licence(), back...).when(now, specialist, dossier.StartStep{Step: "signature"}).refused(dossier.ErrStepOrder, "appraisal")
	given(t, licence(), append(back,
		does(now, specialist, dossier.StartStep{Step: "appraisal"}),
		does(now, specialist, dossier.CompleteStep{Step: "appraisal"}))...).
		when(now, specialist, dossier.StartStep{Step: "signature"}).thenTypes("step-started")
	given(t, licence(), appraising()...).when(now, leader, dossier.ReturnStep{To: "appraisal", Why: why}).thenTypes("step-returned")
	given(t, licence(), appraising()...).when(now, leader, dossier.ReturnStep{To: "issue", Why: why}).refused(dossier.ErrStepNotEarlier, "issue")
	given(t, licence(), assigned()...).when(now, leader, dossier.ReturnStep{To: "appraisal", Why: why}).refused(dossier.ErrStepNotEarlier)
	given(t, licence(), appraising()...).when(now, leader, dossier.ReturnStep{To: "dance", Why: why}).refused(dossier.ErrUnknownStep)
	given(t, licence(), appraising()...).when(now, leader, dossier.ReturnStep{To: "appraisal"}).refused(dossier.ErrInputMissing, "why.ground")
	given(t, licence(), appraising()...).when(now, taxOfficer, dossier.ReturnStep{To: "appraisal", Why: why}).refused(dossier.ErrForbidden)
}

func TestOpinions(t *testing.T) {
	now := on(13, "09:00")
	ask := dossier.RequestOpinion{Agency: "H15.02", Department: dossier.Specialist, Question: "Có nợ thuế không?", DueAt: on(15, "09:00")}
	given(t, licence(), appraising()...).when(now, specialist, ask).then(dossier.OpinionRequested{
		Number: 1, Agency: "H15.02", Department: dossier.Specialist, Question: event.About("sub-an", "Có nợ thuế không?"), DueAt: on(15, "09:00"),
	})
	pausing := licence(func(v *procedure.Version) { v.Clock.PauseOnOpinion = true })
	asked := append(appraising(), does(now, specialist, ask))
	given(t, pausing, append(asked, does(now, specialist, dossier.RequestOpinion{Agency: "H15.03"}))...).
		when(on(14, "09:00"), taxOfficer, dossier.GiveOpinion{Position: dossier.Agrees, Hash: hash("letter")}).then(dossier.OpinionGiven{
		Number: 1, Agency: "H15.02", Position: dossier.Agrees, Hash: hash("letter"),
		Clock: []dossier.ClockChange{clk(dossier.ClockResume, "opinion-1", on(14, "09:00"), on(19, "09:00"), on(19, "09:00"))},
	})
	given(t, licence(), asked...).when(now, specialist, ask).quiet()
	given(t, licence(), appraising()...).when(now, specialist, dossier.RequestOpinion{Agency: "H15.01"}).refused(dossier.ErrSameAgency)
	given(t, licence(), appraising()...).when(now, specialist, dossier.RequestOpinion{}).refused(dossier.ErrInputMissing, "agency")
	given(t, licence(), appraising()...).when(now, police, dossier.RequestOpinion{Agency: "H15.02"}).refused(dossier.ErrForbidden)
	given(t, licence(), askedInProcess()...).when(now, specialist, ask).refused(dossier.ErrSupplementOpen)

	given(t, licence(), asked...).when(now, police, dossier.GiveOpinion{Position: dossier.Agrees}).refused(dossier.ErrForbidden)
	given(t, licence(), asked...).when(now, taxDesk, dossier.GiveOpinion{Position: dossier.Agrees}).refused(dossier.ErrForbidden)
	given(t, licence(), asked...).when(now, taxOfficer, dossier.GiveOpinion{Position: "maybe"}).refused(dossier.ErrInputInvalid, "position")
	answered := append(asked, does(on(14, "09:00"), taxOfficer, dossier.GiveOpinion{Position: dossier.Agrees}))
	given(t, licence(), answered...).when(on(14, "10:00"), taxOfficer, dossier.GiveOpinion{Position: dossier.Agrees}).quiet()
	given(t, licence(), answered...).when(on(14, "10:00"), taxOfficer, dossier.GiveOpinion{Position: dossier.Disagrees}).refused(dossier.ErrNotConsulted)
	given(t, licence(), append(asked, does(on(13, "10:00"), specialist, dossier.Appraise{Conclusion: dossier.Eligible}))...).
		when(on(13, "11:00"), specialist, dossier.SubmitForSignature{Hash: hash("draft")}).refused(dossier.ErrNotReady, "opinion of H15.02")
}

func TestForward(t *testing.T) {
	now := on(13, "09:00")
	pausing := licence(func(v *procedure.Version) { v.Clock.PauseOnForward = true })
	hand := dossier.Forward{Agency: "H15.02", Task: "tax", DueAt: on(16, "09:00")}
	due := on(19, "09:00")
	from := dossier.Holder{Agency: "H15.01", Department: dossier.Specialist, Officer: "spec-1"}
	given(t, pausing, appraising()...).when(now, specialist, hand).then(dossier.Forwarded{
		Number: 1, From: from, To: dossier.Holder{Agency: "H15.02", Department: dossier.OneStop}, Task: "tax", DueAt: on(16, "09:00"),
		Clock: []dossier.ClockChange{clk(dossier.ClockPause, "forward-1", now, due, due)},
	})
	forwarded := append(appraising(), does(now, specialist, hand))
	given(t, pausing, forwarded...).when(on(14, "09:00"), taxOfficer, dossier.AnswerForward{Outcome: "done", Text: "Đã xác định"}).
		then(dossier.ForwardAnswered{
			Number: 1, Agency: "H15.02", Outcome: "done", Text: event.About("sub-an", "Đã xác định"), Holder: from,
			Clock: []dossier.ClockChange{clk(dossier.ClockResume, "forward-1", on(14, "09:00"), due, on(20, "09:00"))},
		})
	// The other agency works with it meanwhile, and ours does not.
	given(t, licence(), forwarded...).when(now, taxDesk, dossier.Assign{Department: dossier.Specialist, Officer: "tax-1"}).
		then(dossier.Assigned{Holder: dossier.Holder{Agency: "H15.02", Department: dossier.Specialist, Officer: "tax-1"}})
	given(t, licence(), forwarded...).when(now, taxDesk, dossier.Assign{Agency: "H15.01", Department: dossier.Specialist}).refused(dossier.ErrAgencyNotHolder, "H15.02")
	given(t, licence(), forwarded...).when(now, specialist, dossier.Appraise{Conclusion: dossier.Eligible}).refused(dossier.ErrForbidden)
	given(t, licence(), forwarded...).when(now, leader, dossier.Reject{Decision: "1", Hash: hash("x"), Why: why}).refused(dossier.ErrForwardOpen)
	given(t, licence(), forwarded...).when(now, leader, hand).quiet()
	given(t, licence(), forwarded...).when(now, leader, dossier.Forward{Agency: "H15.03", Task: "record"}).refused(dossier.ErrForwardOpen)
	given(t, licence(), appraising()...).when(now, specialist, dossier.Forward{Agency: "H15.01", Task: "x"}).refused(dossier.ErrSameAgency)
	given(t, licence(), appraising()...).when(now, specialist, dossier.Forward{Agency: "H15.02"}).refused(dossier.ErrInputMissing, "task")

	answered := append(forwarded, does(on(14, "09:00"), taxOfficer, dossier.AnswerForward{Outcome: "done"}))
	given(t, licence(), answered...).when(on(14, "10:00"), taxOfficer, dossier.AnswerForward{Outcome: "done"}).quiet()
	given(t, licence(), answered...).when(on(14, "10:00"), taxOfficer, dossier.AnswerForward{Outcome: "refused"}).refused(dossier.ErrNoForward)
	given(t, licence(), forwarded...).when(on(14, "10:00"), police, dossier.AnswerForward{Outcome: "done"}).refused(dossier.ErrForbidden)

	// In parallel, the dossier stays where it is.
	parallel := append(appraising(),
		does(now, specialist, dossier.Forward{Agency: "H15.02", Task: "tax", Parallel: true}),
		does(now, specialist, dossier.Forward{Agency: "H15.02", Task: "insurance", Parallel: true}))
	given(t, licence(), parallel...).when(now, specialist, dossier.Appraise{Conclusion: dossier.Eligible}).thenTypes("appraised")
	given(t, licence(), parallel...).when(now, taxOfficer, dossier.AnswerForward{Outcome: "done"}).refused(dossier.ErrInputMissing, "task")
	given(t, licence(), parallel...).when(now, taxOfficer, dossier.AnswerForward{Task: "insurance", Outcome: "done"}).
		then(dossier.ForwardAnswered{Number: 2, Agency: "H15.02", Outcome: "done", Holder: from})
	// Answering one task again is a repeat, whatever else is still open for the agency.
	one := append(slices.Clone(parallel), does(now, taxOfficer, dossier.AnswerForward{Task: "insurance", Outcome: "done"}))
	given(t, licence(), one...).when(now.Add(time.Minute), taxOfficer, dossier.AnswerForward{Task: "insurance", Outcome: "done"}).quiet()
	given(t, licence(), one...).when(now.Add(time.Minute), taxOfficer, dossier.AnswerForward{Task: "insurance", Outcome: "refused"}).refused(dossier.ErrNoForward, "insurance")
}

func TestAppraiseAndInspect(t *testing.T) {
	now := on(13, "09:00")
	given(t, licence(), appraising()...).when(now, specialist, dossier.Appraise{Conclusion: dossier.Ineligible, Report: hash("report"), Text: "thiếu"}).
		then(dossier.Appraised{Conclusion: dossier.Ineligible, Report: hash("report"), Text: event.About("sub-an", "thiếu")})
	given(t, licence(), appraised()...).when(on(13, "10:00"), specialist, dossier.Appraise{Conclusion: dossier.Eligible}).quiet()
	given(t, licence(), appraising()...).when(now, specialist, dossier.Appraise{Conclusion: "fine"}).refused(dossier.ErrInputInvalid, "conclusion")
	given(t, licence(), appraising()...).when(now, leader, dossier.Appraise{Conclusion: dossier.Eligible}).refused(dossier.ErrForbidden)
	given(t, licence(), submitted()...).when(now, desk, dossier.Appraise{Conclusion: dossier.Eligible}).refused(dossier.ErrNotReceived)
	given(t, licence(), append(appraising(), does(now, specialist, dossier.Appraise{Conclusion: dossier.Ineligible}))...).
		when(now, specialist, dossier.SubmitForSignature{Hash: hash("draft")}).refused(dossier.ErrNotEligible)

	inspected := licence(func(v *procedure.Version) {
		v.Steps = append(v.Steps[:2:2], procedure.Step{Code: dossier.StepInspection, Department: dossier.Specialist}, v.Steps[2], v.Steps[3])
	})
	found := dossier.RecordInspection{Conclusion: dossier.Remedy, InspectedAt: on(13, "08:00"), RemedyUntil: on(30, "17:00")}
	given(t, inspected, appraising()...).when(now, specialist, found).then(dossier.InspectionRecorded{
		Conclusion: dossier.Remedy, InspectedAt: on(13, "08:00"), RemedyUntil: on(30, "17:00"),
	})
	given(t, inspected, append(appraising(), does(now, specialist, found))...).when(now, specialist, found).quiet()
	given(t, inspected, append(appraised(), does(on(13, "10:00"), specialist, found))...).
		when(on(13, "11:00"), specialist, dossier.SubmitForSignature{Hash: hash("draft")}).refused(dossier.ErrNotEligible, "inspection: eligible")
	given(t, inspected, appraised()...).when(on(13, "11:00"), specialist, dossier.SubmitForSignature{Hash: hash("draft")}).refused(dossier.ErrNotReady, "inspection")
	found.InspectedAt, found.RemedyUntil = on(14, "08:00"), on(13, "08:00").AddDate(-3000, 0, 0)
	found.Conclusion = dossier.Eligible
	given(t, inspected, appraising()...).when(now, specialist, found).refused(dossier.ErrInputInvalid, "inspected_at", "remedy_until")
}

func TestExtendDeadline(t *testing.T) {
	now := on(16, "09:00")
	extend := dossier.ExtendDeadline{Letter: "3/PXL", Due: on(22, "17:00"), Why: why}
	given(t, licence(), appraising()...).when(now, leader, extend).then(dossier.DeadlineExtended{
		Number: 1, Letter: "3/PXL", Why: reason,
		Clock: []dossier.ClockChange{clk(dossier.ClockExtend, "extension-1", now, on(19, "09:00"), on(22, "17:00"))},
	})
	given(t, licence(), append(appraising(), does(now, leader, extend))...).when(now, leader, extend).quiet()
	second := extend
	second.Letter, second.Due = "4/PXL", on(23, "17:00")
	given(t, licence(), append(appraising(), does(now, leader, extend))...).when(now, leader, second).refused(dossier.ErrExtensionLimit)
	given(t, licence(), appraising()...).when(now, leader, dossier.ExtendDeadline{}).refused(dossier.ErrInputMissing, "letter", "why.ground", "due")
	second.Due = on(19, "09:00")
	given(t, licence(), appraising()...).when(now, leader, second).refused(dossier.ErrDueNotLater)
	second.Due = on(20, "09:00")
	given(t, licence(), appraising()...).when(on(21, "09:00"), leader, second).refused(dossier.ErrDueNotLater)
	given(t, licence(), askedInProcess()...).when(now, leader, extend).refused(dossier.ErrClockPaused)
	given(t, licence(func(v *procedure.Version) { v.Deadlines = nil }), appraising()...).when(now, leader, extend).refused(dossier.ErrNoDeadline)
	given(t, licence(), appraising()...).when(now, desk, extend).refused(dossier.ErrForbidden)
	given(t, licence(), issued()...).when(now, leader, extend).refused(dossier.ErrEnded)
}

func TestCalendarDaysStandForCalendarTime(t *testing.T) {
	v := licence(func(v *procedure.Version) { v.Deadlines[""] = worktime.Term{Amount: 10, Unit: worktime.CalendarDays} })
	for _, c := range []struct{ asked, answered, due time.Time }{
		{on(13, "09:00"), on(15, "09:00"), on(26, "07:30")}, // two days on is Saturday the 24th
		{on(13, "09:00"), on(16, "07:30"), on(26, "07:30")}, // a Sunday's morning
		{on(13, "09:00"), on(13, "16:00"), on(22, "16:00")},
		{on(13, "09:00"), on(13, "17:00"), on(22, "17:00")}, // closing time is no time off
		{on(13, "09:00"), on(13, "11:30"), on(22, "11:30")},
		{on(13, "09:00"), on(13, "12:00"), on(22, "13:00")},
	} {
		s := given(t, v, append(assigned(), does(c.asked, specialist, request("BS", "photo")))...)
		s.and(does(c.answered, applicant, dossier.ProvideSupplement{Documents: []dossier.AttachDocument{paper("photo")}}))
		if got := s.state.Clock.Due; !got.Equal(c.due) {
			t.Errorf("asked %v, answered %v: due %v, want %v", c.asked, c.answered, got.In(dossier.ICT), c.due.In(dossier.ICT))
		}
	}
}
