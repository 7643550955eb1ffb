package dossier

import (
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
	"dossierledger/domain/worktime"
	"github.com/google/uuid"
)

// State is everything that is known of one dossier after some prefix of its
// events. It is a value: Evolve returns a new one and leaves the older as it
// was, slices included, so that states of different moments can be compared.
// Apply changes one state in place, and no copy of it.
// Readers must not change what its slices and pointers lead to. The zero State is a dossier that does
// not exist.
//
// Personal values are as the loader gave them: sealed, opened or erased.
type State struct {
	Code string `json:"code"`
	// Revision is that of the last event folded; Events counts those folded.
	Revision  uint64    `json:"revision"`
	Events    int       `json:"events"`
	UpdatedAt time.Time `json:"updated_at"` // when the last event happened

	Phase            Phase             `json:"phase"`
	Procedure        string            `json:"procedure"`
	ProcedureVersion int               `json:"procedure_version"`
	FormSet          string            `json:"form_set"`
	Channel          procedure.Channel `json:"channel"`
	VerifiedIdentity bool              `json:"verified_identity"`

	Applicant      Party          `json:"applicant"`
	Representative *Party         `json:"representative,omitempty"` // nil where there is none
	SubmittedBy    event.Actor    `json:"submitted_by"`
	Summary        event.Personal `json:"summary,omitzero"`

	// The three organisations, kept apart for ever.
	Support   string `json:"support_agency"`
	Receiving string `json:"receiving_agency"`
	Competent string `json:"competent_agency"`

	Holder      Holder    `json:"holder"`
	HolderSince time.Time `json:"holder_since"`
	// LeftDesk is true once anybody but the reception desk has worked on it.
	LeftDesk bool `json:"left_desk"`

	SubmittedAt time.Time `json:"submitted_at"`
	ReceivedAt  time.Time `json:"received_at,omitzero"`
	RefusedAt   time.Time `json:"refused_at,omitzero"` // refused at reception
	IssuedAt    time.Time `json:"issued_at,omitzero"`
	RejectedAt  time.Time `json:"rejected_at,omitzero"`
	StoppedAt   time.Time `json:"stopped_at,omitzero"`
	WithdrawnAt time.Time `json:"withdrawn_at,omitzero"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`

	AcceptanceSlip string        `json:"acceptance_slip,omitempty"`
	Term           worktime.Term `json:"term,omitzero"`
	SameDay        bool          `json:"same_day,omitempty"`
	Clock          Clock         `json:"clock"`

	Documents   []Document   `json:"documents,omitempty"`
	Supplements []Supplement `json:"supplements,omitempty"`
	Obligations []Obligation `json:"obligations,omitempty"`
	Visits      []Visit      `json:"visits,omitempty"`
	Returns     []Return     `json:"returns,omitempty"`
	Opinions    []Opinion    `json:"opinions,omitempty"`
	Forwards    []Forwarding `json:"forwards,omitempty"`
	Extensions  []Extension  `json:"extensions,omitempty"`

	// Appraisal, Inspection, Draft and Signatures are those that count now, nil
	// where there is none; returning the dossier to an earlier step voids them.
	Appraisal  *Finding    `json:"appraisal,omitempty"`
	Inspection *Finding    `json:"inspection,omitempty"`
	Draft      *Draft      `json:"draft,omitempty"`
	Signatures []Signature `json:"signatures,omitempty"`

	Results  []ResultVersion `json:"results,omitempty"`
	Decision *Decision       `json:"decision,omitempty"` // refusal, stop or refusal of reception; nil where there is none

	DeliveryWish    DeliveryMethod `json:"delivery_wish"`
	DeliveryAddress event.Personal `json:"delivery_address,omitzero"`
	Delivery        Delivery       `json:"delivery,omitzero"`

	Complaints  []Complaint  `json:"complaints,omitempty"`
	Rating      *Rating      `json:"rating,omitempty"` // nil where there is none
	Notes       []Note       `json:"notes,omitempty"`
	Corrections []Correction `json:"corrections,omitempty"`
	Sync        []Sync       `json:"sync,omitempty"`

	// lastBy is who made the last event.
	lastBy event.Actor
	// roundFrom is the first visit since the dossier was last reopened.
	roundFrom int
	// trail is the list of event ids, newest first. It is shared between states
	// because it is never changed, only prolonged.
	trail *trace
	// line tells whether others have followed from this state.
	line *line
}

type trace struct {
	id   uuid.UUID
	prev *trace
}

// Exists reports whether the dossier was submitted.
func (s *State) Exists() bool { return s.Phase != PhaseNone }

// HasEvent reports whether an event of the dossier has this id.
func (s *State) HasEvent(id uuid.UUID) bool {
	for t := s.trail; t != nil; t = t.prev {
		if t.id == id {
			return true
		}
	}
	return false
}

