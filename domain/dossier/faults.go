package dossier

import "dossierledger/domain/fault"

// The refusals of this package, for errors.Is. A refusal that is returned has
// the same code; its Missing names, in order, what would have to be there.
var (
	// About the request as a whole.
	ErrNotFound       = fault.New(fault.NotFound, "dossier.not-found", "there is no dossier with this code")
	ErrForbidden      = fault.New(fault.Forbidden, "dossier.forbidden", "this action belongs to somebody else in the handling of this dossier")
	ErrUnknownCommand = fault.New(fault.Invalid, "dossier.unknown-command", "there is no such action")
	ErrFactsMissing   = fault.New(fault.Invalid, "dossier.facts-missing", "the decision was asked for without what it needs to know")
	ErrWrongVersion   = fault.New(fault.Invalid, "dossier.wrong-version", "the dossier lives under another version of its procedure")
	ErrBeforeLast     = fault.New(fault.Invalid, "dossier.before-last-event", "the action is dated before the last event of the dossier")
	ErrInputMissing   = fault.New(fault.Invalid, "dossier.input-missing", "the action lacks something that it must say")
	ErrInputInvalid   = fault.New(fault.Invalid, "dossier.input-invalid", "a value of the action is not well formed or too long")

	// About the order of the law.
	ErrAlreadySubmitted = fault.New(fault.Conflict, "dossier.already-submitted", "another dossier has this code")
	ErrNotReceived      = fault.New(fault.Refused, "dossier.not-received", "the dossier has not been received yet")
	ErrAlreadyReceived  = fault.New(fault.Refused, "dossier.already-received", "the dossier has been received already")
	ErrEnded            = fault.New(fault.Refused, "dossier.ended", "the dossier has ended")
	ErrNotDecided       = fault.New(fault.Refused, "dossier.not-decided", "the dossier has no decision yet")
	ErrNotReopenable    = fault.New(fault.Refused, "dossier.not-reopenable", "only a dossier that was received and decided can be reopened")

	// About submission.
	ErrChannelNotOffered  = fault.New(fault.Refused, "dossier.channel-not-offered", "the procedure cannot be submitted online")
	ErrRoutedElsewhere    = fault.New(fault.Refused, "dossier.routed-elsewhere", "this procedure is submitted at another portal")
	ErrAudience           = fault.New(fault.Refused, "dossier.audience", "the procedure is not for this kind of applicant")
	ErrAgencyNotCompetent = fault.New(fault.Refused, "dossier.agency-not-competent", "the agency is not competent for this procedure")
	ErrDeliveryNotOffered = fault.New(fault.Refused, "dossier.delivery-not-offered", "the result of this procedure is not handed out in this way")

	// About documents and supplements.
	ErrComponentsMissing    = fault.New(fault.Refused, "dossier.components-missing", "required documents are missing")
	ErrUnknownComponent     = fault.New(fault.Invalid, "dossier.unknown-component", "the procedure has no such component")
	ErrDocumentsClosed      = fault.New(fault.Refused, "dossier.documents-closed", "the applicant can add documents before reception or when asked to")
	ErrTooManyDocuments     = fault.New(fault.TooLarge, "dossier.too-many-documents", "a dossier holds at most %d documents", MaxDocuments)
	ErrSupplementOpen       = fault.New(fault.Refused, "dossier.supplement-open", "a supplement request waits for the applicant's answer")
	ErrNoSupplement         = fault.New(fault.Refused, "dossier.no-supplement", "no supplement request is open")
	ErrSupplementNotAllowed = fault.New(fault.Refused, "dossier.supplement-not-allowed", "the procedure allows no supplement request in this phase")
	ErrSupplementLimit      = fault.New(fault.Refused, "dossier.supplement-limit", "the procedure allows no further supplement request in this phase")
	ErrSupplementIncomplete = fault.New(fault.Refused, "dossier.supplement-incomplete", "requested documents have not been brought")
	ErrSupplementNotExpired = fault.New(fault.Refused, "dossier.supplement-not-expired", "the time to answer the supplement request is not over")

	// About money.
	ErrUnknownFee        = fault.New(fault.Invalid, "dossier.unknown-fee", "the procedure's fee list has no such item")
	ErrUnknownObligation = fault.New(fault.Invalid, "dossier.unknown-obligation", "the dossier has no such debt")
	ErrObligationExists  = fault.New(fault.Conflict, "dossier.obligation-exists", "the dossier has another debt of this name")
	ErrTransactionReused = fault.New(fault.Conflict, "dossier.transaction-reused", "the transaction is recorded with other content")
	ErrNothingOwed       = fault.New(fault.Refused, "dossier.nothing-owed", "nothing, or less than this, is owed")
	ErrUnknownExemption  = fault.New(fault.Invalid, "dossier.unknown-exemption", "the fee has no such exemption")
	ErrAlreadyExempted   = fault.New(fault.Refused, "dossier.already-exempted", "another exemption was granted")
	ErrRefundTooLarge    = fault.New(fault.Refused, "dossier.refund-too-large", "no more can be given back than came in")
	ErrPaymentOwed       = fault.New(fault.Refused, "dossier.payment-owed", "the applicant has to pay first")
	ErrFinancial         = fault.New(fault.Refused, "dossier.financial-consequence", "the stop notice must say what becomes of exactly the money that was paid")

	// About handling.
	ErrAlreadyAssigned = fault.New(fault.Refused, "dossier.already-assigned", "an officer of that department has the dossier; reassign it, with a reason")
	ErrNotAssigned     = fault.New(fault.Refused, "dossier.not-assigned", "no officer has the dossier; assign it")
	ErrAgencyNotHolder = fault.New(fault.Refused, "dossier.agency-not-holder", "the dossier can be assigned inside the agency that handles it; forward it to another")
	ErrUnknownStep     = fault.New(fault.Invalid, "dossier.unknown-step", "the procedure has no such step")
	ErrStepOrder       = fault.New(fault.Refused, "dossier.step-order", "earlier steps must be done first")
	ErrStepOpen        = fault.New(fault.Refused, "dossier.step-open", "another step is being worked on")
	ErrStepNotOpen     = fault.New(fault.Refused, "dossier.step-not-open", "the step is not being worked on")
	ErrStepNotEarlier  = fault.New(fault.Refused, "dossier.step-not-earlier", "a dossier can be returned only to a step that it has been in")
	ErrNotConsulted    = fault.New(fault.Refused, "dossier.no-opinion-open", "no request for an opinion of this agency is open")
	ErrForwardOpen     = fault.New(fault.Refused, "dossier.forward-open", "another agency has the dossier")
	ErrNoForward       = fault.New(fault.Refused, "dossier.no-forward-open", "nothing forwarded to this agency is open")
	ErrSameAgency      = fault.New(fault.Refused, "dossier.same-agency", "the agency has the dossier already")

	// About the deadline.
	ErrNoDeadline     = fault.New(fault.Refused, "dossier.no-deadline", "the dossier has no appointment date that could be extended")
	ErrClockPaused    = fault.New(fault.Refused, "dossier.clock-paused", "the clock stands; the appointment date moves when it runs on")
	ErrExtensionLimit = fault.New(fault.Refused, "dossier.extension-limit", "the procedure allows no further extension")
	ErrDueNotLater    = fault.New(fault.Invalid, "dossier.due-not-later", "the new appointment date must be later than the old one and than now")

	// About the outcome.
	ErrNotReady         = fault.New(fault.Refused, "dossier.not-ready", "the dossier is not ready for this")
	ErrNotEligible      = fault.New(fault.Refused, "dossier.not-eligible", "the appraisal or inspection did not conclude in the applicant's favour")
	ErrAtSignature      = fault.New(fault.Refused, "dossier.at-signature", "a draft lies before a leader; it must be signed or returned first")
	ErrNoDraft          = fault.New(fault.Refused, "dossier.no-draft", "no draft was submitted for signature")
	ErrDraftMismatch    = fault.New(fault.Refused, "dossier.draft-mismatch", "this is not the document that was submitted for signature")
	ErrNotSigned        = fault.New(fault.Refused, "dossier.not-signed", "the draft is not signed")
	ErrAlreadyDelivered = fault.New(fault.Refused, "dossier.already-delivered", "the result has been delivered")
	ErrNotAtPost        = fault.New(fault.Refused, "dossier.not-at-post", "the post does not have the result")
	ErrNotRateable      = fault.New(fault.Refused, "dossier.not-rateable", "the handling can be rated when it has ended")
	ErrAlreadyRated     = fault.New(fault.Refused, "dossier.already-rated", "the handling has been rated")
	ErrUnknownEvent     = fault.New(fault.Invalid, "dossier.unknown-event", "the dossier has no such event")
)
