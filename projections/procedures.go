package projections

import "time"

// ProcedureRow is one version of a procedure, as the table procedures holds it.
// Its dates say when the version is the one that counts; suspensions are not in
// it, because whether they hold depends on the day that is asked about.
type ProcedureRow struct {
	Code          string     `ch:"code"`
	Number        uint16     `ch:"number"`
	NameVI        string     `ch:"name_vi"`
	NameEN        string     `ch:"name_en"`
	Field         string     `ch:"field"`
	Class         string     `ch:"class"`
	Level         uint8      `ch:"level"`
	Modern        string     `ch:"modern"`
	Competent     string     `ch:"competent"`
	HasFee        uint8      `ch:"has_fee"`
	PayableOnline uint8      `ch:"payable_online"`
	ValidFrom     *time.Time `ch:"valid_from"`
	ValidTo       *time.Time `ch:"valid_to"`
	Version       uint64     `ch:"version"`
}

var proceduresTable = newLayout("procedures", []string{"code", "number"},
	func(r *ProcedureRow) uint64 { return r.Version },
	text("code", func(r *ProcedureRow) string { return r.Code }),
	whole("number", func(r *ProcedureRow) uint16 { return r.Number }),
	text("name_vi", func(r *ProcedureRow) string { return r.NameVI }),
	text("name_en", func(r *ProcedureRow) string { return r.NameEN }),
	text("field", func(r *ProcedureRow) string { return r.Field }),
	text("class", func(r *ProcedureRow) string { return r.Class }),
	whole("level", func(r *ProcedureRow) uint8 { return r.Level }),
	text("modern", func(r *ProcedureRow) string { return r.Modern }),
	text("competent", func(r *ProcedureRow) string { return r.Competent }),
	whole("has_fee", func(r *ProcedureRow) uint8 { return r.HasFee }),
	whole("payable_online", func(r *ProcedureRow) uint8 { return r.PayableOnline }),
	maybeInstant("valid_from", func(r *ProcedureRow) *time.Time { return r.ValidFrom }),
	maybeInstant("valid_to", func(r *ProcedureRow) *time.Time { return r.ValidTo }),
	whole("version", func(r *ProcedureRow) uint64 { return r.Version }),
)
