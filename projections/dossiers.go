package projections

import "time"

// DossierRow is the latest state of one dossier with its measures, as the table
// dossiers holds it. For a history taken over only its source, its measures and
// its path are known.
type DossierRow struct {
	Code             string `ch:"code"`
	Source           string `ch:"source"`
	Procedure        string `ch:"procedure"`
	ProcedureVersion uint16 `ch:"procedure_version"`
	Field            string `ch:"field"`
	Class            string `ch:"class"`
	Level            uint8  `ch:"level"`
	Modern           string `ch:"modern"`
	Channel          string `ch:"channel"`
	Applicant        string `ch:"applicant"` // pseudonym
	ApplicantKind    string `ch:"applicant_kind"`
	SupportAgency    string `ch:"support_agency"`
	ReceivingAgency  string `ch:"receiving_agency"`
	CompetentAgency  string `ch:"competent_agency"`

	Status           uint8      `ch:"status"`
	Phase            string     `ch:"phase"`
	HolderAgency     string     `ch:"holder_agency"`
	HolderDepartment string     `ch:"holder_department"`
	HolderOfficer    string     `ch:"holder_officer"`
	HolderSince      *time.Time `ch:"holder_since"`
	WaitsFor         string     `ch:"waits_for"`
	Step             string     `ch:"step"`
	StepSince        *time.Time `ch:"step_since"`

	SubmittedAt *time.Time `ch:"submitted_at"`
	ReceivedAt  *time.Time `ch:"received_at"`
	FirstDueAt  *time.Time `ch:"first_due_at"`
	DueAt       *time.Time `ch:"due_at"`
	Clock       string     `ch:"clock"`
	PausedSince *time.Time `ch:"paused_since"`
	EndedAt     *time.Time `ch:"ended_at"`
	DeliveredAt *time.Time `ch:"delivered_at"`
	Ending      string     `ch:"ending"`
	Timeliness  string     `ch:"timeliness"`
	ScoredLate  uint8      `ch:"scored_late"`

	CalendarMicros int64 `ch:"calendar_micros"`
	WorkingSeconds int64 `ch:"working_seconds"`
	UsedSeconds    int64 `ch:"used_seconds"`
	PausedSeconds  int64 `ch:"paused_seconds"`

	Supplements      uint16 `ch:"supplements"`
	Extensions       uint16 `ch:"extensions"`
	Returns          uint16 `ch:"returns"`
	Reopened         uint16 `ch:"reopened"`
	Corrections      uint16 `ch:"corrections"`
	Documents        uint16 `ch:"documents"`
	DocumentsDigital uint16 `ch:"documents_digital"`
	DocumentsReused  uint16 `ch:"documents_reused"`
	ResultElectronic uint8  `ch:"result_electronic"`
	MoneyAssessed    int64  `ch:"money_assessed"` // đồng
	MoneyPaid        int64  `ch:"money_paid"`
	MoneyPaidOnline  int64  `ch:"money_paid_online"`
	MoneyExempted    int64  `ch:"money_exempted"`
	MoneyRefunded    int64  `ch:"money_refunded"`
	PaymentState     string `ch:"payment_state"`
	DeliveryState    string `ch:"delivery_state"`
	SyncState        string `ch:"sync_state"`
	Rating           uint8  `ch:"rating"` // 0 not rated, RatedDissatisfied, RatedSatisfied

	Events        uint32    `ch:"events"`
	FirstAt       time.Time `ch:"first_at"`
	LastAt        time.Time `ch:"last_at"`
	FirstActivity string    `ch:"first_activity"`
	LastActivity  string    `ch:"last_activity"`
	Variant       string    `ch:"variant"` // 16 bytes
	Revision      uint32    `ch:"revision"`
	Version       uint64    `ch:"version"`
}

// The values of rating beside 0, which means that nobody rated.
const (
	RatedDissatisfied = 1
	RatedSatisfied    = 2
)

