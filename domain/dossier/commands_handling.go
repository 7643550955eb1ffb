package dossier

import "time"

// Assign passes the dossier to a department or officer. Quiet where they have it.
type Assign struct {
	Agency     string `json:"agency,omitempty"` // default: the competent agency
	Department string `json:"department"`
	Officer    string `json:"officer,omitempty"`
	Why        Why    `json:"why,omitzero"`
}

// CommandName implements Command.
func (Assign) CommandName() string { return "assign" }

// Reassign replaces the officer who has the dossier. Quiet where the new one
// has it.
type Reassign struct {
	Department string `json:"department,omitempty"` // default: the holder's
	Officer    string `json:"officer"`
	Why        Why    `json:"why"`
}

// CommandName implements Command.
func (Reassign) CommandName() string { return "reassign" }

// StartStep begins a step; every earlier step must be done. Quiet where the
// step is being worked on.
type StartStep struct {
	Step string `json:"step"`
}

// CommandName implements Command.
func (StartStep) CommandName() string { return "start-step" }

// CompleteStep ends the step that is being worked on. Quiet where that step
// ended so last.
type CompleteStep struct {
	Step string `json:"step"`
}

// CommandName implements Command.
func (CompleteStep) CommandName() string { return "complete-step" }

// ReturnStep sends the dossier back to an earlier step, or to the beginning of
// this one. What had been made since must be made again.
type ReturnStep struct {
	To  string `json:"to"`
	Why Why    `json:"why"`
}

// CommandName implements Command.
func (ReturnStep) CommandName() string { return "return-step" }

// RequestOpinion asks a coordinating agency. Quiet where it has an open request.
type RequestOpinion struct {
	Agency     string    `json:"agency"`
	Department string    `json:"department,omitempty"`
	Question   string    `json:"question,omitempty"`
	DueAt      time.Time `json:"due_at,omitzero"`
}

// CommandName implements Command.
func (RequestOpinion) CommandName() string { return "request-opinion" }

// GiveOpinion answers the open request to the actor's agency. Quiet where that
// agency gave the same answer last.
type GiveOpinion struct {
	Position Position `json:"position"`
	Hash     string   `json:"hash,omitempty"`
	Text     string   `json:"text,omitempty"`
}

// CommandName implements Command.
func (GiveOpinion) CommandName() string { return "give-opinion" }

// Forward hands the dossier, or a part of the work, to another agency. Quiet
// where that agency has the same task open.
type Forward struct {
	Agency     string    `json:"agency"`
	Department string    `json:"department,omitempty"` // default: its one-stop desk
	Parallel   bool      `json:"parallel,omitempty"`
	Task       string    `json:"task"`
	Why        Why       `json:"why,omitzero"`
	DueAt      time.Time `json:"due_at,omitzero"`
}

// CommandName implements Command.
func (Forward) CommandName() string { return "forward" }

// AnswerForward says that the actor's agency did its part. Task may be left out
// where one is open. Quiet where the agency's last task was answered so.
type AnswerForward struct {
	Task    string `json:"task,omitempty"`
	Outcome string `json:"outcome"`
	Hash    string `json:"hash,omitempty"`
	Text    string `json:"text,omitempty"`
}

// CommandName implements Command.
func (AnswerForward) CommandName() string { return "answer-forward" }

// Appraise records the specialist's conclusion. Quiet where the same conclusion
// with the same report is recorded.
type Appraise struct {
	Conclusion Conclusion `json:"conclusion"`
	Report     string     `json:"report,omitempty"`
	Text       string     `json:"text,omitempty"`
}

// CommandName implements Command.
func (Appraise) CommandName() string { return "appraise" }

// RecordInspection records what was found on the spot. Quiet where the same
// finding of the same time is recorded.
type RecordInspection struct {
	Conclusion  Conclusion `json:"conclusion"`
	InspectedAt time.Time  `json:"inspected_at"`
	Report      string     `json:"report,omitempty"`
	RemedyUntil time.Time  `json:"remedy_until,omitzero"`
	Text        string     `json:"text,omitempty"`
}

// CommandName implements Command.
func (RecordInspection) CommandName() string { return "record-inspection" }

// ExtendDeadline apologises and names a later date, as often as the procedure's
// version allows. Quiet where the same letter was recorded.
type ExtendDeadline struct {
	Letter string    `json:"letter"`
	Due    time.Time `json:"due"`
	Why    Why       `json:"why"`
}

// CommandName implements Command.
func (ExtendDeadline) CommandName() string { return "extend-deadline" }
