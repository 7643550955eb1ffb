package projections

import "time"

// AgencyRow is one agency under its last name, as the table agencies holds it.
type AgencyRow struct {
	ID        string     `ch:"id"`
	NameVI    string     `ch:"name_vi"`
	NameEN    string     `ch:"name_en"`
	Tier      string     `ch:"tier"`
	Parent    string     `ch:"parent"`
	ValidFrom *time.Time `ch:"valid_from"`
	ValidTo   *time.Time `ch:"valid_to"`
	Version   uint64     `ch:"version"`
}

var agenciesTable = newLayout("agencies", []string{"id"},
	func(r *AgencyRow) uint64 { return r.Version },
	text("id", func(r *AgencyRow) string { return r.ID }),
	text("name_vi", func(r *AgencyRow) string { return r.NameVI }),
	text("name_en", func(r *AgencyRow) string { return r.NameEN }),
	text("tier", func(r *AgencyRow) string { return r.Tier }),
	text("parent", func(r *AgencyRow) string { return r.Parent }),
	maybeInstant("valid_from", func(r *AgencyRow) *time.Time { return r.ValidFrom }),
	maybeInstant("valid_to", func(r *AgencyRow) *time.Time { return r.ValidTo }),
	whole("version", func(r *AgencyRow) uint64 { return r.Version }),
)
