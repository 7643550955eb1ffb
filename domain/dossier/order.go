package dossier

import (
	"fmt"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// The order of the law: what must be so before an action can be taken,
// whatever the action says.

func always(*State, Facts) error { return nil }

func isOpen(s *State, _ Facts) error {
	if !s.Phase.Open() {
		return ErrEnded
	}
	return nil
}

func isProcessing(s *State, _ Facts) error {
	switch {
	case s.Phase == PhaseSubmitted:
		return ErrNotReceived
	case s.Phase != PhaseProcessing:
		return ErrEnded
	default:
		return nil
	}
}

func notAtSignature(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	if s.Draft != nil {
		return ErrAtSignature
	}
	return nil
}

// canWork holds the work back while the citizen is to act.
func canWork(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	return s.waitsForCitizen()
}

func (s *State) waitsForCitizen() error {
	if s.OpenSupplement() != nil {
		return ErrSupplementOpen
	}
	if s.BlockingOwed() > 0 {
		return ErrPaymentOwed.Lacking(s.owing(true)...)
	}
	return nil
}

func (s *State) owing(blockingOnly bool) []string {
	var ids []string
	for _, o := range s.Obligations {
		if o.Owed() > 0 && (o.Blocking || !blockingOnly) {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

func canAppraise(s *State, f Facts) error {
	if err := canWork(s, f); err != nil {
		return err
	}
	return notAtSignature(s, f)
}

func awaitsReception(s *State, _ Facts) error {
	switch {
	case s.Phase == PhaseProcessing:
		return ErrAlreadyReceived
	case s.Phase != PhaseSubmitted:
		return ErrEnded
	case s.OpenSupplement() != nil:
		return ErrSupplementOpen
	default:
		return nil
	}
}

func mayAttach(s *State, f Facts) error {
	if err := isOpen(s, f); err != nil {
		return err
	}
	if f.Actor.Role == event.RoleCitizen && s.Phase != PhaseSubmitted && s.OpenSupplement() == nil {
		return ErrDocumentsClosed
	}
	return nil
}

func (s *State) supplementPhase() procedure.Phase {
	if s.Phase == PhaseSubmitted {
		return procedure.PhaseReception
	}
	return procedure.PhaseProcessing
}

func supplementRule(v *procedure.Version, phase procedure.Phase) (procedure.SupplementRule, bool) {
	for _, r := range v.Supplement.Rules {
		if r.Phase == phase && r.Max > 0 {
			return r, true
		}
	}
	return procedure.SupplementRule{}, false
}

func maySupplement(s *State, f Facts) error {
	if err := isOpen(s, f); err != nil {
		return err
	}
	if s.OpenSupplement() != nil {
		return ErrSupplementOpen
	}
	if s.Draft != nil {
		return ErrAtSignature
	}
	phase := s.supplementPhase()
	rule, ok := supplementRule(f.Procedure, phase)
	if !ok {
		return ErrSupplementNotAllowed
	}
	asked := 0
	for _, r := range s.Supplements {
		if r.Phase == phase {
			asked++
		}
	}
	if asked >= rule.Max {
		return ErrSupplementLimit
	}
	return nil
}

func supplementIsOpen(s *State, f Facts) error {
	if err := isOpen(s, f); err != nil {
		return err
	}
	if s.OpenSupplement() == nil {
		return ErrNoSupplement
	}
	return nil
}

func supplementIsOverdue(s *State, f Facts) error {
	if err := supplementIsOpen(s, f); err != nil {
		return err
	}
	if until := s.OpenSupplement().WaitUntil; until.IsZero() || !f.Now.After(until) {
		return ErrSupplementNotExpired
	}
	return nil
}

func hasObligation(s *State, _ Facts) error {
	if len(s.Obligations) == 0 {
		return ErrUnknownObligation
	}
	return nil
}

func isOpenWithObligation(s *State, f Facts) error {
	if err := isOpen(s, f); err != nil {
		return err
	}
	return hasObligation(s, f)
}

func hasMoney(s *State, _ Facts) error {
	if s.Money().Paid == 0 {
		return ErrRefundTooLarge
	}
	return nil
}

func hasOfficer(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	if s.Holder.Officer == "" {
		return ErrNotAssigned
	}
	return nil
}

func hasVisits(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	if len(s.Visits) == s.roundFrom {
		return ErrStepNotEarlier
	}
	if s.openSerialForward() != nil {
		return ErrForwardOpen
	}
	return nil
}

func stepIsOpen(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	if s.CurrentVisit() == nil {
		return ErrStepNotOpen
	}
	return nil
}

func opinionIsOpen(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	if s.opinionFor(f.Actor) == nil {
		return ErrNotConsulted
	}
	return nil
}

func (s *State) opinionFor(a event.Actor) *Opinion {
	for _, o := range s.Opinions {
		if !o.Closed && o.asks(a) {
			return &o
		}
	}
	return nil
}

func forwardIsOpen(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	if len(s.forwardsTo(f.Actor.Agency)) == 0 {
		return ErrNoForward
	}
	return nil
}

func (s *State) forwardsTo(agency string) []Forwarding {
	var open []Forwarding
	for _, f := range s.Forwards {
		if !f.Closed && f.To.Agency == agency {
			open = append(open, f)
		}
	}
	return open
}

func mayExtend(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	switch {
	case s.Clock.Due.IsZero():
		return ErrNoDeadline
	case s.Clock.Paused():
		return ErrClockPaused
	case len(s.Extensions) >= f.Procedure.Clock.MaxExtensions:
		return ErrExtensionLimit
	default:
		return nil
	}
}

// unanswered lists what other agencies still owe.
func (s *State) unanswered() []string {
	var open []string
	for _, o := range s.Opinions {
		if !o.Closed {
			open = append(open, "opinion of "+o.Agency)
		}
	}
	for _, f := range s.Forwards {
		if !f.Closed {
			open = append(open, "answer of "+f.To.Agency)
		}
	}
	return open
}

// readyForSignature asks for every fact that the procedure's steps stand for.
func readyForSignature(s *State, f Facts) error {
	if err := canAppraise(s, f); err != nil {
		return err
	}
	missing := s.unanswered()
	findings := []struct {
		step    string
		finding *Finding
	}{{StepInspection, s.Inspection}, {StepAppraisal, s.Appraisal}}
	for _, need := range findings {
		switch {
		case need.finding == nil && stepIndex(f.Procedure, need.step) >= 0:
			missing = append(missing, need.step)
		case need.finding != nil && need.finding.Conclusion != Eligible:
			return ErrNotEligible.Lacking(fmt.Sprintf("%s: %s", need.step, Eligible))
		}
	}
	if len(missing) > 0 {
		return ErrNotReady.Lacking(missing...)
	}
	return nil
}

func hasDraft(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	if s.Draft == nil {
		return ErrNoDraft
	}
	return nil
}

func isSigned(s *State, f Facts) error {
	if err := hasDraft(s, f); err != nil {
		return err
	}
	if len(s.Signatures) == 0 {
		return ErrNotSigned.Lacking("signature")
	}
	return s.waitsForCitizen()
}

func mayReject(s *State, f Facts) error {
	if err := isProcessing(s, f); err != nil {
		return err
	}
	if s.OpenSupplement() != nil {
		return ErrSupplementOpen
	}
	if s.openSerialForward() != nil {
		return ErrForwardOpen
	}
	return nil
}

func mayDeliver(s *State, _ Facts) error {
	switch s.Phase {
	case PhaseIssued:
		if owed := s.owing(false); len(owed) > 0 {
			return ErrPaymentOwed.Lacking(owed...)
		}
	case PhaseRejected, PhaseStopped:
	case PhaseDelivered:
		return ErrAlreadyDelivered
	default:
		return ErrNotDecided
	}
	if s.Delivery.State == Delivered {
		return ErrAlreadyDelivered
	}
	return nil
}

func mayReopen(s *State, _ Facts) error {
	if s.Phase.Open() {
		return ErrNotDecided
	}
	if s.ReceivedAt.IsZero() || s.Phase == PhaseWithdrawn {
		return ErrNotReopenable
	}
	return nil
}

func hasResult(s *State, _ Facts) error {
	if s.Phase != PhaseIssued && s.Phase != PhaseDelivered {
		return ErrNotDecided.Lacking("result")
	}
	return nil
}

func mayRate(s *State, _ Facts) error {
	if s.Phase.Open() || s.Phase == PhaseWithdrawn {
		return ErrNotRateable
	}
	if s.Rating != nil {
		return ErrAlreadyRated
	}
	return nil
}

func stepIndex(v *procedure.Version, code string) int {
	for i, st := range v.Steps {
		if st.Code == code {
			return i
		}
	}
	return -1
}
