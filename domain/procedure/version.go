// Package procedure is the catalogue of administrative procedures (thủ tục hành
// chính): what can be applied for, from whom, with which documents, for how
// much and until when. Versions are bitemporal: when a version is in force and
// since when that was known are kept apart.
package procedure

import (
	"time"

	"dossierledger/domain/worktime"
)

// Class is the kind of public service that a procedure belongs to.
type Class string

// The three classes of online public services.
const (
	AdministrativeService Class = "administrative" // dịch vụ hành chính công
	PublicCareerService   Class = "public-career"  // dịch vụ sự nghiệp công
	PublicUtilityService  Class = "public-utility" // dịch vụ công ích
)

// Level is how much of a service is online, as Thông tư 26/2009/TT-BTTTT counts
// it: 1 information, 2 forms to download, 3 submitting online, 4 paying online.
type Level int

// Modern is the name that Nghị định 42/2022/NĐ-CP gave to what a service offers
// online. It is stored beside the level because neither follows from the other.
type Modern string

// The modern names of what is online.
const (
	InformationOnly Modern = "information-only" // cung cấp thông tin
	PartialOnline   Modern = "partial"          // một phần
	FullOnline      Modern = "full"             // toàn trình
)

// Channel is the way by which a dossier comes in (kênh thực hiện).
type Channel string

// The channels, in the order of the national code list (1 to 3).
const (
	InPerson Channel = "in-person" // trực tiếp
	Online   Channel = "online"    // trực tuyến
	ByPost   Channel = "post"      // bưu chính công ích
)

// Tier is the tier of government at which a procedure is handled.
type Tier string

// The tiers since the two-tier local government of 1 July 2025, and the ministries.
const (
	TierMinistry Tier = "ministry"
	TierProvince Tier = "province"
	TierCommune  Tier = "commune"
)

// Version is one version of a procedure. A dossier keeps, for all its life, the
// version under which it was received.
type Version struct {
	Code    string `json:"code"`    // national code, e.g. "1.000894"
	Number  int    `json:"number"`  // 1, 2, … within the code
	Name    Text   `json:"name"`    // tên thủ tục
	Summary Text   `json:"summary"` // what it is for, in a sentence or two
	Field   string `json:"field"`   // lĩnh vực, a slug such as "civil-status"
	Class   Class  `json:"class"`
	Level   Level  `json:"level"`
	Modern  Modern `json:"modern"`
	// Audience is who may apply.
	Audience []Audience `json:"audience"`
	// Competent is the tier that decides; Agencies, where not empty, restricts it to these agency ids.
	Competent Tier     `json:"competent"`
	Agencies  []string `json:"agencies,omitempty"`
	// Deadlines by channel; a channel that is not listed has the "" entry's deadline.
	Deadlines  map[Channel]worktime.Term `json:"deadlines"`
	Components []Component               `json:"components"`
	// Conditions is what must hold for the application to succeed (yêu cầu, điều kiện).
	Conditions []Text           `json:"conditions,omitempty"`
	Fees       []Fee            `json:"fees,omitempty"`
	Steps      []Step           `json:"steps"`
	Supplement SupplementPolicy `json:"supplement"`
	Clock      ClockRule        `json:"clock"`
	// FormSet names the set of forms: "2018" (TT 01/2018/TT-VPCP) or "2025" (TT 03/2025/TT-VPCP).
	FormSet string `json:"form_set"`
	// CodeFormat names the format of dossier codes; "" means the agency's own.
	CodeFormat string       `json:"code_format,omitempty"`
	LifeEvents []string     `json:"life_events,omitempty"` // slugs: "birth", "marriage", …
	Keywords   []string     `json:"keywords,omitempty"`    // what people call it
	LegalBasis []LegalBasis `json:"legal_basis"`
	Result     Result       `json:"result"`
	Delivery   []Channel    `json:"delivery"`        // ways in which the result can be received
	Retention  Retention    `json:"retention"`       // how long dossiers are kept
	Route      string       `json:"route,omitempty"` // where submission happens when not here: a portal's name
	// Sample names the fields ("code", "fees", "deadlines", …) whose values are
	// plausible samples and not taken from a published source; "*" stands for all
	// of them. Empty in a real catalogue.
	Sample []string `json:"sample,omitempty"`
}

// Text is a sentence in both languages of the ledger; Vietnamese is never empty.
type Text struct {
	VI string `json:"vi"`
	EN string `json:"en,omitempty"`
}

// In gives the text in a language ("vi" or "en"), Vietnamese where there is no English.
func (t Text) In(lang string) string {
	if lang == "en" && t.EN != "" {
		return t.EN
	}
	return t.VI
}

// Audience is a kind of applicant.
type Audience string

// The kinds of applicant, in the order of the national code list (0 to 2).
const (
	Citizen           Audience = "citizen"
	Enterprise        Audience = "enterprise"
	HouseholdBusiness Audience = "household-business"
)

// Component is a document that the dossier must hold (thành phần hồ sơ).
type Component struct {
	Code      string `json:"code"`
	Name      Text   `json:"name"`
	Required  bool   `json:"required"`
	Originals int    `json:"originals,omitempty"`
	Copies    int    `json:"copies,omitempty"`
	// Template is the file name of the form to download, where there is one.
	Template string `json:"template,omitempty"`
	// FromRegister is true where the state holds the data and it must not be asked for again.
	FromRegister bool `json:"from_register,omitempty"`
}

