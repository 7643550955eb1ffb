package projections

import "time"

// StepRow is one visit of a dossier to a step of its procedure, as the table
// steps holds it. Once the visit has ended its row does not change any more.
type StepRow struct {
	Code            string     `ch:"code"`
	Visit           uint16     `ch:"visit"`
	Step            string     `ch:"step"`
	Procedure       string     `ch:"procedure"`
	CompetentAgency string     `ch:"competent_agency"`
	Agency          string     `ch:"agency"`
	Department      string     `ch:"department"`
	Officer         string     `ch:"officer"`
	StartedAt       time.Time  `ch:"started_at"`
	EndedAt         *time.Time `ch:"ended_at"`
	CalendarMicros  int64      `ch:"calendar_micros"`
	WorkingSeconds  int64      `ch:"working_seconds"`
	WaitingSeconds  int64      `ch:"waiting_seconds"`
	PromisedSeconds int64      `ch:"promised_seconds"`
	Returned        uint8      `ch:"returned"`
	Revision        uint32     `ch:"revision"`
	Version         uint64     `ch:"version"`
}

var stepsTable = newLayout("steps", []string{"code", "visit"},
	func(r *StepRow) uint64 { return r.Version },
	text("code", func(r *StepRow) string { return r.Code }),
	whole("visit", func(r *StepRow) uint16 { return r.Visit }),
	text("step", func(r *StepRow) string { return r.Step }),
	text("procedure", func(r *StepRow) string { return r.Procedure }),
	text("competent_agency", func(r *StepRow) string { return r.CompetentAgency }),
	text("agency", func(r *StepRow) string { return r.Agency }),
	text("department", func(r *StepRow) string { return r.Department }),
	text("officer", func(r *StepRow) string { return r.Officer }),
	instant("started_at", func(r *StepRow) time.Time { return r.StartedAt }),
	maybeInstant("ended_at", func(r *StepRow) *time.Time { return r.EndedAt }),
	whole("calendar_micros", func(r *StepRow) int64 { return r.CalendarMicros }),
	whole("working_seconds", func(r *StepRow) int64 { return r.WorkingSeconds }),
	whole("waiting_seconds", func(r *StepRow) int64 { return r.WaitingSeconds }),
	whole("promised_seconds", func(r *StepRow) int64 { return r.PromisedSeconds }),
	whole("returned", func(r *StepRow) uint8 { return r.Returned }),
	whole("revision", func(r *StepRow) uint32 { return r.Revision }),
	whole("version", func(r *StepRow) uint64 { return r.Version }),
)
