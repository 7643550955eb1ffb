package simulator

import (
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
)

// draft lays the result before a leader, who signs it or sends it back.
func (l *life) draft(at time.Time, index, round int) {
	step := l.version.Steps[index]
	specialist := l.handler()
	if l.state.Appraisal == nil && l.stepIndex(dossier.StepAppraisal) < len(l.version.Steps) {
		return // a complaint or a return took it away meanwhile
	}
	hash := l.hash("result", l.round)
	if !l.act(at, specialist, dossier.SubmitForSignature{Hash: hash}) {
		return
	}
	begin := func(at time.Time, by event.Actor) {
		if !l.stale(round) && l.canWork() {
			l.act(at, by, dossier.StartStep{Step: step.Code})
		}
	}
	l.sim.work(l, l.agency, dossier.Leadership, at, l.around(l.effort(step), 0.6), begin, func(at time.Time, by event.Actor) {
		switch {
		case l.stale(round) || !l.canWork():
			return
		case l.state.CurrentStep() != step.Code:
			l.later(at, time.Hour, func(at time.Time) { l.resign(at, step.Code, hash, index, round) })
			return
		case l.returned < 2 && l.done[dossier.StepAppraisal] && l.happens(0.05):
			l.sendBack(at, by)
			return
		}
		l.sign(at, by, step.Code, hash, index, round)
	})
}

// drafted is the hash of the result that lies before a leader, "" where none does.
func (l *life) drafted() string {
	if l.state.Draft == nil {
		return ""
	}
	return l.state.Draft.Hash
}

// resign signs after a pause in which the step could not begin.
func (l *life) resign(at time.Time, step, hash string, index, round int) {
	l.sim.work(l, l.agency, dossier.Leadership, at, 10*time.Minute, nil, func(at time.Time, by event.Actor) {
		if l.stale(round) || !l.canWork() || l.drafted() != hash || len(l.state.Signatures) > 0 {
			return
		}
		if l.state.CurrentStep() == "" && !l.act(at, by, dossier.StartStep{Step: step}) {
			return
		}
		l.sign(at, by, step, hash, index, round)
	})
}

func (l *life) sign(at time.Time, by event.Actor, step, hash string, index, round int) {
	if !l.act(at, by, dossier.CompleteStep{Step: step}) || !l.act(at, by, dossier.Sign{Hash: hash, Certificate: "sample-" + by.ID, Format: "PAdES"}) {
		return
	}
	l.done[step] = true
	l.toStep(at, index+1, round)
}

// sendBack returns the dossier to the appraisal: the rework that shows in the map.
func (l *life) sendBack(at time.Time, by event.Actor) {
	l.returned++
	if !l.act(at, by, dossier.ReturnStep{To: dossier.StepAppraisal, Why: dossier.Why{Ground: "unclear"}}) {
		return
	}
	l.undoFrom(dossier.StepAppraisal)
	l.handle(at)
}

func (l *life) undoFrom(code string) {
	undo := false
	for _, s := range l.version.Steps {
		if undo = undo || s.Code == code; undo {
			delete(l.done, s.Code)
		}
	}
}

// issue is the registry's number and stamp; then the result goes to the desk.
func (l *life) issue(at time.Time, round int) {
	if len(l.state.Signatures) == 0 {
		return
	}
	var step string
	for _, s := range l.version.Steps {
		if s.Department == dossier.Registry && !l.done[s.Code] {
			step = s.Code
		}
	}
	begin := func(at time.Time, by event.Actor) {
		if step != "" && !l.stale(round) && l.canWork() && l.state.CurrentStep() == "" {
			l.act(at, by, dossier.StartStep{Step: step})
		}
	}
	l.sim.work(l, l.agency, dossier.Registry, at, l.around(7*time.Minute, 0.4), begin, func(at time.Time, by event.Actor) {
		if l.stale(round) || !l.canWork() {
			return
		}
		if step != "" && l.state.CurrentStep() == step {
			l.act(at, by, dossier.CompleteStep{Step: step})
			l.done[step] = true
		}
		if l.act(at, by, dossier.IssueResult{Number: l.paper("KQ"), Hash: l.drafted()}) {
			l.sync(at)
			l.correctPerhaps(at, by)
			l.deliver(at)
		}
	})
}

