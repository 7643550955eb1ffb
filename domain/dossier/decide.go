package dossier

import (
	"fmt"

	"dossierledger/domain/event"
)

// rule is how one action is decided: `again` sees that the same is already so,
// `when` holds the order of the law as far as it does not depend on the
// action's content, `decide` makes the facts.
type rule struct {
	again  func(*State, Command, Facts) bool
	when   func(*State, Facts) error
	decide func(*State, Command, Facts) ([]event.Payload, error)
}

// rules has one rule for every command; a test holds that.
var rules = map[string]rule{
	"submit":               on(submittedSame, always, submit),
	"attach-document":      on(attachedSame, mayAttach, attach),
	"receive":              on(receivedSame, awaitsReception, receive),
	"refuse-reception":     on(receptionRefusedSame, awaitsReception, refuseReception),
	"request-supplement":   on(supplementRequestedSame, maySupplement, requestSupplement),
	"provide-supplement":   on(supplementProvidedSame, supplementIsOpen, provideSupplement),
	"expire-supplement":    on(supplementExpiredSame, supplementIsOverdue, expireSupplement),
	"assess-fee":           on(feeAssessedSame, isOpen, assessFee),
	"pay-fee":              on(never[PayFee], hasObligation, payFee),
	"exempt-fee":           on(feeExemptedSame, isOpenWithObligation, exemptFee),
	"refund-fee":           on(never[RefundFee], hasMoney, refundFee),
	"impose-obligation":    on(obligationImposedSame, isOpen, imposeObligation),
	"meet-obligation":      on(obligationMetSame, isOpenWithObligation, meetObligation),
	"assign":               on(assignedSame, notAtSignature, assign),
	"reassign":             on(reassignedSame, hasOfficer, reassign),
	"start-step":           on(stepStartedSame, canWork, startStep),
	"complete-step":        on(stepCompletedSame, stepIsOpen, completeStep),
	"return-step":          on(never[ReturnStep], hasVisits, returnStep),
	"request-opinion":      on(opinionRequestedSame, canWork, requestOpinion),
	"give-opinion":         on(opinionGivenSame, opinionIsOpen, giveOpinion),
	"forward":              on(forwardedSame, canWork, forward),
	"answer-forward":       on(forwardAnsweredSame, forwardIsOpen, answerForward),
	"appraise":             on(appraisedSame, canAppraise, appraise),
	"record-inspection":    on(inspectedSame, canAppraise, recordInspection),
	"extend-deadline":      on(extendedSame, mayExtend, extendDeadline),
	"submit-for-signature": on(draftedSame, readyForSignature, submitForSignature),
	"sign":                 on(signedSame, hasDraft, sign),
	"issue-result":         on(issuedSame, isSigned, issueResult),
	"reject":               on(rejectedSame, mayReject, reject),
	"stop":                 on(stoppedSame, isProcessing, stop),
	"deliver-result":       on(deliveredSame, mayDeliver, deliverResult),
	"withdraw":             on(withdrawnSame, isOpen, withdraw),
	"reopen":               on(reopenedSame, mayReopen, reopen),
	"correct-result":       on(resultCorrectedSame, hasResult, correctResult),
	"rate":                 on(ratedSame, mayRate, rate),
	"add-note":             on(never[AddNote], always, addNote),
	"correct":              on(never[Correct], always, correct),
	"report-sync":          on(syncedSame, always, reportSync),
}

// on binds a rule to its command's type.
func on[C Command](
	again func(*State, C, Facts) bool,
	when func(*State, Facts) error,
	decide func(*State, C, Facts) ([]event.Payload, error),
) rule {
	return rule{
		again: func(s *State, c Command, f Facts) bool {
			typed, ok := c.(C)
			return ok && again(s, typed, f)
		},
		when: when,
		decide: func(s *State, c Command, f Facts) ([]event.Payload, error) {
			typed, ok := c.(C)
			if !ok {
				return nil, fmt.Errorf("%T: %w", c, ErrUnknownCommand)
			}
			return decide(s, typed, f)
		},
	}
}

func never[C Command](*State, C, Facts) bool { return false }

// Decide turns an action into the facts that it makes, or into a refusal
// (*fault.Error). Neither facts nor an error means that what is asked for is
// already so: a repeated action is harmless.
//
// The order of its questions is fixed: is there such a dossier; may this actor
// do it; is it already so; does the order of the law allow it; is what was said
// complete and right.
//
// The state is only read; nil is that of a dossier which does not exist.
func Decide(s *State, c Command, f Facts) ([]event.Payload, error) {
	if c == nil {
		return nil, ErrUnknownCommand
	}
	if s == nil {
		s = &none
	}
	r, ok := rules[c.CommandName()]
	if !ok {
		return nil, fmt.Errorf("%q: %w", c.CommandName(), ErrUnknownCommand)
	}
	c = tidy(c)
	_, isSubmit := c.(Submit)
	if !isSubmit && !s.Exists() {
		return nil, ErrNotFound
	}
	if err := f.complete(); err != nil {
		return nil, err
	}
	f.Now = f.Now.UTC()
	if s.Exists() && !isSubmit && !s.livesUnder(f) {
		return nil, ErrWrongVersion.Lacking(fmt.Sprintf("%s version %d", s.Procedure, s.ProcedureVersion))
	}
	same := r.again(s, c, f)
	if same && f.Actor == s.lastBy {
		// An action can take the dossier out of the actor's hands; whoever did
		// the last thing may repeat it all the same.
		return nil, nil
	}
	if !May(f.Actor, s, c) {
		return nil, forbidden(c)
	}
	if same {
		return nil, nil
	}
	if f.Now.Before(s.UpdatedAt) {
		return nil, ErrBeforeLast
	}
	if err := r.when(s, f); err != nil {
		return nil, err
	}
	return r.decide(s, c, f)
}

var none State

func forbidden(c Command) error {
	var parts []string
	for _, p := range authority[c.CommandName()] {
		parts = append(parts, string(p))
	}
	return ErrForbidden.Lacking(parts...)
}

// livesUnder holds a dossier to its procedure and, once it is received, to the
// version that it was received under.
func (s *State) livesUnder(f Facts) bool {
	return f.Procedure.Code == s.Procedure && (s.ReceivedAt.IsZero() || f.Procedure.Number == s.ProcedureVersion)
}