// Document is one version of one component.
type Document struct {
	Component  string         `json:"component,omitempty"`
	Version    int            `json:"version"`
	Hash       string         `json:"hash"`
	Size       int64          `json:"size_bytes"`
	MediaType  string         `json:"media_type"`
	Form       DocumentForm   `json:"form"`
	Stage      DocumentStage  `json:"stage"`
	FileName   event.Personal `json:"file_name,omitzero"`
	Digitised  bool           `json:"digitised,omitempty"`
	Reused     bool           `json:"reused,omitempty"`
	FromStore  bool           `json:"from_store,omitempty"`
	AttachedAt time.Time      `json:"attached_at"`
	By         event.Actor    `json:"by"`
}

// Supplement is one request to the applicant and what came of it.
type Supplement struct {
	Number      int                  `json:"number"`
	Phase       procedure.Phase      `json:"phase"`
	Slip        string               `json:"slip"`
	Components  []RequestedComponent `json:"components"`
	Why         Reason               `json:"why"`
	Basis       string               `json:"basis"`
	Approver    string               `json:"approver,omitempty"`
	RequestedBy event.Actor          `json:"requested_by"`
	RequestedAt time.Time            `json:"requested_at"`
	WaitUntil   time.Time            `json:"wait_until,omitzero"`
	OnAnswer    procedure.OnAnswer   `json:"on_answer"`
	OnExpiry    procedure.OnExpiry   `json:"on_expiry"`
	ProvidedAt  time.Time            `json:"provided_at,omitzero"`
	ExpiredAt   time.Time            `json:"expired_at,omitzero"`
	// Closed is true when no answer is expected any more: it was answered, or
	// the dossier ended meanwhile.
	Closed bool `json:"closed"`
	// Paused is true when the clock stood while the request was open.
	Paused bool `json:"paused"`
}

// Visit is one stay in a step of the procedure.
type Visit struct {
	Step      string       `json:"step"`
	Holder    Holder       `json:"holder"`
	StartedAt time.Time    `json:"started_at"`
	EndedAt   time.Time    `json:"ended_at,omitzero"`
	Outcome   VisitOutcome `json:"outcome,omitempty"`
}

// Return is one time that the dossier went back to an earlier step.
type Return struct {
	From   string    `json:"from,omitempty"`
	To     string    `json:"to"`
	Ground string    `json:"ground"`
	At     time.Time `json:"at"`
	// Visits is how many visits had begun by then.
	Visits int `json:"visits"`
}

// VisitOutcome is how a visit ended.
type VisitOutcome string

// The ends of a visit; Closed means that the dossier ended during it.
const (
	VisitOpen      VisitOutcome = ""
	VisitCompleted VisitOutcome = "completed"
	VisitReturned  VisitOutcome = "returned"
	VisitClosed    VisitOutcome = "closed"
)

// Opinion is one request to a coordinating agency.
type Opinion struct {
	Number      int       `json:"number"`
	Agency      string    `json:"agency"`
	Department  string    `json:"department,omitempty"`
	RequestedAt time.Time `json:"requested_at"`
	DueAt       time.Time `json:"due_at,omitzero"`
	GivenAt     time.Time `json:"given_at,omitzero"`
	Position    Position  `json:"position,omitempty"`
	Hash        string    `json:"hash,omitempty"`
	// Closed is true when no answer is expected any more.
	Closed bool `json:"closed"`
}

// Forwarding is one hand-over to another agency.
type Forwarding struct {
	Number      int       `json:"number"`
	From        Holder    `json:"from"`
	To          Holder    `json:"to"`
	Parallel    bool      `json:"parallel,omitempty"`
	Task        string    `json:"task"`
	ForwardedAt time.Time `json:"forwarded_at"`
	DueAt       time.Time `json:"due_at,omitzero"`
	AnsweredAt  time.Time `json:"answered_at,omitzero"`
	Outcome     string    `json:"outcome,omitempty"`
	Closed      bool      `json:"closed"`
}

// Extension is one apology letter with its new date.
type Extension struct {
	Number      int       `json:"number"`
	Letter      string    `json:"letter"`
	Ground      string    `json:"ground"`
	ExtendedAt  time.Time `json:"extended_at"`
	PreviousDue time.Time `json:"previous_due"`
	Due         time.Time `json:"due"`
}

// Finding is a conclusion of an appraisal or an inspection.
type Finding struct {
	Conclusion  Conclusion  `json:"conclusion"`
	At          time.Time   `json:"at"`
	By          event.Actor `json:"by"`
	Report      string      `json:"report,omitempty"`
	InspectedAt time.Time   `json:"inspected_at,omitzero"`
	RemedyUntil time.Time   `json:"remedy_until,omitzero"`
}

// Draft is the result that lies before a leader.
type Draft struct {
	Hash        string    `json:"hash"`
	SubmittedAt time.Time `json:"submitted_at"`
	By          string    `json:"by"`
}