// FeeKind tells a charge for a service (phí) from a fixed sum for state management (lệ phí).
type FeeKind string

// The kinds of Luật Phí và lệ phí 97/2015.
const (
	Charge       FeeKind = "charge" // phí
	StatutoryFee FeeKind = "fee"    // lệ phí
)

// Fee is one item to pay, in whole đồng.
type Fee struct {
	Code   string  `json:"code"`
	Name   Text    `json:"name"`
	Kind   FeeKind `json:"kind"`
	Amount int64   `json:"amount"`
	// OnlineAmount, where not nil, replaces Amount for dossiers submitted online.
	OnlineAmount *int64      `json:"online_amount,omitempty"`
	Exemptions   []Exemption `json:"exemptions,omitempty"`
	LegalBasis   string      `json:"legal_basis"`
	// Blocking fees stop the clock and the handling until they are met.
	Blocking bool `json:"blocking,omitempty"`
}

// For gives what the fee costs by channel.
func (f Fee) For(channel Channel) int64 {
	if channel == Online && f.OnlineAmount != nil {
		return *f.OnlineAmount
	}
	return f.Amount
}

// Exemption is a ground on which a fee need not be paid, wholly or in part.
type Exemption struct {
	Code    string `json:"code"`
	Name    Text   `json:"name"`
	Percent int    `json:"percent"` // 1 to 100: how much is taken off
}

// Step is one stage of the handling, with its share of the deadline.
type Step struct {
	Code string `json:"code"` // "reception", "appraisal", "signature", …
	Name Text   `json:"name"`
	// Share is the part of the deadline that the step may use, in hundredths; all steps sum to 100.
	Share int `json:"share"`
	// Department is the slug of the department that does it ("one-stop", "specialist", "leadership", "registry").
	Department string `json:"department"`
}

// Phase is the part of a dossier's life in which a rule applies.
type Phase string

// The phases in which a supplement can be asked for.
const (
	PhaseReception  Phase = "reception"
	PhaseProcessing Phase = "processing"
)

// OnAnswer is what an answered supplement request does to the clock.
type OnAnswer string

// Resume goes on with what was left; Restart begins the whole term again.
const (
	Resume  OnAnswer = "resume"
	Restart OnAnswer = "restart"
)

// OnExpiry is what happens when nobody answers a supplement request in time.
type OnExpiry string

// StopDossier ends the dossier with a stop notice; RefuseDossier ends it with a
// reasoned refusal; KeepWaiting leaves it to the officer.
const (
	StopDossier   OnExpiry = "stop"
	RefuseDossier OnExpiry = "refuse"
	KeepWaiting   OnExpiry = "keep-waiting"
)

// SupplementPolicy says when and how often a supplement may be asked for. Sector
// laws differ, so it is data of the version and never code.
type SupplementPolicy struct {
	Rules []SupplementRule `json:"rules"`
}

// SupplementRule is the policy in one phase. Max 0 means that none may be asked for.
type SupplementRule struct {
	Phase    Phase         `json:"phase"`
	Max      int           `json:"max"`
	Wait     worktime.Term `json:"wait"`
	OnAnswer OnAnswer      `json:"on_answer"`
	OnExpiry OnExpiry      `json:"on_expiry"`
}

// ClockRule says how the deadline is counted.
type ClockRule struct {
	// PauseOnSupplement and PauseOnObligation stop the clock while the citizen is to act.
	PauseOnSupplement bool `json:"pause_on_supplement"`
	PauseOnObligation bool `json:"pause_on_obligation"`
	PauseOnOpinion    bool `json:"pause_on_opinion,omitempty"`
	PauseOnForward    bool `json:"pause_on_forward,omitempty"`
	// SameDay procedures are answered the day they are received, or the next
	// working day when received after CutOff ("15:00").
	SameDay bool   `json:"same_day,omitempty"`
	CutOff  string `json:"cut_off,omitempty"`
	// MaxExtensions is how often the deadline may be extended with an apology (NĐ 107/2021: once).
	MaxExtensions int `json:"max_extensions"`
}

// LegalBasis is a norm that the procedure rests on. A norm can be suspended as
// well as superseded, and come back.
type LegalBasis struct {
	Norm          string     `json:"norm"` // "NĐ 15/2018/NĐ-CP"
	Article       string     `json:"article,omitempty"`
	EffectiveFrom time.Time  `json:"effective_from"`
	EffectiveTo   *time.Time `json:"effective_to,omitempty"`
}

// Result is what the applicant gets.
type Result struct {
	Code string `json:"code"`
	Name Text   `json:"name"`
	// ValidFor is how long it is good for; zero means without end.
	ValidYears int  `json:"valid_years,omitempty"`
	Electronic bool `json:"electronic"` // issued as a signed electronic document
}

// Retention is how long the dossier is kept (Luật Lưu trữ 33/2024/QH15).
type Retention struct {
	Years     int    `json:"years"` // ignored where Permanent
	Permanent bool   `json:"permanent,omitempty"`
	Basis     string `json:"basis"`
}