var dossiersTable = newLayout("dossiers", []string{"code"},
	func(r *DossierRow) uint64 { return r.Version },
	text("code", func(r *DossierRow) string { return r.Code }),
	text("source", func(r *DossierRow) string { return r.Source }),
	text("procedure", func(r *DossierRow) string { return r.Procedure }),
	whole("procedure_version", func(r *DossierRow) uint16 { return r.ProcedureVersion }),
	text("field", func(r *DossierRow) string { return r.Field }),
	text("class", func(r *DossierRow) string { return r.Class }),
	whole("level", func(r *DossierRow) uint8 { return r.Level }),
	text("modern", func(r *DossierRow) string { return r.Modern }),
	text("channel", func(r *DossierRow) string { return r.Channel }),
	text("applicant", func(r *DossierRow) string { return r.Applicant }),
	text("applicant_kind", func(r *DossierRow) string { return r.ApplicantKind }),
	text("support_agency", func(r *DossierRow) string { return r.SupportAgency }),
	text("receiving_agency", func(r *DossierRow) string { return r.ReceivingAgency }),
	text("competent_agency", func(r *DossierRow) string { return r.CompetentAgency }),
	whole("status", func(r *DossierRow) uint8 { return r.Status }),
	text("phase", func(r *DossierRow) string { return r.Phase }),
	text("holder_agency", func(r *DossierRow) string { return r.HolderAgency }),
	text("holder_department", func(r *DossierRow) string { return r.HolderDepartment }),
	text("holder_officer", func(r *DossierRow) string { return r.HolderOfficer }),
	maybeInstant("holder_since", func(r *DossierRow) *time.Time { return r.HolderSince }),
	text("waits_for", func(r *DossierRow) string { return r.WaitsFor }),
	text("step", func(r *DossierRow) string { return r.Step }),
	maybeInstant("step_since", func(r *DossierRow) *time.Time { return r.StepSince }),
	maybeInstant("submitted_at", func(r *DossierRow) *time.Time { return r.SubmittedAt }),
	maybeInstant("received_at", func(r *DossierRow) *time.Time { return r.ReceivedAt }),
	maybeInstant("first_due_at", func(r *DossierRow) *time.Time { return r.FirstDueAt }),
	maybeInstant("due_at", func(r *DossierRow) *time.Time { return r.DueAt }),
	text("clock", func(r *DossierRow) string { return r.Clock }),
	maybeInstant("paused_since", func(r *DossierRow) *time.Time { return r.PausedSince }),
	maybeInstant("ended_at", func(r *DossierRow) *time.Time { return r.EndedAt }),
	maybeInstant("delivered_at", func(r *DossierRow) *time.Time { return r.DeliveredAt }),
	text("ending", func(r *DossierRow) string { return r.Ending }),
	text("timeliness", func(r *DossierRow) string { return r.Timeliness }),
	whole("scored_late", func(r *DossierRow) uint8 { return r.ScoredLate }),
	whole("calendar_micros", func(r *DossierRow) int64 { return r.CalendarMicros }),
	whole("working_seconds", func(r *DossierRow) int64 { return r.WorkingSeconds }),
	whole("used_seconds", func(r *DossierRow) int64 { return r.UsedSeconds }),
	whole("paused_seconds", func(r *DossierRow) int64 { return r.PausedSeconds }),
	whole("supplements", func(r *DossierRow) uint16 { return r.Supplements }),
	whole("extensions", func(r *DossierRow) uint16 { return r.Extensions }),
	whole("returns", func(r *DossierRow) uint16 { return r.Returns }),
	whole("reopened", func(r *DossierRow) uint16 { return r.Reopened }),
	whole("corrections", func(r *DossierRow) uint16 { return r.Corrections }),
	whole("documents", func(r *DossierRow) uint16 { return r.Documents }),
	whole("documents_digital", func(r *DossierRow) uint16 { return r.DocumentsDigital }),
	whole("documents_reused", func(r *DossierRow) uint16 { return r.DocumentsReused }),
	whole("result_electronic", func(r *DossierRow) uint8 { return r.ResultElectronic }),
	whole("money_assessed", func(r *DossierRow) int64 { return r.MoneyAssessed }),
	whole("money_paid", func(r *DossierRow) int64 { return r.MoneyPaid }),
	whole("money_paid_online", func(r *DossierRow) int64 { return r.MoneyPaidOnline }),
	whole("money_exempted", func(r *DossierRow) int64 { return r.MoneyExempted }),
	whole("money_refunded", func(r *DossierRow) int64 { return r.MoneyRefunded }),
	text("payment_state", func(r *DossierRow) string { return r.PaymentState }),
	text("delivery_state", func(r *DossierRow) string { return r.DeliveryState }),
	text("sync_state", func(r *DossierRow) string { return r.SyncState }),
	whole("rating", func(r *DossierRow) uint8 { return r.Rating }),
	whole("events", func(r *DossierRow) uint32 { return r.Events }),
	instant("first_at", func(r *DossierRow) time.Time { return r.FirstAt }),
	instant("last_at", func(r *DossierRow) time.Time { return r.LastAt }),
	text("first_activity", func(r *DossierRow) string { return r.FirstActivity }),
	text("last_activity", func(r *DossierRow) string { return r.LastActivity }),
	fixed("variant", func(r *DossierRow) string { return r.Variant }),
	whole("revision", func(r *DossierRow) uint32 { return r.Revision }),
	whole("version", func(r *DossierRow) uint64 { return r.Version }),
)
