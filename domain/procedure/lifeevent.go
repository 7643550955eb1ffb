package procedure

// LifeEvent is an occasion (sự kiện) for which people need procedures: a birth,
// a marriage, starting a business. Citizens and businesses have lists of their own.
type LifeEvent struct {
	Slug     string   `json:"slug"`
	Name     Text     `json:"name"`
	Audience Audience `json:"audience"` // Citizen, or Enterprise for every kind of business
}

// Of reports whether the life event belongs to the list of citizens or of
// businesses; household businesses share the list of enterprises.
func (e LifeEvent) Of(a Audience) bool {
	return (e.Audience == Citizen) == (a == Citizen)
}
