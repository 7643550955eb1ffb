package dossier

import (
	"fmt"
	"slices"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// target is where an assignment goes; without an agency it stays in the one
// that handles the dossier.
func (s *State) target(c Assign) Holder {
	agency := c.Agency
	if agency == "" {
		agency = s.Competent
		if f := s.openSerialForward(); f != nil {
			agency = f.To.Agency
		}
	}
	return Holder{Agency: agency, Department: c.Department, Officer: c.Officer}
}

func assignedSame(s *State, c Assign, _ Facts) bool {
	to := s.target(c)
	if to.Officer == "" {
		to.Officer = s.Holder.Officer
	}
	return s.Phase == PhaseProcessing && s.Holder == to
}

func assign(s *State, c Assign, _ Facts) ([]event.Payload, error) {
	to := s.target(c)
	var in input
	in.identifier("department", to.Department)
	in.optionalIdentifier("agency", to.Agency)
	in.optionalIdentifier("officer", to.Officer)
	in.optionalWhy(c.Why)
	if err := in.err(); err != nil {
		return nil, err
	}
	handling := s.Competent
	if f := s.openSerialForward(); f != nil {
		handling = f.To.Agency
	}
	if to.Agency != handling && to.Agency != s.Holder.Agency {
		return nil, ErrAgencyNotHolder.Lacking(handling)
	}
	if s.Holder.Officer != "" && s.Holder.Agency == to.Agency && s.Holder.Department == to.Department {
		return nil, ErrAlreadyAssigned
	}
	return one(Assigned{Holder: to, Why: s.reason(c.Why)}, nil)
}

func (s *State) replacement(c Reassign) Holder {
	to := s.Holder
	if c.Department != "" {
		to.Department = c.Department
	}
	to.Officer = c.Officer
	return to
}

func reassignedSame(s *State, c Reassign, _ Facts) bool {
	return s.Phase == PhaseProcessing && c.Officer != "" && s.Holder == s.replacement(c)
}

func reassign(s *State, c Reassign, _ Facts) ([]event.Payload, error) {
	var in input
	in.identifier("officer", c.Officer)
	in.optionalIdentifier("department", c.Department)
	in.why(c.Why)
	if err := in.err(); err != nil {
		return nil, err
	}
	to := s.replacement(c)
	if s.Draft != nil && to.Department != s.Holder.Department {
		return nil, ErrAtSignature
	}
	return one(Reassigned{Previous: s.Holder, Holder: to, Why: s.reason(c.Why)}, nil)
}

func stepStartedSame(s *State, c StartStep, _ Facts) bool {
	return c.Step != "" && s.CurrentStep() == c.Step
}

func startStep(s *State, c StartStep, f Facts) ([]event.Payload, error) {
	index := stepIndex(f.Procedure, c.Step)
	if index < 0 {
		return nil, ErrUnknownStep.Lacking(c.Step)
	}
	if current := s.CurrentStep(); current != "" {
		return nil, ErrStepOpen.Lacking("completion of " + current)
	}
	var before []string
	for i, st := range f.Procedure.Steps[:index] {
		if !s.passed(f.Procedure, i) {
			before = append(before, st.Code)
		}
	}
	if len(before) > 0 {
		return nil, ErrStepOrder.Lacking(before...)
	}
	holder := s.Holder
	holder.Officer = f.Actor.ID
	return one(StepStarted{Step: c.Step, Holder: holder}, nil)
}

// passed reports whether a step is done and was not undone by a return. The
// desk's own first step is done by receiving the dossier.
func (s *State) passed(v *procedure.Version, index int) bool {
	if index == 0 && v.Steps[0].Department == OneStop {
		return true
	}
	done := false
	returns := s.Returns
	for i := s.roundFrom; i <= len(s.Visits); i++ {
		for ; len(returns) > 0 && returns[0].Visits <= i; returns = returns[1:] {
			if returns[0].Visits > s.roundFrom && stepIndex(v, returns[0].To) <= index {
				done = false
			}
		}
		if i < len(s.Visits) && s.Visits[i].Outcome == VisitCompleted && s.Visits[i].Step == v.Steps[index].Code {
			done = true
		}
	}
	return done
}

func stepCompletedSame(s *State, c CompleteStep, _ Facts) bool {
	n := len(s.Visits)
	return n > 0 && s.Visits[n-1].Step == c.Step && s.Visits[n-1].Outcome == VisitCompleted
}

func completeStep(s *State, c CompleteStep, _ Facts) ([]event.Payload, error) {
	if current := s.CurrentStep(); current != c.Step {
		return nil, ErrStepNotOpen.Lacking(c.Step)
	}
	return one(StepCompleted(c), nil)
}

func returnStep(s *State, c ReturnStep, f Facts) ([]event.Payload, error) {
	var in input
	in.identifier("to", c.To)
	in.why(c.Why)
	if err := in.err(); err != nil {
		return nil, err
	}
	index := stepIndex(f.Procedure, c.To)
	if index < 0 {
		return nil, ErrUnknownStep.Lacking(c.To)
	}
	holder, visited := s.lastIn(c.To)
	if !visited {
		return nil, ErrStepNotEarlier.Lacking(c.To)
	}
	var voids []string
	for _, fact := range []struct {
		name string
		made bool
		step string
	}{
		{"inspection", s.Inspection != nil, StepInspection},
		{"appraisal", s.Appraisal != nil, StepAppraisal},
	} {
		if at := stepIndex(f.Procedure, fact.step); fact.made && at >= index {
			voids = append(voids, fact.name)
		}
	}
	if s.Draft != nil {
		voids = append(voids, "submission")
	}
	if len(s.Signatures) > 0 {
		voids = append(voids, "signature")
	}
	return one(StepReturned{From: s.CurrentStep(), To: c.To, Holder: holder, Voids: voids, Why: s.reason(c.Why)}, nil)
}

// lastIn is who last had the dossier in a step of this round.
func (s *State) lastIn(step string) (Holder, bool) {
	for _, v := range slices.Backward(s.Visits[s.roundFrom:]) {
		if v.Step == step {
			return v.Holder, true
		}
	}
	return Holder{}, false
}

func opinionRequestedSame(s *State, c RequestOpinion, _ Facts) bool {
	return slices.ContainsFunc(s.Opinions, func(o Opinion) bool {
		return !o.Closed && o.Agency == c.Agency && o.Department == c.Department
	})
}

func requestOpinion(s *State, c RequestOpinion, f Facts) ([]event.Payload, error) {
	var in input
	in.identifier("agency", c.Agency)
	in.optionalIdentifier("department", c.Department)
	in.text("question", c.Question)
	in.check(c.DueAt.IsZero() || c.DueAt.After(f.Now), "due_at")
	if err := in.err(); err != nil {
		return nil, err
	}
	if c.Agency == s.Holder.Agency && (c.Department == "" || c.Department == s.Holder.Department) {
		return nil, ErrSameAgency
	}
	number := len(s.Opinions) + 1
	w := s.clockwork(f)
	if f.Procedure.Clock.PauseOnOpinion {
		w.pause(opinionCause(number))
	}
	return one(OpinionRequested{
		Number: number, Agency: c.Agency, Department: c.Department, Question: about(s.Applicant.Subject, c.Question),
		DueAt: c.DueAt.UTC(), Clock: w.changes,
	}, w.err)
}

func opinionGivenSame(s *State, c GiveOpinion, f Facts) bool {
	if s.opinionFor(f.Actor) != nil {
		return false
	}
	for _, o := range slices.Backward(s.Opinions) {
		if o.asks(f.Actor) {
			return !o.GivenAt.IsZero() && o.Position == c.Position && o.Hash == c.Hash
		}
	}
	return false
}

func giveOpinion(s *State, c GiveOpinion, f Facts) ([]event.Payload, error) {
	var in input
	in.check(oneOf(c.Position, Agrees, Conditional, Disagrees, NoOpinion), "position")
	in.optionalHash("hash", c.Hash)
	in.text("text", c.Text)
	if err := in.err(); err != nil {
		return nil, err
	}
	open := s.opinionFor(f.Actor)
	w := s.clockwork(f)
	w.resume(opinionCause(open.Number))
	return one(OpinionGiven{
		Number: open.Number, Agency: open.Agency, Position: c.Position, Hash: c.Hash,
		Text: about(s.Applicant.Subject, c.Text), Clock: w.changes,
	}, w.err)
}

func forwardedSame(s *State, c Forward, _ Facts) bool {
	return slices.ContainsFunc(s.Forwards, func(o Forwarding) bool {
		return !o.Closed && o.To.Agency == c.Agency && o.Task == c.Task
	})
}

func forward(s *State, c Forward, f Facts) ([]event.Payload, error) {
	var in input
	in.identifier("agency", c.Agency)
	in.identifier("task", c.Task)
	in.optionalIdentifier("department", c.Department)
	in.optionalWhy(c.Why)
	in.check(c.DueAt.IsZero() || c.DueAt.After(f.Now), "due_at")
	if err := in.err(); err != nil {
		return nil, err
	}
	if c.Agency == s.Holder.Agency {
		return nil, ErrSameAgency
	}
	if !c.Parallel {
		if s.openSerialForward() != nil {
			return nil, ErrForwardOpen
		}
		if s.Draft != nil {
			return nil, ErrAtSignature
		}
	}
	if c.Department == "" {
		c.Department = OneStop
	}
	number := len(s.Forwards) + 1
	w := s.clockwork(f)
	if f.Procedure.Clock.PauseOnForward {
		w.pause(forwardCause(number))
	}
	return one(Forwarded{
		Number: number, From: s.Holder, To: Holder{Agency: c.Agency, Department: c.Department}, Parallel: c.Parallel,
		Task: c.Task, Why: s.reason(c.Why), DueAt: c.DueAt.UTC(), Clock: w.changes,
	}, w.err)
}

func forwardAnsweredSame(s *State, c AnswerForward, f Facts) bool {
	// What is still open for this agency may be another task than the one that was answered.
	for _, o := range s.forwardsTo(f.Actor.Agency) {
		if c.Task == "" || c.Task == o.Task {
			return false
		}
	}
	for _, o := range slices.Backward(s.Forwards) {
		if o.To.Agency == f.Actor.Agency && (c.Task == "" || c.Task == o.Task) {
			return !o.AnsweredAt.IsZero() && o.Outcome == c.Outcome
		}
	}
	return false
}

func answerForward(s *State, c AnswerForward, f Facts) ([]event.Payload, error) {
	var in input
	in.identifier("outcome", c.Outcome)
	in.optionalIdentifier("task", c.Task)
	in.optionalHash("hash", c.Hash)
	in.text("text", c.Text)
	open := s.forwardsTo(f.Actor.Agency)
	if c.Task == "" && len(open) > 1 {
		in.missing = append(in.missing, "task")
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	for _, o := range open {
		if c.Task != "" && c.Task != o.Task {
			continue
		}
		holder := s.Holder
		if !o.Parallel {
			holder = o.From
		}
		w := s.clockwork(f)
		w.resume(forwardCause(o.Number))
		return one(ForwardAnswered{
			Number: o.Number, Agency: o.To.Agency, Outcome: c.Outcome, Hash: c.Hash,
			Text: about(s.Applicant.Subject, c.Text), Holder: holder, Clock: w.changes,
		}, w.err)
	}
	return nil, ErrNoForward.Lacking(c.Task)
}

func appraisedSame(s *State, c Appraise, _ Facts) bool {
	return s.Appraisal != nil && s.Appraisal.Conclusion == c.Conclusion && s.Appraisal.Report == c.Report
}

func appraise(s *State, c Appraise, f Facts) ([]event.Payload, error) {
	var in input
	in.check(oneOf(c.Conclusion, Eligible, Ineligible), "conclusion")
	in.optionalHash("report", c.Report)
	in.text("text", c.Text)
	return one(Appraised{Conclusion: c.Conclusion, Report: c.Report, Text: about(s.Applicant.Subject, c.Text)}, in.err())
}

func inspectedSame(s *State, c RecordInspection, _ Facts) bool {
	return s.Inspection != nil && s.Inspection.Conclusion == c.Conclusion && s.Inspection.Report == c.Report &&
		s.Inspection.RemedyUntil.Equal(c.RemedyUntil) && s.Inspection.InspectedAt.Equal(c.InspectedAt)
}

func recordInspection(s *State, c RecordInspection, f Facts) ([]event.Payload, error) {
	var in input
	in.check(oneOf(c.Conclusion, Eligible, Ineligible, Remedy), "conclusion")
	in.check(!c.InspectedAt.IsZero() && !c.InspectedAt.After(f.Now), "inspected_at")
	in.check(c.RemedyUntil.IsZero() != (c.Conclusion == Remedy), "remedy_until")
	in.optionalHash("report", c.Report)
	in.text("text", c.Text)
	return one(InspectionRecorded{
		Conclusion: c.Conclusion, InspectedAt: c.InspectedAt.UTC(), Report: c.Report, RemedyUntil: c.RemedyUntil.UTC(),
		Text: about(s.Applicant.Subject, c.Text),
	}, in.err())
}

func extendedSame(s *State, c ExtendDeadline, _ Facts) bool {
	return slices.ContainsFunc(s.Extensions, func(e Extension) bool { return e.Letter == c.Letter })
}

func extendDeadline(s *State, c ExtendDeadline, f Facts) ([]event.Payload, error) {
	var in input
	in.number("letter", c.Letter)
	in.why(c.Why)
	if c.Due.IsZero() {
		in.missing = append(in.missing, "due")
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if !c.Due.After(s.Clock.Due) || !c.Due.After(f.Now) {
		return nil, ErrDueNotLater
	}
	number := len(s.Extensions) + 1
	w := s.clockwork(f)
	w.extend(fmt.Sprintf("extension-%d", number), c.Due.UTC())
	return one(DeadlineExtended{Number: number, Letter: c.Letter, Why: s.reason(c.Why), Clock: w.changes}, w.err)
}
