package dossier

import (
	"slices"

	"dossierledger/domain/event"
)

func draftedSame(s *State, c SubmitForSignature, _ Facts) bool {
	return s.Phase == PhaseProcessing && s.Draft != nil && s.Draft.Hash == c.Hash
}

func submitForSignature(s *State, c SubmitForSignature, _ Facts) ([]event.Payload, error) {
	var in input
	in.hash("hash", c.Hash)
	in.optionalIdentifier("signer", c.Signer)
	return one(SubmittedForSignature{
		Hash: c.Hash, Holder: Holder{Agency: s.Competent, Department: Leadership, Officer: c.Signer},
	}, in.err())
}

func signedSame(s *State, c Sign, f Facts) bool {
	return slices.ContainsFunc(s.Signatures, func(g Signature) bool { return g.Signer == f.Actor.ID && g.Hash == c.Hash })
}

func sign(s *State, c Sign, f Facts) ([]event.Payload, error) {
	var in input
	in.hash("hash", c.Hash)
	in.optionalIdentifier("certificate", c.Certificate)
	in.optionalIdentifier("format", c.Format)
	if err := in.err(); err != nil {
		return nil, err
	}
	if c.Hash != s.Draft.Hash {
		return nil, ErrDraftMismatch.Lacking(s.Draft.Hash)
	}
	return one(Signed{
		Hash: c.Hash, Signer: f.Actor.ID, Certificate: c.Certificate, Format: c.Format,
		Holder: Holder{Agency: s.Competent, Department: Registry},
	}, nil)
}

func issuedSame(s *State, c IssueResult, _ Facts) bool {
	r, ok := s.Result()
	return ok && s.Phase != PhaseProcessing && r.Number == c.Number && r.Hash == c.Hash
}

func issueResult(s *State, c IssueResult, f Facts) ([]event.Payload, error) {
	var in input
	in.number("number", c.Number)
	in.hash("hash", c.Hash)
	in.check(c.ValidUntil.IsZero() || c.ValidUntil.After(f.Now), "valid_until")
	if err := in.err(); err != nil {
		return nil, err
	}
	if c.Hash != s.Draft.Hash {
		return nil, ErrDraftMismatch.Lacking(s.Draft.Hash)
	}
	w := s.clockwork(f)
	w.stop("result")
	return one(ResultIssued{
		Version: len(s.Results) + 1, Number: c.Number, Hash: c.Hash, Signer: s.Signatures[0].Signer,
		ValidUntil: c.ValidUntil.UTC(), Electronic: f.Procedure.Result.Electronic, Holder: s.atDesk(), Clock: w.changes,
	}, w.err)
}

func rejectedSame(s *State, c Reject, _ Facts) bool {
	return s.Phase == PhaseRejected && s.decidedBy(c.Decision)
}

// decidedBy reports whether the paper with this number ended the dossier.
func (s *State) decidedBy(number string) bool {
	return s.Decision != nil && s.Decision.Number == number
}

func reject(s *State, c Reject, f Facts) ([]event.Payload, error) {
	var in input
	in.number("decision", c.Decision)
	in.hash("hash", c.Hash)
	in.why(c.Why)
	w := s.clockwork(f)
	w.stop("refusal")
	return one(Rejected{
		Decision: c.Decision, Hash: c.Hash, Signer: f.Actor.ID, Why: s.reason(c.Why), Holder: s.atDesk(), Clock: w.changes,
	}, in.err())
}

func stoppedSame(s *State, c Stop, _ Facts) bool {
	return s.Phase == PhaseStopped && s.decidedBy(c.Notice)
}

