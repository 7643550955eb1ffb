package procedure

// Field is a field of work (lĩnh vực) by which procedures and the competence of
// agencies are ordered.
type Field struct {
	Slug string `json:"slug"`
	Name Text   `json:"name"`
}