// Signature is one signature under the draft.
type Signature struct {
	Hash        string    `json:"hash"`
	Signer      string    `json:"signer"`
	Certificate string    `json:"certificate,omitempty"`
	Format      string    `json:"format,omitempty"`
	At          time.Time `json:"at"`
}

// ResultVersion is one issued or corrected result.
type ResultVersion struct {
	Version    int       `json:"version"`
	Corrects   int       `json:"corrects,omitempty"`
	Number     string    `json:"number"`
	Hash       string    `json:"hash"`
	Signer     string    `json:"signer"`
	Electronic bool      `json:"electronic,omitempty"`
	IssuedAt   time.Time `json:"issued_at"`
	ValidUntil time.Time `json:"valid_until,omitzero"`
}

// Decision is the paper that ended the dossier otherwise than by a result.
type Decision struct {
	Number    string               `json:"number"`
	Why       Reason               `json:"why"`
	Hash      string               `json:"hash,omitempty"`
	Signer    string               `json:"signer,omitempty"`
	Approver  string               `json:"approver,omitempty"`
	Financial FinancialConsequence `json:"financial,omitzero"`
	At        time.Time            `json:"at"`
}

// Delivery is the way of the result to the applicant.
type Delivery struct {
	State    DeliveryState  `json:"state"`
	Method   DeliveryMethod `json:"method,omitempty"`
	Tracking string         `json:"tracking,omitempty"`
	At       time.Time      `json:"at,omitzero"`
}

// Complaint is one complaint that reopened the dossier.
type Complaint struct {
	Number string    `json:"number"`
	Ground string    `json:"ground"`
	At     time.Time `json:"at"`
}

// Rating is the applicant's judgement.
type Rating struct {
	Satisfied bool      `json:"satisfied"`
	Criteria  []int     `json:"criteria,omitempty"`
	At        time.Time `json:"at"`
}

// Score sums the criteria (0 to 18).
func (r Rating) Score() int {
	sum := 0
	for _, c := range r.Criteria {
		sum += c
	}
	return sum
}

// Note is one note.
type Note struct {
	Visibility Visibility     `json:"visibility"`
	Text       event.Personal `json:"text"`
	At         time.Time      `json:"at"`
	By         event.Actor    `json:"by"`
}

// Correction points at an event that says something wrong.
type Correction struct {
	Event uuid.UUID      `json:"event"`
	Field string         `json:"field"`
	Text  event.Personal `json:"text"`
	At    time.Time      `json:"at"`
	By    event.Actor    `json:"by"`
}

// Sync is the last that is known of the exchange with one portal.
type Sync struct {
	Portal    string    `json:"portal"`
	State     SyncState `json:"state"`
	Status    Status    `json:"status,omitempty"`
	Reference string    `json:"reference,omitempty"`
	Error     string    `json:"error,omitempty"`
	At        time.Time `json:"at"`
}

// OpenSupplement gives the request that waits for an answer, or nil.
func (s *State) OpenSupplement() *Supplement {
	if n := len(s.Supplements); n > 0 && !s.Supplements[n-1].Closed {
		open := s.Supplements[n-1]
		return &open
	}
	return nil
}

// CurrentVisit gives the step that is being worked on, or nil.
func (s *State) CurrentVisit() *Visit {
	if n := len(s.Visits); n > 0 && s.Visits[n-1].Outcome == VisitOpen {
		open := s.Visits[n-1]
		return &open
	}
	return nil
}

// CurrentStep is the code of the step being worked on, or "".
func (s *State) CurrentStep() string {
	if v := s.CurrentVisit(); v != nil {
		return v.Step
	}
	return ""
}

// LatestDocument gives the newest version of a component.
func (s *State) LatestDocument(component string) (Document, bool) {
	for i := len(s.Documents) - 1; i >= 0; i-- {
		if s.Documents[i].Component == component {
			return s.Documents[i], true
		}
	}
	return Document{}, false
}

// MissingComponents lists the codes of the version's required components for
// which there is no document. What the state already holds in its registers is
// never asked for.
func (s *State) MissingComponents(v *procedure.Version) []string {
	var missing []string
	for _, c := range v.Components {
		if !c.Required || c.FromRegister {
			continue
		}
		if _, ok := s.LatestDocument(c.Code); !ok {
			missing = append(missing, c.Code)
		}
	}
	return missing
}

// Result gives the result that holds now: the newest version.
func (s *State) Result() (ResultVersion, bool) {
	if n := len(s.Results); n > 0 {
		return s.Results[n-1], true
	}
	return ResultVersion{}, false
}

func (s *State) openOpinions() int {
	n := 0
	for _, o := range s.Opinions {
		if !o.Closed {
			n++
		}
	}
	return n
}

func (s *State) openForwards() int {
	n := 0
	for _, f := range s.Forwards {
		if !f.Closed {
			n++
		}
	}
	return n
}
