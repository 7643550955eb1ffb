package embedded

// WithTables has the index make a table of few events, so that a test sees many.
func (o Options) WithTables(events uint64) Options {
	o.tableEvents = events
	return o
}