func (l *life) correctPerhaps(at time.Time, by event.Actor) {
	if !l.happens(0.007) {
		return
	}
	l.later(at, l.around(20*24*time.Hour, 0.8), func(at time.Time) {
		if result, ok := l.state.Result(); ok && !l.state.Phase.Open() {
			at = l.atOffice(at)
			l.act(at, by, dossier.CorrectResult{Number: l.paper("DC"), Hash: l.hash("corrected", l.acts), Signer: result.Signer, Why: dossier.Why{Ground: "clerical-error"}})
		}
	})
}

// deliver hands the result out as the applicant wished.
func (l *life) deliver(at time.Time) {
	switch l.state.DeliveryWish {
	case dossier.DeliverOnline:
		l.later(at, time.Minute, func(at time.Time) { l.handOut(at, system, dossier.DeliverOnline, dossier.Delivered) })
	case dossier.DeliverPost:
		l.sim.work(l, l.agency, dossier.OneStop, at, l.around(deliveryEffort, 0.3), nil, func(at time.Time, by event.Actor) {
			if !l.handOut(at, by, dossier.DeliverPost, dossier.HandedToPost) {
				return
			}
			l.later(at, l.around(50*time.Hour, 0.4), func(at time.Time) { l.handOut(at, system, dossier.DeliverPost, dossier.Delivered) })
		})
	default:
		l.later(at, l.around(20*time.Hour, 0.9), func(at time.Time) {
			l.sim.work(l, l.agency, dossier.OneStop, at, l.around(deliveryEffort, 0.3), nil, func(at time.Time, by event.Actor) {
				l.payRest(at, by)
				l.handOut(at, by, dossier.DeliverCounter, dossier.Delivered)
			})
		})
	}
}

// payRest takes what is still owed before the result is handed over.
func (l *life) payRest(at time.Time, by event.Actor) {
	for _, o := range l.state.Obligations {
		if o.Owed() > 0 {
			l.pay(at, o.ID, by, dossier.PaidCounter)
		}
	}
}

func (l *life) handOut(at time.Time, by event.Actor, method dossier.DeliveryMethod, state dossier.DeliveryState) bool {
	if l.state.Phase != dossier.PhaseIssued {
		return false
	}
	if l.state.Money().Owed > 0 {
		// Who still owes is waited for.
		l.later(at, 24*time.Hour, func(at time.Time) {
			if l.state.Phase == dossier.PhaseIssued {
				l.deliver(at)
			}
		})
		return false
	}
	delivery := dossier.DeliverResult{Method: method, State: state}
	if state == dossier.HandedToPost {
		delivery.Tracking = l.paper("VN")
	}
	if !l.act(at, by, delivery) {
		return false
	}
	if state == dossier.Delivered {
		l.close(at)
	}
	return true
}

// close is what people do when it is over: they rate it, and some complain.
func (l *life) close(at time.Time) {
	if l.state.Phase.Open() || l.state.Phase == dossier.PhaseWithdrawn {
		return
	}
	late := l.state.Timeliness(at) == dossier.Late
	bad := l.state.Phase != dossier.PhaseDelivered
	if l.happens(0.28) {
		l.later(at, l.around(6*time.Hour, 1.2), func(at time.Time) {
			if l.state.Rating != nil || l.state.Phase.Open() {
				return
			}
			happy := 0.96
			if late || bad {
				happy = 0.55
			}
			l.act(at, l.citizen(), l.judgement(l.happens(happy)))
		})
	}
	complains := 0.003
	if late || bad {
		complains = 0.03
	}
	if l.complained || l.state.ReceivedAt.IsZero() || !l.happens(complains) {
		return
	}
	l.complained = true
	l.later(at, l.around(8*24*time.Hour, 0.5), func(at time.Time) {
		l.sim.work(l, l.agency, dossier.Leadership, at, time.Hour, nil, func(at time.Time, by event.Actor) {
			if l.state.Phase.Open() || !l.act(at, by, dossier.Reopen{Complaint: l.paper("KN"), Why: dossier.Why{Ground: "complaint-upheld"}}) {
				return
			}
			clear(l.done)
			l.handle(at)
		})
	})
}

func (l *life) judgement(satisfied bool) dossier.Rate {
	r := dossier.Rate{Satisfied: satisfied, Criteria: make([]int, 9)}
	for i := range r.Criteria {
		switch {
		case satisfied:
			r.Criteria[i] = 1 + l.IntN(2)
		default:
			r.Criteria[i] = l.IntN(2)
		}
	}
	return r
}
