package simulator

import (
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

const (
	receptionEffort = 14 * time.Minute
	deliveryEffort  = 6 * time.Minute
)

// reception is the desk's look at what was handed in.
func (l *life) reception(at time.Time) {
	l.sim.work(l, l.agency, dossier.OneStop, at, l.around(receptionEffort, 0.5), nil, func(at time.Time, by event.Actor) {
		switch {
		case l.state.Phase != dossier.PhaseSubmitted || l.state.OpenSupplement() != nil:
			// It was withdrawn meanwhile.
		case l.missing != "" || len(l.state.MissingComponents(l.version)) > 0:
			l.askOrRefuse(at, by)
		case l.happens(0.02):
			l.act(at, by, dossier.RefuseReception{Slip: l.paper("TC"), Why: dossier.Why{Ground: "not-competent"}})
		default:
			l.receive(at, by)
		}
	})
}

func (l *life) askOrRefuse(at time.Time, by event.Actor) {
	rule := l.version.SupplementRule(procedure.PhaseReception)
	asked := 0
	for _, s := range l.state.Supplements {
		if s.Phase == procedure.PhaseReception {
			asked++
		}
	}
	if asked >= rule.Max {
		l.act(at, by, dossier.RefuseReception{Slip: l.paper("TC"), Why: dossier.Why{Ground: "incomplete"}})
		return
	}
	lacking := l.state.MissingComponents(l.version)
	if len(lacking) == 0 {
		lacking = []string{l.missing}
	}
	if l.askSupplement(at, by, lacking, "") {
		l.missing = ""
		l.answerSupplement(at, l.reception)
	}
}

// askSupplement asks for components; approver is the leader who agreed to it.
func (l *life) askSupplement(at time.Time, by event.Actor, components []string, approver string) bool {
	request := dossier.RequestSupplement{
		Slip: l.paper("HD"), Why: dossier.Why{Ground: "incomplete"}, Basis: l.version.LegalBasis[0].Norm, Approver: approver,
	}
	for _, c := range components {
		request.Components = append(request.Components, dossier.ComponentRequest{Code: c, Originals: 1})
	}
	return l.act(at, by, request)
}

// answerSupplement lets the applicant answer, or forget to; then goes on.
func (l *life) answerSupplement(at time.Time, then func(at time.Time)) {
	open := l.state.OpenSupplement()
	if open == nil {
		return
	}
	number := open.Number
	stillOpen := func() bool {
		now := l.state.OpenSupplement()
		return l.state.Phase.Open() && now != nil && now.Number == number
	}
	if !open.WaitUntil.IsZero() {
		l.sim.agenda.add(open.WaitUntil.Add(time.Hour), func(at time.Time) {
			if !stillOpen() {
				return
			}
			l.act(at, system, dossier.ExpireSupplement{Notice: l.paper("TB")})
			l.close(at)
		})
	}
	if l.happens(0.1) && !open.WaitUntil.IsZero() {
		return // forgotten
	}
	l.later(at, l.around(40*time.Hour, 0.9), func(at time.Time) {
		if !stillOpen() {
			return
		}
		answer := dossier.ProvideSupplement{}
		for _, c := range open.Components {
			n := 2 + len(l.state.Documents)
			form := dossier.Electronic
			if l.channel != procedure.Online {
				form = dossier.Original
			}
			answer.Documents = append(answer.Documents, l.document(c.Code, form, n))
		}
		if l.act(at, l.citizen(), answer) {
			then(at)
		}
	})
}

func (l *life) receive(at time.Time, by event.Actor) {
	if !l.act(at, by, dossier.Receive{Slip: l.paper("TN")}) {
		return
	}
	l.sync(at)
	l.fees(at, by)
	if l.happens(0.03) {
		l.act(at, by, dossier.AddNote{Text: "Người dân đề nghị nhận kết quả qua bưu chính"})
	}
	l.handle(at)
}

// sync tells the national portal, as a gateway does after each change of status.
func (l *life) sync(at time.Time) {
	if !l.happens(0.95) {
		return
	}
	l.later(at, l.around(time.Minute, 0.6), func(at time.Time) {
		l.act(at, system, dossier.ReportSync{Portal: "national", State: dossier.SyncAccepted, Status: l.state.Status()})
	})
}

// fees are assessed at the desk. Some pay at once, some later, some are exempt.
func (l *life) fees(at time.Time, by event.Actor) {
	for _, fee := range l.version.Fees {
		if fee.For(l.channel) == 0 || !l.act(at, by, dossier.AssessFee{Item: fee.Code}) {
			continue
		}
		if len(fee.Exemptions) > 0 && l.happens(0.07) {
			l.act(at, by, dossier.ExemptFee{Obligation: fee.Code, Exemption: pick(l.chance, fee.Exemptions).Code})
		}
		if l.owed(fee.Code) == 0 {
			continue
		}
		switch {
		case l.channel == procedure.Online && l.version.Offers().PayOnline:
			wait := l.around(25*time.Minute, 1.1)
			if l.happens(0.12) {
				wait = l.around(4*24*time.Hour, 0.7) // a late payer
			}
			l.later(at, wait, func(at time.Time) { l.pay(at, fee.Code, system, dossier.PaidOnline) })
		case l.channel == procedure.InPerson:
			l.pay(at, fee.Code, by, dossier.PaidCounter)
		default:
			l.later(at, l.around(2*24*time.Hour, 0.6), func(at time.Time) { l.pay(l.atOffice(at), fee.Code, by, dossier.PaidCounter) })
		}
	}
}

func (l *life) owed(obligation string) int64 {
	o, _ := l.state.Obligation(obligation)
	return o.Owed()
}

func (l *life) pay(at time.Time, obligation string, by event.Actor, method dossier.PaymentMethod) {
	amount := l.owed(obligation)
	if amount == 0 || l.state.Phase == dossier.PhaseWithdrawn {
		return
	}
	blocked := l.state.BlockingOwed() > 0
	paid := dossier.PayFee{Obligation: obligation, Amount: amount, Transaction: l.paper("GD"), Method: method}
	if method == dossier.PaidOnline {
		paid.Gateway = pick(l.chance, []dossier.Gateway{dossier.GatewayNational, dossier.GatewayNational, dossier.GatewayLocal})
	}
	if l.act(at, by, paid) && blocked && l.state.BlockingOwed() == 0 {
		l.handle(at)
	}
}