func stop(s *State, c Stop, f Facts) ([]event.Payload, error) {
	if c.Approver == "" && f.Actor.Department == Leadership {
		c.Approver = f.Actor.ID
	}
	var in input
	in.number("notice", c.Notice)
	in.why(c.Why)
	in.identifier("approver", c.Approver)
	if err := in.err(); err != nil {
		return nil, err
	}
	m := s.Money()
	financial, err := consequence(c.Financial, m.Paid-m.Refunded)
	if err != nil {
		return nil, err
	}
	w := s.clockwork(f)
	w.stop("stop")
	return one(Stopped{
		Notice: c.Notice, Stage: s.supplementPhase(), Why: s.reason(c.Why), Financial: financial, Approver: c.Approver,
		Holder: s.atDesk(), Clock: w.changes,
	}, w.err)
}

// consequence holds a stop notice to the money that is really there.
func consequence(said FinancialConsequence, held int64) (FinancialConsequence, error) {
	switch said.Kind {
	case NothingPaid, "":
		if held != 0 || said.Amount != 0 {
			return said, ErrFinancial.Lacking("financial")
		}
		return FinancialConsequence{Kind: NothingPaid}, nil
	case Refundable:
		if said.Amount <= 0 || said.Amount > held {
			return said, ErrFinancial.Lacking("financial.amount")
		}
	case Retained:
		if said.Amount != held || held == 0 {
			return said, ErrFinancial.Lacking("financial.amount")
		}
	default:
		return said, ErrInputInvalid.Lacking("financial.kind")
	}
	return said, nil
}

func (c DeliverResult) wanted() DeliveryState {
	if c.State == NotDelivered {
		return Delivered
	}
	return c.State
}

func deliveredSame(s *State, c DeliverResult, _ Facts) bool {
	return s.Delivery.State == c.wanted() && s.Delivery.Method == c.Method
}

