package simulator

import (
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// The steps that the simulated people act on in a way of their own, besides
// those that the domain knows.
const (
	stepSignature = "signature"
	stepDelivery  = "delivery"
)

// effort is the time of work that a step takes, about a median that grows with
// the term of the procedure.
func (l *life) effort(step procedure.Step) time.Duration {
	switch step.Department {
	case dossier.Leadership:
		return 8 * time.Minute
	case dossier.Registry, dossier.OneStop:
		return 7 * time.Minute
	}
	return min(max(time.Duration(float64(l.term())*float64(step.Share)/100/12), 15*time.Minute), 6*time.Hour)
}

// handle takes the dossier to its next step. It waits by itself where the
// applicant has to act first: whoever ends that wait calls it again.
func (l *life) handle(at time.Time) {
	if l.state.Phase != dossier.PhaseProcessing || l.state.OpenSupplement() != nil || l.state.BlockingOwed() > 0 || l.state.CurrentVisit() != nil {
		return
	}
	round := l.round
	l.round++
	l.toStep(at, l.nextStep(), round+1)
}

// nextStep is the first step that is not done in this round of handling.
func (l *life) nextStep() int {
	for i, step := range l.version.Steps {
		if i == 0 && step.Department == dossier.OneStop {
			continue
		}
		if !l.done[step.Code] {
			return i
		}
	}
	return len(l.version.Steps)
}

func (l *life) toStep(at time.Time, index, round int) {
	if index >= len(l.version.Steps) {
		l.issue(at, round)
		return
	}
	step := l.version.Steps[index]
	switch {
	case step.Code == stepDelivery: // follows the issue of the result, which ends the handling
		l.issue(at, round)
		return
	case step.Code == stepSignature:
		l.draft(at, index, round)
		return
	case step.Department == dossier.Registry && len(l.state.Signatures) > 0:
		l.issue(at, round)
		return
	}
	if !l.moveTo(at, step.Department) {
		return
	}
	l.workOn(at, index, round)
}

// moveTo gives the dossier to a department, by the hand that has it.
func (l *life) moveTo(at time.Time, department string) bool {
	if l.state.Holder.Department == department && l.state.Holder.Agency == l.agency {
		return true
	}
	officer := pick(l.chance, l.sim.offices.pools[desk{l.agency, department}].officers).actor.ID
	return l.act(at, l.handler(), dossier.Assign{Department: department, Officer: officer})
}

// handler is an officer of the department that holds the dossier.
func (l *life) handler() event.Actor {
	p := l.sim.offices.pools[desk{l.state.Holder.Agency, l.state.Holder.Department}]
	for _, o := range p.officers {
		if o.actor.ID == l.state.Holder.Officer {
			return o.actor
		}
	}
	return p.officers[0].actor
}

// stale reports whether something else has taken the dossier on meanwhile.
func (l *life) stale(round int) bool {
	return l.round != round || l.state.Phase != dossier.PhaseProcessing
}

func (l *life) workOn(at time.Time, index, round int) {
	step := l.version.Steps[index]
	l.apologise(at)
	begin := func(at time.Time, by event.Actor) {
		if !l.stale(round) && l.canWork() {
			l.act(at, by, dossier.StartStep{Step: step.Code})
		}
	}
	done := func(at time.Time, by event.Actor) {
		switch {
		case l.stale(round):
			return
		case !l.canWork():
			return // whoever ends the wait takes it on
		case l.state.CurrentStep() == "":
			l.handle(at)
			return
		}
		if l.consult(at, by, step) || l.supplementPerhaps(at, by, step) {
			return
		}
		l.finishStep(at, by, index, round)
	}
	l.sim.work(l, l.agency, step.Department, at, l.around(l.effort(step), 0.7), begin, done)
}

func (l *life) canWork() bool {
	return l.state.OpenSupplement() == nil && l.state.BlockingOwed() == 0
}

// finishStep records what the step stands for and goes on.
func (l *life) finishStep(at time.Time, by event.Actor, index, round int) {
	step := l.version.Steps[index]
	switch step.Code {
	case dossier.StepAppraisal:
		if l.state.Appraisal == nil && !l.appraise(at, by) {
			return
		}
	case dossier.StepInspection:
		if !l.inspect(at, by, round) {
			return
		}
	}
	if !l.act(at, by, dossier.CompleteStep{Step: step.Code}) {
		return
	}
	l.done[step.Code] = true
	l.toStep(at, index+1, round)
}

func (l *life) appraise(at time.Time, by event.Actor) bool {
	if l.happens(0.03) {
		l.act(at, by, dossier.Appraise{Conclusion: dossier.Ineligible, Report: l.hash("appraisal", l.acts)})
		l.reject(at)
		return false
	}
	return l.act(at, by, dossier.Appraise{Conclusion: dossier.Eligible, Report: l.hash("appraisal", l.acts)})
}

// inspect goes to see for itself; sometimes something must be repaired first.
func (l *life) inspect(at time.Time, by event.Actor, round int) bool {
	if l.state.Inspection == nil && l.happens(0.15) {
		until := at.Add(30 * 24 * time.Hour)
		if !l.act(at, by, dossier.RecordInspection{Conclusion: dossier.Remedy, InspectedAt: at.Add(-time.Hour), Report: l.hash("inspection", l.acts), RemedyUntil: until}) {
			return false
		}
		l.later(at, l.around(10*24*time.Hour, 0.4), func(at time.Time) {
			l.sim.work(l, l.agency, by.Department, at, time.Hour, nil, func(at time.Time, by event.Actor) {
				if !l.stale(round) && l.canWork() && l.state.CurrentStep() == dossier.StepInspection {
					l.finishStep(at, by, l.stepIndex(dossier.StepInspection), round)
				}
			})
		})
		return false
	}
	return l.act(at, by, dossier.RecordInspection{Conclusion: dossier.Eligible, InspectedAt: at.Add(-time.Hour), Report: l.hash("inspection", l.acts)})
}

func (l *life) stepIndex(code string) int {
	for i, s := range l.version.Steps {
		if s.Code == code {
			return i
		}
	}
	return len(l.version.Steps)
}

// reject ends the dossier with a reasoned decision of the leadership.
func (l *life) reject(at time.Time) {
	l.sim.work(l, l.agency, dossier.Leadership, at, l.around(20*time.Minute, 0.4), nil, func(at time.Time, by event.Actor) {
		if l.state.Phase == dossier.PhaseProcessing && l.state.OpenSupplement() == nil {
			l.act(at, by, dossier.Reject{Decision: l.paper("QD"), Hash: l.hash("decision", l.acts), Why: dossier.Why{Ground: "conditions-not-met"}})
			l.close(at)
		}
	})
}

// consult asks another agency now and then; the work goes on when it answers.
func (l *life) consult(at time.Time, by event.Actor, step procedure.Step) bool {
	if step.Code != dossier.StepAppraisal || l.consulted || l.term() < 40*time.Hour || !l.happens(0.15) {
		return false
	}
	l.consulted = true
	other := l.otherAgency(by.Agency)
	if other == "" {
		return false
	}
	round := l.round
	resume := func(at time.Time) {
		if !l.stale(round) && l.canWork() && l.state.CurrentStep() == step.Code {
			l.workOnOpen(at, step, round)
		}
	}
	if l.happens(0.3) {
		if !l.act(at, by, dossier.Forward{Agency: other, Department: dossier.Specialist, Parallel: true, Task: "verify"}) {
			return true
		}
		l.sim.work(l, other, dossier.Specialist, at, l.around(3*time.Hour, 0.8), nil, func(at time.Time, who event.Actor) {
			if l.state.Phase == dossier.PhaseProcessing {
				l.act(at, who, dossier.AnswerForward{Task: "verify", Outcome: "verified"})
				resume(at)
			}
		})
		return true
	}
	if !l.act(at, by, dossier.RequestOpinion{Agency: other, Department: dossier.Specialist}) {
		return true
	}
	l.sim.work(l, other, dossier.Specialist, at, l.around(4*time.Hour, 0.9), nil, func(at time.Time, who event.Actor) {
		if l.state.Phase == dossier.PhaseProcessing {
			l.act(at, who, dossier.GiveOpinion{Position: pick(l.chance, []dossier.Position{dossier.Agrees, dossier.Agrees, dossier.Conditional, dossier.NoOpinion})})
			resume(at)
		}
	})
	return true
}

func (l *life) otherAgency(own string) string {
	all := l.sim.offices.specialists
	for range 20 {
		if other := pick(l.chance, all); other != own {
			return other
		}
	}
	return ""
}

// workOnOpen goes on with a step that was begun.
func (l *life) workOnOpen(at time.Time, step procedure.Step, round int) {
	l.sim.work(l, l.agency, step.Department, at, l.around(l.effort(step)/2, 0.5), nil, func(at time.Time, by event.Actor) {
		if !l.stale(round) && l.canWork() && l.state.CurrentStep() == step.Code {
			l.finishStep(at, by, l.stepIndex(step.Code), round)
		}
	})
}

// supplementPerhaps finds, in the middle of the work, that something is missing.
func (l *life) supplementPerhaps(at time.Time, by event.Actor, step procedure.Step) bool {
	rule := l.version.SupplementRule(procedure.PhaseProcessing)
	if step.Code != dossier.StepAppraisal || rule.Max == 0 || l.supplemented >= rule.Max || !l.happens(0.1) {
		return false
	}
	var wanted []string
	for _, c := range l.version.RequiredComponents() {
		if !c.FromRegister {
			wanted = append(wanted, c.Code)
		}
	}
	if len(wanted) == 0 {
		return false
	}
	l.supplemented++
	leader := l.sim.offices.pools[desk{l.agency, dossier.Leadership}].officers[0].actor.ID
	if !l.askSupplement(at, by, []string{pick(l.chance, wanted)}, leader) {
		return true
	}
	round := l.round
	l.answerSupplement(at, func(at time.Time) {
		if !l.stale(round) && l.canWork() && l.state.CurrentStep() == step.Code {
			l.workOnOpen(at, step, round)
		}
	})
	return true
}

// apologise asks for more time when the appointment cannot be kept any more.
func (l *life) apologise(at time.Time) {
	due := l.state.Clock.Due
	if due.IsZero() || l.state.Clock.Paused() || len(l.state.Extensions) >= l.version.Clock.MaxExtensions || l.state.CurrentStep() != "" {
		return
	}
	if calendar := l.sim.calendar(l, l.agency, at); calendar == nil || calendar.Between(at, due) > l.term()/10 || !l.happens(0.45) {
		return
	} else if later, err := calendar.Add(maxTime(at, due), max(l.term()/2, 16*time.Hour)); err == nil {
		l.act(at, l.handler(), dossier.ExtendDeadline{Letter: l.paper("XL"), Due: later, Why: dossier.Why{Ground: "workload"}})
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
