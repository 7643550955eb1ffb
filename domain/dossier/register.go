package dossier

import "dossierledger/domain/event"

// Register adds every event type of the dossier, and of the sequences that give
// out its codes, to a registry. Names and JSON shapes are permanent.
func Register(r *event.Registry) {
	event.Register[Submitted](r)
	event.Register[DocumentAttached](r)
	event.Register[Received](r)
	event.Register[ReceptionRefused](r)
	event.Register[SupplementRequested](r)
	event.Register[SupplementProvided](r)
	event.Register[SupplementExpired](r)
	event.Register[FeeAssessed](r)
	event.Register[FeePaid](r)
	event.Register[FeeExempted](r)
	event.Register[FeeRefunded](r)
	event.Register[ObligationImposed](r)
	event.Register[ObligationMet](r)
	event.Register[Assigned](r)
	event.Register[Reassigned](r)
	event.Register[StepStarted](r)
	event.Register[StepCompleted](r)
	event.Register[StepReturned](r)
	event.Register[OpinionRequested](r)
	event.Register[OpinionGiven](r)
	event.Register[Forwarded](r)
	event.Register[ForwardAnswered](r)
	event.Register[Appraised](r)
	event.Register[InspectionRecorded](r)
	event.Register[DeadlineExtended](r)
	event.Register[SubmittedForSignature](r)
	event.Register[Signed](r)
	event.Register[ResultIssued](r)
	event.Register[Rejected](r)
	event.Register[Stopped](r)
	event.Register[ResultHandedToPost](r)
	event.Register[ResultReturned](r)
	event.Register[ResultDelivered](r)
	event.Register[Withdrawn](r)
	event.Register[Reopened](r)
	event.Register[ResultCorrected](r)
	event.Register[Rated](r)
	event.Register[NoteAdded](r)
	event.Register[CorrectionRecorded](r)
	event.Register[SyncReported](r)
	event.Register[NumberAllocated](r)
}

// Commands lists one zero value of every command, in the order of a dossier's
// life; it is what an API or a command line builds its list of actions from.
func Commands() []Command {
	return []Command{
		Submit{}, AttachDocument{}, Receive{}, RefuseReception{},
		RequestSupplement{}, ProvideSupplement{}, ExpireSupplement{},
		AssessFee{}, PayFee{}, ExemptFee{}, RefundFee{}, ImposeObligation{}, MeetObligation{},
		Assign{}, Reassign{}, StartStep{}, CompleteStep{}, ReturnStep{},
		RequestOpinion{}, GiveOpinion{}, Forward{}, AnswerForward{},
		Appraise{}, RecordInspection{}, ExtendDeadline{},
		SubmitForSignature{}, Sign{}, IssueResult{}, Reject{}, Stop{}, DeliverResult{},
		Withdraw{}, Reopen{}, CorrectResult{}, Rate{}, AddNote{}, Correct{}, ReportSync{},
	}
}
