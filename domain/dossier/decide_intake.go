package dossier

import (
	"slices"
	"strings"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

func submittedSame(s *State, c Submit, _ Facts) bool {
	return s.Exists() && s.Code == c.Code && s.Procedure == c.Procedure &&
		s.Applicant.Subject == c.Applicant.Subject && s.Receiving == c.Receiving
}

func submit(s *State, c Submit, f Facts) ([]event.Payload, error) {
	if s.Exists() {
		return nil, ErrAlreadySubmitted
	}
	if err := ValidateCode(c.Code); err != nil {
		return nil, err
	}
	accepted, err := accept(c, f)
	if err != nil {
		return nil, err
	}
	return accepted.Under(c.Code)
}

// Submission is a new dossier that was decided on before its code is known.
type Submission struct {
	command   Submit
	procedure *procedure.Version
	documents []event.Payload
}

// HandIn is Decide for a new dossier that gets its code later, whatever code the
// command names.
func HandIn(c Submit, f Facts) (Submission, error) {
	tidied := tidy(c)
	if err := f.complete(); err != nil {
		return Submission{}, err
	}
	if !May(f.Actor, &none, tidied) {
		return Submission{}, forbidden(tidied)
	}
	return accept(tidied.(Submit), f)
}

func accept(c Submit, f Facts) (Submission, error) {
	if c.Delivery == "" {
		c.Delivery = DeliverCounter
		if c.Channel == procedure.Online && f.Procedure.Result.Electronic {
			c.Delivery = DeliverOnline
		}
	}
	if err := checkSubmission(c); err != nil {
		return Submission{}, err
	}
	if err := offered(c, f.Procedure); err != nil {
		return Submission{}, err
	}
	after := State{Phase: PhaseSubmitted, Applicant: Party{Subject: c.Applicant.Subject}}
	documents, err := after.attachAll(c.Documents, f)
	return Submission{command: c, procedure: f.Procedure, documents: documents}, err
}

// Subjects are the pseudonyms of the persons about whom it says something.
func (s *Submission) Subjects() []string {
	subjects := []string{s.command.Applicant.Subject}
	if r := s.command.Representative; r != nil {
		subjects = append(subjects, r.Subject)
	}
	return subjects
}

// Under gives the facts of the submission as they are under a code: what Decide
// makes of the same command with that code.
func (s *Submission) Under(code string) ([]event.Payload, error) {
	if err := ValidateCode(code); err != nil {
		return nil, err
	}
	c := &s.command
	submitted := Submitted{
		Code: code, Procedure: s.procedure.Code, ProcedureVersion: s.procedure.Number, Channel: c.Channel,
		Applicant: c.Applicant.party(), Summary: about(c.Applicant.Subject, c.Summary),
		Support: c.Support, Receiving: c.Receiving, Competent: c.Competent,
		Delivery: c.Delivery, DeliveryAddress: about(c.Applicant.Subject, c.DeliveryAddress),
		VerifiedIdentity: c.VerifiedIdentity,
	}
	if c.Representative != nil {
		submitted.Representative = c.Representative.party()
	}
	return append(append(make([]event.Payload, 0, 1+len(s.documents)), submitted), s.documents...), nil
}

func checkSubmission(c Submit) error {
	var in input
	in.identifier("procedure", c.Procedure)
	in.check(oneOf(c.Channel, procedure.InPerson, procedure.Online, procedure.ByPost), "channel")
	in.check(oneOf(c.Delivery, DeliverOnline, DeliverCounter, DeliverPost), "delivery")
	in.person("applicant", c.Applicant)
	in.check(oneOf(c.Applicant.Kind, procedure.Citizen, procedure.Enterprise, procedure.HouseholdBusiness), "applicant.kind")
	if c.Representative != nil {
		in.person("representative", *c.Representative)
	}
	in.identifier("receiving_agency", c.Receiving)
	in.identifier("competent_agency", c.Competent)
	in.optionalIdentifier("support_agency", c.Support)
	in.text("summary", c.Summary)
	in.text("delivery_address", c.DeliveryAddress)
	return in.err()
}

// offered holds a submission to what its procedure offers.
func offered(c Submit, v *procedure.Version) error {
	switch {
	case v.Code != c.Procedure:
		return ErrWrongVersion.Lacking(c.Procedure)
	case v.Route != "":
		return ErrRoutedElsewhere.Lacking(v.Route)
	case c.Channel == procedure.Online && !offersOnline(v):
		return ErrChannelNotOffered
	case len(v.Audience) > 0 && !slices.Contains(v.Audience, c.Applicant.Kind):
		return ErrAudience
	case len(v.Agencies) > 0 && !slices.Contains(v.Agencies, c.Competent):
		return ErrAgencyNotCompetent.Lacking(v.Agencies...)
	case !deliverable(v, c.Delivery):
		return ErrDeliveryNotOffered
	default:
		return nil
	}
}

// offersOnline goes by the modern name where there is one, else by the level:
// from 3 on, a service can be submitted online (Thông tư 26/2009/TT-BTTTT).
func offersOnline(v *procedure.Version) bool {
	if v.Modern != "" {
		return v.Modern != procedure.InformationOnly
	}
	return v.Level >= 3
}

func deliverable(v *procedure.Version, m DeliveryMethod) bool {
	return len(v.Delivery) == 0 || slices.Contains(v.Delivery, m.Channel())
}

func attachedSame(s *State, c AttachDocument, _ Facts) bool {
	there := papers{there: s.Documents}
	return there.hold(c)
}

func attach(s *State, c AttachDocument, f Facts) ([]event.Payload, error) {
	return s.attachAll([]AttachDocument{c}, f)
}

// attachAll makes the facts for several documents; what is there already is left out.
func (s *State) attachAll(documents []AttachDocument, f Facts) ([]event.Payload, error) {
	stage := AtHandling
	switch {
	case s.Phase == PhaseSubmitted && s.OpenSupplement() == nil:
		stage = AtReception
	case s.OpenSupplement() != nil:
		stage = AtSupplement
	}
	made := make([]event.Payload, 0, len(documents))
	known := papers{there: s.Documents, added: make([]paper, 0, 8)}
	for _, c := range documents {
		if known.hold(c) {
			continue
		}
		if known.count() >= MaxDocuments {
			return nil, ErrTooManyDocuments
		}
		if err := checkDocument(c, f.Procedure); err != nil {
			return nil, err
		}
		latest, _ := known.latest(c.Component)
		version := latest.version + 1
		made = append(made, DocumentAttached{
			Component: c.Component, Version: version, Hash: c.Hash, Size: c.Size, MediaType: c.MediaType,
			Form: c.Form, Stage: stage, FileName: about(s.Applicant.Subject, c.FileName),
			Digitised: c.Digitised, Reused: c.Reused, FromStore: c.FromStore,
		})
		known.added = append(known.added, paper{c.Component, c.Hash, version})
	}
	return made, nil
}

// papers are the documents of a dossier, and those that one action adds to them.
type papers struct {
	there []Document
	added []paper
}

// paper is one version of one component.
type paper struct {
	component, hash string
	version         int
}

func (p *papers) count() int { return len(p.there) + len(p.added) }

// latest is the newest version of a component, where there is one.
func (p *papers) latest(component string) (latest paper, ok bool) {
	for _, a := range slices.Backward(p.added) {
		if a.component == component {
			return a, true
		}
	}
	for i := len(p.there) - 1; i >= 0; i-- {
		if d := &p.there[i]; d.Component == component {
			return paper{d.Component, d.Hash, d.Version}, true
		}
	}
	return paper{}, false
}

// hold reports whether the same content is there: as the newest version of its
// component or, for a document that is of no component, at all.
func (p *papers) hold(c AttachDocument) bool {
	if c.Component != "" {
		latest, ok := p.latest(c.Component)
		return ok && latest.hash == c.Hash
	}
	return slices.ContainsFunc(p.added, func(a paper) bool { return a.component == "" && a.hash == c.Hash }) ||
		slices.ContainsFunc(p.there, func(d Document) bool { return d.Component == "" && d.Hash == c.Hash })
}

func checkDocument(c AttachDocument, v *procedure.Version) error {
	if c.Component != "" && !slices.ContainsFunc(v.Components, func(k procedure.Component) bool { return k.Code == c.Component }) {
		return ErrUnknownComponent.Lacking(c.Component)
	}
	var in input
	in.hash("hash", c.Hash)
	in.check(c.Size > 0 && c.Size <= MaxSize, "size_bytes")
	in.identifier("media_type", c.MediaType)
	in.check(strings.Count(c.MediaType, "/") == 1, "media_type")
	in.check(oneOf(c.Form, Original, Copy, CertifiedCopy, Electronic), "form")
	in.line("file_name", c.FileName, MaxName)
	return in.err()
}

func receivedSame(s *State, c Receive, _ Facts) bool {
	return !s.ReceivedAt.IsZero() && s.AcceptanceSlip == c.Slip
}

func receive(s *State, c Receive, f Facts) ([]event.Payload, error) {
	competent := s.Competent
	if c.Competent != "" {
		competent = c.Competent
	}
	var in input
	in.number("slip", c.Slip)
	in.identifier("competent_agency", competent)
	if err := in.err(); err != nil {
		return nil, err
	}
	if v := f.Procedure; len(v.Agencies) > 0 && !slices.Contains(v.Agencies, competent) {
		return nil, ErrAgencyNotCompetent.Lacking(v.Agencies...)
	}
	if missing := s.MissingComponents(f.Procedure); len(missing) > 0 {
		return nil, ErrComponentsMissing.Lacking(missing...)
	}
	term := termFor(f.Procedure, s.Channel)
	w := s.clockwork(f)
	w.start(ClockStart, "reception", s.Channel)
	if f.Procedure.Clock.PauseOnObligation {
		for _, id := range s.owing(true) {
			w.pause(obligationCause(id))
		}
	}
	return one(Received{
		Procedure: f.Procedure.Code, ProcedureVersion: f.Procedure.Number, FormSet: f.Procedure.FormSet,
		Slip: c.Slip, Competent: competent,
		Holder: Holder{Agency: f.Actor.Agency, Department: OneStop, Officer: f.Actor.ID},
		Term:   term, SameDay: f.Procedure.Clock.SameDay, Clock: w.changes,
	}, w.err)
}

func receptionRefusedSame(s *State, c RefuseReception, _ Facts) bool {
	return s.Phase == PhaseReceptionRefused && s.decidedBy(c.Slip)
}

func refuseReception(s *State, c RefuseReception, _ Facts) ([]event.Payload, error) {
	var in input
	in.number("slip", c.Slip)
	in.why(c.Why)
	in.optionalIdentifier("suggested_agency", c.Suggested)
	return one(ReceptionRefused{Slip: c.Slip, Why: s.reason(c.Why), Suggested: c.Suggested}, in.err())
}

func supplementRequestedSame(s *State, c RequestSupplement, _ Facts) bool {
	open := s.OpenSupplement()
	return open != nil && open.Slip == c.Slip
}

func requestSupplement(s *State, c RequestSupplement, f Facts) ([]event.Payload, error) {
	phase := s.supplementPhase()
	var in input
	in.number("slip", c.Slip)
	in.why(c.Why)
	in.number("basis", c.Basis)
	if len(c.Components) == 0 {
		in.missing = append(in.missing, "components")
	}
	in.optionalIdentifier("approver", c.Approver)
	if phase == procedure.PhaseProcessing && c.Approver == "" {
		in.missing = append(in.missing, "approver")
	}
	components := make([]RequestedComponent, 0, len(c.Components))
	for _, k := range c.Components {
		if !slices.ContainsFunc(f.Procedure.Components, func(v procedure.Component) bool { return v.Code == k.Code }) {
			return nil, ErrUnknownComponent.Lacking(k.Code)
		}
		in.check(k.Originals >= 0 && k.CertifiedCount >= 0 && k.Copies >= 0, "components."+k.Code)
		in.text("components."+k.Code+".note", k.Note)
		components = append(components, RequestedComponent{
			Code: k.Code, Originals: k.Originals, CertifiedCount: k.CertifiedCount, Copies: k.Copies,
			Note: about(s.Applicant.Subject, k.Note),
		})
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	policy, _ := supplementRule(f.Procedure, phase)
	var until time.Time
	if !policy.Wait.IsZero() {
		var err error
		if until, err = f.Calendar.Deadline(f.Now, policy.Wait); err != nil {
			return nil, uncomputed("the time to answer", f.Now, err)
		}
	}
	number := len(s.Supplements) + 1
	w := s.clockwork(f)
	if f.Procedure.Clock.PauseOnSupplement {
		w.pause(supplementCause(number))
	}
	return one(SupplementRequested{
		Number: number, Phase: phase, Slip: c.Slip, Components: components, Why: s.reason(c.Why),
		Basis: c.Basis, Approver: c.Approver, WaitUntil: until, OnAnswer: policy.OnAnswer, OnExpiry: policy.OnExpiry,
		Calendar: f.Calendar.Version(), Clock: w.changes,
	}, w.err)
}

func supplementProvidedSame(s *State, c ProvideSupplement, f Facts) bool {
	n := len(s.Supplements)
	if n == 0 || s.Supplements[n-1].ProvidedAt.IsZero() {
		return false
	}
	return !slices.ContainsFunc(c.Documents, func(d AttachDocument) bool { return !attachedSame(s, d, f) })
}

func provideSupplement(s *State, c ProvideSupplement, f Facts) ([]event.Payload, error) {
	open := *s.OpenSupplement()
	made, err := s.attachAll(c.Documents, f)
	if err != nil {
		return nil, err
	}
	brought := map[string]bool{}
	for _, p := range made {
		brought[p.(DocumentAttached).Component] = true
	}
	for _, d := range s.Documents {
		if d.Stage == AtSupplement && !d.AttachedAt.Before(open.RequestedAt) {
			brought[d.Component] = true
		}
	}
	var provided, missing []string
	for _, k := range open.Components {
		if brought[k.Code] {
			provided = append(provided, k.Code)
		} else {
			missing = append(missing, k.Code)
		}
	}
	if len(missing) > 0 {
		return nil, ErrSupplementIncomplete.Lacking(missing...)
	}
	w := s.clockwork(f)
	if w.clock.Started() {
		if open.OnAnswer == procedure.Restart {
			w.start(ClockRestart, supplementCause(open.Number), s.Channel)
		} else {
			w.resume(supplementCause(open.Number))
		}
	}
	if w.err != nil {
		return nil, w.err
	}
	return append(made, SupplementProvided{Number: open.Number, Components: provided, Clock: w.changes}), nil
}

func supplementExpiredSame(s *State, _ ExpireSupplement, _ Facts) bool {
	n := len(s.Supplements)
	return n > 0 && !s.Supplements[n-1].ExpiredAt.IsZero()
}

// expireSupplement does what the rule of the request says. Money paid is
// retained by the notice: giving it back is an act of its own.
func expireSupplement(s *State, c ExpireSupplement, f Facts) ([]event.Payload, error) {
	var in input
	in.line("notice", c.Notice, MaxIdentifier)
	if err := in.err(); err != nil {
		return nil, err
	}
	open := *s.OpenSupplement()
	made := []event.Payload{SupplementExpired{Number: open.Number, Outcome: open.OnExpiry}}
	why := Reason{Ground: "supplement-expired"}
	w := s.clockwork(f)
	switch {
	case open.OnExpiry == procedure.StopDossier:
		w.stop("stop")
		financial := FinancialConsequence{Kind: NothingPaid}
		if m := s.Money(); m.Paid > m.Refunded {
			financial = FinancialConsequence{Kind: Retained, Amount: m.Paid - m.Refunded}
		}
		made = append(made, Stopped{
			Notice: c.Notice, Stage: open.Phase, Why: why, Financial: financial, Approver: open.Approver,
			Holder: s.atDesk(), Clock: w.changes,
		})
	case open.OnExpiry == procedure.RefuseDossier && s.Phase == PhaseSubmitted:
		made = append(made, ReceptionRefused{Slip: c.Notice, Why: why})
	case open.OnExpiry == procedure.RefuseDossier:
		w.stop("refusal")
		made = append(made, Rejected{Decision: c.Notice, Why: why, Holder: s.atDesk(), Clock: w.changes})
	}
	return made, nil
}

// atDesk is the one-stop desk where the dossier was handed in.
func (s *State) atDesk() Holder { return Holder{Agency: s.Receiving, Department: OneStop} }

// one is the outcome of a decision that makes a single fact or fails.
func one(p event.Payload, err error) ([]event.Payload, error) {
	if err != nil {
		return nil, err
	}
	return []event.Payload{p}, nil
}
