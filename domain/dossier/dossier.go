// Package dossier is the aggregate at the heart of the ledger: one application
// to the state (hồ sơ) with everything that was done on it. It holds the facts
// (events), the actions (commands), the rules that turn an action into facts
// (Decide), and the fold that turns facts into what is known (Evolve).
//
// Everything here is pure: time, the actor, the version of the procedure and
// the calendar come in as Facts. A correction is a new event that points at the
// one it corrects; nothing is ever edited.
//
// Order and actors follow the one-stop shop (một cửa, một cửa liên thông) of
// Nghị định 118/2025/NĐ-CP and, before it, Nghị định 61/2018/NĐ-CP. Whatever
// differs between procedures or sector laws (supplements, pauses, extensions,
// forms, fees) is data of the procedure's version, never code.
package dossier

import (
	"strings"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// StreamPrefix begins the name of every dossier's stream, for filters on the
// whole ledger.
const StreamPrefix = "dossier-"

// StreamOf names the stream of a dossier.
func StreamOf(code string) string { return StreamPrefix + code }

// CodeOf gives the dossier code of a stream; ok is false for other streams.
func CodeOf(stream string) (code string, ok bool) {
	code, ok = strings.CutPrefix(stream, StreamPrefix)
	return code, ok && code != ""
}

// The departments (bộ phận) by which an agency's officers are told apart. They
// are the slugs of procedure.Step.Department; an agency may have others.
const (
	OneStop    = "one-stop"   // bộ phận một cửa: takes in, collects, hands out
	Specialist = "specialist" // bộ phận chuyên môn: appraises
	Leadership = "leadership" // lãnh đạo: signs, refuses, stops, reopens
	Registry   = "registry"   // văn thư: numbers and issues
)

// Step codes with a meaning of their own: a procedure that has the step cannot
// be submitted for signature before the fact it stands for is recorded.
const (
	StepAppraisal  = "appraisal"  // thẩm định
	StepInspection = "inspection" // kiểm tra thực địa
)

// Party is the applicant (chủ hồ sơ) or the representative (người được uỷ
// quyền) as an event stores them. Everything but the pseudonym and the kind is
// sealed under that person's key.
type Party struct {
	Subject  string             `json:"subject"` // pseudonym, never an identity number
	Kind     procedure.Audience `json:"kind"`
	Name     event.Personal     `json:"name,omitzero"`
	IDNumber event.Personal     `json:"id_number,omitzero"`
	Phone    event.Personal     `json:"phone,omitzero"`
	Email    event.Personal     `json:"email,omitzero"`
	Address  event.Personal     `json:"address,omitzero"`
}

// IsZero reports whether nobody is named, so that `omitzero` leaves it out.
func (p Party) IsZero() bool { return p.Subject == "" }

// Reason is why something was done: a ground that can be counted, and words
// that may name people and are therefore sealed.
type Reason struct {
	Ground string         `json:"ground"`
	Text   event.Personal `json:"text,omitzero"`
}

// Holder is who has the dossier in hand: an agency, its department and, where
// one is assigned, the officer (người thụ lý). Officer is a pseudonym.
type Holder struct {
	Agency     string `json:"agency"`
	Department string `json:"department,omitempty"`
	Officer    string `json:"officer,omitempty"`
}

// DocumentForm is the form in which a document was handed in.
type DocumentForm string

// The forms, in the order of the national code list (LoaiBan 0 to 2) with the
// certified copy told apart from the plain one.
const (
	Original      DocumentForm = "original"       // bản chính
	Copy          DocumentForm = "copy"           // bản sao
	CertifiedCopy DocumentForm = "certified-copy" // bản sao chứng thực
	Electronic    DocumentForm = "electronic"     // bản điện tử
)

// DocumentStage is when a document came in (hình thức thu).
type DocumentStage string

// The stages, as the national code list counts them (1, 2 and 4).
const (
	AtReception  DocumentStage = "reception"
	AtSupplement DocumentStage = "supplement"
	AtHandling   DocumentStage = "handling"
)

// PaymentMethod is how money was paid.
type PaymentMethod string

// The ways to pay.
const (
	PaidOnline  PaymentMethod = "online"
	PaidCounter PaymentMethod = "counter"
)

// Gateway is through whom an online payment went (DuocThanhToanTrucTuyen 1, 2).
type Gateway string

// The gateways that the official index tells apart.
const (
	GatewayNational Gateway = "national-portal"
	GatewayLocal    Gateway = "ministry-or-province"
)

// DeliveryMethod is how a result reaches the applicant.
type DeliveryMethod string

// The ways of delivery.
const (
	DeliverOnline  DeliveryMethod = "online"
	DeliverCounter DeliveryMethod = "counter"
	DeliverPost    DeliveryMethod = "post" // bưu chính công ích
)

// Channel gives the delivery method in the terms of the procedure's catalogue.
func (m DeliveryMethod) Channel() procedure.Channel {
	switch m {
	case DeliverOnline:
		return procedure.Online
	case DeliverPost:
		return procedure.ByPost
	default:
		return procedure.InPerson
	}
}

// DeliveryState is where the result is on its way to the applicant. It is a
// state of its own, beside the dossier's.
type DeliveryState string

// The states of delivery.
const (
	NotDelivered DeliveryState = ""
	HandedToPost DeliveryState = "handed-to-post"
	PostReturned DeliveryState = "returned"
	Delivered    DeliveryState = "delivered"
)

// Conclusion is what an appraisal or an inspection found.
type Conclusion string

// The conclusions. Remedy (khắc phục) is for inspections: pass after repair.
const (
	Eligible   Conclusion = "eligible"
	Ineligible Conclusion = "ineligible"
	Remedy     Conclusion = "remedy"
)

// Position is what a coordinating agency answered.
type Position string

// The answers to a request for an opinion.
const (
	Agrees      Position = "agrees"
	Conditional Position = "conditional"
	Disagrees   Position = "disagrees"
	NoOpinion   Position = "no-opinion"
)

// Consequence is what a stop notice says about money already paid (form 05 of
// Thông tư 03/2025/TT-VPCP).
type Consequence string

// The financial consequences of stopping.
const (
	NothingPaid Consequence = "nothing-paid"
	Refundable  Consequence = "refund"
	Retained    Consequence = "retain"
)

// FinancialConsequence is the consequence with its amount in whole đồng.
type FinancialConsequence struct {
	Kind   Consequence `json:"kind"`
	Amount int64       `json:"amount,omitempty"`
}

// Visibility is who may read a note.
type Visibility string

// The visibilities of a note.
const (
	Internal     Visibility = "internal"
	ForApplicant Visibility = "applicant"
)

// SyncState is how far the exchange with another portal has come. It is a state
// of its own, beside the dossier's.
type SyncState string

// The states of synchronisation.
const (
	SyncQueued   SyncState = "queued"
	SyncSent     SyncState = "sent"
	SyncAccepted SyncState = "accepted"
	SyncFailed   SyncState = "failed"
)