func deliverResult(s *State, c DeliverResult, f Facts) ([]event.Payload, error) {
	state := c.wanted()
	var in input
	in.check(oneOf(c.Method, DeliverOnline, DeliverCounter, DeliverPost), "method")
	in.check(oneOf(state, Delivered, HandedToPost, PostReturned), "state")
	in.check(state == Delivered || c.Method == DeliverPost, "method")
	in.line("tracking", c.Tracking, MaxIdentifier)
	in.line("recipient", c.Recipient, MaxName)
	switch state {
	case HandedToPost:
		in.identifier("tracking", c.Tracking)
	case PostReturned:
		in.identifier("ground", c.Ground)
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if s.Phase == PhaseIssued {
		r, _ := s.Result()
		if !deliverable(f.Procedure, c.Method) || c.Method == DeliverOnline && !r.Electronic {
			return nil, ErrDeliveryNotOffered.Lacking(string(c.Method))
		}
	}
	if c.Method == DeliverPost && state != HandedToPost && s.Delivery.State != HandedToPost {
		return nil, ErrNotAtPost
	}
	tracking := c.Tracking
	if tracking == "" && c.Method == DeliverPost {
		tracking = s.Delivery.Tracking
	}
	switch state {
	case HandedToPost:
		return one(ResultHandedToPost{Tracking: tracking}, nil)
	case PostReturned:
		return one(ResultReturned{Tracking: tracking, Ground: c.Ground}, nil)
	default:
		return one(ResultDelivered{Method: c.Method, Tracking: tracking, Recipient: about(s.Applicant.Subject, c.Recipient)}, nil)
	}
}

func withdrawnSame(s *State, _ Withdraw, _ Facts) bool { return s.Phase == PhaseWithdrawn }

func withdraw(s *State, c Withdraw, f Facts) ([]event.Payload, error) {
	var in input
	in.why(c.Why)
	w := s.clockwork(f)
	w.stop("withdrawal")
	return one(Withdrawn{Why: s.reason(c.Why), Clock: w.changes}, in.err())
}

func reopenedSame(s *State, c Reopen, _ Facts) bool {
	n := len(s.Complaints)
	return s.Phase == PhaseProcessing && n > 0 && s.Complaints[n-1].Number == c.Complaint
}

// reopen gives the dossier the whole term again: the promise made to the
// applicant was kept or broken before, and stays in the clock's entries.
func reopen(s *State, c Reopen, f Facts) ([]event.Payload, error) {
	var in input
	in.number("complaint", c.Complaint)
	in.why(c.Why)
	if err := in.err(); err != nil {
		return nil, err
	}
	w := s.clockwork(f)
	w.start(ClockRestart, "complaint", s.Channel)
	return one(Reopened{
		Complaint: c.Complaint, Why: s.reason(c.Why),
		Holder: Holder{Agency: s.Competent, Department: Leadership, Officer: f.Actor.ID}, Clock: w.changes,
	}, w.err)
}

func resultCorrectedSame(s *State, c CorrectResult, _ Facts) bool {
	r, ok := s.Result()
	return ok && r.Corrects > 0 && r.Number == c.Number && r.Hash == c.Hash
}

func correctResult(s *State, c CorrectResult, _ Facts) ([]event.Payload, error) {
	var in input
	in.number("number", c.Number)
	in.hash("hash", c.Hash)
	in.identifier("signer", c.Signer)
	in.why(c.Why)
	current, _ := s.Result()
	return one(ResultCorrected{
		Version: current.Version + 1, Corrects: current.Version, Number: c.Number, Hash: c.Hash, Signer: c.Signer,
		Why: s.reason(c.Why),
	}, in.err())
}

// criteria of the rating and points of each (Thông tư 01/2018/TT-VPCP).
const (
	ratingCriteria  = 9
	ratingMaxPoints = 2
)

func ratedSame(s *State, c Rate, _ Facts) bool {
	return s.Rating != nil && s.Rating.Satisfied == c.Satisfied && slices.Equal(s.Rating.Criteria, c.Criteria)
}

func rate(s *State, c Rate, _ Facts) ([]event.Payload, error) {
	var in input
	in.check(len(c.Criteria) == 0 || len(c.Criteria) == ratingCriteria, "criteria")
	for _, points := range c.Criteria {
		in.check(points >= 0 && points <= ratingMaxPoints, "criteria")
	}
	in.text("text", c.Text)
	return one(Rated{
		Satisfied: c.Satisfied, Criteria: slices.Clone(c.Criteria), Text: about(s.Applicant.Subject, c.Text),
	}, in.err())
}

func addNote(s *State, c AddNote, f Facts) ([]event.Payload, error) {
	if f.Actor.Role == event.RoleCitizen {
		c.Visibility = ForApplicant
	}
	if c.Visibility == "" {
		c.Visibility = Internal
	}
	var in input
	in.check(oneOf(c.Visibility, Internal, ForApplicant), "visibility")
	in.text("text", c.Text)
	text := about(s.Applicant.Subject, c.Text)
	if text.IsZero() {
		in.missing = append(in.missing, "text")
	}
	return one(NoteAdded{Visibility: c.Visibility, Text: text}, in.err())
}

func correct(s *State, c Correct, _ Facts) ([]event.Payload, error) {
	var in input
	in.identifier("field", c.Field)
	in.text("text", c.Text)
	text := about(s.Applicant.Subject, c.Text)
	if text.IsZero() {
		in.missing = append(in.missing, "text")
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if !s.HasEvent(c.Event) {
		return nil, ErrUnknownEvent.Lacking(c.Event.String())
	}
	return one(CorrectionRecorded{Event: c.Event, Field: c.Field, Text: text}, nil)
}

func syncedSame(s *State, c ReportSync, _ Facts) bool {
	return slices.ContainsFunc(s.Sync, func(y Sync) bool {
		return y.Portal == c.Portal && y.State == c.State && y.Status == c.Status && y.Reference == c.Reference && y.Error == c.Error
	})
}

func reportSync(_ *State, c ReportSync, _ Facts) ([]event.Payload, error) {
	var in input
	in.identifier("portal", c.Portal)
	in.check(oneOf(c.State, SyncQueued, SyncSent, SyncAccepted, SyncFailed), "state")
	in.check(c.Status == 0 || c.Status.Valid(), "status")
	in.line("reference", c.Reference, MaxIdentifier)
	in.optionalIdentifier("error", c.Error)
	return one(SyncReported(c), in.err())
}
